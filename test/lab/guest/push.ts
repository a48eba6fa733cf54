/**
 * push, as a laptop in the LAN runs it: with builds that were made before, since nothing can be fetched here.
 *   push.cjs CHANGE [--only HALF] [--within SECONDS]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { printError, print } from "../../../builder/machine/host";
import { reportError } from "../../../builder/command/run";
import { push, type PushRequest } from "../../../builder/push/push";
import { reach } from "../../../builder/push/reach";
import type { Plan } from "../../../builder/plan/types";
import type { HalfName } from "../../../builder/push/half";
import { showStatus } from "../../../builder/push/status";

const root = "/lab/laptop";

/** Bytes that JSON has written as an object. */
function revive(_: string, value: unknown): unknown {
  const { type, data } = (value ?? {}) as { type?: string; data?: number[] };
  return type === "Buffer" && Array.isArray(data) ? Buffer.from(data) : value;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: "string" }, within: { type: "string" }, status: { type: "boolean" }, box: { type: "string" } },
  });
  const { only, within = "120", status = false, box } = values;
  const request = JSON.parse(readFileSync(join(root, `${positionals[0]}.json`), "utf8"), revive) as Pick<
    PushRequest,
    "version" | "built"
  > & { plan: Plan };
  const names: HalfName[] = only === undefined ? ["server", "box"] : [only as HalfName];
  const halves = reach(request.plan, { secrets: root, user: undefined, box, server: undefined, accept: undefined }, names);
  if (status) return showStatus(halves, { root, say: print });
  return push({
    ...request,
    root,
    halves,
    updates: false,
    packages: () => [],
    within: Number(within),
    dryRun: false,
    ask: () => Promise.resolve(true),
    say: print,
    pause: (ms) => new Promise((done) => setTimeout(done, ms)),
  });
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    printError("push ended with an error");
    process.exit(reportError(error, "push", "lab"));
  },
);

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { stepsOf } from "../kernel/guest";
import { built } from "../support/builds";
import { inNamespace } from "../support/programs";
import { layServer } from "../support/trees";

const halves = ["box"] as const;
const backends = ["nft", "legacy"] as const;

/** What each step of guard.sh said. The bond and the shaper are in test/kernel/pair.test.ts, under systemd itself. */
function guarded(half: (typeof halves)[number], backend: string): ReturnType<typeof stepsOf> {
  const server = mkdtempSync(join(tmpdir(), "bondbox-guard-"));
  const folder = half === "box" ? built("ipv6-tunnel").box : layServer(built("ipv6-tunnel"), server);
  const script = readFileSync(join(import.meta.dirname, "guard.sh"), "utf8");
  const { output } = inNamespace(script, [folder, backend], { timeout: 290_000 });
  rmSync(server, { recursive: true });
  if (process.env.GUARD_LOG) process.stdout.write(output);
  return stepsOf(output);
}

describe.each(halves.flatMap((half) => backends.map((backend) => [half, backend] as const)))("the guard of the %s, %s", (half, backend) => {
  let step: ReturnType<typeof stepsOf>;
  beforeAll(() => {
    step = guarded(half, backend);
  }, 300_000);

  const removed = [
    "all rules of a table",
    "a jump",
    "a rule",
    "IPv6",
    "a chain that is removed",
    ...(backend === "nft" ? ["the whole ruleset"] : []),
    ...(half === "box" ? ["a line's rule", "a line's table", "an IPv6 rule", "the LAN's address", "the LAN's port"] : []),
  ];
  it.each(removed)("puts back: %s", (name) => {
    expect(step(name)).toEqual({ output: "", exitCode: 0 });
    expect(step(`${name}: counted`).exitCode).toBe(0);
  });

  it("puts back the order", () => {
    expect(step("a rule before ours").exitCode).toBe(0);
    expect(step("a rule after ours").exitCode).toBe(0);
  });

  it("does nothing at a healthy start, and about what is somebody else's", () => {
    expect(step("start")).toEqual({ output: "0 0 0\n", exitCode: 0 });
    expect(step("somebody else's")).toEqual({ output: "", exitCode: 0 });
  });

  it("does not fight every few seconds, but for ever", () => {
    expect(step("a fight").exitCode).toBe(0);
    expect(step("a fight: pauses").output).toMatch(/8\n16\n32\n64\n/);
    expect(step("a fight: over")).toEqual({ output: "", exitCode: 0 });
    expect(Number(step("a fight: report").output)).toBeGreaterThan(3);
  });

  it("leaves what was stopped by hand, and says so", () => {
    for (const name of ["stopped", "stopped: left alone", "started"]) expect([name, step(name).exitCode]).toEqual([name, 0]);
  });

  it("ends as a whole, to be started again", () => {
    expect(step("a part is killed").exitCode).toBe(0);
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import type { BoxConfig } from "../../overlay/runtime/config";
import { built } from "../support/builds";
import { runEmulated } from "./emulated";
import { type GuestFiles, stepsOf } from "./guest";

/** 1 % of a second of the slowest box's core, a Raspberry Pi 3's at 1.2 GHz, at an instruction for each tick. */
const bar = 12_000_000;

let step: ReturnType<typeof stepsOf>;

beforeAll(async () => {
  const { box } = built("home");
  const paths = ["/usr/local/lib/bondbox/bondbox.cjs", "/usr/local/bin/bondbox", "/etc/bondbox/box.json"];
  const files: GuestFiles = Object.fromEntries(paths.map((path) => [path, { content: readFileSync(join(box, path)), mode: 0o755 }]));
  const { bond, lines } = JSON.parse(readFileSync(join(box, "etc/bondbox/box.json"), "utf8")) as BoxConfig;
  const head = `set -- ${[bond.mtu, ...lines.map(({ tap }) => tap)].join(" ")}\n`;
  const script = head + readFileSync(join(import.meta.dirname, "cost.sh"), "utf8");
  const { output } = await runEmulated(script, { files, modules: ["bonding max_bonds=0", "dummy numdummies=0"] });
  if (process.env.COST_LOG) process.stdout.write(output);
  step = stepsOf(output);
}, 600_000);

it("the box's program runs as on a box, with its page", () => {
  expect(step("answer").output).toBe("ok\n");
  expect(step("rows").output).toContain("LAN: 2 of 2 lines up - the LAN uses the bond\n");
});

/** docs/status-page.md#cost */
it("a second at rest is a hundredth of a core at most", () => {
  const instructions = Number(step("a second").output);
  expect(instructions).toBeGreaterThan(100_000);
  expect(instructions).toBeLessThan(bar);
});

it("the program stays within 60 MiB", () => {
  const kibibytes = Number(step("memory").output);
  expect(kibibytes).toBeGreaterThan(30 * 1024);
  expect(kibibytes).toBeLessThan(60 * 1024);
});

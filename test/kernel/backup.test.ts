import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { built } from "../support/builds";
import { planned } from "../support/trees";
import { runEmulated } from "./emulated";
import { type GuestFiles, overlayDir } from "./guest";

const name = "active-backup";
/** What backup.sh said of each step. */
const results = new Map<string, string>();

beforeAll(async () => {
  const half = built(name);
  const files: GuestFiles = {};
  for (const folder of ["etc/bondbox", "usr/local"]) Object.assign(files, await overlayDir(join(half.box, folder), `/p/box/${folder}`));
  for (const [path, { mode, content }] of half.server) files[join("/p/srv", path)] = { content, mode: Number.parseInt(mode, 8) };
  const script = `peer=${planned(name).tunnel.serverAddress}\n${readFileSync(join(import.meta.dirname, "backup.sh"), "utf8")}`;
  const { output } = await runEmulated(script, { files, modules: ["tun", "bonding max_bonds=0", "sch_netem"] });
  if (process.env.BACKUP_LOG) process.stdout.write(output);
  for (const [, what = "", said = ""] of output.matchAll(/^@@ (.*)\n([^@]*)/gm)) results.set(what, said.trim());
}, 1_520_000);

/** Milliseconds that a step took. */
function took(step: string): number {
  const said = results.get(step) ?? "";
  expect(said, step).toMatch(/^\d+ ms$/);
  return Number.parseInt(said, 10);
}

describe("active-backup", () => {
  it("takes up a line that an earlier build has left silenced", () => {
    expect(results.get("silenced by an earlier build: pings")).toBe("10 0");
    expect(results.get("second alone: pings")).toBe("10 10");
  });

  it("uses the second line while the first is not there, and the first as soon as it is", () => {
    expect(took("second alone")).toBeLessThan(1000);
    expect(took("first starts")).toBeLessThan(3000);
  });

  it("sends nothing over a line in reserve, and no more over the first than each end's probes and answers", () => {
    expect(results.get("frames on the second")).toBe("0");
    const { arpInterval } = planned(name).bond;
    expect(Number(results.get("frames on the first"))).toBeGreaterThan(10_000 / arpInterval);
    expect(Number(results.get("frames on the first"))).toBeLessThan(25_000 / arpInterval);
  });

  it.each(["cut", "nothing comes down", "nothing goes up"])("%s: both ends go to the second line, and back to the first", (what) => {
    expect(took(what)).toBeLessThan(3000);
    expect(results.get(`${what}: pings`)).toBe("30 30");
    expect(took(`${what}: back`)).toBeLessThan(3000);
    expect(results.get(`${what}: back: pings`)).toBe("30 30");
  });

  it("stays on the first line when the second is cut", () => {
    expect(results.get("second cut")).toBe("2 tap0");
    expect(results.get("second cut: pings")).toBe("30 30");
  });

  it("comes back with a server whose kernel can copy nothing, too", () => {
    expect(took("no clsact: back")).toBeLessThan(15_000);
    expect(results.get("no clsact: back: pings")).toBe("30 30");
  });
});

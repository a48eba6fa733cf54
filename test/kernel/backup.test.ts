import { beforeAll, describe, expect, it } from "vitest";
import { planned } from "../support/trees";
import { runHalves } from "./halves";

const name = "active-backup";
/** What backup.sh said of each step. */
let results: Map<string, string>;

beforeAll(async () => {
  results = await runHalves(name, ["backup.sh"], "BACKUP_LOG");
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

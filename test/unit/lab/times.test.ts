import { describe, expect, it } from "vitest";
import { timesTable } from "../../lab/times";

describe("the table of times", () => {
  it("puts the dearest phase first and sums up", () => {
    const table = timesTable([
      { phase: "cut 1", virtual: 56, wall: 80, cpu: 40 },
      { phase: "root file system, Debian trixie", virtual: null, wall: 100, cpu: null },
      { phase: "boot for cut 1", virtual: null, wall: 90, cpu: 50 },
    ]);
    expect(table.split("\n").map((row) => row.replace(/ {2,}/g, "  "))).toEqual([
      "where the time went, seconds  virtual  wall  CPU",
      "root file system, Debian trixie  -  100  -",
      "boot for cut 1  -  90  50",
      "cut 1  56  80  40",
      "all (machines run side by side)  56  270  90",
    ]);
  });
});

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Rings, rings } from "../../../overlay/runtime/rings";
import type { Sample } from "../../../overlay/runtime/samples";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "bondbox-rings-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const file = (): string => join(root, "var/lib/bondbox/history/rings");
const names = ["ovh", "orange"];
/** 2026-11-23T00:00:00Z, ms. */
const start = Date.parse("2026-11-23T00:00:00Z");

function sample(time: number, down: number, more: Partial<Sample["lines"][number]> = {}): Sample {
  const line = { rate: { down, up: null }, rtt: 25.5, jitter: 1, loss: 0.01, up: 1, ...more };
  return { time, bond: { down: 2 * down, up: 10 }, lines: [line, { ...line, up: 0 }] };
}

/** One sample a second. */
function feed(to: Rings, from: number, seconds: number, down = 1000): void {
  for (let second = 0; second < seconds; second++) to.add(sample(from + 1000 * second, down), from + 1000 * second);
}

describe("what was measured over days", () => {
  it("has means by the minute and by the quarter of an hour, with what is being added up now", () => {
    const all = new Rings(root, names, start);
    feed(all, start, 60, 1000);
    feed(all, start + 60_000, 30, 4000);
    const rows = all.rows(60, start / 1000 + 90);
    expect(rows.map(({ time, bond }) => [time - start / 1000, bond])).toEqual([
      [60, { down: 2000, up: 10 }],
      [120, { down: 8000, up: 10 }],
    ]);
    expect(rows[0]?.lines).toEqual([
      { rate: { down: 1000, up: null }, rtt: 25.5, loss: 0.01, up: 1 },
      { rate: { down: 1000, up: null }, rtt: 25.5, loss: 0.01, up: 0 },
    ]);
    expect(all.rows(900, start / 1000 + 90).map(({ bond }) => bond.down)).toEqual([4000]);
  });

  it("has each time once, also when the clock was put back", () => {
    const all = new Rings(root, names, start);
    feed(all, start, 90, 1000);
    feed(all, start, 5, 4000);
    expect(all.rows(60, start / 1000 + 5).map(({ time, bond }) => [time - start / 1000, bond.down])).toEqual([[60, 8000]]);
  });

  it("knows of nothing that was unknown", () => {
    const all = new Rings(root, names, start);
    feed(all, start, 60);
    all.add({ ...sample(start + 60_000, 1), bond: { down: null, up: null }, lines: [] }, start + 60_000);
    const [, last] = all.rows(60, start / 1000 + 61);
    expect(last).toEqual({
      time: start / 1000 + 120,
      bond: { down: null, up: null },
      lines: names.map(() => ({ rate: { down: null, up: null }, rtt: null, loss: null, up: null })),
    });
  });

  it("is there after a restart, in a file that never grows", () => {
    const all = new Rings(root, names, start);
    feed(all, start, 3 * 24 * 3600);
    expect(all.write(0)).toBe("");
    const size = statSync(file()).size;
    expect(size).toBe(all.length);
    expect(size).toBeLessThan(600_000);
    const now = start / 1000 + 3 * 24 * 3600;
    const again = new Rings(root, names, start);
    // The last ones were not whole yet.
    expect(again.rows(60, now)).toEqual(all.rows(60, now).slice(0, -1));
    expect(again.rows(60, now).length).toBeGreaterThan(rings[0].rows - 3);
    expect(again.rows(900, now).length).toBe(3 * 96 - 1);
    feed(again, start + 3 * 24 * 3_600_000, 700);
    again.write(0);
    expect(statSync(file()).size).toBe(size);
  });

  it("is written each five minutes, little at a time", () => {
    const all = new Rings(root, names, start);
    feed(all, start, 200);
    expect(() => statSync(file())).toThrow("ENOENT");
    feed(all, start + 200_000, 200);
    const before = readFileSync(file());
    feed(all, start + 400_000, 400);
    const changed = readFileSync(file()).filter((byte, index) => byte !== before[index]).length;
    expect(changed).toBeGreaterThan(0);
    expect(changed).toBeLessThan(300);
  });

  it("loses only what is spoilt", () => {
    const all = new Rings(root, names, start);
    feed(all, start, 600);
    all.write(0);
    const bytes = readFileSync(file());
    const before = all.rows(60, start / 1000 + 600);
    fc.assert(
      fc.property(fc.integer({ min: 1024, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const spoilt = Buffer.from(bytes);
        spoilt[at] = (spoilt[at] as number) ^ change;
        writeFileSync(file(), spoilt);
        const rows = new Rings(root, names, start).rows(60, start / 1000 + 600);
        expect(before.slice(0, -1).filter((row) => !rows.some((one) => JSON.stringify(one) === JSON.stringify(row))).length).toBeLessThan(
          2,
        );
        expect(rows.filter((row) => !before.some((one) => JSON.stringify(one) === JSON.stringify(row)))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ["nothing", ""],
    ["something else", "x".repeat(5000)],
    ["half of it", null],
  ])("begins anew where the file holds %s", (_, text) => {
    const all = new Rings(root, names, start);
    feed(all, start, 600);
    all.write(0);
    writeFileSync(file(), text ?? readFileSync(file()).subarray(0, 9000));
    const again = new Rings(root, names, start);
    expect(again.rows(60, start / 1000 + 600)).toEqual([]);
    feed(again, start + 600_000, 120);
    expect(again.write(0)).toBe("");
    expect(new Rings(root, names, start).rows(60, start / 1000 + 720).length).toBe(1);
  });

  it("outlives a clock that jumps by a year, and one that goes back", () => {
    const year = 365 * 24 * 3_600_000;
    const all = new Rings(root, names, start);
    feed(all, start - year, 300);
    feed(all, start, 300);
    expect(all.rows(60, start / 1000 + 300).length).toBe(5);
    feed(all, start - 3_600_000, 120);
    expect(all.rows(60, start / 1000 + 300).length).toBeGreaterThan(5);
  });

  it("is taken over by name when a line is new or has gone", () => {
    const all = new Rings(root, names, start);
    feed(all, start, 120, 1000);
    all.write(0);
    const other = new Rings(root, ["lte", "orange"], start);
    expect(other.rows(60, start / 1000 + 60).map(({ lines }) => lines.map(({ rate }) => rate.down))).toEqual([[null, 1000]]);
    expect(other.write(0)).toBe("");
    expect(readFileSync(file()).subarray(0, 60).toString()).toContain('["lte","orange"]');
    expect(new Rings(root, ["lte", "orange"], start).rows(60, start / 1000 + 60).length).toBe(1);
  });

  it("says why it cannot be written, and goes on", () => {
    writeFileSync(join(root, "var"), "no folder");
    const all = new Rings(root, names, start);
    feed(all, start, 120);
    expect(all.write(0)).toContain("ENOTDIR");
    expect(all.rows(60, start / 1000 + 120).length).toBe(2);
  });
});

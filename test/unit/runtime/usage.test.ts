import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { BoxConfig } from "../../../overlay/runtime/config";
import { observe, type State } from "../../../overlay/runtime/observe";
import { Usage, usageOf } from "../../../overlay/runtime/usage";
import { config, FakeBox } from "./fixture";

const MINUTE = 60_000;
const [ovh, orange] = config.lines as [BoxConfig["lines"][number], BoxConfig["lines"][number]];
const metered: BoxConfig = { ...config, lines: [ovh, { ...orange, monthly: 50e9 }] };

/** Looks at a box whose second tap has carried so many packets of 1,000 bytes, half of them each way. */
function after(box: FakeBox, packets: number, minute: number, time = "2026-11-30T12:00:00.000Z"): State {
  const [half, bytes] = [packets / 2, packets * 500];
  box.count({ tap1: { rxBytes: bytes, txBytes: bytes, rxPackets: half, txPackets: half } });
  return { ...observe(box.root, metered), clock: minute * MINUTE, time };
}

describe("a month's data", () => {
  it("is what the line carries of those whose contract has a limit, tunnel included, and outlives the program", () => {
    using box = new FakeBox();
    const usage = new Usage(box.root, 0);
    usage.count(metered, after(box, 100, 0));
    usage.count(metered, after(box, 300, 20));
    expect(usageOf(box.root, "2026-11-30")).toEqual({ orange: 200 * 1052 });
    const next = new Usage(box.root, 0);
    next.count(metered, after(box, 300, 0));
    next.count(metered, after(box, 400, 1));
    expect(next.write(MINUTE)).toBe("");
    expect(usageOf(box.root, "2026-11-30")).toEqual({ orange: 300 * 1052 });
  });

  it("is written four times an hour at most, and not at all where nothing moves", () => {
    using box = new FakeBox();
    const usage = new Usage(box.root, 0);
    usage.count(metered, after(box, 0, 0));
    usage.count(metered, after(box, 100, 14));
    expect(usageOf(box.root, "2026-11-30")).toEqual({});
    usage.count(metered, after(box, 100, 15));
    expect(usageOf(box.root, "2026-11-30")).toEqual({ orange: 100 * 1052 });
    box.write("var/lib/bondbox/history/usage.json", "{}");
    usage.count(metered, after(box, 100, 45));
    expect(usageOf(box.root, "2026-11-30")).toEqual({});
  });

  it("counts a tap that was made anew from 0, and a clock that starts in the past as the latest month", () => {
    using box = new FakeBox();
    const usage = new Usage(box.root, 0);
    usage.count(metered, after(box, 500, 0));
    usage.count(metered, after(box, 600, 1));
    usage.count(metered, after(box, 40, 2, "2026-05-01T00:00:00.000Z"));
    usage.count(metered, after(box, 60, 3, "2026-12-01T00:00:00.000Z"));
    usage.write(0);
    expect(JSON.parse(readFileSync(join(box.root, "var/lib/bondbox/history/usage.json"), "utf8"))).toEqual({
      "2026-11": { orange: 140 * 1052 },
      "2026-12": { orange: 20 * 1052 },
    });
  });

  it.each([
    ["no object", "[1]"],
    ["a month that is none", '{"soon":{"orange":1}}'],
    ["a thirteenth month", '{"2026-13":{"orange":1}}'],
    ["a number for a month", '{"2026-11":7}'],
    ["a line that is no number", '{"2026-11":{"orange":"7"}}'],
  ])("takes nothing from a file with %s", (_, text) => {
    using box = new FakeBox();
    box.write("var/lib/bondbox/history/usage.json", text);
    const usage = new Usage(box.root, 0);
    usage.count(metered, after(box, 0, 0));
    usage.count(metered, after(box, 100, 1));
    expect(usage.write(MINUTE)).toBe("");
    expect(usageOf(box.root, "2026-11-30")).toEqual({ orange: 100 * 1052 });
  });

  it("begins anew where the file is damaged, and says why it cannot be written", () => {
    using box = new FakeBox();
    box.write("var/lib/bondbox/history/usage.json", '{"2026-11":{"orange":');
    expect(usageOf(box.root, "2026-11-30")).toEqual({});
    box.write("other/var", "a file where a folder should be");
    const usage = new Usage(join(box.root, "other"), 0);
    usage.count(metered, after(box, 0, 0));
    expect(usage.count(metered, after(box, 100, 20))).toMatch(/ENOTDIR|EEXIST/);
  });
});

import fc from "fast-check";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Finding, Verdict } from "../../../overlay/runtime/judge";
import { OutageLog } from "../../../overlay/runtime/outage-log";
import { causeOf, type Outage, outagesCsv } from "../../../overlay/runtime/outages";
import { FakeBox } from "./fixture";

const file = "var/lib/bondbox/history/outages";
const silent: Finding = { code: "modem-silent", modem: "192.168.1.240" };
const unheard: Finding = { code: "no-answer", line: "orange", mark: 102, server: "203.0.113.10" };

/** What the judge says of two lines: null is up. */
function verdict(ovh: Finding | null, orange: Finding | null = null): Verdict {
  const lines = [["ovh", ovh] as const, ["orange", orange] as const].map(([name, why]) => ({ name, up: why === null, why, notes: [] }));
  return { linesUp: lines.filter(({ up }) => up).length, lines, way: { by: "bond" }, findings: [] };
}

/** A box's log, looked at so many seconds after two o'clock. */
class Watched {
  constructor(
    private readonly box: FakeBox,
    readonly log = new OutageLog(box.root),
  ) {}

  sees(second: number, seen: Verdict, wall = second): string {
    return this.log.record(seen, clock(wall, ".250Z"), second * 1000);
  }

  /** As after SIGTERM at this second. */
  restarted(second: number): Watched {
    this.log.write(second * 1000);
    return new Watched(this.box);
  }
}

/** A box whose lines have been up. */
function running(box: FakeBox): Watched {
  const watched = new Watched(box);
  watched.sees(-1, verdict(null));
  return watched;
}

const clock = (second: number, rest = "Z"): string => new Date(Date.UTC(2026, 10, 23, 2, 0, second)).toISOString().slice(0, 19) + rest;
const stored = (box: FakeBox): string[] => readFileSync(join(box.root, file), "utf8").split("\n").filter((row) => row !== ""); // prettier-ignore

describe("outages", () => {
  it("are each from the first cause to the end, of a line and of the LAN, as data", () => {
    using box = new FakeBox();
    const watch = running(box);
    watch.sees(0, verdict(null));
    watch.sees(10, verdict(silent));
    watch.sees(30, verdict({ code: "line-dead", modem: "192.168.1.240", mark: 101 }));
    watch.sees(70, verdict(silent, unheard));
    watch.sees(190, verdict(null, unheard));
    const expected: Outage[] = [
      { line: "ovh", start: clock(10), end: clock(190), finding: silent },
      { line: "orange", start: clock(70), end: null, finding: unheard },
      { line: null, start: clock(70), end: clock(190), finding: null },
    ];
    expect(watch.log.all).toEqual(expected);
    expect(watch.restarted(200).log.all).toEqual(expected);
  });

  it("are not what a person does, but what the box does is one", () => {
    using box = new FakeBox();
    const watch = running(box);
    watch.sees(0, verdict({ code: "taken-out", line: "ovh", by: "person" }));
    expect(watch.log.all).toEqual([]);
    watch.sees(10, verdict({ code: "taken-out", line: "ovh", by: "box" }));
    expect(watch.log.all).toMatchObject([{ line: "ovh", start: clock(10), end: null, finding: { by: "box" } }]);
  });

  it("are not the time until the tunnels have started, but what takes longer is", () => {
    using box = new FakeBox();
    const watch = new Watched(box);
    const stopped: Finding = { code: "tunnel-stopped", line: "ovh", tap: "tap0" };
    watch.sees(0, verdict(stopped, unheard));
    watch.sees(20, verdict(null, unheard));
    expect(watch.log.all).toEqual([]);
    watch.sees(21, verdict(silent, unheard));
    expect(watch.log.all.map(({ line }) => line)).toEqual(["ovh", null]);
    watch.sees(60, verdict(silent, unheard));
    expect(watch.log.all.map(({ line, start }) => [line, start])).toEqual([
      ["ovh", clock(21)],
      [null, clock(21)],
      ["orange", clock(60)],
    ]);
  });

  it("have what was found for the longest time as their cause", () => {
    using box = new FakeBox();
    const watch = running(box);
    const dead: Finding = { code: "line-dead", modem: "192.168.1.240", mark: 101 };
    const unknown: Finding = { code: "tunnel-unheard", line: "ovh", port: 1194, server: "203.0.113.10" };
    for (const [second, finding] of [[0, unknown], [20, dead], [90, unknown], [95, null]] as const) watch.sees(second, verdict(finding)); // prettier-ignore
    expect(watch.log.all).toEqual([{ line: "ovh", start: clock(0), end: clock(95), finding: dead }]);
    expect(watch.restarted(200).log.all).toEqual(watch.log.all);
  });

  it("are not what a line in reserve does", () => {
    using box = new FakeBox();
    const watch = running(box);
    watch.sees(0, verdict(null, { code: "standby" }));
    expect(watch.log.all).toEqual([]);
    expect(existsSync(join(box.root, file))).toBe(false);
  });

  it("go on over a restart until their line is seen up, or is no longer in the profile", () => {
    using box = new FakeBox();
    const before = running(box);
    before.sees(0, verdict(silent, unheard));
    const after = before.restarted(1);
    after.sees(3600, verdict(silent, unheard));
    after.sees(3660, { ...verdict(null), lines: verdict(null).lines.slice(0, 1) });
    expect(after.log.all.map(({ line, start, end }) => [line, start, end])).toEqual([
      ["ovh", clock(0), clock(3660)],
      ["orange", clock(0), clock(3660)],
      [null, clock(0), clock(3660)],
    ]);
    expect(after.restarted(3700).log.all).toEqual(after.log.all);
  });

  it("last as long as they did, even if the clock jumps meanwhile", () => {
    using box = new FakeBox();
    const watch = running(box);
    watch.sees(0, verdict(silent), -86_400);
    watch.sees(20, verdict(null), 20);
    expect(watch.log.all.map(({ start, end }) => [start, end])).toEqual([[clock(0), clock(20)]]);
    const back = watch.restarted(30);
    back.sees(39, verdict(null));
    back.sees(40, verdict(silent));
    const again = back.restarted(50);
    again.sees(0, verdict(null), -500);
    expect(again.log.all.at(-1)).toMatchObject({ start: clock(40), end: clock(40) });
  });

  it("are written at once, then at most once a minute, and a short one once", () => {
    using box = new FakeBox();
    const watch = running(box);
    watch.sees(0, verdict(silent));
    expect(stored(box)).toEqual([JSON.stringify({ line: "ovh", start: clock(0), end: null, finding: silent })]);
    watch.sees(1, verdict(null));
    watch.sees(2, verdict(null, unheard));
    watch.sees(4, verdict(null));
    watch.sees(59, verdict(null));
    expect(stored(box).length).toBe(1);
    watch.sees(60, verdict(null));
    expect(stored(box).slice(1).map((row) => JSON.parse(row) as Outage)).toEqual(watch.log.all); // prettier-ignore
    watch.sees(600, verdict(null));
    expect(stored(box).length).toBe(3);
  });

  it("of a line that comes and goes do not fill the file", () => {
    using box = new FakeBox();
    const watch = running(box);
    for (let second = 0; second < 600; second++) watch.sees(second, verdict(second % 2 === 0 ? silent : null));
    expect(stored(box).length).toBeLessThanOrEqual(10 * 20 + 1);
    expect(stored(box).length).toBeGreaterThan(10 * 10);
  });

  it("stay small for ever, in the file and in memory, and the latest are kept", () => {
    using box = new FakeBox();
    const old = Array.from({ length: 850 }, (_, index): Outage => ({ line: "ovh", start: clock(0), end: clock(index), finding: silent }));
    const text = old.map((outage) => `\n${JSON.stringify(outage)}`).join("");
    for (const end of ["", ".1"]) box.write(file + end, text);
    const watch = running(box);
    for (let minute = 20; minute < 220; minute++) watch.sees(60 * minute, verdict(minute % 2 === 0 ? silent : null));
    const size = ["", ".1"].reduce((sum, end) => sum + statSync(join(box.root, file + end)).size, 0);
    expect(size).toBeLessThanOrEqual(256 * 1024);
    expect(size).toBeGreaterThan(128 * 1024);
    expect(existsSync(join(box.root, `${file}.2`))).toBe(false);
    expect(watch.log.all.length).toBe(1000);
    const { all } = watch.restarted(13_200).log;
    expect(all.length).toBeGreaterThan(850);
    expect(all.length).toBeLessThanOrEqual(1000);
    expect(all.at(-1)).toEqual({ line: "ovh", start: clock(60 * 218), end: clock(60 * 219), finding: silent });
  });

  it("lose no more than its last rows to a power cut, wherever it comes", () => {
    using box = new FakeBox();
    const first = running(box);
    first.sees(0, verdict(silent));
    first.sees(60, verdict(null));
    const text = readFileSync(join(box.root, file), "utf8");
    const whole = text.lastIndexOf("\n");
    for (let length = whole; length < text.length; length++) {
      writeFileSync(join(box.root, file), text.slice(0, length));
      const next = new Watched(box);
      expect(next.log.all).toEqual([{ line: "ovh", start: clock(0), end: null, finding: silent }]);
      next.sees(120, verdict(null));
      expect(new OutageLog(box.root).all).toEqual([{ line: "ovh", start: clock(0), end: clock(120), finding: silent }]);
    }
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "null"],
    ["a time that is none", '{"line":"ovh","start":"soon","end":null,"finding":null}'],
    ["an end that is none", '{"line":"ovh","start":"2026-11-23T02:00:00Z","end":7,"finding":null}'],
    ["no end", '{"line":"ovh","start":"2026-11-23T02:00:00Z","finding":null}'],
    ["a line that is none", '{"line":7,"start":"2026-11-23T02:00:00Z","end":null,"finding":null}'],
    ["a finding of another version", '{"line":"ovh","start":"2026-11-23T02:00:00Z","end":null,"finding":{"code":"eaten"}}'],
    ["what every object has for a finding", '{"line":"ovh","start":"2026-11-23T02:00:00Z","end":null,"finding":{"code":"constructor"}}'],
    ["a finding that lacks something", '{"line":"ovh","start":"2026-11-23T02:00:00Z","end":null,"finding":{"code":"gone"}}'],
  ])("leave out a row with %s", (_, row) => {
    using box = new FakeBox();
    const good: Outage = { line: "orange", start: clock(0), end: clock(9), finding: unheard };
    box.write(file, `${row}\n${JSON.stringify(good)}\n`);
    expect(new OutageLog(box.root).all).toEqual([good]);
  });

  it("are never thrown by a text, whatever it holds", () => {
    using box = new FakeBox();
    const value = fc.oneof(fc.constant(null), fc.string(), fc.integer(), fc.constant(clock(0)), fc.constant(silent), fc.object());
    const row = fc.record({ line: value, start: value, end: value, finding: value }).map((one) => JSON.stringify(one));
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), row)), (rows) => {
        box.write(file, rows.join("\n"));
        const watch = running(box);
        watch.sees(0, verdict(silent));
        for (const language of ["en", "fr"] as const) outagesCsv(watch.log.all, language);
      }),
      { numRuns: 50 },
    );
  });

  it("are known while the file cannot be written, which says why", () => {
    using box = new FakeBox();
    box.write("var", "a file where a folder should be");
    const watch = running(box);
    expect(watch.sees(0, verdict(silent))).toMatch(/ENOTDIR|EEXIST/);
    expect(watch.log.all.length).toBe(1);
  });

  it("have their cause in words, in each language", () => {
    expect(causeOf({ finding: silent }, "en")).toBe("its modem 192.168.1.240 does not answer");
    expect(causeOf({ finding: silent }, "fr")).toBe("sa box 192.168.1.240 ne répond pas");
    expect([causeOf({ finding: null }, "en"), causeOf({ finding: null }, "fr")]).toEqual([
      "the LAN has no internet",
      "le réseau local n'a pas Internet",
    ]);
  });

  it("are a table for a spreadsheet, whatever their causes hold", () => {
    const all: Outage[] = [
      { line: "ovh", start: clock(0), end: clock(180), finding: { code: "gone", parts: [{ part: 'a "b"', times: 1 }] } },
      { line: null, start: clock(60), end: null, finding: null },
    ];
    expect(outagesCsv(all, "en")).toBe(
      'line,start,end,seconds,cause\r\novh,2026-11-23T02:00:00Z,2026-11-23T02:03:00Z,180,"a ""b"" once gone and brought back"\r\nall lines,2026-11-23T02:01:00Z,,,the LAN has no internet\r\n',
    );
    expect(outagesCsv(all, "fr").split("\r\n").slice(0, 3)).toEqual([
      "line,start,end,seconds,cause",
      'ovh,2026-11-23T02:00:00Z,2026-11-23T02:03:00Z,180,"enlevé puis remis : a ""b"" une fois"',
      "toutes les lignes,2026-11-23T02:01:00Z,,,le réseau local n'a pas Internet",
    ]);
  });
});

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { History, readHistory } from "../../../overlay/runtime/history";
import { FakeBox } from "./fixture";

const TIME = "2026-11-28T19:00:00.123Z";
const SECOND = 1000;
const log = (box: FakeBox) => join(box.root, "var/lib/bondbox/history/log");

describe("history", () => {
  it("is written at once, then at most once a minute, with nothing lost", () => {
    using box = new FakeBox();
    const history = new History(box.root);
    expect(history.record(["line ovh: up"], TIME, 0)).toBe("");
    expect(readHistory(box.root)).toBe("2026-11-28T19:00:00Z line ovh: up\n");
    history.record(["line ovh: down"], TIME, 10 * SECOND);
    history.record([], TIME, 59 * SECOND);
    expect(readHistory(box.root)).not.toContain("down");
    history.record([], TIME, 60 * SECOND);
    expect(readHistory(box.root)).toBe("2026-11-28T19:00:00Z line ovh: up\n2026-11-28T19:00:00Z line ovh: down\n");
  });

  it("is completed by the end, and continued by the next start", () => {
    using box = new FakeBox();
    const history = new History(box.root);
    history.record(["one"], TIME, 0);
    history.record(["two"], TIME, SECOND);
    history.write(TIME, SECOND);
    new History(box.root).record(["three"], TIME, 0);
    expect(readHistory(box.root).match(/one|two|three/g)).toEqual(["one", "two", "three"]);
  });

  it("counts what a line that comes and goes would fill it with", () => {
    using box = new FakeBox();
    const history = new History(box.root);
    history.record(["start"], TIME, 0);
    for (let second = 2; second <= 60; second += 2) history.record(["line ovh: up"], TIME, second * SECOND);
    expect(readHistory(box.root).split("\n").slice(20)).toEqual([
      "2026-11-28T19:00:00Z line ovh: up",
      "2026-11-28T19:00:00Z and 10 more changes",
      "",
    ]);
  });

  it("stays small for ever, and keeps at least half of what it may hold", () => {
    using box = new FakeBox();
    const history = new History(box.root);
    for (let minute = 0; minute < 8000; minute++) history.record([`change ${minute} ${"x".repeat(30)}`], TIME, minute * 60 * SECOND);
    const text = readHistory(box.root);
    expect(text.length).toBeLessThanOrEqual(256 * 1024);
    expect(text.length).toBeGreaterThan(128 * 1024);
    expect(text).toContain("change 7999 ");
    expect(readFileSync(log(box)).length).toBeLessThanOrEqual(128 * 1024);
    expect(existsSync(`${log(box)}.2`)).toBe(false);
  });

  it("says why it cannot be written", () => {
    using box = new FakeBox();
    box.write("var", "a file where a folder should be");
    expect(new History(box.root).record(["one"], TIME, 0)).toMatch(/ENOTDIR|EEXIST/);
    expect(readHistory(box.root)).toBe("");
  });
});

import { describe, expect, it } from "vitest";
import { Progress } from "../../../builder/disk/progress";
import { ProgressLine } from "../../../builder/disk/progress-line";
import { duration, size, span } from "../../../builder/base/format";

/** A card of 20 MB/s: one step is 100 ms. */
function shown(isTerminal: boolean, steps: number, bytes = 2e6): string {
  let now = 1000;
  let text = "";
  const progress = new Progress({ isTerminal, write: (part) => void (text += part), now: () => now });
  progress.begin("writing", steps * bytes);
  for (let i = 0; i < steps; i++) {
    now += 100;
    progress.advance(bytes);
  }
  progress.begin("syncing", 0);
  progress.end();
  return text;
}

describe("progress", () => {
  it("is one line on a terminal, drawn again now and then, with rate and time left", () => {
    const lines = shown(true, 50).split("\n");
    expect(lines).toHaveLength(3);
    const drawn = lines[0]?.split("\r").slice(1) ?? [];
    expect(drawn.every((line) => line.endsWith("\x1b[K"))).toBe(true);
    expect(drawn).toHaveLength(26);
    expect(drawn[10]).toBe("writing   40 %  40 MB of 100 MB  20 MB/s  0:03 left\x1b[K");
    expect(drawn.at(-1)).toBe("writing  100 %  100 MB of 100 MB  20 MB/s\x1b[K");
  });

  it("is a line for each tenth elsewhere, and fewer when it is fast", () => {
    const slow = shown(false, 600).trimEnd().split("\n");
    expect(slow).toHaveLength(11);
    expect(slow[4]).toBe("writing   50 %  600 MB of 1.2 GB  20 MB/s  0:30 left");
    const fast = shown(false, 50).trimEnd().split("\n");
    expect(fast.map((line) => /\d+ %/.exec(line)?.[0])).toEqual(["60 %", "100 %", undefined]);
    expect(shown(false, 50)).not.toMatch(/[\r\x1b]/);
  });

  it("counts what was there before for the percentage, and not for the rate", () => {
    const lines: string[] = [];
    let now = 1000;
    const line = new ProgressLine({ isTerminal: false, write: (text) => void lines.push(text), now: () => now });
    line.begin("resuming", 500e6, 100e6);
    for (let second = 1; second <= 10; second++) {
      now += 1000;
      line.add(10e6);
    }
    expect(lines).toEqual([
      "resuming  30 %  150 MB of 500 MB  10 MB/s  0:35 left\n",
      "resuming  40 %  200 MB of 500 MB  10 MB/s  0:30 left\n",
    ]);
  });

  it("does without a known size", () => {
    const lines: string[] = [];
    let now = 1000;
    const line = new ProgressLine({ isTerminal: false, write: (text) => void lines.push(text), now: () => now });
    line.begin("downloading", Number.NaN);
    now += 5000;
    line.add(10e6);
    expect(lines).toEqual(["downloading 10 MB  2.0 MB/s\n"]);
  });

  it("follows a rate that changes", () => {
    let now = 0;
    let text = "";
    const progress = new Progress({ isTerminal: true, write: (part) => void (text = part), now: () => now });
    progress.begin("checking", 1e9);
    for (const [bytes, seconds] of [
      [4e6, 5],
      [1e6, 60],
    ] as const)
      for (let i = 0; i < seconds * 10; i++) {
        now += 100;
        progress.advance(bytes);
      }
    expect(text).toBe("\rchecking  80 %  800 MB of 1.0 GB  10 MB/s  0:20 left\x1b[K");
  });
});

it.each([
  [0, "0 bytes"],
  [999, "999 bytes"],
  [1499, "1 kB"],
  [1_500_000, "1.5 MB"],
  [31_914_983_424, "31.9 GB"],
])("%i is %s", (bytes, text) => expect(size(bytes)).toBe(text));

it.each([
  [0.2, "0:00"],
  [59.6, "1:00"],
  [754, "12:34"],
  [7300, "2 h 1 min"],
])("%f s is %s", (seconds, text) => expect(duration(seconds)).toBe(text));

it("a span is inclusive", () => {
  expect([span({ start: 5, end: 6 }), span({ start: 5, end: 7 })]).toEqual(["byte 5", "bytes 5 to 6"]);
});

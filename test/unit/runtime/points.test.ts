import { describe, expect, it } from "vitest";
import { inOrder, type Point } from "../../../overlay/runtime/points";

const at = (...seconds: number[]): Point[] => seconds.map((second) => ({ time: 1000 * second, bond: { down: 1, up: 1 }, lines: [] }));
const times = (points: Point[]): number[] => points.map(({ time }) => time / 1000);
const live = { length: 600_000, step: 1000 };

describe("the points of a graph", () => {
  it("are those of its span, by the clock of the box", () => {
    expect(times(inOrder(at(1, 2, 3, 4, 5, 6), { length: 3000, step: 1000 }))).toEqual([4, 5, 6]);
    expect(inOrder([], live)).toEqual([]);
  });

  it("are in order after the clock was put back", () => {
    expect(times(inOrder(at(100, 101, 102, 50, 51, 52), live))).toEqual([50, 51, 52]);
    expect(times(inOrder(at(50, 51, 51, 52), live))).toEqual([50, 51, 52]);
  });

  it("have one without values where nothing was measured, so that no line goes over it", () => {
    const points = inOrder(at(1, 2, 20, 21), live);
    expect(times(points)).toEqual([1, 2, 19, 20, 21]);
    expect(points[2]?.bond).toEqual({ down: null, up: null });
    // One or two that are late are none.
    expect(times(inOrder(at(1, 3.9, 5), live))).toEqual([1, 3.9, 5]);
  });

  it("have none where the clock was put forward, but for the span that is shown", () => {
    expect(times(inOrder(at(1, 2, 3, 90_000, 90_001), live))).toEqual([90_000, 90_001]);
  });
});

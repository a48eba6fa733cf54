import type { LineSample, Sample } from "./samples";

/** What both what is live and what was measured over days have; times in ms since 1970. */
export type Point = Pick<Sample, "time" | "bond"> & { lines: Pick<LineSample, "rate" | "rtt" | "loss">[] };

/** A point may be late by a step. */
const missing = 3;
const nothing = { down: null, up: null };

/**
 * The points of a span that a graph can show, up to the latest by the box's clock, whatever the browser's says. Before a time server has
 * answered that clock may be anywhere: what was measured before it was put back is left out. Where nothing was measured, as while the box was
 * off, there is a point without values, so that no line goes over it.
 * @param points in the order in which they were measured
 * @param span how long it is, and how far apart its points are, ms
 */
export function inOrder(points: readonly Point[], { length, step }: { length: number; step: number }): Point[] {
  const shown: Point[] = [];
  const end = points.at(-1)?.time ?? 0;
  let next = end + step;
  for (const point of [...points].reverse()) {
    if (point.time >= next || point.time <= end - length) continue;
    if (next - point.time > missing * step) shown.push({ time: next - step, bond: nothing, lines: [] });
    shown.push(point);
    next = point.time;
  }
  return shown.reverse();
}

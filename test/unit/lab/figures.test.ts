import { describe, expect, it } from "vitest";
import { meanRate, percentile, recovery, stall } from "../../../test/lab/figures";

/** A flow of steps: [until second, kbit/s], in intervals of a tenth. */
function flow(...steps: [until: number, kbit: number][]): [number, number][] {
  const rates: [number, number][] = [];
  let at = 0.1;
  for (const [until, kbit] of steps) for (; at <= until + 1e-9; at += 0.1) rates.push([at, kbit]);
  return rates;
}

describe("goodput", () => {
  it("is the mean of the intervals that end in the window", () => {
    expect(meanRate(flow([10, 1000], [20, 3000]), 5, 15)).toBeCloseTo(2000, 0);
    expect(meanRate(flow([10, 1000]), 20, 30)).toBeNull();
  });
});

describe("recovery", () => {
  it("counts from the event until the rate is there and stays", () => {
    expect(recovery({ rates: flow([10, 10000], [12, 0], [30, 5000]) }, 10, 4500)).toBeCloseTo(2, 1);
  });

  it("is not fooled by a burst", () => {
    const rates = flow([10, 10000], [11, 0], [11.6, 9000], [14, 100], [30, 5000]);
    expect(recovery({ rates }, 10, 4500)).toBeGreaterThan(3.5);
  });

  it("is none when the rate does not come back", () => {
    expect(recovery({ rates: flow([10, 10000], [30, 1000]) }, 10, 4500)).toBeNull();
  });

  it("is at once where nothing was noticed", () => {
    expect(recovery({ rates: flow([30, 5000]) }, 10, 4500)).toBe(0);
  });
});

describe("stall", () => {
  it("is the longest time without a byte", () => {
    expect(stall({ rates: flow([10, 1000], [12.5, 0], [20, 1000]) }, 5, 20)).toBeCloseTo(2.6, 1);
  });

  it("counts a silence that lasts to the end", () => {
    expect(stall({ rates: flow([10, 1000], [20, 0]) }, 5, 20)).toBeCloseTo(10, 1);
  });
});

describe("percentiles", () => {
  it.each([
    ["median", 51],
    ["p95", 96],
    ["max", 100],
  ] as const)("%s of 1 to 100", (statistic, expected) => {
    expect(
      percentile(
        Array.from({ length: 100 }, (_, index) => 100 - index),
        statistic,
      ),
    ).toBe(expected);
  });

  it("of nothing is nothing", () => {
    expect(percentile([], "median")).toBeNull();
  });
});

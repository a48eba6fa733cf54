import { describe, expect, it } from "vitest";
import { type FigureContext, leaked, meanRate, percentile, perGigabyte, recovery, stall, takeFigures } from "../../lab/figures";
import type { FlowResult, JobResult } from "../../lab/job";
import type { ScenarioFigure } from "../../lab/scenario";

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

describe("the processor's time", () => {
  const processor = { box: { user: 0.3, kernel: 0.5 }, server: { user: 0.1, kernel: 0.1 } };
  const result = (change: Partial<FlowResult>): FlowResult => ({
    kind: "flow",
    rates: [],
    retransmits: 0,
    lost: 0,
    error: null,
    bytes: 40e6,
    processor,
    ...change,
  });

  it("is that of one end, per 10^9 bytes", () => {
    expect(perGigabyte(result({}), "box")).toMatchObject({ value: 20, unit: "s/GB" });
    expect(perGigabyte(result({}), "server").value).toBeCloseTo(5, 9);
  });

  it("of nothing is nothing", () => {
    expect(perGigabyte(result({ bytes: 0 }), "box").value).toBeNull();
    expect(perGigabyte(result({ processor: null }), "box").value).toBeNull();
  });
});

describe("IPv6 beside the bond", () => {
  it("counts what reached a modem and what crossed a line, and shows the first", () => {
    const ipv6 = [
      { line: "ovh", modem: 0, wire: 0, first: [] },
      { line: "orange", modem: 3, wire: 5, first: ["IP6 a > b"] },
    ];
    expect(leaked({ ipv6 })).toEqual({ value: 8, unit: "packets", detail: "3 to modems, 5 on lines; the first: IP6 a > b" });
  });

  it("is no zero where nobody has looked", () => {
    expect(leaked({ ipv6: null }).value).toBeNull();
  });

  it("a client's wait is from its try to the answer, whichever it is", () => {
    const tries = [
      { at: 1, until: 1.1, error: null },
      { at: 2, until: 2.4, error: "Network is unreachable" },
      { at: 9, until: 29, error: "Connection timed out" },
    ];
    const figure = (kind: ScenarioFigure["kind"]): ScenarioFigure => ({
      name: kind,
      kind,
      traffic: "website",
      to: 5,
      statistic: "max",
      unit: "percent",
    });
    const scenario = { seconds: 30, figures: [figure("noticed"), figure("connected")] } as FigureContext["scenario"];
    const result = { up: 1, traffic: { website: { kind: "connect6", tries } } } as unknown as JobResult;
    const [noticed, connected] = takeFigures({ scenario, result } as FigureContext);
    expect(noticed).toMatchObject({ unit: "s", detail: "connected, Network is unreachable" });
    expect(noticed?.value).toBeCloseTo(0.4, 9);
    expect(connected).toMatchObject({ value: 50, unit: "%", detail: "1 of 2" });
  });
});

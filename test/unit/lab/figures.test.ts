import { describe, expect, it } from "vitest";
import {
  bestLineIn,
  type BestLine,
  calibrationFigures,
  type FigureContext,
  leaked,
  meanRate,
  outages,
  percentile,
  perGigabyte,
  recovery,
  stall,
  takeFigures,
} from "../../lab/figures";
import type { FlowResult, JobResult, Sample, TrafficResult } from "../../lab/job";
import type { Calibration } from "../../lab/plan-job";
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

describe("the best line alone", () => {
  const expected = [
    { line: "ovh", traffic: "ovh down", direction: "down", value: 6240, tcp: 0.98 },
    { line: "ovh", traffic: "ovh up", direction: "up", value: 800, tcp: 0.98 },
    { line: "orange", traffic: "orange down", direction: "down", value: 7000, tcp: 0.5 },
    { line: "orange", traffic: "orange up", direction: "up", value: 900, tcp: 0.98 },
  ] as const;
  const timed = expected.map(({ traffic }) => ({ name: traffic, kind: "flow", start: 0, end: 10 }));
  const calibration = { job: { traffic: timed }, expected, skip: 2 } as unknown as Calibration;
  const flows = (kbit: Record<string, number>): JobResult =>
    ({
      traffic: Object.fromEntries(
        Object.entries(kbit).map(([name, rate]) => [name, { kind: "flow", rates: flow([1.9, 9000], [10, rate]) }]),
      ),
    }) as never;
  const all = { "ovh down": 6240, "ovh up": 800, "orange down": 7000, "orange up": 900 };

  it("is that with the most TCP payload, each way for itself", () => {
    expect(bestLineIn(calibration, flows(all))).toEqual({
      down: {
        line: "ovh",
        tcp: expect.closeTo(6115.2, 1),
        udp: expect.closeTo(6240, 1),
        all: { tcp: expect.closeTo(9615.2, 1), udp: expect.closeTo(13240, 1) },
      },
      up: {
        line: "orange",
        tcp: expect.closeTo(882, 1),
        udp: expect.closeTo(900, 1),
        all: { tcp: expect.closeTo(1666, 1), udp: expect.closeTo(1700, 1) },
      },
    });
    expect(bestLineIn(calibration, flows({ "ovh down": 6240 }))).toBeNull();
  });

  it("a calibration that is 1.1 % off is not met", () => {
    const figures = calibrationFigures(calibration, flows({ ...all, "ovh up": 791 }));
    expect(figures.map(({ met }) => met)).toEqual([true, false, true, true]);
  });

  const both = { tcp: 10200, udp: 10400 };
  const bestLine: BestLine = { down: { line: "ovh", tcp: 5000, udp: 5200, all: both }, up: { line: "ovh", tcp: 700, udp: 720, all: both } };
  interface Given {
    events?: object[];
    lines?: object;
    mode?: string;
  }
  const goodput = (change: object, best: BestLine, protocol = "tcp", given: Given = {}, kbit = 10400) => {
    const { events = [], lines = {}, mode = "balance-rr" } = given;
    const wanted = { name: "g", kind: "goodput", traffic: "f", from: 0, to: 10, ...change };
    const traffic = [{ name: "f", kind: "flow", direction: "down", protocol }];
    const scenario = { seconds: 10, events, lines, traffic, figures: [wanted] };
    const result = { up: 1, traffic: { f: { kind: "flow", rates: flow([10, kbit]) } } };
    const plan = { lines: [], bond: { mode }, expected: { down: { ceiling: 11000, shaped: 10000 } } };
    return takeFigures({ scenario, plan, result, bestLine: best } as unknown as FigureContext)[0];
  };

  it("stands beside every throughput, whatever it is compared with", () => {
    expect(goodput({}, bestLine)).toMatchObject({ value: expect.closeTo(10400, 0), unit: "kbit/s", ofBestLine: expect.closeTo(208, 1) });
    expect(goodput({ of: "shaped" }, bestLine)).toMatchObject({ value: expect.closeTo(104, 1), ofBestLine: expect.closeTo(208, 1) });
    expect(goodput({}, bestLine, "udp")).toMatchObject({ ofBestLine: expect.closeTo(200, 1) });
    expect(goodput({}, null)).toMatchObject({ ofBestLine: null });
  });

  it("shows a throughput above what all lines carry as a wrong count, unless lines change", () => {
    const less = { ...bestLine, down: { ...bestLine.down, all: { tcp: 10100, udp: 10300 } } };
    expect(goodput({}, bestLine)).toMatchObject({ met: true, detail: "" });
    expect(goodput({}, less)).toMatchObject({ met: false, detail: "more than all lines carry: this count is wrong" });
    expect(goodput({}, less, "tcp", { events: [{ do: "change" }] })).toMatchObject({ met: true });
  });

  it("shows a throughput above the plan's ceiling as a wrong count, unless the plan does not bound it", () => {
    const above = { met: false, detail: expect.stringMatching(/; more than the plan shapes to: this count is wrong, or nothing shapes$/) };
    expect(goodput({ of: "shaped" }, bestLine)).toMatchObject(above);
    expect(goodput({ of: "shaped", atLeast: 95 }, null)).toMatchObject(above);
    expect(goodput({ of: "shaped" }, null, "tcp", { lines: { ovh: { rtt: 40 } } })).toMatchObject(above);
    // 94.5 % of the ceiling; 102 % may be where the window begins and ends.
    expect(goodput({ of: "ceiling" }, bestLine)).toMatchObject({ met: true, detail: "10400 of 11000 kbit/s" });
    expect(goodput({ of: "shaped" }, null, "tcp", {}, 10190)).toMatchObject({ met: true });
    expect(goodput({ of: "ceiling" }, null, "tcp", {}, 11230)).toMatchObject({
      met: false,
      detail: "11230 of 11000 kbit/s; more than the plan's ceiling: this count is wrong",
    });
    for (const other of [{ events: [{ do: "change" }] }, { lines: { ovh: { down: 9000 } } }, { mode: "active-backup" }])
      expect(goodput({ of: "shaped" }, null, "tcp", other)).toMatchObject({ met: true });
    expect(goodput({ of: "shaped" }, null, "udp")).toMatchObject({ met: true });
  });

  it("can be a bar, which is missed where no line was measured", () => {
    expect(goodput({ of: "bestLine", atLeast: 200 }, bestLine)).toMatchObject({ met: true, unit: "%" });
    expect(goodput({ of: "bestLine", atLeast: 209 }, bestLine)).toMatchObject({ met: false });
    expect(goodput({ of: "bestLine", atLeast: 1 }, null)).toMatchObject({ met: false, value: null });
  });
});

describe("lines held for down", () => {
  const samples = (...states: [box: string, server: string][]): Sample[] =>
    states.map(([box, server], index) => ({ at: index, lines: [], bond: { down: 0, up: 0 }, slaves: { box, server } }));

  it("are counted at each end, each time, one that is out at the start too", () => {
    const seen = samples(["++", "++"], ["+-", "++"], ["+-", "+-"], ["++", "++"], ["+-", "++"]);
    expect(outages({ samples: seen }, 0, 9)).toMatchObject({ value: 3, detail: "the first on the box at 1.0 s" });
    expect(outages({ samples: seen }, 2, 3)).toMatchObject({ value: 2 });
    expect(outages({ samples: samples(["++", "++"]) }, 0, 9)).toMatchObject({ value: 0 });
  });

  it("are not none where nobody has looked", () => {
    expect(outages({ samples: [] }, 0, 9).value).toBeNull();
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

  it("are not jitter, which is how much a value differs from the one before", () => {
    expect(percentile([30, 34, 34, 26], "jitter")).toBe(4);
    expect(percentile([30], "jitter")).toBeNull();
  });
});

describe("the processor's time", () => {
  const processor = { box: { user: 0.3, kernel: 0.5 }, server: { user: 0.1, kernel: 0.1 } };
  const result = (change: Partial<FlowResult>): FlowResult => ({
    kind: "flow",
    rates: [],
    retransmits: 0,
    datagrams: [],
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

describe("pages, ages and datagrams", () => {
  const figure = (change: Partial<ScenarioFigure>): ScenarioFigure => ({
    name: "x",
    kind: "took",
    traffic: "own",
    from: 1,
    statistic: "median",
    unit: "percent",
    ...change,
  });
  const take = (wanted: ScenarioFigure, own: TrafficResult, other?: TrafficResult) =>
    takeFigures({
      scenario: { seconds: 30, figures: [wanted], events: [], traffic: [] },
      result: { up: 1, traffic: { own, other } },
    } as unknown as FigureContext)[0];
  const page = (...ms: (number | null)[]): TrafficResult => ({ kind: "page", taken: ms.map((value, index) => [index, value]) });

  it("took so long, those before the time aside", () => {
    expect(take(figure({}), page(900, 20, 30, 40))).toMatchObject({ value: 30, unit: "ms" });
  });

  it("took so much of what another traffic took", () => {
    expect(take(figure({ of: "other", atMost: 100 }), page(0, 30), page(0, 60))).toMatchObject({ value: 50, unit: "%", met: true });
    expect(take(figure({ of: "other", atMost: 100 }), page(0, 90), page(0, 60))).toMatchObject({ value: 150, met: false });
  });

  it("are not fast because they did not come", () => {
    expect(take(figure({ atMost: 100 }), page(0, 20, null, null))).toMatchObject({ value: null, met: false });
    expect(take(figure({ atMost: 100 }), page(0))).toMatchObject({ value: null, met: false });
    expect(take(figure({ of: "other", atMost: 100 }), page(0, 20), page())).toMatchObject({ value: null, met: false });
  });

  it("worked, or not, with what was said", () => {
    const worked = figure({ kind: "worked", atLeast: 100 });
    expect(take(worked, { kind: "program", status: 0, said: "" })).toMatchObject({ value: 100, unit: "%", met: true, detail: "" });
    const failed = take(worked, { kind: "program", status: 7, said: "no such\n  file" });
    expect(failed).toMatchObject({ value: 0, met: false, detail: "status 7: no such file" });
    expect(take(worked, { kind: "program", status: -1, said: "" })?.met).toBe(false);
  });

  it("lost so many datagrams, with such a jitter", () => {
    const datagrams = [0.5, 2, 3].map((at, index) => [at, [9, 1, 0][index], 10, [50, 2, 4][index]]);
    const flow = { kind: "flow", rates: [], datagrams } as unknown as TrafficResult;
    expect(take(figure({ kind: "datagrams" }), flow)).toMatchObject({ value: 5, unit: "%", detail: "1 of 20" });
    expect(take(figure({ kind: "datagrams", statistic: "jitter" }), flow)).toMatchObject({ value: 3, unit: "ms" });
    expect(take(figure({ kind: "datagrams", from: 9, atMost: 1 }), flow)).toMatchObject({ value: null, met: false });
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

import type { Plan, Rates } from "../../builder/plan/types";
import { portBounds } from "../../builder/profile/ports";
import {
  type Connect6Result,
  type Direction,
  directions,
  type End,
  ends,
  type FlowResult,
  type Job,
  type JobResult,
  type PingResult,
  type Sample,
  type TrafficResult,
} from "./job";
import type { Calibration } from "./plan-job";
import type { NamedScenario, ScenarioFigure } from "./scenario";

/** One figure of one run. */
export interface Figure {
  name: string;
  /** null: it could not be taken, such as a recovery that did not come. */
  value: number | null;
  unit: "kbit/s" | "%" | "ms" | "s" | "s/GB" | "packets" | "connections" | "ports" | "times";
  bar: string;
  met: boolean;
  /** In words, where the number alone does not tell. */
  detail: string;
  /** A throughput's part of what the best line gives alone, percent; null: not known, or it is none. */
  ofBestLine: number | null;
}

/** What one line gives without box and server, as the calibration measured it, kbit/s of payload in full packets. */
export interface Alone {
  line: string;
  tcp: number;
  udp: number;
  /** Of all lines together, each alone: no throughput can be above it. */
  all: { tcp: number; udp: number };
}

/** The best line alone in each direction; null: the calibration gave nothing. */
export type BestLine = Record<Direction, Alone> | null;

export interface FigureContext {
  scenario: NamedScenario;
  plan: Plan;
  job: Job;
  result: JobResult;
  bestLine: BestLine;
}

type Taken = Pick<Figure, "value" | "unit"> & { detail?: string; ofBestLine?: number | null };

/** Takes every figure of a scenario from what came out of its run. Pure. */
export function takeFigures(context: FigureContext): Figure[] {
  return context.scenario.figures.map((wanted) => {
    const taken: Taken = context.result.up === null ? { value: null, unit: "s", detail: "the lines never came up" } : take(wanted, context);
    const { atLeast, atMost } = wanted;
    const barred = atLeast !== undefined || atMost !== undefined;
    const wrong = whyWrong(taken, wanted, context);
    const met =
      wrong === "" && (!barred || (taken.value !== null && taken.value >= (atLeast ?? -Infinity) && taken.value <= (atMost ?? Infinity)));
    const { value, unit, ofBestLine = null } = taken;
    const detail = [taken.detail ?? "", wrong].filter(Boolean).join("; ");
    return { name: wanted.name, value, unit, bar: barText(wanted, unit), met, detail, ofBestLine };
  });
}

function barText({ atLeast, atMost }: ScenarioFigure, unit: string): string {
  if (atLeast !== undefined && atLeast === atMost) return `= ${atLeast} ${unit}`;
  return [...(atLeast === undefined ? [] : [`≥ ${atLeast} ${unit}`]), ...(atMost === undefined ? [] : [`≤ ${atMost} ${unit}`])].join(", ");
}

function take(wanted: ScenarioFigure, context: FigureContext): Taken {
  const { result, scenario } = context;
  const { from = 0, to = scenario.seconds } = wanted;
  switch (wanted.kind) {
    case "goodput": {
      const { rates } = traffic(wanted, result, "flow");
      const value = meanRate(rates, from, to);
      if (value === null) return { value, unit: wanted.of === undefined ? "kbit/s" : "%", detail: "nothing was received" };
      const alone = bestLineOf(wanted, context);
      const ofBestLine = alone === null ? null : (100 * value) / alone;
      if (wanted.of === undefined) return { value, unit: "kbit/s", ofBestLine };
      if (wanted.of === "bestLine" && alone === null) return { value: null, unit: "%", detail: "no line was measured alone" };
      const reference = referenceOf(wanted, context);
      const detail = `${Math.round(value)} of ${Math.round(reference)} kbit/s`;
      return { value: (100 * value) / reference, unit: "%", detail, ofBestLine };
    }
    case "latency":
      return { value: percentile(answered(traffic(wanted, result, "ping"), from, to), wanted.statistic), unit: "ms" };
    case "took":
      return took(wanted, context);
    case "worked": {
      const { status, said } = traffic(wanted, result, "program");
      return {
        value: status === 0 ? 100 : 0,
        unit: "%",
        detail: status === 0 ? "" : `status ${status}: ${said.slice(-600).replace(/\s+/g, " ")}`,
      };
    }
    case "datagrams": {
      const inside = traffic(wanted, result, "flow").datagrams.filter(([at]) => at > from && at <= to);
      const [lost, sent] = [1, 2].map((index) => inside.reduce((sum, row) => sum + (row[index] ?? 0), 0)) as [number, number];
      if (sent === 0) return { value: null, unit: "%", detail: "nothing was sent" };
      if (wanted.statistic === "jitter") return { value: inside.reduce((sum, [, , , ms]) => sum + ms, 0) / inside.length, unit: "ms" };
      return { value: (100 * lost) / sent, unit: "%", detail: `${lost} of ${sent}` };
    }
    case "lost": {
      const sent = traffic(wanted, result, "ping").pings.filter(([at]) => at >= from && at <= to);
      const lost = sent.filter(([, ms]) => ms === null).length;
      if (sent.length === 0) return { value: null, unit: "%", detail: "no ping was sent" };
      const detail = `${lost} of ${sent.length}`;
      return wanted.unit === "packets"
        ? { value: lost, unit: "packets", detail }
        : { value: (100 * lost) / sent.length, unit: "%", detail };
    }
    case "recovery":
      return { value: recovery(traffic(wanted, result, "flow"), from, 0.9 * referenceOf(wanted, context)), unit: "s" };
    case "stall":
      return { value: stall(traffic(wanted, result, "flow"), from, to), unit: "s" };
    case "connections": {
      const { lost, error } = traffic(wanted, result, "flow");
      return { value: lost, unit: "connections", detail: error ?? "" };
    }
    case "carrying":
      return { value: carrying(context, from), unit: "s" };
    case "outages":
      return outages(result, from, to);
    case "fragments":
      return { value: result.fragments, unit: "packets" };
    case "answers": {
      const expected = expectedAddress(wanted, context);
      const asked = traffic(wanted, result, "ask").answers.filter(({ at }) => at >= from && at <= to);
      const right = asked.filter(({ answer }) => answer === expected).length;
      const others = [...new Set(asked.map(({ answer }) => answer ?? "none").filter((answer) => answer !== expected))];
      const detail = `${right} of ${asked.length} saw ${expected}${others.length > 0 ? `; others: ${others.join(", ")}` : ""}`;
      return { value: asked.length === 0 ? null : (100 * right) / asked.length, unit: "%", detail };
    }
    case "reached":
      return reached(wanted, context);
    case "open": {
      const { ports, scanned } = traffic(wanted, result, "scan");
      const wrong = ports.filter((port) => !expectedPorts(context.plan).has(port));
      const detail = `${scanned.tcp} TCP and ${scanned.udp} UDP asked; not closed: ${ports.join(", ") || "none"}`;
      return { value: scanned.tcp === 0 || scanned.udp === 0 ? null : wrong.length, unit: "ports", detail };
    }
    case "passed": {
      const { sent, passed, answered: back } = traffic(wanted, result, "intrude");
      return { value: sent === 0 ? null : passed + back, unit: "packets", detail: `${sent} sent, ${passed} passed, ${back} answered` };
    }
    case "processor":
      return perGigabyte(traffic(wanted, result, "flow"), wanted.half ?? "box");
    case "noticed": {
      const tries = triesIn(wanted, context);
      const outcomes = [...new Set(tries.map(({ error }) => error ?? "connected"))];
      return {
        value: percentile(
          tries.map(({ at, until }) => until - at),
          wanted.statistic,
        ),
        unit: "s",
        detail: outcomes.join(", "),
      };
    }
    case "connected": {
      const tries = triesIn(wanted, context);
      const made = tries.filter(({ error }) => error === null).length;
      return { value: tries.length === 0 ? null : (100 * made) / tries.length, unit: "%", detail: `${made} of ${tries.length}` };
    }
    case "ipv6-leaked":
      return leaked(result);
    case "up":
      return { value: result.up, unit: "s" };
  }
}

function traffic<K extends TrafficResult["kind"]>({ traffic: name = "" }: ScenarioFigure, { traffic: all }: JobResult, kind: K) {
  const found = all[name];
  if (found?.kind !== kind) throw new Error(`the run has no ${kind} "${name}"`);
  return found as Extract<TrafficResult, { kind: K }>;
}

function directionOf({ traffic: name }: ScenarioFigure, { scenario }: FigureContext): Direction {
  return scenario.traffic.find((one) => one.name === name)?.direction ?? "down";
}

/** Seconds of the emulated processor per 10^9 bytes of TCP payload. */
export function perGigabyte({ bytes, processor }: FlowResult, half: End): Taken {
  if (processor === null || bytes === 0) return { value: null, unit: "s/GB", detail: "nothing was received" };
  const { user, kernel } = processor[half];
  const detail = `${user.toFixed(2)} s of programs and ${kernel.toFixed(2)} s of the kernel for ${(bytes / 1e6).toFixed(1)} MB`;
  return { value: (user + kernel) / (bytes / 1e9), unit: "s/GB", detail };
}

/** How long pages took, or how old bytes were, ms; where it is compared with another traffic of its kind, percent of that. */
function took(wanted: ScenarioFigure, context: FigureContext): Taken {
  const { from = 0, to = context.scenario.seconds } = wanted;
  const value = (name: string | undefined): number | null => {
    const found = context.result.traffic[name ?? ""];
    if (found?.kind !== "page" && found?.kind !== "age") throw new Error(`the run has no page or age "${name}"`);
    const inside = found.taken.filter(([at]) => at >= from && at <= to);
    // What did not come took longest.
    return percentile(
      inside.map(([, ms]) => ms ?? Infinity),
      wanted.statistic,
    );
  };
  const [own, other] = [value(wanted.traffic), wanted.of === undefined ? null : value(wanted.of)];
  if (own === null || own === Infinity) return { value: null, unit: "ms", detail: own === null ? "nothing came" : "it did not come" };
  if (wanted.of === undefined) return { value: own, unit: "ms" };
  if (other === null) return { value: null, unit: "%", detail: `nothing of ${wanted.of} came` };
  return { value: (100 * own) / other, unit: "%", detail: `${own.toFixed(1)} of ${other.toFixed(1)} ms` };
}

function triesIn(wanted: ScenarioFigure, { result, scenario }: FigureContext): Connect6Result["tries"] {
  const { from = 0, to = scenario.seconds } = wanted;
  return traffic(wanted, result, "connect6").tries.filter(({ at }) => at >= from && at <= to);
}

export function leaked({ ipv6 }: Pick<JobResult, "ipv6">): Taken {
  if (ipv6 === null) return { value: null, unit: "packets", detail: "nobody has looked" };
  const sum = (key: "modem" | "wire"): number => ipv6.reduce((all, line) => all + line[key], 0);
  const [first] = ipv6.flatMap((line) => line.first);
  const detail = `${sum("modem")} to modems, ${sum("wire")} on lines${first === undefined ? "" : `; the first: ${first}`}`;
  return { value: sum("modem") + sum("wire"), unit: "packets", detail };
}

/** kbit/s */
function referenceOf(wanted: ScenarioFigure, context: FigureContext): number {
  const direction = directionOf(wanted, context);
  const { expected, lines } = context.plan;
  const goodputs = lines.map(({ goodput }: { goodput: Rates }) => goodput[direction]);
  switch (wanted.of) {
    case "ceiling":
    case "shaped":
      return expected?.[direction][wanted.of] ?? Number.NaN;
    case "sum":
      return goodputs.reduce((sum, value) => sum + value, 0);
    case "best":
      return Math.max(...goodputs);
    case "direct":
      return expected?.direct[direction] ?? Number.NaN;
    case "bestLine":
      return bestLineOf(wanted, context) ?? Number.NaN;
    default:
      return lines.find(({ name }) => name === wanted.of)?.goodput[direction] ?? Number.NaN;
  }
}

/** What one count may be wrong by where its window begins and ends, percent. */
const countLimit = 2;

/** Why a throughput cannot be: it was counted wrongly. "": it can. Lines that change may carry more than was measured and planned. */
function whyWrong(taken: Taken, wanted: ScenarioFigure, context: FigureContext): string {
  if (isAboveLines(taken, wanted, context)) return lineChanges(context) ? "" : "more than all lines carry: this count is wrong";
  if (!isAbovePlan(taken, wanted, context) || lineChanges(context)) return "";
  return wanted.of === "shaped"
    ? "more than the plan shapes to: this count is wrong, or nothing shapes"
    : "more than the plan's ceiling: this count is wrong";
}

const lineChanges = ({ scenario }: FigureContext): boolean => scenario.events.some(({ do: what }) => what === "change");

function isAboveLines({ ofBestLine = null }: Taken, wanted: ScenarioFigure, context: FigureContext): boolean {
  if (ofBestLine === null || context.bestLine === null) return false;
  const { all, ...best } = context.bestLine[directionOf(wanted, context)];
  const kind = protocolOf(wanted, context);
  return (ofBestLine / 100) * best[kind] > all[kind] * (1 + countLimit / 100);
}

/** The plan computes for TCP, for lines as the profile has them, and for active-backup's first line, whichever carries. */
function isAbovePlan({ value, unit }: Taken, wanted: ScenarioFigure, context: FigureContext): boolean {
  if (unit !== "%" || (wanted.of !== "ceiling" && wanted.of !== "shaped") || (value ?? 0) <= 100 + countLimit) return false;
  const { scenario, plan } = context;
  const asPlanned = Object.values(scenario.lines).every(({ down, up }) => down === undefined && up === undefined);
  return asPlanned && plan.bond.mode !== "active-backup" && protocolOf(wanted, context) === "tcp";
}

function protocolOf(wanted: ScenarioFigure, { scenario }: FigureContext): "tcp" | "udp" {
  return scenario.traffic.find(({ name }) => name === wanted.traffic)?.protocol === "udp" ? "udp" : "tcp";
}

/** What the best line gives alone in a flow's direction and by its protocol, kbit/s. */
function bestLineOf(wanted: ScenarioFigure, context: FigureContext): number | null {
  return context.bestLine?.[directionOf(wanted, context)][protocolOf(wanted, context)] ?? null;
}

/** How many times either end took a line out of the bond. One that is out already counts, too. */
export function outages({ samples }: Pick<JobResult, "samples">, from: number, to: number): Taken {
  const inside = samples.filter(({ at }) => at >= from && at <= to);
  const out = (sample: Sample | undefined, end: End, line: number): boolean => sample !== undefined && sample.slaves[end][line] !== "+";
  const places = ends.flatMap((end) => [...(inside[0]?.slaves[end] ?? "")].map((_, line): [End, number] => [end, line]));
  const all = places.flatMap(([end, line]) =>
    inside.filter((sample, index) => out(sample, end, line) && !out(inside[index - 1], end, line)).map(({ at }) => ({ end, at })),
  );
  const [first] = all.sort((a, b) => a.at - b.at);
  const detail = first === undefined ? "" : `the first on the ${first.end} at ${first.at.toFixed(1)} s`;
  return { value: places.length === 0 ? null : all.length, unit: "times", detail };
}

/** Mean of the intervals that end in (from, to], kbit/s. */
export function meanRate(rates: FlowResult["rates"], from: number, to: number): number | null {
  const inside = rates.filter(([at]) => at > from && at <= to).map(([, kbit]) => kbit);
  return inside.length === 0 ? null : inside.reduce((sum, value) => sum + value, 0) / inside.length;
}

/** Seconds from `from` until a flow has at least `wanted` kbit/s in the next half second and in the next three. */
export function recovery({ rates }: Pick<FlowResult, "rates">, from: number, wanted: number): number | null {
  const end = rates.at(-1)?.[0] ?? 0;
  for (let at = from; at + 3 <= end; at += 0.1) {
    const good = [0.5, 3].every((span) => (meanRate(rates, at, at + span) ?? 0) >= wanted);
    if (good) return at - from;
  }
  return null;
}

/** Longest time without a byte, s. */
export function stall({ rates }: Pick<FlowResult, "rates">, from: number, to: number): number | null {
  const moments = rates.filter(([at, kbit]) => kbit > 0 && at >= from && at <= to).map(([at]) => at);
  if (moments.length < 2) return null;
  const gaps = [...moments, to].map((at, index) => at - (index === 0 ? from : (moments[index - 1] as number)));
  return Math.max(...gaps);
}

function answered({ pings }: PingResult, from: number, to: number): number[] {
  return pings.flatMap(([at, ms]) => (ms !== null && at >= from && at <= to ? [ms] : []));
}

/** @param values in the order of time */
export function percentile(values: number[], statistic: ScenarioFigure["statistic"]): number | null {
  if (statistic === "jitter") {
    const steps = values.slice(1).map((value, index) => Math.abs(value - (values[index] as number)));
    return steps.length === 0 ? null : steps.reduce((sum, step) => sum + step, 0) / steps.length;
  }
  const sorted = [...values].sort((a, b) => a - b);
  const part = { median: 0.5, p95: 0.95, max: 1 }[statistic];
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? null;
}

/** Part of its rate from which on a line counts as carrying. */
const carryingPart = 0.2;

/** Seconds from `from` until every line carries in the next half second and in the next two. */
function carrying({ plan, result: { samples } }: FigureContext, from: number): number | null {
  const rate = (line: number, start: number, end: number): number => {
    const inside = samples.filter(({ at }) => at >= start && at <= end);
    const [first, last] = [inside[0], inside.at(-1)];
    if (first === undefined || last === undefined || last.at === first.at) return 0;
    return (((last.lines[line]?.down ?? 0) - (first.lines[line]?.down ?? 0)) * 8) / 1000 / (last.at - first.at);
  };
  const end = samples.at(-1)?.at ?? 0;
  for (let at = from; at + 2 <= end; at += 0.1) {
    const all = plan.lines.every((line, index) => [0.5, 2].every((span) => rate(index, at, at + span) >= carryingPart * line.rate.down));
    if (all) return at - from;
  }
  return null;
}

function expectedAddress({ expect = "" }: ScenarioFigure, { plan, job }: FigureContext): string {
  if (expect === "server") return plan.server.address;
  if (expect === "backup") return job.network.backup?.address ?? expect;
  return job.network.lines.find(({ name }) => name === expect)?.wan.modem ?? expect;
}

/** Seconds from `from` until an answer is the expected one, and the two after it, too. */
function reached(wanted: ScenarioFigure, context: FigureContext): Taken {
  const { from = 0 } = wanted;
  const expected = expectedAddress(wanted, context);
  const after = traffic(wanted, context.result, "ask").answers.filter(({ at }) => at >= from);
  const index = after.findIndex((_, place) => [0, 1, 2].every((next) => after[place + next]?.answer === expected));
  return index < 0
    ? { value: null, unit: "s", detail: `${expected} was not seen three times on end` }
    : { value: (after[index]?.until ?? 0) - from, unit: "s" };
}

/** Ports of the server that a stranger may find not closed. */
function expectedPorts({ lines, forwards }: Plan): Set<string> {
  return new Set([
    "22/open/tcp",
    ...lines.flatMap(({ port }) => [`${port}/open|filtered/udp`]),
    ...forwards.flatMap(({ port: forwarded, protocols }) => {
      const [low, high] = portBounds(forwarded);
      const ports = Array.from({ length: high - low + 1 }, (_, index) => low + index);
      return ports.flatMap((port) =>
        protocols.flatMap((protocol) => ["open", "filtered", "open|filtered"].map((state) => `${port}/${state}/${protocol}`)),
      );
    }),
  ]);
}

/** Most that a line alone may differ from what it is set to, percent. */
const calibrationLimit = 1;

/** What a calibration has measured, kbit/s and ms; null: nothing. In the order of its expectations. */
function measuredIn({ job, expected, skip }: Calibration, result: JobResult): (number | null)[] {
  return expected.map(({ traffic: name }) => {
    const found = result.traffic[name];
    const timed = job.traffic.find((one) => one.name === name);
    if (found?.kind === "flow") return meanRate(found.rates, (timed?.start ?? 0) + skip, timed?.end ?? 0);
    return found?.kind === "ping" ? percentile(answered(found, 0, Infinity), "median") : null;
  });
}

/** Figures of a calibration. Where one is not met, no other figure of these lines counts. */
export function calibrationFigures(calibration: Calibration, result: JobResult): Figure[] {
  const all = measuredIn(calibration, result);
  return calibration.expected.map(({ line, direction, value: wanted }, index) => {
    const measured = all[index] ?? null;
    const unit = direction === "ping" ? "ms" : "kbit/s";
    const value = measured === null ? null : (100 * measured) / wanted;
    const digits = direction === "ping" ? 1 : 0;
    return {
      name: `${line} alone, ${direction === "ping" ? "idle ping" : `UDP ${direction}`}`,
      value,
      unit: "%",
      bar: `${100 - calibrationLimit} to ${100 + calibrationLimit} %`,
      met: value !== null && Math.abs(value - 100) <= calibrationLimit,
      detail: `${measured?.toFixed(digits) ?? "nothing"} of ${wanted.toFixed(digits)} ${unit}`,
      ofBestLine: null,
    };
  });
}

/** The best line alone in each direction, as a calibration has measured it. */
export function bestLineIn(calibration: Calibration, result: JobResult): BestLine {
  const all = measuredIn(calibration, result);
  const [down, up] = directions.map((wanted) => {
    const lines = calibration.expected.flatMap(({ line, direction, tcp }, index) => {
      const udp = all[index] ?? null;
      return direction !== wanted || udp === null ? [] : [{ line, tcp: udp * tcp, udp }];
    });
    const [best] = [...lines].sort((a, b) => b.tcp - a.tcp);
    const sum = (kind: "tcp" | "udp"): number => lines.reduce((total, one) => total + one[kind], 0);
    return best === undefined ? undefined : { ...best, all: { tcp: sum("tcp"), udp: sum("udp") } };
  });
  return down === undefined || up === undefined ? null : { down, up };
}

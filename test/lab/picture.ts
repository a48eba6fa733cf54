import { type Attributes, element, picture, text as textAt } from "../../builder/picture/svg";
import { colour, lineColour, sans } from "../../builder/picture/style";
import type { BestLine } from "./figures";
import { type Direction, directions, ends, type FlowResult, type JobResult, type PingResult } from "./job";
import type { NamedScenario } from "./scenario";

const size = { width: 1000, left: 84, right: 24, chart: 150, ping: 130, gap: 40, state: 12, row: 14 };
const font = { title: 17, plain: 12, axis: 11, event: 10.5 };
const lost = "#cc0000";
/** Of several pings, in their order. */
const pingColours = [colour.soft, "#7e22ce", "#0f766e", "#b45309"];

interface Point {
  x: number;
  y: number;
}

interface Curve {
  name: string;
  stroke: string;
  width: number;
  points: Point[];
}

/** One part of the picture: how high it is, and what it draws from a given top on. */
interface Panel {
  height: number;
  draw: (top: number) => string[];
}

interface Context {
  scenario: NamedScenario;
  lines: string[];
  result: JobResult;
  bestLine: BestLine;
}

/**
 * Throughput both ways beside the best line alone, every ping, which lines were in the bond, and what happened, over time.
 * @param lines their names, in the profile's order
 * @param bestLine as the calibration measured it
 * @returns SVG
 */
export function pictureOf(scenario: NamedScenario, lines: string[], result: JobResult, bestLine: BestLine): string {
  const context = { scenario, lines, result, bestLine };
  const panels = [heading(context), whatHappened(context), inTheBond(context), ...directions.map((one) => throughput(context, one))];
  panels.push(latency(context));
  let top = 0;
  const tops = panels.map(({ height }) => (top += height) - height);
  const bottom = top;
  const height = bottom + 46;
  return picture({ width: size.width, height }, { title: scenario.title }, { "font-family": sans }, [
    element("rect", { width: "100%", height: "100%", fill: colour.card }),
    ...eventLines(context, tops[1] ?? 0, bottom),
    ...panels.flatMap(({ draw }, index) => draw(tops[index] ?? 0)),
    ...times(scenario.seconds, bottom),
  ]);
}

const right = size.width - size.right;
const across = (at: number, seconds: number): number => size.left + (Math.max(0, at) / seconds) * (right - size.left);

/** The title, and which colour is what. */
function heading({ scenario, lines, bestLine, result }: Context): Panel {
  const rows = wrapped(scenario.title, 92);
  const best =
    bestLine === null || flowsOf(result, scenario, null).length === 0
      ? []
      : [{ name: "best line alone, payload", stroke: lost, dashed: true }];
  const series = [
    ...lines.map((name, index) => ({ name: `packets on ${name}`, stroke: lineColour({ index }), dashed: false })),
    { name: "payload of all flows, else packets in the bond", stroke: colour.ink, dashed: false },
    ...best,
  ];
  if (result.samples.some(({ slaves }) => slaves.box !== "")) series.push({ name: "out of the bond", stroke: lost, dashed: false });
  let [x, row] = [size.left, 0];
  const keys = series.map((one) => {
    const width = 34 + widthOf(one.name, font.plain);
    if (x + width > right) [x, row] = [size.left, row + 1];
    x += width;
    return { ...one, at: x - width, row };
  });
  const legend = rows.length * 22 + 26;
  return {
    height: legend + (row + 1) * 18,
    draw: (top) => [
      ...rows.map((title, index) =>
        text(size.left, top + 26 + index * 22, title, { "font-size": font.title, "font-weight": "bold", fill: colour.ink }),
      ),
      ...keys.flatMap(({ name, stroke, dashed, at, row: place }) => {
        const dashes: Attributes = dashed ? { "stroke-dasharray": "5 3" } : {};
        const y = top + legend + place * 18;
        return [element("path", { d: `M${f(at)} ${y - 4}h16`, stroke, "stroke-width": 3, ...dashes }), text(at + 21, y, name)];
      }),
    ],
  };
}

/** What was done to the network. What the bond made of it has a panel of its own. */
const eventsOf = ({ result: { notes } }: Context): JobResult["notes"] =>
  notes.filter(({ text: what, at }) => !what.endsWith(": done") && !what.startsWith("slaves: ") && at >= 0.05);

function eventLines(context: Context, top: number, bottom: number): string[] {
  return eventsOf(context).map(({ at }) => {
    const d = `M${f(across(at, context.scenario.seconds))} ${top}V${bottom}`;
    return element("path", { d, stroke: colour.wire, "stroke-width": 1, "stroke-dasharray": "6 3" });
  });
}

/** More often than this, and an event has a label at its first time only. */
const oftenAbove = 3;

/** A label for each event, in as many rows as it takes that none lies over another. */
function whatHappened(context: Context): Panel {
  const { seconds } = context.scenario;
  const all = eventsOf(context);
  const times = (what: string): number => all.filter((one) => one.text === what).length;
  const shown = all.filter(({ text: what }, index) => times(what) <= oftenAbove || all.findIndex((one) => one.text === what) === index);
  const ends: number[] = [];
  const labels = shown.map(({ at, text: what }) => {
    const short = what.length > 60 ? `${what.slice(0, 59)}…` : what;
    const label = times(what) > oftenAbove ? `${short} (${times(what)} times)` : short;
    const [x, width] = [across(at, seconds), widthOf(label, font.event) + 8];
    const left = x + width > right ? x - width : x;
    const free = ends.findIndex((end) => end <= left);
    const row = free < 0 ? ends.length : free;
    ends[row] = left + width;
    return { x: left + 4, row, label };
  });
  return {
    height: ends.length === 0 ? 0 : ends.length * size.row + 8,
    draw: (top) =>
      labels.flatMap(({ x, row, label }) => {
        const y = top + (row + 1) * size.row - 2;
        // The lines of other events pass behind it.
        const paper = { x: f(x - 2), y: y - 10, width: f(widthOf(label, font.event) + 4), height: 13, fill: colour.card };
        return [element("rect", paper), text(x, y, label, { "font-size": font.event, fill: colour.ink })];
      }),
  };
}

/** A bar per line while both ends hold it for up; red while one of them does not. */
function inTheBond({ lines, result: { samples }, scenario: { seconds } }: Context): Panel {
  const stateAt = (line: number, index: number): string =>
    ends.every((end) => samples[index]?.slaves[end][line] === "+") ? "up" : samples[index]?.slaves.box === "" ? "none" : "out";
  if (!samples.some(({ slaves }) => slaves.box !== "")) return { height: 0, draw: () => [] };
  return {
    height: lines.length * size.state + 12,
    draw: (top) =>
      lines.flatMap((name, line) => {
        const y = top + line * size.state;
        const starts = samples.flatMap((_, index) => (index === 0 || stateAt(line, index) !== stateAt(line, index - 1) ? [index] : []));
        const bars = starts.map((start, place) => {
          const [from, to] = [samples[start]?.at ?? 0, samples[starts[place + 1] ?? samples.length - 1]?.at ?? seconds];
          const fill = stateAt(line, start) === "up" ? lineColour({ index: line }) : lost;
          const opacity = stateAt(line, start) === "up" ? 0.35 : 1;
          const width = Math.max(1, across(to, seconds) - across(from, seconds));
          return element("rect", {
            x: f(across(from, seconds)),
            y: y + 2,
            width: f(width),
            height: size.state - 4,
            fill,
            "fill-opacity": opacity,
          });
        });
        return [
          text(size.left - 8, y + 10, name.length > 14 ? `${name.slice(0, 13)}…` : name, { "font-size": 9.5, "text-anchor": "end" }),
          ...bars,
        ];
      }),
  };
}

/** @param direction null: both */
function flowsOf({ traffic }: JobResult, scenario: NamedScenario, direction: Direction | null): FlowResult[] {
  return scenario.traffic.flatMap((wanted) => {
    const found = traffic[wanted.name];
    return found?.kind === "flow" && (direction === null || wanted.direction === direction) ? [found] : [];
  });
}

function throughput({ scenario, lines, result, bestLine }: Context, direction: Direction): Panel {
  const flows = flowsOf(result, scenario, direction);
  const curves: Curve[] = [
    ...lines.map((name, index) => ({
      name,
      stroke: lineColour({ index }),
      width: 1.4,
      points: rates(result.samples, (sample) => sample.lines[index]?.[direction]),
    })),
    {
      name: "all",
      stroke: colour.ink,
      width: 2.2,
      points: flows.length > 0 ? payload(flows, scenario.seconds) : rates(result.samples, ({ bond }) => bond[direction]),
    },
  ];
  const best = flows.length === 0 ? undefined : bestLine?.[direction];
  const bestRate = (best?.tcp ?? 0) / 1000;
  const most = niceAbove(Math.max(0.1, bestRate, ...curves.flatMap(({ points }) => points.map(({ y }) => y))));
  return {
    height: size.chart + size.gap,
    draw: (head) => {
      const [top, base] = [head + size.gap - 12, head + size.gap + size.chart - 12];
      const y = (value: number): number => base - (value / most) * size.chart;
      const alone =
        best === undefined
          ? []
          : [
              element("path", {
                d: `M${size.left} ${f(y(bestRate))}H${right}`,
                stroke: lost,
                "stroke-width": 1.4,
                "stroke-dasharray": "5 3",
              }),
            ];
      const note = best === undefined ? "" : `; the best line alone, ${best.line}, gives ${bestRate.toFixed(bestRate < 10 ? 2 : 1)}`;
      return [
        text(size.left, top - 8, `${direction === "down" ? "Down, into the LAN" : "Up, out of the LAN"}, Mbit/s${note}`, {
          "font-weight": "bold",
        }),
        ...grid(most, y, scenario.seconds, top, base),
        ...curves.map(({ points, stroke, width }) =>
          path(
            points.map((point) => ({ x: across(point.x, scenario.seconds), y: y(point.y) })),
            stroke,
            width,
          ),
        ),
        ...alone,
      ];
    },
  };
}

/** Over half a second, in samples. */
const span = 5;

/** Mbit/s over half a second, of a counter in bytes. */
function rates(samples: JobResult["samples"], counter: (sample: JobResult["samples"][number]) => number | undefined): Point[] {
  return samples.flatMap((sample, index) => {
    const before = samples[index - span];
    if (before === undefined) return [];
    // A counter that went back belongs to a device that was made again.
    const rate = Math.max(0, (((counter(sample) ?? 0) - (counter(before) ?? 0)) * 8) / 1e6 / (sample.at - before.at));
    return [{ x: (sample.at + before.at) / 2, y: rate }];
  });
}

/** Mbit/s that the receivers of all flows got together, over half a second. */
function payload(flows: FlowResult[], seconds: number): Point[] {
  const step = 0.5;
  return Array.from({ length: Math.floor(seconds / step) }, (_, index) => {
    const [from, to] = [index * step, (index + 1) * step];
    const sum = flows.reduce((all, { rates: found }) => {
      const inside = found.filter(([at]) => at > from && at <= to).map(([, kbit]) => kbit);
      return all + (inside.length === 0 ? 0 : inside.reduce((a, b) => a + b, 0) / inside.length);
    }, 0);
    return { x: (from + to) / 2, y: sum / 1000 };
  });
}

/** Every ping: a colour each, and its lost ones in a row of its own at the top. */
function latency({ scenario, result: { traffic } }: Context): Panel {
  const { seconds } = scenario;
  const all = scenario.traffic.flatMap(({ name }) => {
    const found = traffic[name];
    return found?.kind === "ping" ? [{ name, pings: (found satisfies PingResult).pings }] : [];
  });
  if (all.length === 0) return { height: 0, draw: () => [] };
  const most = niceAbove(Math.max(10, ...all.flatMap(({ pings }) => pings.map(([, ms]) => ms ?? 0))));
  const names = all.length === 1 ? "Ping" : `Pings ${all.map(({ name }) => name).join(", ")}`;
  const gone = all.reduce((sum, { pings }) => sum + pings.filter(([, ms]) => ms === null).length, 0);
  return {
    height: size.ping + size.gap,
    draw: (head) => {
      const [top, base] = [head + size.gap - 12, head + size.gap + size.ping - 12];
      const y = (value: number): number => base - (value / most) * size.ping;
      let x = size.left + widthOf(`${names}, ms; ${gone} lost, in red at the top`, font.plain) + 30;
      const keys = all.map(({ name }, index) => {
        const at = x;
        x += 22 + widthOf(name, font.plain);
        const dot = element("circle", { cx: f(at), cy: top - 12, r: 4, fill: pingColour(index) });
        return all.length === 1 ? "" : dot + text(at + 8, top - 8, name);
      });
      return [
        text(size.left, top - 8, `${names}, ms; ${gone === 0 ? "none lost" : `${gone} lost, in red at the top`}`, {
          "font-weight": "bold",
        }),
        ...keys,
        ...grid(most, y, seconds, top, base),
        ...all.flatMap(({ pings }, index) =>
          pings.flatMap(([at, ms]) =>
            ms === null
              ? [element("rect", { x: f(across(at, seconds) - 0.75), y: top + index * 11, width: 1.5, height: 9, fill: lost })]
              : [element("circle", { cx: f(across(at, seconds)), cy: f(y(ms)), r: 1.5, fill: pingColour(index) })],
          ),
        ),
      ];
    },
  };
}

const pingColour = (index: number): string => pingColours[index % pingColours.length] ?? colour.soft;

/** Lines across at round values with their figures, and faint ones at round times. */
function grid(most: number, y: (value: number) => number, seconds: number, top: number, base: number): string[] {
  const rows = [0, 1, 2, 3, 4].map((part) => (most * part) / 4);
  return [
    ...moments(seconds).map((at) =>
      element("path", { d: `M${f(across(at, seconds))} ${top}V${base}`, stroke: colour.frame, "stroke-width": 0.4 }),
    ),
    ...rows.map((value) => element("path", { d: `M${size.left} ${f(y(value))}H${right}`, stroke: colour.frame })),
    ...rows.map((value) =>
      text(size.left - 8, y(value) + 4, `${Number(value.toFixed(2))}`, { "font-size": font.axis, "text-anchor": "end" }),
    ),
  ];
}

function moments(seconds: number): number[] {
  const step = niceStep(seconds / 12);
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
}

function times(seconds: number, bottom: number): string[] {
  return [
    ...moments(seconds).map((at) =>
      text(across(at, seconds), bottom + 6, `${Number(at.toFixed(2))}`, { "font-size": font.axis, "text-anchor": "middle" }),
    ),
    text((size.left + right) / 2, bottom + 28, "virtual seconds", { "text-anchor": "middle" }),
  ];
}

function path(points: Point[], stroke: string, width: number): string {
  const d = points.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${f(x)} ${f(y)}`).join("");
  return element("path", { d: d || "M0 0", fill: "none", stroke, "stroke-width": width, "stroke-linejoin": "round" });
}

function text(x: number, y: number, what: string, attributes: Attributes = {}): string {
  return textAt(f(x), f(y), what, { "font-size": font.plain, fill: colour.soft, ...attributes });
}

/** About how wide a text is, pixels: readers have different fonts, so rather too wide. */
const widthOf = (what: string, fontSize: number): number => what.length * fontSize * 0.56;

/** A text in rows of at most so many characters, broken at blanks. */
function wrapped(what: string, most: number): string[] {
  const rows: string[] = [];
  for (const word of what.split(" ")) {
    const row = rows.at(-1);
    if (row === undefined || row.length + 1 + word.length > most) rows.push(word);
    else rows[rows.length - 1] = `${row} ${word}`;
  }
  return rows;
}

/** A tenth of a pixel is enough. */
const f = (value: number): number => Number(value.toFixed(1));

/**
 * A round number, not below the value.
 * @param factors of a power of ten.
 */
function niceStep(value: number, factors: number[] = [1, 2, 5, 10]): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return (factors.find((factor) => factor * power >= value - 1e-9) ?? 10) * power;
}

/** The top of an axis with four steps. */
function niceAbove(value: number): number {
  return 4 * niceStep(value / 4, [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]);
}

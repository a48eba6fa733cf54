import { type Attributes, element, picture, text as textAt } from "../../builder/picture/svg";
import { colour, lineColour, sans } from "../../builder/picture/style";
import type { JobResult } from "./job";
import type { NamedScenario } from "./scenario";

const size = { width: 1000, left: 64, right: 24, top: 56, chart: 220, ping: 130, gap: 78 };
const font = { title: 17, plain: 12, axis: 11, event: 9.5 };
const lost = "#cc0000";

interface Point {
  x: number;
  y: number;
}

/** Throughput of each line and of the bond, latency, and what happened, over time. @returns SVG. */
export function pictureOf(scenario: NamedScenario, lines: string[], result: JobResult): string {
  const bottom = size.top + size.chart + size.gap + size.ping;
  const height = bottom + 48;
  return picture({ width: size.width, height }, { title: scenario.title }, { "font-family": sans }, [
    element("rect", { width: "100%", height: "100%", fill: colour.card }),
    text(size.left, 24, scenario.title, { "font-size": font.title, "font-weight": "bold" }),
    ...events(result, scenario.seconds, bottom),
    ...throughput(lines, result, scenario.seconds),
    ...latency(result, scenario.seconds),
  ]);
}

const across = (at: number, seconds: number): number => size.left + (Math.max(0, at) / seconds) * (size.width - size.left - size.right);

function throughput(names: string[], { samples }: JobResult, seconds: number): string[] {
  const series = [
    ...names.map((name, index) => ({ name, stroke: lineColour({ index }), width: 1.6, rates: rates(samples, index) })),
    { name: "bond", stroke: colour.ink, width: 2.2, rates: rates(samples, null) },
  ];
  const most = niceAbove(Math.max(1, ...series.flatMap((one) => one.rates.map(({ y }) => y))));
  const base = size.top + size.chart;
  const y = (value: number): number => base - (value / most) * size.chart;
  const legend = series.map(({ name, stroke }, index) => {
    const x = size.width - size.right - (series.length - index) * 110;
    return element("rect", { x, y: 34, width: 14, height: 4, fill: stroke }) + text(x + 20, 40, name);
  });
  return [
    text(size.left, 44, "Mbit/s into the LAN: packets on the lines, payload and headers in the bond"),
    ...axis(most, y, seconds, base),
    ...series.map((one) =>
      path(
        one.rates.map((point) => ({ x: across(point.x, seconds), y: y(point.y) })),
        one.stroke,
        one.width,
      ),
    ),
    ...legend,
  ];
}

/** Mbit/s down over half a second; null: of the bond. */
function rates(samples: JobResult["samples"], line: number | null): Point[] {
  const span = 5;
  const bytes = (index: number): number => {
    const sample = samples[index];
    return line === null ? (sample?.bond.down ?? 0) : (sample?.lines[line]?.down ?? 0);
  };
  return samples.flatMap((sample, index) => {
    const before = samples[index - span];
    if (before === undefined) return [];
    // A counter that went back belongs to a device that was made anew.
    const rate = Math.max(0, ((bytes(index) - bytes(index - span)) * 8) / 1e6 / (sample.at - before.at));
    return [{ x: (sample.at + before.at) / 2, y: rate }];
  });
}

function latency({ traffic }: JobResult, seconds: number): string[] {
  const pings = Object.values(traffic).find((found) => found.kind === "ping")?.pings ?? [];
  const top = size.top + size.chart + size.gap;
  const base = top + size.ping;
  const answered = pings.flatMap(([x, y]) => (y === null ? [] : [{ x, y }]));
  const most = niceAbove(Math.max(10, ...answered.map(({ y }) => y)));
  const y = (value: number): number => base - (value / most) * size.ping;
  return [
    text(size.left, top - 12, pings.length === 0 ? "no ping in this scenario" : "ping, ms; lost ones in red at the top"),
    ...axis(most, y, seconds, base),
    ...answered.map((point) => element("circle", { cx: f(across(point.x, seconds)), cy: f(y(point.y)), r: 1.5, fill: colour.soft })),
    ...pings
      .filter(([, ms]) => ms === null)
      .map(([x]) => element("rect", { x: f(across(x, seconds) - 0.75), y: top, width: 1.5, height: 9, fill: lost })),
    text(size.width / 2 - 40, base + 38, "virtual seconds"),
  ];
}

function axis(most: number, y: (value: number) => number, seconds: number, base: number): string[] {
  const step = niceStep(seconds / 12);
  const rows = [0, 1, 2, 3, 4].map((part) => (most * part) / 4);
  const columns = Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
  return [
    ...rows.map((value) => element("path", { d: `M${size.left} ${f(y(value))}H${size.width - size.right}`, stroke: colour.frame })),
    ...rows.map((value) =>
      text(size.left - 8, y(value) + 4, `${Number(value.toFixed(2))}`, { "font-size": font.axis, "text-anchor": "end" }),
    ),
    ...columns.map((at) =>
      text(across(at, seconds), base + 16, `${Number(at.toFixed(2))}`, { "font-size": font.axis, "text-anchor": "middle" }),
    ),
  ];
}

/** What was done to the network, and what the bond made of it. */
function events({ notes }: JobResult, seconds: number, bottom: number): string[] {
  const shown = notes.filter(({ text: what, at }) => !what.endsWith(": done") && at >= 0.05);
  const rows = 4;
  const between = size.top + size.chart + 28;
  return shown.flatMap(({ at, text: what }, index) => {
    const x = across(at, seconds);
    const ours = what.startsWith("slaves: ");
    const label = shown.length > 14 && ours ? "" : what.replace("slaves: ", "");
    const dashes = ours ? { "stroke-width": 0.5, "stroke-dasharray": "2 3" } : { "stroke-width": 1, "stroke-dasharray": "6 3" };
    const line = element("path", { d: `M${f(x)} ${size.top}V${bottom}`, stroke: colour.wire, ...dashes });
    const anchor = x > size.width * 0.8 ? "end" : "start";
    return [
      line,
      text(x + (anchor === "end" ? -3 : 3), between + (index % rows) * 11, label, {
        "font-size": font.event,
        "text-anchor": anchor,
        fill: colour.wire,
      }),
    ];
  });
}

function path(points: Point[], stroke: string, width: number): string {
  const d = points.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${f(x)} ${f(y)}`).join("");
  return element("path", { d: d || "M0 0", fill: "none", stroke, "stroke-width": width, "stroke-linejoin": "round" });
}

function text(x: number, y: number, what: string, attributes: Attributes = {}): string {
  return textAt(f(x), f(y), what, { "font-size": font.plain, fill: colour.soft, ...attributes });
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

import { xml } from "../../builder/base/quote";
import type { JobResult } from "./job";
import type { NamedScenario } from "./scenario";

const size = { width: 1000, left: 64, right: 24, top: 56, chart: 220, ping: 130, gap: 78 };
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#f0e442", "#999999"];
const ink = { bond: "#111111", text: "#333333", grid: "#dddddd", event: "#7a7a7a", lost: "#cc0000" };

interface Point {
  x: number;
  y: number;
}

/** Throughput of each line and of the bond, latency, and what happened, over time. @returns SVG. */
export function pictureOf(scenario: NamedScenario, lines: string[], result: JobResult): string {
  const bottom = size.top + size.chart + size.gap + size.ping;
  const height = bottom + 48;
  const parts = [
    text(size.left, 24, scenario.title, { size: 17, weight: "bold" }),
    ...events(result, scenario.seconds, bottom),
    ...throughput(lines, result, scenario.seconds),
    ...latency(result, scenario.seconds),
  ];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" width="${size.width}" height="${height}" ` +
    `font-family="sans-serif" role="img" aria-label="${xml(scenario.title)}">\n<rect width="100%" height="100%" fill="#ffffff"/>\n${parts.join("\n")}\n</svg>\n`
  );
}

const across = (at: number, seconds: number): number => size.left + (Math.max(0, at) / seconds) * (size.width - size.left - size.right);

function throughput(names: string[], { samples }: JobResult, seconds: number): string[] {
  const series = [
    ...names.map((name, index) => ({ name, colour: colours[index % colours.length] as string, width: 1.6, rates: rates(samples, index) })),
    { name: "bond", colour: ink.bond, width: 2.2, rates: rates(samples, null) },
  ];
  const most = niceAbove(Math.max(1, ...series.flatMap((one) => one.rates.map(({ y }) => y))));
  const base = size.top + size.chart;
  const y = (value: number): number => base - (value / most) * size.chart;
  const legend = series.map(({ name, colour }, index) => {
    const x = size.width - size.right - (series.length - index) * 110;
    return `<rect x="${x}" y="34" width="14" height="4" fill="${colour}"/>${text(x + 20, 40, name, { size: 12 })}`;
  });
  return [
    text(size.left, 44, "Mbit/s into the LAN: packets on the lines, payload and headers in the bond", { size: 12 }),
    ...axis(most, y, seconds, base),
    ...series.map((one) =>
      path(
        one.rates.map((point) => ({ x: across(point.x, seconds), y: y(point.y) })),
        one.colour,
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
    text(size.left, top - 12, pings.length === 0 ? "no ping in this scenario" : "ping, ms; lost ones in red at the top", { size: 12 }),
    ...axis(most, y, seconds, base),
    ...answered.map((point) => `<circle cx="${f(across(point.x, seconds))}" cy="${f(y(point.y))}" r="1.5" fill="${ink.text}"/>`),
    ...pings
      .filter(([, ms]) => ms === null)
      .map(([x]) => `<rect x="${f(across(x, seconds) - 0.75)}" y="${top}" width="1.5" height="9" fill="${ink.lost}"/>`),
    text(size.width / 2 - 40, base + 38, "virtual seconds", { size: 12 }),
  ];
}

function axis(most: number, y: (value: number) => number, seconds: number, base: number): string[] {
  const step = niceStep(seconds / 12);
  const rows = [0, 1, 2, 3, 4].map((part) => (most * part) / 4);
  const columns = Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
  return [
    ...rows.map((value) => `<path d="M${size.left} ${f(y(value))}H${size.width - size.right}" stroke="${ink.grid}"/>`),
    ...rows.map((value) => text(size.left - 8, y(value) + 4, `${Number(value.toFixed(2))}`, { size: 11, anchor: "end" })),
    ...columns.map((at) => text(across(at, seconds), base + 16, `${Number(at.toFixed(2))}`, { size: 11, anchor: "middle" })),
  ];
}

/** What was done to the network, and what the bond made of it. */
function events({ told }: JobResult, seconds: number, bottom: number): string[] {
  const shown = told.filter(({ text: what, at }) => !what.endsWith(": done") && at >= 0.05);
  const rows = 4;
  const between = size.top + size.chart + 28;
  return shown.flatMap(({ at, text: what }, index) => {
    const x = across(at, seconds);
    const ours = what.startsWith("slaves: ");
    const label = shown.length > 14 && ours ? "" : what.replace("slaves: ", "");
    const line = `<path d="M${f(x)} ${size.top}V${bottom}" stroke="${ink.event}" stroke-width="${ours ? 0.5 : 1}" stroke-dasharray="${ours ? "2 3" : "6 3"}"/>`;
    const anchor = x > size.width * 0.8 ? "end" : "start";
    return [line, text(x + (anchor === "end" ? -3 : 3), between + (index % rows) * 11, label, { size: 9.5, anchor, fill: ink.event })];
  });
}

function path(points: Point[], colour: string, width: number): string {
  const d = points.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${f(x)} ${f(y)}`).join("");
  return `<path d="${d || "M0 0"}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round"/>`;
}

interface TextStyle {
  size: number;
  weight?: string;
  anchor?: "start" | "middle" | "end";
  fill?: string;
}

function text(x: number, y: number, what: string, { size: font, weight = "normal", anchor = "start", fill = ink.text }: TextStyle): string {
  return `<text x="${f(x)}" y="${f(y)}" font-size="${font}" font-weight="${weight}" text-anchor="${anchor}" fill="${fill}">${xml(what)}</text>`;
}

const f = (value: number): string => `${Number(value.toFixed(1))}`;

/** A round number, not below the value. @param factors of a power of ten. */
function niceStep(value: number, factors: number[] = [1, 2, 5, 10]): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return (factors.find((factor) => factor * power >= value - 1e-9) ?? 10) * power;
}

/** The top of an axis with four steps. */
function niceAbove(value: number): number {
  return 4 * niceStep(value / 4, [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]);
}

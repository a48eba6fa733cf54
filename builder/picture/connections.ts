import type { LinePlan, Plan } from "../plan/types";
import { xml } from "../base/quote";
import { padlock } from "./drawings";
import { modeMeaning, expectation, bypassEntries, bypassText, forwardText, shorten } from "./labels";
import { column, pipe, listed, type Layout, rowMiddle, noteHeight } from "./layout";
import { colour, lineColour, font } from "./style";
import { element, group, text, centred } from "./svg";

/** The bond: a pipe from box to server, with a flange at each end. */
export function bondPipe(plan: Plan, at: Layout): string {
  const stop = (y: number, shade: string) => element("stop", { offset: y / at.pipeHeight, "stop-color": shade });
  const gradient = element(
    "defs",
    {},
    element(
      "linearGradient",
      { id: "pipe", x1: 0, y1: 0, x2: 0, y2: 1 },
      stop(0, colour.pipeShade) +
        stop(pipe.caption * 0.4, "#f1f6ff") +
        stop(pipe.caption, colour.pipe) +
        stop(at.pipeHeight - 24, colour.pipe) +
        stop(at.pipeHeight, colour.pipeShade),
    ),
  );
  const flange = (x: number) =>
    element("rect", {
      x,
      y: at.top - 7,
      width: pipe.flange,
      height: at.pipeHeight + 14,
      rx: 3,
      fill: "#7ea3e0",
      stroke: colour.bond,
      "stroke-opacity": 0.45,
    });
  const middle = (pipe.x + pipe.end) / 2;
  return [
    gradient,
    element("rect", {
      x: pipe.x,
      y: at.top,
      width: pipe.end - pipe.x,
      height: at.pipeHeight,
      fill: "url(#pipe)",
      stroke: colour.pipeEdge,
      "stroke-width": 1.5,
    }),
    flange(pipe.x),
    flange(pipe.end - pipe.flange),
    element(
      "text",
      { x: middle, y: at.top + 24, "text-anchor": "middle", ...font.plain, fill: colour.bond },
      element("tspan", { ...font.name, "font-size": 15, fill: colour.bond }, xml(plan.bond.name)) +
        xml(` · ${plan.bond.dealing}: ${modeMeaning(plan)}`),
    ),
    centred(middle, at.top + 44, expectation(plan), font.plain),
  ].join("\n");
}

/** One tunnel, drawn as a strand of the pipe that passes through its line's modem. */
export function strand(line: LinePlan, row: number, at: Layout): string {
  const y = rowMiddle(row, at);
  const from = pipe.x + pipe.flange;
  const to = pipe.end - pipe.flange;
  const label = `${line.tap} · UDP ${line.port}`;
  const pill = { width: 158, height: 24 };
  const x = (column.modem.x + column.modem.width + to) / 2 + 6;
  const path = { x1: from, y1: y, x2: to, y2: y };
  return group(
    // A halo of the pipe's colour lets a bypass that crosses pass visibly underneath.
    element("line", { ...path, stroke: colour.pipe, "stroke-width": 13 }),
    element("line", { ...path, stroke: lineColour(line), "stroke-width": 5 }),
    element("rect", {
      x: x - pill.width / 2,
      y: y - pill.height / 2,
      width: pill.width,
      height: pill.height,
      rx: pill.height / 2,
      fill: lineColour(line),
    }),
    padlock(x - pill.width / 2 + 13, y),
    text(x + 9, y + 4, label, { ...font.value, fill: "#ffffff", "text-anchor": "middle" }),
  );
}

/** Dashed: out of the modem, under the tunnels, straight to the internet. */
export function bypass(plan: Plan, at: Layout): string {
  const modemEnd = column.modem.x + column.modem.width;
  const channel = modemEnd + 16;
  const internetMiddle = column.internet.x + column.internet.width / 2;
  const used = plan.lines.flatMap((line, row) => (plan.bypass.some((entry) => entry.line === line.name) ? [row] : []));
  const [first = 0, ...others] = used.map((row) => rowMiddle(row, at) + 18);
  const way = [
    `M${modemEnd} ${first} H${channel - 8} q8 0 8 8 V${at.rail - 10} q0 10 10 10`,
    `H${internetMiddle - 10} q10 0 10 -10 V${at.middle + 42}`,
    ...others.map((y) => `M${modemEnd} ${y} H${channel - 8} q8 0 8 8`),
  ].join(" ");
  const entries = bypassEntries(plan);
  const shown = entries.slice(0, listed.bypass);
  const rest = entries.length - shown.length;
  return group(
    element("path", {
      d: way,
      fill: "none",
      stroke: colour.bypass,
      "stroke-width": 2,
      "stroke-dasharray": "7 5",
    }),
    element("path", {
      d: `M${internetMiddle} ${at.middle + 33} l6 12 h-12 z`,
      fill: colour.bypass,
    }),
    text(channel - 14, at.rail + 21, "bypass", {
      ...font.small,
      "font-weight": 700,
      fill: colour.bypass,
      "text-anchor": "end",
    }),
    ...shown.map((entry, row) => text(channel + 2, at.rail + 21 + row * 17, shorten(bypassText(entry), listed.bypassLength), font.item)),
    rest > 0 ? text(channel + 2, at.rail + 21 + shown.length * 17, `and ${rest} more`, font.small) : "",
  );
}

/** Width of a character of font.item, pixels. */
const ITEM = 6.35;

export function forwards(plan: Plan, at: Layout): string {
  const shown = plan.forwards.slice(0, listed.forwards);
  const rest = plan.forwards.length - shown.length;
  // Wider to the left only: on the right is the way of bypass traffic.
  const noteWidth = Math.max(232, 20 + Math.ceil(Math.max(...shown.map((forward) => forwardText(forward).length)) * ITEM));
  const x = column.server.x + (column.server.width + 232) / 2 - noteWidth;
  return group(
    element("path", {
      d: `M${x} ${at.noteTop} h${noteWidth - 14} l14 14 v${noteHeight(plan) - 14} h${-noteWidth} z`,
      fill: colour.note,
      stroke: colour.noteEdge,
    }),
    text(x + 10, at.noteTop + 18, "forwards", { ...font.small, "font-weight": 700, fill: colour.ink }),
    ...shown.map((forward, row) => text(x + 10, at.noteTop + 35 + row * 16, forwardText(forward), font.item)),
    rest > 0 ? text(x + 10, at.noteTop + 35 + shown.length * 16, `and ${rest} more`, font.small) : "",
  );
}

import type { LinePlan } from "../plan/types";
import type { Attributes } from "./svg";

export const colour = {
  paper: "#f8fafc",
  frame: "#cbd5e1",
  card: "#ffffff",
  ink: "#0f172a",
  soft: "#475569",
  wire: "#64748b",
  bond: "#1d4ed8",
  pipe: "#e6effd",
  pipeShade: "#b3cbf4",
  pipeEdge: "#93b4e8",
  note: "#fef9c3",
  noteEdge: "#e3c34a",
  bypass: "#c2410c",
};

/** One per line; dark enough for white text, and told apart by colour-blind readers through place and name too. */
const lineColours = ["#0369a1", "#b45309", "#15803d", "#7e22ce", "#be123c", "#0f766e", "#4d5b1f", "#a21caf"];

export const lineColour = ({ index }: Pick<LinePlan, "index">): string => lineColours[index % lineColours.length] ?? colour.wire;

export const sans = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

/** Values are set in a fixed width, so that their size is known whatever font the reader has. */
const mono = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";

export const font = {
  heading: { "font-size": 21, "font-weight": 700, fill: colour.ink },
  title: { "font-size": 15, "font-weight": 700, fill: colour.ink },
  plain: { "font-size": 12, fill: colour.soft },
  small: { "font-size": 11, fill: colour.soft },
  name: { "font-family": mono, "font-size": 14, "font-weight": 700, fill: colour.ink },
  value: { "font-family": mono, "font-size": 12, fill: colour.ink },
  item: { "font-family": mono, "font-size": 10.5, fill: colour.ink },
} satisfies Record<string, Attributes>;

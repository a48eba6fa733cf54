import type { Plan } from "../plan/types";
import { bondPipe, strand, bypass, forwards } from "./connections";
import { wire } from "./drawings";
import { heading, subheading, description } from "./labels";
import { width, margin, column, layout } from "./layout";
import { lan, box, server, modem, internet } from "./machines";
import { colour, sans, font } from "./style";
import { element, picture, text } from "./svg";

/** The profile's network as one picture: a self-contained SVG without scripts, links or fonts of its own. */
export function topologySvg(plan: Plan): string {
  const at = layout(plan);
  const parts = [
    element("rect", {
      x: 0.5,
      y: 0.5,
      width: width - 1,
      height: at.height - 1,
      rx: 14,
      fill: colour.paper,
      stroke: colour.frame,
    }),
    text(margin, 42, heading(plan), font.heading),
    text(margin, 64, subheading(plan), font.plain),
    wire(column.lan.x + column.lan.width, column.box.x, at.middle),
    wire(column.server.x + column.server.width, column.internet.x + 4, at.middle),
    bondPipe(plan, at),
    plan.bypass.length > 0 ? bypass(plan, at) : "",
    ...plan.lines.map((line, row) => strand(line, row, at)),
    ...plan.lines.map((line, row) => modem(line, row, at)),
    lan(plan, at),
    box(plan, at),
    server(plan, at),
    internet(at),
    plan.forwards.length > 0 ? forwards(plan, at) : "",
  ];
  const size = { width, height: at.height };
  return picture(size, { title: heading(plan), text: description(plan) }, { "font-family": sans }, parts);
}

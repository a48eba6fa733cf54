import type { LinePlan, Plan } from "../plan/types";
import { xml } from "../base/quote";
import { card, laptop, phone, board, rack } from "./drawings";
import { furtherNetworks, ratesOf, shorten } from "./labels";
import { column, modemHeight, lanHeight, type Layout, rowMiddle } from "./layout";
import { colour, lineColour, font } from "./style";
import { element, group, text, centred } from "./svg";

export function modem(line: LinePlan, row: number, at: Layout): string {
  const { x, width } = column.modem;
  const y = rowMiddle(row, at) - modemHeight / 2;
  const technology = { atm: "ADSL", ptm: "VDSL", ethernet: "" }[line.link];
  return group(
    card({ x, y, width, height: modemHeight, stroke: lineColour(line) }),
    element("path", {
      d: `M${x + 8} ${y} h-2 a6 6 0 0 0 -6 6 v${modemHeight - 12} a6 6 0 0 0 6 6 h2 z`,
      fill: lineColour(line),
    }),
    text(x + 18, y + 20, line.name, font.name),
    text(x + width - 9, y + 19, technology, { ...font.small, "font-size": 10, "text-anchor": "end" }),
    text(x + 18, y + 36, line.modem, font.value),
    text(x + 18, y + 52, ratesOf(line), font.small),
  );
}

export function lan(plan: Plan, at: Layout): string {
  const { x, width } = column.lan;
  const y = at.middle - lanHeight / 2;
  const middle = x + width / 2;
  const further = furtherNetworks(plan);
  return group(
    card({ x, y, width, height: lanHeight }),
    laptop(middle - 44, y + 18),
    phone(middle + 24, y + 18),
    centred(middle, y + 84, "LAN machines", font.title),
    centred(middle, y + 105, plan.lan.subnet, font.value),
    ...(further === null ? [] : [centred(middle, y + 118, further, font.small)]),
    centred(middle, y + 134, "their gateway", font.small),
    centred(middle, y + 151, plan.lan.address, { ...font.value, "font-weight": 700 }),
  );
}

export function box(plan: Plan, at: Layout): string {
  const { x, width } = column.box;
  const middle = x + width / 2;
  const y = at.middle - 78;
  return group(
    card({ x, y: at.endTop, width, height: at.endHeight }),
    board(middle - 27, y),
    centred(middle, y + 66, "box", font.title),
    centred(middle, y + 84, shorten(plan.hostname, 18), font.value),
    centred(middle, y + 101, "Raspberry Pi", font.small),
    ...addresses(middle, y + 124, [plan.lan.interface, plan.lan.address], [plan.bond.name, plan.tunnel.boxAddress]),
  );
}

export function server(plan: Plan, at: Layout): string {
  const { x, width } = column.server;
  const middle = x + width / 2;
  const y = at.middle - 78;
  const backups = plan.server.backups.length;
  const spare = backups === 0 ? "" : backups === 1 ? " + 1 backup" : ` + ${backups} backups`;
  return group(
    card({ x, y: at.endTop, width, height: at.endHeight }),
    rack(middle - 22, y),
    centred(middle, y + 66, "server", font.title),
    centred(middle, y + 84, plan.server.address, { ...font.value, "font-weight": 700 }),
    centred(middle, y + 101, `public address${spare}`, font.small),
    ...addresses(middle, y + 132, [plan.bond.name, plan.tunnel.serverAddress]),
  );
}

/** Pairs of port and address, one below the other. */
function addresses(middle: number, y: number, ...pairs: [name: string, address: string][]): string[] {
  return pairs.map(([name, address], row) =>
    element(
      "text",
      { x: middle, y: y + row * 17, "text-anchor": "middle", ...font.small },
      xml(`${shorten(name, 5)} `) + element("tspan", font.value, xml(address)),
    ),
  );
}

export function internet(at: Layout): string {
  const { x, width } = column.internet;
  const middle = x + width / 2;
  return group(
    element("path", {
      d: `M${x + 21} ${at.middle + 30} a22 22 0 0 1 -2 -43 a28 28 0 0 1 50 -14 a23 23 0 0 1 16 57 z`,
      fill: "#e0f2fe",
      stroke: colour.wire,
      "stroke-width": 1.5,
      "stroke-linejoin": "round",
    }),
    centred(middle, at.middle + 9, "internet", font.title),
  );
}

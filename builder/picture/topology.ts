import type { LinePlan, Plan } from "../plan/types";
import { xml } from "../render/quote";

type Attributes = Record<string, string | number>;

/** Everything is laid out on these columns, left to right; rows grow with the number of lines. Pixels. */
const width = 1200;
const margin = 24;
const column = {
  lan: { x: 24, width: 156 },
  box: { x: 228, width: 170 },
  modem: { x: 440, width: 192 },
  server: { x: 870, width: 170 },
  internet: { x: 1072, width: 104 },
};
const pipe = { x: column.box.x + column.box.width, end: column.server.x, caption: 58, row: 74, foot: 10, flange: 9 };
const modemHeight = 60;
const endHeight = 176;
const lanHeight = 168;
/** How many are listed before "and N more", and how long a list entry may get, characters. */
const listed = { forwards: 4, bypass: 4, bypassLength: 82 };

const colour = {
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

const sans = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
/** Values are set in a fixed width, so that their size is known whatever font the reader has. */
const mono = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const font = {
  heading: { "font-size": 21, "font-weight": 700, fill: colour.ink },
  title: { "font-size": 15, "font-weight": 700, fill: colour.ink },
  plain: { "font-size": 12, fill: colour.soft },
  small: { "font-size": 11, fill: colour.soft },
  name: { "font-family": mono, "font-size": 14, "font-weight": 700, fill: colour.ink },
  value: { "font-family": mono, "font-size": 12, fill: colour.ink },
  item: { "font-family": mono, "font-size": 10.5, fill: colour.ink },
} satisfies Record<string, Attributes>;

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
  const title = element("title", { id: "title" }, xml(heading(plan)));
  const desc = element("desc", { id: "desc" }, xml(description(plan)));
  const picture = element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width,
      height: at.height,
      viewBox: `0 0 ${width} ${at.height}`,
      role: "img",
      "aria-labelledby": "title desc",
      "font-family": sans,
    },
    ["", title, desc, ...parts.filter((part) => part !== ""), ""].join("\n"),
  );
  return `${picture}\n`;
}

interface Layout {
  height: number;
  /** Top and height of the bond's pipe. */
  top: number;
  pipeHeight: number;
  /** Box and server stand on both sides of the pipe and are at least as tall. */
  endTop: number;
  endHeight: number;
  /** Height of the wires at both sides. */
  middle: number;
  /** Top of the note with the forwards. */
  noteTop: number;
  /** Height of the line along which bypass traffic goes to the internet. */
  rail: number;
}

function layout(plan: Plan): Layout {
  const pipeHeight = pipe.caption + plan.lines.length * pipe.row + pipe.foot;
  const ends = Math.max(endHeight, pipeHeight + 28);
  const endTop = 88;
  const noteTop = endTop + ends + 14;
  const ended = plan.forwards.length > 0 ? noteTop + noteHeight(plan) : endTop + ends;
  const rail = ended + 20;
  const bottom = plan.bypass.length > 0 ? rail + 10 + Math.min(bypassEntries(plan).length, listed.bypass + 1) * 17 : ended;
  return {
    height: bottom + margin,
    top: endTop + (ends - pipeHeight) / 2,
    pipeHeight,
    endTop,
    endHeight: ends,
    middle: endTop + ends / 2,
    noteTop,
    rail,
  };
}

const rowMiddle = (row: number, at: Layout): number => at.top + pipe.caption + row * pipe.row + pipe.row / 2;
const noteHeight = (plan: Plan): number => 30 + Math.min(plan.forwards.length, listed.forwards + 1) * 16;
const lineColour = (line: LinePlan): string => lineColours[line.index % lineColours.length] ?? colour.wire;

/** The bond: a pipe from box to server, with a flange at each end. */
function bondPipe(plan: Plan, at: Layout): string {
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
        xml(` · ${plan.bond.mode}: ${modeMeaning(plan)}`),
    ),
    centred(middle, at.top + 44, expectation(plan), font.plain),
  ].join("\n");
}

/** One tunnel, drawn as a strand of the pipe that passes through its line's modem. */
function strand(line: LinePlan, row: number, at: Layout): string {
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

function modem(line: LinePlan, row: number, at: Layout): string {
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
    text(x + 18, y + 52, `↓ ${mbit(line.rate.down)}  ↑ ${mbit(line.rate.up)} Mbit/s`, font.small),
  );
}

function lan(plan: Plan, at: Layout): string {
  const { x, width } = column.lan;
  const y = at.middle - lanHeight / 2;
  const middle = x + width / 2;
  return group(
    card({ x, y, width, height: lanHeight }),
    laptop(middle - 44, y + 18),
    phone(middle + 24, y + 18),
    centred(middle, y + 84, "LAN machines", font.title),
    centred(middle, y + 105, plan.lan.subnet, font.value),
    centred(middle, y + 134, "their gateway", font.small),
    centred(middle, y + 151, plan.lan.address, { ...font.value, "font-weight": 700 }),
  );
}

function box(plan: Plan, at: Layout): string {
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

function server(plan: Plan, at: Layout): string {
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

function internet(at: Layout): string {
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

/** Dashed: out of the modem, under the tunnels, straight to the internet. */
function bypass(plan: Plan, at: Layout): string {
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

interface BypassEntry {
  name: string;
  line: string;
  protocols: string[];
  ports: string[];
  networks: string[];
}

/** The plan has one entry per firewall rule; a person thinks of one per name. */
function bypassEntries(plan: Plan): BypassEntry[] {
  const entries = new Map<string, BypassEntry>();
  for (const { name, line, protocol, ports, network } of plan.bypass) {
    const entry = entries.get(name) ?? { name, line, protocols: [], ports: [], networks: [] };
    entries.set(name, {
      ...entry,
      protocols: withNew(entry.protocols, [protocol]),
      ports: withNew(entry.ports, ports?.replaceAll(":", "-").split(",") ?? []),
      networks: withNew(entry.networks, [network]),
    });
  }
  return [...entries.values()];
}

function withNew(values: string[], more: (string | null)[]): string[] {
  return [...new Set([...values, ...more.filter((value) => value !== null)])];
}

function bypassText({ name, line, protocols, ports, networks }: BypassEntry): string {
  const traffic = ports.length === 0 ? "all" : `${protocols.join("+")} ${shortList(ports, 2)}`;
  const to = networks.length === 0 ? "" : ` to ${shortList(networks, 1)}`;
  return `${name} → ${line}: ${traffic}${to}`;
}

function forwards(plan: Plan, at: Layout): string {
  const noteWidth = 232;
  const x = column.server.x + (column.server.width - noteWidth) / 2;
  const shown = plan.forwards.slice(0, listed.forwards);
  const rest = plan.forwards.length - shown.length;
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

function forwardText({ port, protocols, host, hostPort, toBox }: Plan["forwards"][number]): string {
  const protocol = protocols.length === 1 ? `/${protocols[0]}` : "";
  const at = hostPort === port ? "" : `:${hostPort}`;
  return `${port}${protocol} → ${toBox ? "box" : host}${at}`;
}

function heading(plan: Plan): string {
  const lines = plan.lines.length === 1 ? "one line" : `${plan.lines.length} lines, one connection`;
  return `${shorten(plan.profile, 40)}: ${lines}`;
}

function subheading(plan: Plan): string {
  if (plan.lines.length === 1) return "The tunnel to the server is encrypted.";
  return "Every tunnel is encrypted and runs over its own line; the bond makes them one.";
}

function description(plan: Plan): string {
  const lines = plan.lines.map((line) => `${line.name} (modem ${line.modem}, ${line.tap}, UDP port ${line.port})`);
  const bypassed = [...new Set(plan.bypass.map((entry) => entry.line))];
  return [
    `The machines of the LAN ${plan.lan.subnet} use the box at ${plan.lan.address} as their gateway.`,
    `The box reaches the server ${plan.server.address} by one encrypted tunnel per line: ${lines.join(", ")}.`,
    `The tunnels are joined to ${plan.bond.name}, ${plan.tunnel.boxAddress} on the box and ${plan.tunnel.serverAddress} on the server, which leads to the internet.`,
    ...(bypassed.length > 0 ? [`Some traffic bypasses the bond by ${bypassed.join(" and ")}.`] : []),
    ...(plan.forwards.length > 0 ? [`Ports that the server forwards: ${plan.forwards.length}.`] : []),
  ].join(" ");
}

function modeMeaning(plan: Plan): string {
  if (plan.lines.length === 1) return "one tunnel";
  return {
    "balance-rr": "one connection uses all lines",
    "balance-xor": "each connection uses one line",
    "active-backup": "one line at a time",
    broadcast: "every packet on every line",
  }[plan.bond.mode];
}

function expectation(plan: Plan): string {
  const { down, up } = plan.expected;
  const rate = ({ ceiling, shaped }: typeof down) => mbit(plan.qos.enabled ? shaped : ceiling);
  const together = plan.lines.length === 1 ? "" : "together ";
  return `${together}at most ${rate(down)} Mbit/s down, ${rate(up)} Mbit/s up (computed)`;
}

/** kbit/s to Mbit/s with three digits that count. */
function mbit(kbit: number): string {
  return String(kbit >= 1_000_000 ? Math.round(kbit / 1000) : Number((kbit / 1000).toPrecision(3)));
}

function shorten(value: string, length: number): string {
  return value.length <= length ? value : `${value.slice(0, length - 1)}…`;
}

function shortList(values: string[], count: number): string {
  const rest = values.length - count;
  return values.slice(0, count).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

function element(name: string, attributes: Attributes, content = ""): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${xml(String(value))}"`);
  const start = `<${name}${written.join("")}`;
  return content === "" ? `${start}/>` : `${start}>${content}</${name}>`;
}

function group(...parts: string[]): string {
  return element("g", {}, parts.join(""));
}

function text(x: number, y: number, value: string, attributes: Attributes): string {
  return value === "" ? "" : element("text", { x, y, ...attributes }, xml(value));
}

function centred(x: number, y: number, value: string, attributes: Attributes): string {
  return text(x, y, value, { ...attributes, "text-anchor": "middle" });
}

function card(attributes: Attributes): string {
  return element("rect", { rx: 8, fill: colour.card, stroke: colour.wire, "stroke-width": 1.5, ...attributes });
}

function wire(from: number, to: number, y: number): string {
  return element("line", { x1: from, y1: y, x2: to, y2: y, stroke: colour.wire, "stroke-width": 5 });
}

// The little drawings; x, y: their top left corner, the padlock's: its middle.

function padlock(x: number, y: number): string {
  return (
    element("rect", { x, y: y - 2, width: 10, height: 8, rx: 1.5, fill: "#ffffff" }) +
    element("path", {
      d: `M${x + 2} ${y - 2} v-2 a3 3 0 0 1 6 0 v2`,
      fill: "none",
      stroke: "#ffffff",
      "stroke-width": 1.6,
    })
  );
}

function laptop(x: number, y: number): string {
  return (
    element("rect", {
      x: x + 6,
      y,
      width: 46,
      height: 32,
      rx: 3,
      fill: "#dbeafe",
      stroke: colour.wire,
      "stroke-width": 2,
    }) + element("path", { d: `M${x} ${y + 40} l5 -6 h48 l5 6 z`, fill: colour.wire })
  );
}

function phone(x: number, y: number): string {
  return (
    element("rect", {
      x,
      y: y + 4,
      width: 20,
      height: 36,
      rx: 4,
      fill: "#dbeafe",
      stroke: colour.wire,
      "stroke-width": 2,
    }) + element("circle", { cx: x + 10, cy: y + 35, r: 1.8, fill: colour.wire })
  );
}

/** A Raspberry Pi: a board with pins, a chip and four ports. */
function board(x: number, y: number): string {
  const ports = [8, 19, 30].map((down) =>
    element("rect", { x: x + 44, y: y + down - 4, width: 14, height: 8, rx: 1, fill: "#94a3b8", stroke: colour.soft }),
  );
  return [
    element("rect", { x, y, width: 54, height: 40, rx: 5, fill: "#bbe5c8", stroke: "#15803d", "stroke-width": 1.8 }),
    element("rect", { x: x + 6, y: y + 4, width: 30, height: 5, rx: 1, fill: "#334155" }),
    element("rect", { x: x + 14, y: y + 16, width: 15, height: 15, rx: 2, fill: "#334155" }),
    ...ports,
  ].join("");
}

function rack(x: number, y: number): string {
  return [0, 15, 30]
    .map(
      (down) =>
        element("rect", {
          x,
          y: y + down,
          width: 44,
          height: 12,
          rx: 2.5,
          fill: "#dbeafe",
          stroke: colour.wire,
          "stroke-width": 1.8,
        }) +
        element("circle", { cx: x + 8, cy: y + down + 6, r: 2.2, fill: "#16a34a" }) +
        element("line", {
          x1: x + 20,
          y1: y + down + 6,
          x2: x + 37,
          y2: y + down + 6,
          stroke: colour.wire,
          "stroke-width": 2,
        }),
    )
    .join("");
}

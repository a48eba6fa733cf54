import uPlot from "uplot";
import type { Outage } from "../runtime/outages";
import type { Explained, LineReport, Report } from "../runtime/report";
import type { Row } from "../runtime/rings";
import type { LineSample, Sample } from "../runtime/samples";
import { enter, showControl } from "./controls";

const find = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

function make(tag: string, text = "", className = ""): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className !== "") element.className = className;
  return element;
}

const sentences: Record<Report["state"], string> = {
  fine: "All is well",
  degraded: "It works, but not everything does",
  down: "No internet",
};

/** What both what is live and what was measured over days have; times in ms since 1970. */
type Point = Pick<Sample, "time" | "bond"> & { lines: Pick<LineSample, "rate" | "rtt" | "loss">[] };

interface Span {
  name: string;
  /** ms */
  length: number;
  /** Where the box has it; null: it is live. */
  path: string | null;
}

const minute = 60_000;
const day = 24 * 60 * minute;
const spans: Span[] = [
  { name: "10 minutes", length: 10 * minute, path: null },
  { name: "24 hours", length: day, path: "/api/v1/history/minutes" },
  { name: "7 days", length: 7 * day, path: "/api/v1/history/quarters" },
  { name: "90 days", length: 90 * day, path: "/api/v1/history/quarters" },
];

interface Graph {
  id: string;
  /** In words, for those who hear the page. */
  unit: string;
  bond: ((point: Point) => number | null) | null;
  line: (line: Point["lines"][number]) => number | null;
  /** Least that the axis reaches up to. */
  least: number;
}

const scaled = (value: number | null | undefined, by: number): number | null => (typeof value === "number" ? value * by : null);
const graphs: Graph[] = [
  { id: "down", unit: "Mbit/s", bond: ({ bond }) => scaled(bond.down, 0.001), line: ({ rate }) => scaled(rate.down, 0.001), least: 1 },
  { id: "up", unit: "Mbit/s", bond: ({ bond }) => scaled(bond.up, 0.001), line: ({ rate }) => scaled(rate.up, 0.001), least: 1 },
  { id: "rtt", unit: "ms", bond: null, line: ({ rtt }) => rtt, least: 50 },
  { id: "loss", unit: "%", bond: null, line: ({ loss }) => scaled(loss, 100), least: 1 },
];

let report: Report | null = null;
let names: string[] = [];
let live: Sample[] = [];
let shown: Point[] = [];
let span = spans[0] as Span;
let plots: { plot: uPlot; graph: Graph }[] = [];

/** Told apart also by those who do not see every colour (Okabe and Ito), on light and on dark. The bond has the colour of the text. */
const palette = {
  light: ["#0072b2", "#c2410c", "#007a5c", "#9b4d86", "#7a5c00", "#37718e", "#b3261e", "#555555"],
  dark: ["#56b4e9", "#e69f00", "#2fc49a", "#d69bc3", "#f0e442", "#8fb8cc", "#ff8a80", "#bbbbbb"],
};
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const dark = matchMedia("(prefers-color-scheme: dark)");

const inkOf = (): string => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const colourOf = (line: number): string => (dark.matches ? palette.dark : palette.light)[line % 8] as string;

function showReport(now: Report): void {
  const failed = report !== null && failuresOf(report) !== failuresOf(now);
  report = now;
  change(find("profile"), now.profile);
  find("state").dataset.state = now.state;
  change(find("sentence"), sentences[now.state]);
  change(find("summary"), now.summary);
  document.title = `${sentences[now.state]} – bondbox`;
  replace(find("findings"), now.findings.map(findingOf));
  replace(find("box"), factsOf(now));
  showLines();
  const before = names.join("\n");
  names = now.lines.map(({ name }) => name);
  if (names.join("\n") !== before) draw();
  if (failed) void showOutages();
}

const failuresOf = ({ state, lines }: Report): string => `${state} ${lines.map(({ up }) => up).join()}`;

/** Changes a text only if it differs, so that a screen reader does not read it again. */
function change(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function replace(parent: HTMLElement, children: HTMLElement[]): void {
  const next = document.createElement(parent.tagName);
  next.append(...children);
  if (next.innerHTML !== parent.innerHTML) parent.replaceChildren(...children);
}

function findingOf({ text, fix }: Explained): HTMLElement {
  const item = make("li", "", "finding");
  item.append(make("p", text));
  if (fix.length > 0) {
    const steps = make("ul");
    steps.append(...fix.map((step) => make("li", step)));
    item.append(steps);
  }
  return item;
}

function showLines(): void {
  const last = live.at(-1);
  const lines = report?.lines ?? [];
  const list = find("lines");
  // A line keeps its elements, and with them a button that has the focus.
  if (list.childElementCount !== lines.length)
    list.replaceChildren(
      ...lines.map(() => {
        const item = make("li");
        item.append(make("div"), make("div", "", "control"));
        return item;
      }),
    );
  for (const [index, line] of lines.entries()) {
    const item = list.children[index] as HTMLElement;
    const [content, control] = [...item.children] as [HTMLElement, HTMLElement];
    const { state, parts } = lineOf(line, last?.lines[index]);
    item.className = `line ${state}`;
    replace(content, parts);
    showControl(control, line);
  }
}

function lineOf(line: LineReport, now: LineSample | undefined): { state: string; parts: HTMLElement[] } {
  const state = line.reserve && (line.up || line.why?.code === "standby") ? "reserve" : line.up ? "up" : "down";
  const heading = make("h3", line.name);
  heading.append(make("span", state, "badge"));
  const facts = make("dl");
  const fact = (name: string, value: string | HTMLElement): void => {
    const cell = make("dd");
    cell.append(value);
    facts.append(make("dt", name), cell);
  };
  fact("Download", load(now?.rate.down ?? null, line.planned.down));
  fact("Upload", load(now?.rate.up ?? null, line.planned.up));
  if (typeof now?.rtt === "number") fact("Round trip", `${now.rtt.toFixed(0)} ms`);
  if (typeof now?.loss === "number") fact("Lost", `${(100 * now.loss).toFixed(1)} %`);
  if (line.failures !== null) fact("Failed", line.failures === 1 ? "once" : `${line.failures} times`);
  if (line.month !== null) fact("This month", `${(line.month.used / 1e9).toFixed(1)} of ${line.month.monthly / 1e9} GB`);
  const modem = make("a", line.modem) as HTMLAnchorElement;
  modem.href = `http://${line.modem}/`;
  fact("Modem", modem);
  const reasons = make("ul");
  reasons.append(...[...(line.why === null || line.why.code === "standby" ? [] : [line.why]), ...line.notes].map(findingOf));
  return { state, parts: [heading, facts, ...(reasons.childElementCount > 0 ? [reasons] : [])] };
}

/** "5.32 of 7.23 Mbit/s". Both in kbit/s. */
function load(rate: number | null, planned: number | null): string {
  return `${megabits(rate)} ${planned === null ? "Mbit/s" : `of ${megabits(planned)} Mbit/s`}`;
}

function megabits(kilobits: number | null): string {
  if (kilobits === null) return "–";
  const value = kilobits / 1000;
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function factsOf({ bond, lane, server, keySet, version }: Report): HTMLElement[] {
  const facts: [string, string][] = [
    ["Packets", bond.striper === true ? "each over the line on which it arrives first" : `dealt by ${bond.mode}`],
    ["TCP lane", laneText(lane)],
    ["Server", server.address],
    ["Key set", keySet],
    ["Version", version],
  ];
  return facts.flatMap(([name, value]) => (value === "" ? [] : [make("dt", name), make("dd", value)]));
}

function laneText(lane: Report["lane"]): string {
  if (lane === null) return "";
  if (lane.why === null) return lane.connections === null ? "on" : `on, ${lane.connections} connections`;
  return lane.why === "steady" ? "off, the lines are steady" : `off, it does not answer on the ${lane.why}`;
}

async function showOutages(): Promise<void> {
  const answer = await fetch("/api/v1/outages").catch(() => null);
  if (answer?.ok !== true) return;
  const all = (await answer.json()) as Outage[];
  if (all.length === 0) return replace(find("outages"), [make("p", "None is on record.")]);
  const table = make("table");
  const row = (tag: string, cells: string[]): HTMLElement => {
    const element = make("tr");
    element.append(...cells.map((cell) => make(tag, cell)));
    return element;
  };
  table.append(row("th", ["Line", "From", "For", "Why"]));
  for (const { line, start, end, cause } of all.slice(-20).reverse())
    table.append(row("td", [line ?? "all", new Date(start).toLocaleString(), end === null ? "until now" : lengthOf(start, end), cause]));
  const link = make("a", `All ${all.length} as a table (CSV)`) as HTMLAnchorElement;
  link.href = "/outages.csv";
  const rest = make("p");
  rest.append(link);
  replace(find("outages"), [table, rest]);
}

function lengthOf(start: string, end: string): string {
  const seconds = Math.round((Date.parse(end) - Date.parse(start)) / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** All graphs, from nothing: when the lines are known, and when colours change. */
function draw(): void {
  for (const { plot } of plots) plot.destroy();
  replace(find("legend"), ["bond", ...names].map(legendOf));
  const ink = inkOf();
  const axis = { stroke: ink, grid: { stroke: `${ink}22`, width: 1 }, ticks: { show: false } };
  plots = graphs.map((graph) => {
    const parent = find(graph.id);
    const options: uPlot.Options = {
      width: parent.clientWidth,
      height: 200,
      legend: { show: false },
      cursor: { drag: { setScale: false } },
      scales: {
        x: { range: (_, __, max) => [max - span.length / 1000, max] },
        y: { range: (_, __, max) => [0, Math.max(graph.least, max * 1.1)] },
      },
      axes: [axis, { ...axis, size: 48 }],
      series: [
        {},
        ...(graph.bond === null ? [] : [{ label: "bond", stroke: ink, width: 2, fill: `${ink}14` }]),
        ...names.map((name, index) => ({ label: name, stroke: colourOf(index), width: 2, dash: dashes[index % 4] ?? [] })),
      ],
    };
    return { plot: new uPlot(options, dataOf(graph), parent), graph };
  });
  describe();
}

function legendOf(name: string, index: number): HTMLElement {
  const item = make("li", name);
  const swatch = make("span", "", "swatch");
  swatch.style.borderColor = index === 0 ? inkOf() : colourOf(index - 1);
  swatch.style.borderTopStyle = index === 0 || dashes[(index - 1) % 4]?.length === 0 ? "solid" : "dashed";
  item.prepend(swatch);
  return item;
}

function dataOf({ bond, line }: Graph): uPlot.AlignedData {
  return [
    shown.map(({ time }) => time / 1000),
    ...(bond === null ? [] : [shown.map(bond)]),
    ...names.map((_, index) => shown.map(({ lines }) => (lines[index] === undefined ? null : line(lines[index])))),
  ] as uPlot.AlignedData;
}

function showPoints(points: Point[]): void {
  shown = points;
  for (const { plot, graph } of plots) plot.setData(dataOf(graph));
  describe();
}

/** For those who hear the page. */
function describe(): void {
  const last = shown.at(-1);
  const words = (value: number | null | undefined): string => (typeof value === "number" ? `${Number(value.toPrecision(3))}` : "unknown");
  for (const { id, unit, bond, line } of graphs) {
    const parts = names.map((name, index) => `${name} ${words(last?.lines[index] && line(last.lines[index]))}`);
    const whole = bond === null || last === undefined ? [] : [`bond ${words(bond(last))}`];
    find(id).setAttribute("aria-label", `At the end, in ${unit}: ${[...whole, ...parts].join(", ")}`);
  }
}

async function choose(wanted: Span): Promise<void> {
  span = wanted;
  replace(find("spans"), spans.map(spanOf));
  if (wanted.path === null) return showPoints(live);
  const answer = await fetch(wanted.path).catch(() => null);
  if (answer?.ok !== true || span !== wanted) return;
  const rows = (await answer.json()) as Row[];
  const first = Date.now() - wanted.length;
  showPoints(rows.map((row) => ({ ...row, time: 1000 * row.time })).filter(({ time }) => time > first));
}

function spanOf(one: Span): HTMLElement {
  const button = make("button", one.name);
  button.setAttribute("aria-pressed", `${one === span}`);
  button.addEventListener("click", () => {
    // The buttons are new at once; what was measured comes later.
    void choose(one);
    find("spans").querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
  });
  return button;
}

function listen(): void {
  const source = new EventSource("/api/v1/events");
  const on = <T>(name: string, use: (data: T) => void): void =>
    source.addEventListener(name, (event) => {
      change(find("contact"), "live");
      use(JSON.parse((event as MessageEvent<string>).data) as T);
    });
  const follow = (samples: Sample[]): void => {
    live = samples;
    showLines();
    if (span.path === null) showPoints(live);
  };
  on<Report>("status", showReport);
  on<Sample[]>("samples", follow);
  on<Sample>("sample", (one) => follow([...live.slice(-599), one]));
  // The browser comes back by itself, unless the box refuses.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(() => void enter().then(listen), 3000);
    if (find("contact").textContent !== "live" && find("contact").textContent !== "") return;
    change(find("contact"), `no contact with the box since ${new Date().toLocaleTimeString()}: trying again`);
  });
}

dark.addEventListener("change", draw);
addEventListener("resize", () => {
  for (const { plot, graph } of plots) plot.setSize({ width: find(graph.id).clientWidth, height: 200 });
});
// What was measured over days grows by the minute.
setInterval(() => span.path !== null && void choose(span), minute);
void enter().then(() => {
  void choose(span);
  void showOutages();
  listen();
});

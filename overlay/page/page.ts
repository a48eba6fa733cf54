import uPlot from "uplot";
import { explain, summary, texts } from "../runtime/messages";
import { causeOf, type Outage } from "../runtime/outages";
import { inOrder, type Point } from "../runtime/points";
import type { Explained, LineReport, Report } from "../runtime/report";
import type { Row } from "../runtime/rings";
import type { LineSample, Sample } from "../runtime/samples";
import { clockTime, dateAndTime, dayOfYear, language, minuteTime, number, roughly, unbroken, words } from "./words";
import { enter, forgetRefusals, showControl } from "./controls";

const find = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

function make(tag: string, text = "", className = ""): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = unbroken(text);
  if (className !== "") element.className = className;
  return element;
}

interface Span {
  name: string;
  /** How long it is, and how far apart its points are, ms. */
  length: number;
  step: number;
  /** Where the box has it; null: it is live. */
  path: string | null;
}

const minute = 60_000;
const day = 24 * 60 * minute;
const spans: Span[] = [
  { name: words.spans.minutes, length: 10 * minute, step: 1000, path: null },
  { name: words.spans.day, length: day, step: minute, path: "/api/v1/history/minutes" },
  { name: words.spans.week, length: 7 * day, step: 15 * minute, path: "/api/v1/history/quarters" },
  { name: words.spans.quarter, length: 90 * day, step: 15 * minute, path: "/api/v1/history/quarters" },
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
const printed = matchMedia("print");

const inkOf = (): string => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const colourOf = (line: number): string => (dark.matches && !printed.matches ? palette.dark : palette.light)[line % 8] as string;

function showReport(now: Report): void {
  // Another version may find what this page has no words for.
  if (report !== null && report.version !== now.version) return location.reload();
  const changed = report !== null && statesOf(report) !== statesOf(now);
  report = now;
  change(find("profile"), now.profile);
  find("state").dataset.state = now.state;
  const sentence = texts[language].states[now.state];
  change(find("sentence"), sentence);
  change(find("summary"), summary(now, language));
  document.title = `${sentence} – bondbox`;
  replace(find("findings"), now.findings.map(findingOf));
  replace(find("decisions"), now.decisions.map(decisionOf).reverse());
  replace(find("box"), factsOf(now));
  showLines();
  const before = names.join("\n");
  names = now.lines.map(({ name }) => name);
  if (names.join("\n") !== before) draw();
  if (!changed) return;
  forgetRefusals();
  void showOutages();
}

const statesOf = ({ state, lines }: Report): string => `${state} ${lines.map(({ up, takenOut }) => `${up} ${takenOut}`).join()}`;

/** Changes a text only if it differs, so that a screen reader does not read it again. */
function change(element: HTMLElement, text: string): void {
  const next = unbroken(text);
  if (element.textContent !== next) element.textContent = next;
}

function replace(parent: HTMLElement, children: HTMLElement[]): void {
  const next = document.createElement(parent.tagName);
  next.append(...children);
  if (next.innerHTML !== parent.innerHTML) parent.replaceChildren(...children);
}

function findingOf(finding: Explained): HTMLElement {
  const { text, fix } = explain(finding, language);
  const item = make("li", "", "finding");
  item.append(make("p", text));
  if (fix.length > 0) {
    const steps = make("ul");
    steps.append(...fix.map((step) => make("li", step)));
    item.append(steps);
  }
  return item;
}

function decisionOf(decision: Report["decisions"][number]): HTMLElement {
  return make("li", unbroken(words.decision(dateAndTime(new Date(decision.time)), decision.line, texts[language].decided(decision))));
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
  const state = stateOf(line);
  const heading = make("h3", line.name);
  heading.append(make("span", words.states[state], "badge"));
  const facts = make("dl");
  const fact = (name: string, value: string | HTMLElement): void => {
    const cell = make("dd");
    cell.append(typeof value === "string" ? unbroken(value) : value);
    facts.append(make("dt", name), cell);
  };
  fact(words.download, load(now?.rate.down ?? null, line.planned.down));
  fact(words.upload, load(now?.rate.up ?? null, line.planned.up));
  if (typeof now?.rtt === "number") fact(words.roundTrip, tripOf(now.rtt, now.jitter));
  if (typeof now?.loss === "number") fact(words.lost, `${number(100 * now.loss, 1)} %`);
  if (line.failures !== null) fact(words.failed, words.times(line.failures));
  if (line.month !== null) fact(words.month, texts[language].dataUsed(line.month.used, line.month.monthly));
  const modem = make("a", line.modem) as HTMLAnchorElement;
  modem.href = `http://${line.modem}/`;
  fact(words.modem, modem);
  const reasons = make("ul");
  reasons.append(...[...(line.why === null || line.why.code === "standby" ? [] : [line.why]), ...line.notes].map(findingOf));
  return { state, parts: [heading, facts, ...(reasons.childElementCount > 0 ? [reasons] : [])] };
}

function stateOf({ up, why, reserve, takenOut, health }: LineReport): keyof typeof words.states {
  if (!up && takenOut !== null) return "out";
  if (reserve && (up || why?.code === "standby")) return "reserve";
  if (!up) return "down";
  if (health?.state === "returning") return "trial";
  return health?.state === "degraded" ? "impaired" : "up";
}

/** "31 ms", or with the jitter if there is any to speak of. Both in ms. */
function tripOf(rtt: number, jitter: number | null): string {
  return jitter === null || jitter < 1 ? `${number(rtt, 0)} ms` : `${number(rtt, 0)} ms, ± ${number(jitter, 0)} ms`;
}

/** "5.32 of 7.23 Mbit/s". Both in kbit/s. */
function load(rate: number | null, planned: number | null): string {
  return planned === null ? `${megabits(rate)} Mbit/s` : words.load(megabits(rate), megabits(planned));
}

function megabits(kilobits: number | null): string {
  if (kilobits === null) return "–";
  const value = kilobits / 1000;
  return number(value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

function factsOf({ bond, lane, server, keySet, version }: Report): HTMLElement[] {
  const facts: [string, string][] = [
    [words.packets, bond.striper === true ? words.earliest : words.dealtBy(bond.mode)],
    [words.lane, laneText(lane)],
    [words.server, server.address],
    [words.keySet, keySet],
    [words.version, version],
  ];
  return facts.flatMap(([name, value]) => (value === "" ? [] : [make("dt", name), make("dd", value)]));
}

function laneText(lane: Report["lane"]): string {
  if (lane === null) return "";
  if (lane.why === null) return words.laneOn(lane.connections);
  return lane.why === "steady" ? words.laneSteady : words.laneSilent[lane.why];
}

async function showOutages(): Promise<void> {
  const answer = await fetch("/api/v1/outages").catch(() => null);
  if (answer?.ok !== true) return;
  const all = (await answer.json()) as Outage[];
  if (all.length === 0) return replace(find("outages"), [make("p", words.noOutage)]);
  const table = make("table");
  const row = (tag: string, cells: string[]): HTMLElement => {
    const element = make("tr");
    element.append(...cells.map((cell) => make(tag, cell)));
    return element;
  };
  table.append(row("th", words.columns));
  for (const { line, start, end, finding } of all.slice(-20).reverse()) {
    const length = end === null ? words.untilNow : lengthOf(start, end);
    table.append(row("td", [line ?? texts[language].allLines, dateAndTime(new Date(start)), length, causeOf({ finding }, language)]));
  }
  const link = make("a", words.wholeTable(all.length)) as HTMLAnchorElement;
  link.href = `/outages.csv?lang=${language}`;
  const rest = make("p");
  rest.append(link);
  replace(find("outages"), [table, rest]);
}

function lengthOf(start: string, end: string): string {
  const seconds = Math.round((Date.parse(end) - Date.parse(start)) / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${number(seconds / 3600, 1)} h`;
}

/** All graphs, from nothing: when the lines are known, and when colours change. */
function draw(): void {
  for (const { plot } of plots) plot.destroy();
  replace(find("legend"), [words.bond, ...names].map(legendOf));
  const ink = inkOf();
  const axis = { stroke: ink, grid: { stroke: `${ink}22`, width: 1 }, ticks: { show: false } };
  const x: uPlot.Axis = {
    ...axis,
    size: 28,
    space: 70,
    values: (_, moments, __, ___, step) => moments.map((moment) => timeOnAxis(moment, step)),
  };
  const y: uPlot.Axis = { ...axis, size: 48, values: (_, values) => values.map(roughly) };
  plots = graphs.map((graph) => {
    const parent = find(graph.id);
    const options: uPlot.Options = {
      width: parent.clientWidth,
      height: 200,
      legend: { show: false },
      cursor: { drag: { setScale: false } },
      scales: {
        x: { range: spanRange },
        y: { range: (_, __, max) => [0, Math.max(graph.least, max * 1.1)] },
      },
      axes: [x, y],
      series: [
        {},
        ...(graph.bond === null ? [] : [{ label: words.bond, stroke: ink, width: 2, fill: `${ink}14` }]),
        ...names.map((name, index) => ({ label: name, stroke: colourOf(index), width: 2, dash: dashes[index % 4] ?? [] })),
      ],
    };
    return { plot: new uPlot(options, dataOf(graph), parent), graph };
  });
  describe();
}

/** Up to the latest that is shown, by the box's clock; of a box that has just started, only what there is. s */
function spanRange(): [number, number] {
  const end = shown.at(-1)?.time ?? Date.now();
  const first = Math.min(shown[0]?.time ?? end, end - minute);
  return [Math.max(end - span.length, first) / 1000, end / 1000];
}

/** Both in s. */
function timeOnAxis(moment: number, step: number): string {
  const show = step < minute / 1000 ? clockTime : step < day / 1000 ? minuteTime : dayOfYear;
  return show(1000 * moment);
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
  shown = inOrder(points, span);
  for (const { plot, graph } of plots) plot.setData(dataOf(graph));
  describe();
}

/** For those who hear the page. */
function describe(): void {
  const last = shown.at(-1);
  const said = (value: number | null | undefined): string => (typeof value === "number" ? roughly(value) : words.unknown);
  for (const { id, unit, bond, line } of graphs) {
    const parts = names.map((name, index) => `${name} ${said(last?.lines[index] && line(last.lines[index]))}`);
    const whole = bond === null || last === undefined ? [] : [`${words.bond} ${said(bond(last))}`];
    find(id).setAttribute("aria-label", words.atEnd(unit, [...whole, ...parts]));
  }
}

async function choose(wanted: Span): Promise<void> {
  span = wanted;
  replace(find("spans"), spans.map(spanOf));
  if (wanted.path === null) return showPoints(live);
  const answer = await fetch(wanted.path).catch(() => null);
  if (answer?.ok !== true || span !== wanted) return;
  const rows = (await answer.json()) as Row[];
  showPoints(rows.map((row) => ({ ...row, time: 1000 * row.time })));
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
      change(find("contact"), words.live);
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
  // The browser comes back by itself, unless the box refuses: a session may be over.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(() => void enter().then(start), 3000);
    if (find("contact").textContent !== words.live && find("contact").textContent !== "") return;
    change(find("contact"), words.noContact(clockTime(new Date())));
  });
}

/** All that has to be read, from the beginning. */
function start(): void {
  void choose(span);
  void showOutages();
  listen();
}

document.documentElement.lang = language;
for (const [id, text] of Object.entries(words.fixed)) change(find(id), text);
find("spans").setAttribute("aria-label", words.timeShown);
for (const query of [dark, printed]) query.addEventListener("change", draw);
addEventListener("resize", () => {
  for (const { plot, graph } of plots) plot.setSize({ width: find(graph.id).clientWidth, height: 200 });
});
// What was measured over days grows by the minute.
setInterval(() => span.path !== null && void choose(span), minute);
void enter().then(start);

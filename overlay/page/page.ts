import uPlot from "uplot";
import type { Explained, LineReport, Report } from "../runtime/report";
import type { Sample } from "../runtime/samples";

type Direction = "down" | "up";

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

let names: string[] = [];
let samples: Sample[] = [];
let graphs: { plot: uPlot; direction: Direction }[] = [];

/** Told apart also by those who do not see every colour (Okabe and Ito), on light and on dark. The bond is in the colour of the text. */
const palette = {
  light: ["#0072b2", "#c2410c", "#007a5c", "#9b4d86", "#7a5c00", "#37718e", "#b3261e", "#555555"],
  dark: ["#56b4e9", "#e69f00", "#2fc49a", "#d69bc3", "#f0e442", "#8fb8cc", "#ff8a80", "#bbbbbb"],
};
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const dark = matchMedia("(prefers-color-scheme: dark)");

const inkOf = (): string => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const colourOf = (line: number): string => (dark.matches ? palette.dark : palette.light)[line % 8] as string;

function showReport(report: Report): void {
  find("profile").textContent = report.profile;
  find("state").dataset.state = report.state;
  change(find("sentence"), sentences[report.state]);
  change(find("summary"), report.summary);
  document.title = `${sentences[report.state]} – bondbox`;
  replace(find("findings"), report.findings.map(findingOf));
  replace(find("lines"), report.lines.map(lineOf));
  replace(find("box"), factsOf(report));
  const now = report.lines.map(({ name }) => name);
  if (now.join("\n") !== names.join("\n")) {
    names = now;
    draw();
  }
}

/** Changes a text only if it differs, so that a screen reader does not read it again. */
function change(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function replace(parent: HTMLElement, children: HTMLElement[]): void {
  const before = parent.innerHTML;
  const next = document.createElement(parent.tagName);
  next.append(...children);
  if (next.innerHTML !== before) parent.replaceChildren(...children);
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

function lineOf(line: LineReport): HTMLElement {
  const state = line.reserve && (line.up || line.why?.code === "standby") ? "reserve" : line.up ? "up" : "down";
  const item = make("li", "", `line ${state}`);
  const heading = make("h3", line.name);
  heading.append(make("span", state, "badge"));
  const facts = make("dl");
  const fact = (name: string, ...values: (string | HTMLElement)[]): void => {
    const value = make("dd");
    value.append(...values);
    facts.append(make("dt", name), value);
  };
  fact("Download", load(line, "down"));
  fact("Upload", load(line, "up"));
  if (line.failures !== null) fact("Failed", `${line.failures} times`);
  if (line.month !== null) fact("This month", `${(line.month.used / 1e9).toFixed(1)} of ${line.month.monthly / 1e9} GB`);
  const modem = make("a", line.modem) as HTMLAnchorElement;
  modem.href = `http://${line.modem}/`;
  fact("Modem", modem);
  const reasons = make("ul");
  reasons.append(...[...(line.why === null || line.why.code === "standby" ? [] : [line.why]), ...line.notes].map(findingOf));
  item.append(heading, facts, ...(reasons.childElementCount > 0 ? [reasons] : []));
  return item;
}

/** "5.32 of 7.23 Mbit/s" */
function load({ rate, planned }: LineReport, direction: Direction): string {
  const plan = planned[direction];
  return `${megabits(rate[direction])} ${plan === null ? "Mbit/s" : `of ${megabits(plan)} Mbit/s`}`;
}

function megabits(kilobits: number | null): string {
  if (kilobits === null) return "–";
  const value = kilobits / 1000;
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function factsOf({ bond, lane, server, keySet, version, time }: Report): HTMLElement[] {
  const facts: [string, string][] = [
    ["Packets", bond.striper === true ? "each over the line on which it arrives first" : `dealt by ${bond.mode}`],
    ["TCP lane", laneText(lane)],
    ["Server", server.address],
    ["Key set", keySet],
    ["Version", version],
    ["Its clock", new Date(time).toLocaleString()],
  ];
  return facts.flatMap(([name, value]) => (value === "" ? [] : [make("dt", name), make("dd", value)]));
}

function laneText(lane: Report["lane"]): string {
  if (lane === null) return "";
  if (lane.why === null) return lane.connections === null ? "on" : `on, ${lane.connections} connections`;
  return lane.why === "steady" ? "off, the lines are steady" : `off, it does not answer on the ${lane.why}`;
}

/** Both graphs, anew: when the lines are known, when the colours or the width change. */
function draw(): void {
  for (const { plot } of graphs) plot.destroy();
  replace(
    find("legend"),
    ["bond", ...names].map((name, index) => legendOf(name, index)),
  );
  graphs = (["down", "up"] as const).map((direction) => {
    const parent = find(direction);
    const ink = inkOf();
    const axis = { stroke: ink, grid: { stroke: `${ink}22`, width: 1 }, ticks: { show: false } };
    const options: uPlot.Options = {
      width: parent.clientWidth,
      height: 220,
      legend: { show: false },
      cursor: { drag: { setScale: false } },
      scales: { x: { range: (_, __, max) => [max - 600, max] }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
      axes: [axis, { ...axis, size: 48 }],
      series: [
        {},
        { label: "bond", stroke: ink, width: 2, fill: `${ink}14`, spanGaps: false },
        ...names.map((name, index) => ({ label: name, stroke: colourOf(index), width: 2, dash: dashes[index % 4] ?? [] })),
      ],
    };
    return { plot: new uPlot(options, dataOf(direction), parent), direction };
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

function dataOf(direction: Direction): uPlot.AlignedData {
  const value = (kilobits: number | null | undefined): number | null => (typeof kilobits === "number" ? kilobits / 1000 : null);
  return [
    samples.map(({ time }) => time / 1000),
    samples.map(({ bond }) => value(bond[direction])),
    ...names.map((_, line) => samples.map(({ lines }) => value(lines[line]?.[direction]))),
  ];
}

function showSamples(): void {
  for (const { plot, direction } of graphs) plot.setData(dataOf(direction));
  describe();
}

/** For those who hear the page. */
function describe(): void {
  const last = samples.at(-1);
  for (const direction of ["down", "up"] as const) {
    const parts = names.map((name, line) => `${name} ${megabits(last?.lines[line]?.[direction] ?? null)}`);
    const text = `Now: ${megabits(last?.bond[direction] ?? null)} Mbit/s; ${parts.join(", ")}`;
    find(direction).setAttribute("aria-label", text);
  }
}

function listen(): void {
  const source = new EventSource("/api/v1/events");
  const on = <T>(name: string, use: (data: T) => void): void =>
    source.addEventListener(name, (event) => {
      find("contact").textContent = "live";
      use(JSON.parse((event as MessageEvent<string>).data) as T);
    });
  on<Report>("status", showReport);
  on<Sample[]>("samples", (all) => {
    samples = all;
    showSamples();
  });
  on<Sample>("sample", (one) => {
    samples = [...samples.slice(-599), one];
    showSamples();
  });
  // The browser comes back by itself.
  source.addEventListener("error", () => {
    find("contact").textContent = `no contact with the box since ${new Date().toLocaleTimeString()}: trying again`;
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

dark.addEventListener("change", draw);
addEventListener("resize", () => {
  for (const { plot, direction } of graphs) plot.setSize({ width: find(direction).clientWidth, height: 220 });
});
listen();

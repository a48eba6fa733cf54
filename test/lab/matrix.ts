import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { centred, element, picture, text } from "../../builder/picture/svg";
import { colour, sans } from "../../builder/picture/style";
import { UsageError } from "../../builder/errors";
import { meanRate } from "./figures";
import type { JobResult } from "./job";
import { Bench, inParallel, type LabSettings } from "./lab";
import { jobOf, systemOf } from "./plan-job";
import { loadScenario, type NamedScenario } from "./scenario";

/** Line two is line one with these: times its rates, ms more of round trip, and a fault. */
const ratios = [1, 3, 10];
const spreads = [0, 25, 100];
/** jitter: ms more or less, each way; loss: percent, each way. */
const faults = {
  none: {},
  "jitter-5": { jitter: 5 },
  "jitter-30": { jitter: 30 },
  "loss-1": { loss: 1 },
  "loss-3": { loss: 3 },
};
type Fault = keyof typeof faults;

/** Line one. */
const first = { down: 2000, up: 500, rtt: 20 };
/** Of each pair's part of the time line, s: both lines start unknown, then one flow over both, then the first is cut, and one flow over the second. */
const part = { flow: 6, from: 16, to: 31, cut: 31.5, alone: 33, aloneFrom: 38, end: 47, length: 49 };
/** Before the first pair: line one alone. */
const lead = 14;

/** A pair of lines by its place in the matrix. */
export interface Pair {
  fault: Fault;
  ratio: number;
  spread: number;
}

export interface Cell extends Pair {
  /** What one TCP flow got, and what it gets over each line alone, kbit/s; null: the run failed. */
  flow: number | null;
  one: number | null;
  two: number | null;
  /** Computed: both lines through their tunnels, kbit/s. */
  sum: number;
}

const pairs = (Object.keys(faults) as Fault[]).flatMap((fault) =>
  ratios.flatMap((ratio) => spreads.map((spread): Pair => ({ fault, ratio, spread }))),
);

/** Values of the matrix to choose from; of a kind without any, all. */
export interface Choice {
  ratio: string[];
  spread: string[];
  fault: string[];
}

/** @throws UsageError where a value is none of the matrix's */
export function pairsOf(choice: Choice): Pair[] {
  const known = { ratio: ratios, spread: spreads, fault: Object.keys(faults) };
  const kinds = ["ratio", "spread", "fault"] as const;
  for (const key of kinds)
    for (const value of choice[key])
      if (!known[key].some((one) => String(one) === value))
        throw new UsageError(`the matrix has no pair with --${key} ${value}`, `Choose from ${known[key].join(", ")}.`);
  return pairs.filter((pair) => kinds.every((key) => choice[key].length === 0 || choice[key].includes(String(pair[key]))));
}

/** A row for each pair, as --list prints it. */
export const listOf = (chosen: Pair[]): string =>
  chosen.map(({ fault, ratio, spread }) => `rate ratio ${ratio}, +${spread} ms, fault ${fault}`).join("\n");

/**
 * What one TCP flow gets over pairs of lines that differ, beside what it gets over each of them alone. Pairs with the same fault share a machine.
 * @returns how many pairs gave a figure, and how many none
 */
export async function runMatrix(chosen: Pair[], settings: LabSettings): Promise<{ passed: number; failed: number }> {
  const { out, print } = settings;
  return Bench.use(settings, async (bench) => {
    const found: Cell[] = [];
    mkdirSync(out, { recursive: true });
    const groups = [...new Set(chosen.map(({ fault }) => fault))].map((fault) => chosen.filter((pair) => pair.fault === fault));
    const tasks = groups.map((group) => async (): Promise<void> => {
      found.push(...(await runGroup(bench, group)));
      write(out, found);
    });
    await inParallel(tasks, settings.jobs);
    const failed = found.filter(({ flow, one, two }) => [flow, one, two].includes(null)).length;
    print(`lab: ${found.length - failed} figures, ${failed} runs failed; see matrix.md`);
    return { passed: found.length - failed, failed };
  });
}

async function runGroup(bench: Bench, group: Pair[]): Promise<Cell[]> {
  const label = `matrix ${group[0]?.fault}`;
  const scenario = scenarioOf(group);
  const { loaded, artefacts } = await bench.workshop.prepare(scenario, bench.settings.profile);
  const system = systemOf(scenario, loaded.plan);
  const { results, error } = await bench.run([jobOf(scenario, loaded.plan, false)], artefacts, { label, seed: 1, system });
  if (error !== null) bench.settings.print(`${label}: FAILED: ${error.message}`);
  const [line] = loaded.plan.lines;
  // The plan knows how much of a line's rate is payload, whatever the rate.
  const payload = line === undefined ? Number.NaN : line.goodput.down / line.rate.down;
  const one = rateOf(results[0], "one", 6, lead - 1);
  return group.map((pair, index) => {
    const at = lead + index * part.length;
    const flow = rateOf(results[0], `both-${index}`, at + part.from, at + part.to);
    const two = rateOf(results[0], `two-${index}`, at + part.aloneFrom, at + part.end);
    return { ...pair, flow, one, two, sum: payload * first.down * (1 + pair.ratio) };
  });
}

function rateOf(result: JobResult | undefined, name: string, from: number, to: number): number | null {
  const flow = result?.traffic[name];
  return flow?.kind === "flow" ? meanRate(flow.rates, from, to) : null;
}

/** The profile says nothing of the lines: both ends start anew with each pair, and find by use what it is. */
function scenarioOf(group: Pair[]): NamedScenario {
  const line = (name: string, modem: string): object => ({ name, modem, link: "ethernet", rate: "ip" });
  const flow = (name: string, start: number, end: number): object => ({ name, kind: "flow", direction: "down", start, end });
  // The watchdog holds a line back the longer, the more often it was cut.
  const forget = (at: number): object[] =>
    ["box", "server"].map((half) => ({ at, do: "run", half, command: ["systemctl", "restart", "bondbox-striper", "bondbox-watchdog"] }));
  const text = JSON.stringify({
    title: "pairs of lines",
    set: { lines: [line("one", "192.168.1.240"), line("two", "192.168.1.254")], bypass: [] },
    lines: { one: first, two: first },
    seconds: lead + group.length * part.length,
    events: [
      { at: 0, do: "cut", line: "two" },
      { at: lead - 0.5, do: "restore", line: "two" },
      ...group.flatMap(({ fault, ratio, spread }, index) => {
        const at = lead + index * part.length;
        const values = { down: first.down * ratio, up: first.up * ratio, rtt: first.rtt + spread, jitter: 0, loss: 0, ...faults[fault] };
        return [
          { at, do: "restore", line: "one" },
          { at, do: "change", line: "two", to: values },
          ...forget(at + 1),
          { at: at + part.cut, do: "cut", line: "one" },
        ];
      }),
    ],
    traffic: [
      flow("one", 1, lead - 1),
      ...group.flatMap((_, index) => {
        const at = lead + index * part.length;
        return [flow(`both-${index}`, at + part.flow, at + part.to), flow(`two-${index}`, at + part.alone, at + part.end)];
      }),
    ],
    figures: [{ name: "flow", kind: "goodput", traffic: "one" }],
  });
  return { ...loadScenario(text, "matrix"), name: "matrix", file: "matrix" };
}

function write(out: string, measured: Cell[]): void {
  // Line one is the same in every group, but some find its rate later.
  const one = Math.max(...measured.map((cell) => cell.one ?? 0));
  const found = measured.map((cell) => ({ ...cell, one: cell.one === null ? null : one }));
  writeFileSync(join(out, "matrix.json"), `${JSON.stringify(found, null, 2)}\n`);
  writeFileSync(join(out, "matrix.svg"), heatMap(found));
  writeFileSync(join(out, "matrix.md"), markdownOf(found));
}

function cellOf(found: Cell[], { fault, ratio, spread }: Pair): Cell | undefined {
  return found.find((one) => one.fault === fault && one.ratio === ratio && one.spread === spread);
}

/** Against the better line alone; null: there is no such figure. */
function gainOf(cell: Cell | undefined): number | null {
  if (cell === undefined || cell.flow === null || cell.one === null || cell.two === null) return null;
  return cell.flow / Math.max(cell.one, cell.two);
}

/** Faults that were run. */
const faultsIn = (found: Cell[]): Fault[] => (Object.keys(faults) as Fault[]).filter((fault) => found.some((one) => one.fault === fault));

const titles: Record<Fault, string> = {
  none: "Steady",
  "jitter-5": "Line two jitters by 5 ms",
  "jitter-30": "Line two jitters by 30 ms",
  "loss-1": "Line two loses 1 %",
  "loss-3": "Line two loses 3 %",
};

function markdownOf(found: Cell[]): string {
  const tables = faultsIn(found).map((fault) => {
    const rows = ratios.map((ratio) => {
      const row = spreads.map((spread) => {
        const cell = cellOf(found, { fault, ratio, spread });
        const gain = gainOf(cell);
        if (cell === undefined) return "–";
        return gain === null ? "failed" : `${percent(gain)} (${percent((cell.flow ?? 0) / cell.sum)} of the sum)`;
      });
      return `| ${ratio} | ${row.join(" | ")} |`;
    });
    const head = `| rate ratio | ${spreads.map((spread) => `+${spread} ms`).join(" | ")} |\n|---|${spreads.map(() => "---|").join("")}`;
    return `## ${titles[fault]}\n\n${head}\n${rows.join("\n")}`;
  });
  return `# One TCP flow over two lines that differ\n\nLine one has ${first.down}/${first.up} kbit/s and ${first.rtt} ms; line two has its rates times the ratio, and a longer round trip. One TCP flow down (CUBIC), of what it gets over the better line alone through the same tunnel, and of the sum of both lines (computed). The profile says nothing of the lines, and both ends forget what they know of them before each pair.\n\n![heat map](matrix.svg)\n\n${tables.join("\n\n")}\n`;
}

const percent = (value: number): string => `${Math.round(100 * value)} %`;

const plain = { "font-size": 13, fill: colour.soft };
const bold = { "font-weight": "bold" };

/** Better than the best line alone: blue, the more the deeper. Worse: red. */
function heatMap(found: Cell[]): string {
  const size = { x: 110, y: 76, width: 118, height: 54, gap: 56 };
  const width = size.x + spreads.length * size.width + 24;
  const block = size.y + ratios.length * size.height + size.gap;
  const shown = faultsIn(found);
  const columns = Math.min(shown.length, 2);
  const parts = shown.flatMap((fault, index) => {
    const [left, top] = [(index % columns) * width, Math.floor(index / columns) * block];
    return [
      text(left + 24, top + 28, titles[fault], { ...plain, ...bold, "font-size": 16 }),
      text(left + 24, top + size.y - 10, "rate ratio", plain),
      ...spreads.map((spread, column) => centred(left + size.x + (column + 0.5) * size.width, top + size.y - 10, `+${spread} ms`, plain)),
      ...ratios.flatMap((ratio, row) => [
        text(left + size.x - 18, top + size.y + (row + 0.6) * size.height, `× ${ratio}`, { ...plain, "text-anchor": "end" }),
        ...spreads.flatMap((spread, column) => {
          const gain = gainOf(cellOf(found, { fault, ratio, spread }));
          const [x, y] = [left + size.x + column * size.width, top + size.y + row * size.height];
          const dark = gain !== null && Math.abs(Math.log2(Math.max(gain, 0.01))) > 0.75;
          return [
            element("rect", { x, y, width: size.width - 3, height: size.height - 3, fill: colourOf(gain) }),
            centred(x + size.width / 2, y + size.height * 0.6, gain === null ? "–" : percent(gain), {
              ...plain,
              ...bold,
              fill: dark ? colour.card : colour.ink,
            }),
          ];
        }),
      ]),
    ];
  });
  const paper = element("rect", { width: "100%", height: "100%", fill: colour.card });
  const title = "What one TCP flow gets over pairs of lines, of the better line alone";
  return picture({ width: columns * width, height: Math.ceil(shown.length / columns) * block }, { title }, { "font-family": sans }, [
    paper,
    ...parts,
  ]);
}

/** White at the best line's own rate, full colour at twice or half of it. */
function colourOf(gain: number | null): string {
  if (gain === null) return "#eeeeee";
  const depth = Math.max(-1, Math.min(1, Math.log2(Math.max(gain, 0.01))));
  const [r, g, b] = depth >= 0 ? [0, 90, 160] : [190, 40, 20];
  const mix = (channel: number): number => Math.round(255 + (channel - 255) * Math.abs(depth));
  return `rgb(${mix(r)},${mix(g)},${mix(b)})`;
}

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { centred, element, picture, text } from "../../builder/picture/svg";
import { colour, sans } from "../../builder/picture/style";
import { UsageError } from "../../builder/errors";
import { Calibrations } from "./calibrate";
import { meanRate } from "./figures";
import { Bench, inParallel, type LabSettings } from "./lab";
import { jobOf, systemOf } from "./plan-job";
import { calibrated } from "./report";
import { loadScenario, type NamedScenario } from "./scenario";

/** Line 2 is line 1 with these: times its rates, ms more of round trip, ms of jitter each way. */
const ratios = [1, 1.5, 2, 4];
const spreads = [0, 12, 25, 50, 100];
const jitters = [0, 5];

/** Line 1, ADSL. */
const first = { down: 7072, up: 832, rtt: 25 };
/** The time line: warm-up, then what counts, s. */
const time = { from: 6, to: 21 };

export interface Cell {
  ratio: number;
  spread: number;
  jitter: number;
  /** What one TCP flow got, kbit/s; null: the run failed. */
  flow: number | null;
  /** Measured: the better line alone, without box and server, kbit/s; null: the lines did not calibrate. */
  best: number | null;
  /** Computed: both lines through their tunnels, kbit/s. */
  sum: number;
}

const cells = jitters.flatMap((jitter) => ratios.flatMap((ratio) => spreads.map((spread) => ({ jitter, ratio, spread }))));

/** A pair of lines by its place in the matrix. */
export type Pair = (typeof cells)[number];

/** Values of the matrix to choose from; of a kind without any, all. */
export interface Choice {
  ratio: string[];
  spread: string[];
  jitter: string[];
}

/** @throws UsageError where a value is none of the matrix's */
export function pairsOf(choice: Choice): Pair[] {
  const known = { ratio: ratios, spread: spreads, jitter: jitters };
  for (const key of ["ratio", "spread", "jitter"] as const)
    for (const value of choice[key])
      if (!known[key].some((one) => String(one) === value))
        throw new UsageError(`the matrix has no pair with --${key} ${value}`, `Choose from ${known[key].join(", ")}.`);
  const chosen = (key: keyof Choice, value: number): boolean => choice[key].length === 0 || choice[key].includes(String(value));
  return cells.filter((cell) => (["ratio", "spread", "jitter"] as const).every((key) => chosen(key, cell[key])));
}

/** A row for each pair, as --list prints it. */
export const listOf = (pairs: Pair[]): string =>
  pairs.map(({ ratio, spread, jitter }) => `rate ratio ${ratio}, +${spread} ms, jitter ${jitter} ms`).join("\n");

/**
 * What one TCP flow gets over pairs of lines that differ, beside the better of them alone.
 * @returns how many runs gave a figure, and how many none
 */
export async function runMatrix(pairs: Pair[], settings: LabSettings): Promise<{ passed: number; failed: number }> {
  const { out, print } = settings;
  return Bench.use(settings, async (bench) => {
    const found: Cell[] = [];
    mkdirSync(out, { recursive: true });
    const calibrations = new Calibrations(bench);
    const tasks = pairs.map((pair) => async (): Promise<void> => {
      found.push(await runCell(bench, calibrations, pair));
      write(out, found);
      print(`matrix: ${found.length} of ${pairs.length} done`);
    });
    await inParallel(tasks, settings.jobs);
    const failed = found.filter(({ flow }) => flow === null).length;
    print(`lab: ${found.length - failed} figures, ${failed} runs failed; see matrix.md`);
    return { passed: found.length - failed, failed };
  });
}

async function runCell(bench: Bench, calibrations: Calibrations, { ratio, spread, jitter }: Pair): Promise<Cell> {
  const label = `matrix ${ratio} ${spread} ${jitter}`;
  const scenario = scenarioOf(ratio, spread, jitter);
  const { loaded, artefacts } = await bench.workshop.prepare(scenario, bench.settings.profile);
  const system = systemOf(scenario, loaded.plan);
  const goodputs = loaded.plan.lines.map(({ goodput }) => goodput.down);
  const calibration = calibrations.of(scenario, loaded.plan);
  const bestLine = await calibration.bestLine();
  // Where the lines are not what they should be, no figure of theirs counts.
  const best = calibrated(calibration.report) ? (bestLine?.down.tcp ?? null) : null;
  const cell = { ratio, spread, jitter, best, sum: goodputs.reduce((a, b) => a + b, 0) };
  if (best === null) return { ...cell, flow: null };
  const { results, error } = await bench.run([jobOf(scenario, loaded.plan, false)], artefacts, { label, seed: 1, system });
  if (error !== null) bench.settings.print(`${label}: FAILED: ${error.message}`);
  const found = results[0]?.traffic.download;
  return { ...cell, flow: found?.kind === "flow" ? meanRate(found.rates, time.from, time.to) : null };
}

/** The profile says what a person would: rates and idle round trip. The jitter is the line's own. */
function scenarioOf(ratio: number, spread: number, jitter: number): NamedScenario {
  const line = (name: string, modem: string, values: object): object => ({ name, modem, ...values });
  const second = { down: Math.round(first.down * ratio), up: Math.round(first.up * ratio), rtt: first.rtt + spread };
  const text = JSON.stringify({
    title: `ratio ${ratio}, ${spread} ms, jitter ${jitter} ms`,
    set: {
      lines: [line("one", "192.168.1.240", first), line("two", "192.168.1.254", second)],
      bypass: [],
    },
    lines: { two: { jitter } },
    seconds: time.to + 1,
    traffic: [{ name: "download", kind: "flow", direction: "down", start: 1, end: time.to + 0.5 }],
    figures: [{ name: "flow", kind: "goodput", traffic: "download" }],
  });
  return { ...loadScenario(text, "matrix"), name: "matrix", file: "matrix" };
}

function write(out: string, found: Cell[]): void {
  writeFileSync(join(out, "matrix.json"), `${JSON.stringify(found, null, 2)}\n`);
  writeFileSync(join(out, "matrix.svg"), heatMap(found));
  writeFileSync(join(out, "matrix.md"), markdownOf(found));
}

const same = (a: Omit<Cell, "flow" | "best" | "sum">, b: Cell): boolean =>
  a.ratio === b.ratio && a.spread === b.spread && a.jitter === b.jitter;

function markdownOf(found: Cell[]): string {
  const tables = jitters.map((jitter) => {
    const rows = ratios.map((ratio) => {
      const row = spreads.map((spread) => {
        const cell = found.find((one) => same({ ratio, spread, jitter }, one));
        if (cell === undefined) return "–";
        if (cell.flow === null || cell.best === null) return "failed";
        return `${Math.round(cell.flow)}: ${part(cell.flow, cell.best)} of best, ${part(cell.flow, cell.sum)} of sum`;
      });
      return `| ${ratio} | ${row.join(" | ")} |`;
    });
    const head = `| rate ratio | ${spreads.map((spread) => `+${spread} ms`).join(" | ")} |\n|---|${spreads.map(() => "---|").join("")}`;
    return `## Jitter ${jitter} ms\n\n${head}\n${rows.join("\n")}`;
  });
  return `# One TCP flow over two lines that differ\n\nLine one is ADSL ${first.down}/${first.up} kbit/s, ${first.rtt} ms; line two has its rates times the ratio, and a longer round trip. kbit/s of TCP payload, measured in the lab; "best" is the better line alone, without box and server, as this run measured it; "sum" is both lines through their tunnels, computed by the plan. balance-rr, QoS on.\n\n![heat map](matrix.svg)\n\n${tables.join("\n\n")}\n`;
}

const part = (value: number, of: number): string => `${Math.round((100 * value) / of)} %`;

const plain = { "font-size": 13, fill: colour.soft };
const bold = { "font-weight": "bold" };

/** Better than the best line alone: blue, the more the deeper. Worse: red. */
function heatMap(found: Cell[]): string {
  const size = { x: 110, y: 76, width: 118, height: 54, gap: 56 };
  const width = size.x + spreads.length * size.width + 24;
  const block = size.y + ratios.length * size.height + size.gap;
  const height = jitters.length * block;
  const parts = jitters.flatMap((jitter, index) => {
    const top = index * block;
    return [
      text(24, top + 28, `One TCP flow against the best single line, jitter ${jitter} ms`, { ...plain, ...bold, "font-size": 16 }),
      text(24, top + size.y - 10, "rate ratio", plain),
      ...spreads.map((spread, column) => centred(size.x + (column + 0.5) * size.width, top + size.y - 10, `+${spread} ms`, plain)),
      ...ratios.flatMap((ratio, row) => [
        text(size.x - 18, top + size.y + (row + 0.6) * size.height, `× ${ratio}`, { ...plain, "text-anchor": "end" }),
        ...spreads.flatMap((spread, column) => {
          const cell = found.find((one) => same({ ratio, spread, jitter }, one));
          const gain = cell === undefined || cell.flow === null || cell.best === null ? null : cell.flow / cell.best;
          const [x, y] = [size.x + column * size.width, top + size.y + row * size.height];
          const dark = gain !== null && Math.abs(Math.log2(Math.max(gain, 0.01))) > 0.75;
          const shown = gain === null ? "–" : `${Math.round(100 * gain)} %`;
          return [
            element("rect", { x, y, width: size.width - 3, height: size.height - 3, fill: colourOf(gain) }),
            centred(x + size.width / 2, y + size.height * 0.6, shown, { ...plain, ...bold, fill: dark ? colour.card : colour.ink }),
          ];
        }),
      ]),
    ];
  });
  const paper = element("rect", { width: "100%", height: "100%", fill: colour.card });
  return picture({ width, height }, { title: "What one TCP flow gets over pairs of lines" }, { "font-family": sans }, [paper, ...parts]);
}

/** White at the best line's own rate, full colour at twice or half of it. */
function colourOf(gain: number | null): string {
  if (gain === null) return "#eeeeee";
  const depth = Math.max(-1, Math.min(1, Math.log2(Math.max(gain, 0.01))));
  const [r, g, b] = depth >= 0 ? [0, 90, 160] : [190, 40, 20];
  const mix = (channel: number): number => Math.round(255 + (channel - 255) * Math.abs(depth));
  return `rgb(${mix(r)},${mix(g)},${mix(b)})`;
}

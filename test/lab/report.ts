import type { Base } from "./base";
import type { Figure } from "./figures";
import { standingOf, systemName } from "./target";

/** All that one scenario came to. */
export interface ScenarioReport {
  name: string;
  title: string;
  about: string;
  profile: string;
  /** The server's, as the profile says. */
  target: string;
  /** On the kernel of Debian's backports. */
  newestKernel: boolean;
  /** One per run. */
  runs: RunReport[];
  /** File of the first run's picture, beside the report. */
  picture: string | null;
  /** Name of the calibration that holds for its lines. */
  calibration: string;
}

export interface RunReport {
  seed: number;
  figures: Figure[];
  /** Why there are no figures. */
  error: string | null;
  idle: number;
  /** Virtual seconds of the whole time line. */
  virtual: number;
}

export interface CalibrationReport {
  name: string;
  lines: string;
  figures: Figure[];
  error: string | null;
}

export interface LabReport {
  version: string;
  bases: Pick<Base, "system" | "versions">[];
  calibrations: CalibrationReport[];
  scenarios: ScenarioReport[];
}

const processorText =
  "s/GB are instructions of the emulated processor per gigabyte of TCP payload, written as seconds at 1 GHz: no real machine's seconds. They are those of all of that half's programs and of the kernel in their name, which passes some packets on through the network around them.";

/** Below this share of idle time the emulated processor was the limit, not the lines. See docs/lab.md. */
const busyBelow = 0.1;

export const calibrated = ({ figures, error }: CalibrationReport): boolean => error === null && figures.every(({ met }) => met);

/** Figures with a bar that was met, and all that went wrong. */
export function countReport({ calibrations, scenarios }: LabReport): { passed: number; failed: number } {
  const all = [...calibrations, ...scenarios.flatMap(({ runs }) => runs)];
  const figures = all.flatMap((one) => one.figures);
  const errors = all.filter(({ error }) => error !== null).length;
  return {
    passed: figures.filter(({ bar, met }) => bar !== "" && met).length,
    failed: figures.filter(({ met }) => !met).length + errors,
  };
}

/** The report as a person reads it. */
export function markdownOf(report: LabReport): string {
  const { passed, failed } = countReport(report);
  return `${[
    "# Lab report",
    `bondbox ${report.version}. ${passed} bars met, ${failed} missed. Times are virtual: one emulated processor counts its instructions, so the host's load changes nothing.`,
    ...missed(report),
    "## The lines alone",
    "Each line without box and server, straight through its modem. More UDP is sent than the line carries, and what arrives counts. Where a row is not met, no figure of scenarios with these lines counts. Below, each throughput stands beside what the best of these lines gives alone: its measured rate as TCP payload, or UDP for UDP.",
    ...report.calibrations.map(calibrationTable),
    ...sideBySide(report.scenarios),
    "## Scenarios",
    ...report.scenarios.map((scenario) => scenarioPart(scenario, report)),
    spreadPart(report.scenarios),
    standIns(report),
  ].join("\n\n")}\n`;
}

function missed({ calibrations, scenarios }: LabReport): string[] {
  const alone = calibrations.flatMap(({ name, figures, error }) => [
    ...(error === null ? [] : [`- ${name}: not calibrated (${oneLine(error)}): no figure of scenarios with these lines counts`]),
    ...figures
      .filter(({ met }) => !met)
      .map(
        (figure) =>
          `- ${name}: ${figure.name}: ${shown(figure)} (${figure.detail}), bar ${figure.bar}: no figure of scenarios with these lines counts`,
      ),
  ]);
  const rows = scenarios.flatMap(({ name, runs }) =>
    runs.flatMap(({ seed, figures, error }) => [
      ...(error === null ? [] : [`- ${name}, run ${seed}: no figures (${oneLine(error)})`]),
      ...figures
        .filter(({ met }) => !met)
        .map(
          (figure) =>
            `- ${name}, run ${seed}: ${figure.name}: ${shown(figure)}, ${figure.bar === "" ? figure.detail : `bar ${figure.bar}`}`,
        ),
    ]),
  );
  return alone.length + rows.length === 0 ? [] : [["**Missed:**", "", ...alone, ...rows].join("\n")];
}

function calibrationTable({ name, lines, figures, error }: CalibrationReport): string {
  const rows = figures.map((figure) => `| ${figure.name} | ${figure.detail} | ${shown(figure)} | ${figure.bar} | ${verdict(figure)} |`);
  const table = ["| line | measured, of computed | | bar | |", "|---|---|---|---|---|", ...rows].join("\n");
  return `**${name}** (${lines})\n\n${error === null ? table : `No figures: ${oneLine(error)}`}`;
}

/** One table for each scenario that ran for several profiles: the first run's figures, a column each. */
function sideBySide(scenarios: ScenarioReport[]): string[] {
  const groups = new Map<string, ScenarioReport[]>();
  for (const scenario of scenarios) {
    const base = scenario.name.replace(/@.*/, "");
    groups.set(base, [...(groups.get(base) ?? []), scenario]);
  }
  const tables = [...groups].filter(([, members]) => members.length > 1).map(([base, members]) => comparison(base, members));
  return tables.length === 0 ? [] : ["## Servers side by side", ...tables];
}

function comparison(base: string, members: ScenarioReport[]): string {
  const figures = members.find(({ runs }) => (runs[0]?.figures.length ?? 0) > 0)?.runs[0]?.figures ?? [];
  const cell = (figure: Figure | undefined): string =>
    figure === undefined ? "–" : [shown(figure), ...beside(figure), verdict(figure)].join(" ").trim();
  const rows = figures.map(({ name, bar }, index) => [name, ...members.map(({ runs }) => cell(runs[0]?.figures[index])), bar]);
  const newest = (kernel: boolean): string => (kernel ? ", newest kernel" : "");
  const heads = ["", ...members.map(({ target, profile, newestKernel }) => `${target} (${profile}${newest(newestKernel)})`), "bar"];
  return [
    `**${base}**`,
    "",
    `| ${heads.join(" | ")} |`,
    `|${heads.map(() => "---|").join("")}`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}

function scenarioPart(scenario: ScenarioReport, { calibrations }: LabReport): string {
  const { name, title, about, profile, target, runs, picture } = scenario;
  const first = runs[0];
  const invalid = calibrations.some((one) => one.name === scenario.calibration && !calibrated(one));
  const heads = runs.map(({ seed }) => `run ${seed}`);
  const rows = (runs.find(({ figures }) => figures.length > 0)?.figures ?? []).map((figure, index) => {
    const cells = runs.map((run) =>
      run.figures[index] === undefined ? "–" : `${shown(run.figures[index])} ${verdict(run.figures[index])}`,
    );
    const alone = runs.map((run) => run.figures[index]?.ofBestLine ?? null);
    const parts = alone.every((part) => part === null)
      ? ""
      : alone.map((part) => (part === null ? "–" : `${part.toFixed(0)} %`)).join(", ");
    const detail = [...new Set(runs.map((run) => run.figures[index]?.detail ?? ""))].filter((text) => text !== "").join(" · ");
    return `| ${figure.name} | ${cells.join(" | ")} | ${difference(runs, index)} | ${parts} | ${figure.bar} | ${detail} |`;
  });
  const table = [
    `| | ${heads.join(" | ")} | differ | of the best line alone | bar | |`,
    `|---|${heads.map(() => "---|").join("")}---|---|---|---|`,
    ...rows,
  ].join("\n");
  const busy = runs.filter(({ idle, error }) => error === null && idle < busyBelow);
  return [
    `### ${name}: ${title}`,
    ...(about === "" ? [] : [about]),
    ...(invalid ? ["**These figures do not count: the lines alone did not pass.**"] : []),
    table,
    ...runs.flatMap(({ seed, error }) => (error === null ? [] : [`Run ${seed} gave no figures: ${oneLine(error)}`])),
    ...(busy.length === 0 ? [] : ["**The emulated processor was busy all the time: these are its figures, not the lines'.**"]),
    ...(runs.some(({ figures }) => figures.some(({ unit }) => unit === "s/GB")) ? [processorText] : []),
    ...(picture === null ? [] : [`![${title}](${picture})`]),
    `Profile ${profile}, server ${target}, ${first?.virtual ?? 0} virtual seconds, the machine's processor idle for ${runs.map(({ idle }) => `${Math.round(100 * idle)} %`).join(" and ")} of the time line.`,
  ].join("\n\n");
}

/** Between the largest and the smallest of all runs, percent of their mean. */
function spread(runs: RunReport[], index: number): number | null {
  const values = runs.flatMap(({ figures }) => (typeof figures[index]?.value === "number" ? [figures[index].value] : []));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2 || mean === 0) return values.length < 2 ? null : 0;
  return (100 * (Math.max(...values) - Math.min(...values))) / Math.abs(mean);
}

function difference(runs: RunReport[], index: number): string {
  const value = spread(runs, index);
  return value === null ? "–" : `${value.toFixed(1)} %`;
}

function spreadPart(scenarios: ScenarioReport[]): string {
  const all = scenarios.flatMap(({ name, runs }) =>
    (runs[0]?.figures ?? []).flatMap((figure, index) => {
      const value = figure.unit === "kbit/s" || figure.detail.includes("kbit/s") ? spread(runs, index) : null;
      return value === null ? [] : [{ name: `${name}, ${figure.name}`, value }];
    }),
  );
  const worst = [...all].sort((a, b) => b.value - a.value)[0];
  const text =
    worst === undefined
      ? "Each scenario ran once."
      : `Of ${all.length} throughputs that were taken more than once, the runs differ by ${median(all.map(({ value }) => value)).toFixed(1)} % in the middle and by ${worst.value.toFixed(1)} % at most (${worst.name}). Runs differ in their random numbers; the same run repeated gives the same figures.`;
  return `## How much two runs differ\n\n${text}`;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function standIns({ bases, scenarios }: LabReport): string {
  const versions = bases.map(({ system, versions: all }) => {
    const rows = Object.entries(all).map(([name, version]) => `${name} ${version}`);
    return `- Debian ${systemName(system)}: ${rows.join(", ")}.`;
  });
  const targets = [...new Set(scenarios.map(({ target }) => target))].sort();
  return [
    "## What stands in for what",
    "Box and server are containers with their own systemd, with the very files that build-image made: the overlay as packed, the user-data run by cloud-init (NoCloud).",
    versions.join("\n"),
    [
      ...targets.map((target) => `- Server ${target}: ${serverStandIn(target)}`),
      "- Box: the same Debian on an emulated PC for Raspberry Pi OS on ARM, with NetworkManager as there; one processor for both ends, so the Pi's own speed is not seen.",
      "- Lines: netem counts ATM cells and delays exactly; no bit errors, no training, no provider's shaping. PTM's 65th byte is part of the rate.",
    ].join("\n"),
  ].join("\n\n");
}

function serverStandIn(target: string): string {
  const { release, itself } = standingOf(target);
  if (target === "ubuntu-14.04")
    return "Debian bookworm for Ubuntu. Kernel 6.1 for 3.13, OpenVPN 2.6 for 2.3, systemd for upstart, CAKE where 14.04 falls back to HTB; the packages that install.sh would fetch are there. ifupdown, ifenslave and cloud-init are the real programs in newer versions.";
  const network = "systemd-networkd and cloud-init as in a provider's image; the packages that install.sh would fetch are there.";
  return itself
    ? `Debian ${release} itself, ${network}`
    : `Ubuntu targets run on Debian's programs of the same age, here ${release}; ${network}`;
}

export function shown({ value, unit }: Pick<Figure, "value" | "unit">): string {
  if (value === null) return "none";
  const digits = ["kbit/s", "packets", "connections", "ports", "times"].includes(unit) ? 0 : unit === "s" ? 2 : 1;
  return `${value.toFixed(digits)} ${unit}`;
}

const beside = ({ ofBestLine }: Figure): string[] => (ofBestLine === null ? [] : [`(${ofBestLine.toFixed(0)} % of the best line alone)`]);

function verdict({ bar, met }: Figure): string {
  return !met ? "**✗**" : bar === "" ? "" : "✓";
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 300);
}

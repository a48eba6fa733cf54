import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan } from "../../builder/plan/types";
import type { Outcome } from "../support/outcome";
import { type Base, makeBase } from "./base";
import { calibrationFigures, type Figure, takeFigures } from "./figures";
import type { Job, JobResult } from "./job";
import { checkMemory, MachineError, runMachine } from "./machine";
import { pictureOf } from "./picture";
import { calibrationOf, jobOf } from "./plan-job";
import { Workshop } from "./prepare";
import { type Release, standingOf } from "./target";
import {
  calibrated,
  type CalibrationReport,
  countReport,
  type LabReport,
  markdownOf,
  type RunReport,
  type ScenarioReport,
  shown,
} from "./report";
import type { NamedScenario } from "./scenario";
import { type Time, timesTable } from "./times";

export interface LabSettings {
  root: string;
  version: string;
  out: string;
  /** In place of the scenarios' own. */
  profile: string | null;
  runs: number;
  /** Emulated machines at once. */
  jobs: number;
  keep: boolean;
  tell: (text: string) => void;
}

/** Longest wall time of one machine, s. */
const timeout = 2400;

/** A place to work in, and a queue of machines. */
export class Bench {
  readonly workshop: Workshop;
  private readonly bases = new Map<Release, Promise<Base>>();
  private readonly agent: string;
  /** Where the time went, in the order of the ends. */
  readonly times: Time[] = [];

  private constructor(
    readonly settings: LabSettings,
    private readonly folder: string,
  ) {
    this.workshop = new Workshop(settings.root, settings.version, folder);
    this.agent = this.workshop.agent();
    checkMemory(settings.jobs);
  }

  static async use<T>(settings: LabSettings, work: (bench: Bench) => Promise<T>): Promise<T> {
    const folder = mkdtempSync(join(tmpdir(), "bondbox-lab-"));
    const clean = (): void => rmSync(folder, { recursive: true, force: true });
    // Ctrl-C: QEMU is of the same group and ends by itself.
    const stop = (): void => {
      clean();
      process.exit(130);
    };
    process.once("SIGINT", stop).once("SIGTERM", stop);
    try {
      return await work(new Bench(settings, folder));
    } finally {
      process.removeListener("SIGINT", stop).removeListener("SIGTERM", stop);
      clean();
    }
  }

  /** Made when it is first asked for. */
  base(release: Release): Promise<Base> {
    const { root, tell } = this.settings;
    const make = async (): Promise<Base> => {
      const started = Date.now();
      const made = await makeBase(join(root, "test/lab/guest/init.sh"), release, (text) => tell(`lab: ${text}`));
      this.times.push({ phase: `root file system, Debian ${release}`, virtual: null, wall: (Date.now() - started) / 1000, cpu: null });
      return made;
    };
    const base = this.bases.get(release) ?? make();
    this.bases.set(release, base);
    return base;
  }

  /** Runs one job. @param label for what it says meanwhile. */
  async run(
    job: Job,
    artefacts: string | null,
    { label, seed, release }: { label: string; seed: number; release: Release },
  ): Promise<{ result: JobResult; wall: number }> {
    const started = Date.now();
    const log = join(this.folder, `${label.replaceAll(/\W+/g, "-")}.log`);
    const tell = (text: string): void => this.settings.tell(`${label}: ${text}`);
    const base = await this.base(release);
    const { agent } = this;
    const sources = join(this.settings.root, "test/lab");
    try {
      const { result, cpu } = await runMachine({ base, job, artefacts, sources, agent, seed, log, timeout, tell });
      const wall = (Date.now() - started) / 1000;
      this.times.push({ phase: label, virtual: job.seconds, wall, cpu });
      return { result, wall };
    } catch (error) {
      this.save(label, { "machine.log": readFileSync(log, "utf8") });
      throw error;
    }
  }

  /** Logs of a run that somebody will want to look into. */
  save(label: string, logs: Record<string, string>): void {
    const folder = join(this.settings.out, "logs", label.replaceAll(/\W+/g, "-"));
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(logs)) writeFileSync(join(folder, name), text);
  }
}

/** Runs scenarios and writes the report. @returns how many bars were met and missed, and how long each scenario's machines ran. */
export async function runLab(scenarios: NamedScenario[], settings: LabSettings): Promise<Omit<Outcome, "code">> {
  const { out, tell } = settings;
  return Bench.use(settings, async (bench) => {
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    const prepared = [];
    for (const scenario of scenarios) {
      const { loaded, artefacts } = await bench.workshop.prepare(scenario, settings.profile);
      prepared.push({ scenario, plan: loaded.plan, artefacts, job: jobOf(scenario, loaded.plan, settings.keep) });
    }
    const used = [...new Set(prepared.map(({ plan }) => standingOf(plan.server.target).release))].sort();
    const bases = await Promise.all(used.map((release) => bench.base(release)));
    const report: LabReport = { version: settings.version, bases, calibrations: [], scenarios: [] };
    const tasks: (() => Promise<void>)[] = [];
    for (const one of prepared) {
      const { scenario, plan } = one;
      const calibration = addCalibration(report, tasks, bench, one);
      const { name, title, about = "" } = scenario;
      const { profile, server } = plan;
      const entry: ScenarioReport = { name, title, about, profile, target: server.target, runs: [], picture: null, calibration };
      report.scenarios.push(entry);
      const lines = plan.lines.map((line) => line.name);
      for (let seed = 1; seed <= settings.runs; seed++) {
        tasks.push(async () => {
          const { run, result } = await runScenario(bench, one, seed);
          entry.runs.push(run);
          entry.runs.sort((a, b) => a.seed - b.seed);
          if (result !== null) {
            const picture = `${name}-${seed}.svg`;
            writeFileSync(join(out, picture), pictureOf(scenario, lines, result));
            if (seed === 1) entry.picture = picture;
          }
          write(out, report);
        });
      }
    }
    await inParallel(tasks, settings.jobs);
    write(out, report);
    tell(timesTable(bench.times));
    summary(report, tell);
    const times = report.scenarios.map(({ name, profile, runs }) => ({
      name: `lab ${name} (${profile})`,
      seconds: runs.reduce((sum, { wall }) => sum + wall, 0),
    }));
    return { ...countReport(report), times };
  });
}

interface Task {
  scenario: NamedScenario;
  plan: Plan;
  artefacts: string;
  job: Job;
}

/** Each set of lines is calibrated once. @returns the calibration's name. */
function addCalibration(report: LabReport, tasks: (() => Promise<void>)[], bench: Bench, { scenario, plan }: Task): string {
  const calibration = calibrationOf(scenario, plan);
  const { release } = standingOf(plan.server.target);
  const id = JSON.stringify([release, calibration.job.network.lines]);
  const known = calibrations.get(report)?.get(id);
  if (known !== undefined) return known;
  const entry: CalibrationReport = {
    name: `lines ${report.calibrations.length + 1}`,
    lines: `${linesText(plan)}; Debian ${release}`,
    figures: [],
    error: "it did not run",
  };
  report.calibrations.push(entry);
  calibrations.set(report, (calibrations.get(report) ?? new Map<string, string>()).set(id, entry.name));
  tasks.push(async () => {
    try {
      const { result } = await bench.run(calibration.job, null, { label: entry.name, seed: 1, release });
      entry.figures = calibrationFigures(calibration, result);
      entry.error = null;
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      entry.error = error.message;
    }
    bench.settings.tell(`${entry.name}: ${calibrated(entry) ? "calibrated" : "NOT calibrated: no figure of these lines counts"}`);
  });
  return entry.name;
}

/** Names of calibrations by the lines they are for. */
const calibrations = new WeakMap<LabReport, Map<string, string>>();

function linesText({ lines }: Plan): string {
  return lines
    .map(({ name, rate, encapsulation, rttMs }) => `${name} ${rate.down}/${rate.up} kbit/s ${encapsulation}, ${rttMs ?? "?"} ms`)
    .join("; ");
}

async function runScenario(bench: Bench, task: Task, seed: number): Promise<{ run: RunReport; result: JobResult | null }> {
  const { scenario, plan, artefacts, job } = task;
  const label = `${scenario.name} ${seed}`;
  const failed = (error: string, wall = 0): RunReport => ({ seed, figures: [], error, idle: 0, virtual: job.seconds, wall });
  try {
    const { result, wall } = await bench.run(job, artefacts, { label, seed, release: standingOf(plan.server.target).release });
    const figures = takeFigures({ scenario, plan, job, result });
    for (const figure of figures) bench.settings.tell(`${label}: ${told(figure)}`);
    if (bench.settings.keep || figures.some(({ met }) => !met))
      bench.save(label, { ...result.logs, "result.json": JSON.stringify({ ...result, logs: {} }) });
    return { run: { seed, figures, error: null, idle: result.idle, virtual: job.seconds, wall }, result };
  } catch (error) {
    if (!(error instanceof MachineError)) throw error;
    bench.settings.tell(`${label}: FAILED: ${error.message}`);
    return { run: failed(error.message), result: null };
  }
}

function told(figure: Figure): string {
  const verdict = figure.bar === "" ? "" : `  (bar ${figure.bar}) ${figure.met ? "met" : "MISSED"}`;
  const detail = figure.detail === "" ? "" : `  [${figure.detail}]`;
  return `${figure.name}: ${shown(figure)}${detail}${verdict}`;
}

/** The first failure that is none of a single machine ends it all. */
export async function inParallel(tasks: (() => Promise<void>)[], at: number): Promise<void> {
  const waiting = [...tasks];
  const worker = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await task();
  };
  await Promise.all(Array.from({ length: at }, worker));
}

/** After each run, so that a run that is stopped leaves what it has. */
function write(out: string, report: LabReport): void {
  writeFileSync(join(out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(out, "report.md"), markdownOf(report));
}

function summary(report: LabReport, tell: (text: string) => void): void {
  const { passed, failed } = countReport(report);
  tell(`lab: ${passed} bars met, ${failed} missed; see report.md`);
}

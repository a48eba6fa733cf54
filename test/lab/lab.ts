import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan } from "../../builder/plan/types";
import type { Outcome } from "../support/outcome";
import { type Base, makeBase } from "./base";
import { type Calibrated, Calibrations } from "./calibrate";
import { type BestLine, type Figure, takeFigures } from "./figures";
import { type Job, type JobResult, machineOf } from "./job";
import { type Ran, runMachine } from "./machine";
import { pictureOf } from "./picture";
import { jobOf, systemOf } from "./plan-job";
import { Workshop } from "./prepare";
import { checkMemory } from "./qemu";
import { type System, systemName } from "./target";
import { countReport, type LabReport, markdownOf, type RunReport, type ScenarioReport, shown } from "./report";
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
  /** Also the logs of runs that met every bar. */
  keepLogs: boolean;
  /** Run again what is known. */
  fresh: boolean;
  print: (text: string) => void;
}

/** Longest time of one machine, virtual s: twice what its time lines take, with a start and a return of the lines for each. */
const limitOf = (jobs: Job[]): number => jobs.reduce((sum, { seconds }) => sum + 2 * seconds + 400, 600);

/** A place to work in, and a queue of machines. */
export class Bench {
  readonly workshop: Workshop;
  private readonly bases = new Map<string, Promise<Base>>();
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
  base(system: System): Promise<Base> {
    const { root, print } = this.settings;
    const name = systemName(system);
    const make = async (): Promise<Base> => {
      const started = Date.now();
      const made = await makeBase(join(root, "test/lab/guest/init.sh"), system, (text) => print(`lab: ${text}`));
      this.times.push({ phase: `root file system, Debian ${name}`, virtual: null, wall: (Date.now() - started) / 1000, cpu: null });
      return made;
    };
    const base = this.bases.get(name) ?? make();
    this.bases.set(name, base);
    return base;
  }

  /**
   * Runs jobs in one machine.
   * @param jobs at least one; all ask for the same machine
   * @param artefacts folder of the profile's; null: the network alone
   * @param run label: for what it says meanwhile
   */
  async run(jobs: Job[], artefacts: string | null, { label, seed, system }: { label: string; seed: number; system: System }): Promise<Ran> {
    const started = Date.now();
    const log = join(this.folder, `${label.replaceAll(/\W+/g, "-")}.log`);
    const print = (text: string): void => this.settings.print(`${label}: ${text}`);
    const base = await this.base(system);
    const { agent } = this;
    const { root, fresh } = this.settings;
    const sources = join(root, "test/lab");
    const ran = await runMachine({ base, jobs, artefacts, sources, agent, seed, log, limit: limitOf(jobs), reuse: !fresh, print });
    const wall = (Date.now() - started) / 1000;
    if (ran.cpu === null) print("nothing has changed since it ran: its results are known");
    this.times.push({ phase: label, virtual: jobs.reduce((sum, { seconds }) => sum + seconds, 0), wall, cpu: ran.cpu ?? 0 });
    if (ran.error !== null || (this.settings.keepLogs && ran.cpu !== null)) this.save(label, { "machine.log": readFileSync(log, "utf8") });
    return ran;
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
  const { out, print } = settings;
  return Bench.use(settings, async (bench) => {
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    const prepared = [];
    for (const scenario of scenarios) {
      const { loaded, artefacts } = await bench.workshop.prepare(scenario, settings.profile);
      prepared.push({ scenario, plan: loaded.plan, artefacts, job: jobOf(scenario, loaded.plan, settings.keep) });
    }
    const used = new Map(prepared.map((one) => [systemName(systemOf(one.scenario, one.plan)), systemOf(one.scenario, one.plan)]));
    const bases = await Promise.all([...used].sort().map(([, system]) => bench.base(system)));
    const report: LabReport = { version: settings.version, bases, calibrations: [], scenarios: [] };
    const tasks: Machine[] = [];
    const calibrations = new Calibrations(bench);
    const entries = prepared.map((one) => {
      const { name, title, about = "" } = one.scenario;
      const { profile, server, lines } = one.plan;
      const calibration = calibrations.of(one.scenario, one.plan);
      const lineNames = lines.map((line) => line.name);
      const entry: ScenarioReport = {
        name,
        title,
        about,
        profile,
        target: server.target,
        newestKernel: one.scenario.kernel === "newest",
        runs: [],
        picture: null,
        calibration: calibration.report.name,
      };
      report.scenarios.push(entry);
      return { ...one, entry, calibration, lines: lineNames };
    });
    for (const { report: lines, seconds, bestLine } of calibrations.all) {
      report.calibrations.push(lines);
      tasks.push({ seconds, work: async () => void (await bestLine()) });
    }
    // Scenarios that ask for the same machine share its boot, which costs as much as half a minute of traffic. Those of the short set are
    // among themselves, so that their results are known to a whole run, and the other way round.
    const machine = ({ job, artefacts, scenario }: (typeof entries)[number]): string =>
      JSON.stringify([machineOf(job), artefacts, scenario.kernel, scenario.short]);
    for (const group of grouped(entries, machine))
      for (let seed = 1; seed <= settings.runs; seed++) {
        const work = async (): Promise<void> => {
          for (const [index, { run, result, bestLine }] of (await runScenarios(bench, group, seed)).entries()) {
            const { entry, scenario, lines } = group[index] as (typeof group)[number];
            entry.runs.push(run);
            entry.runs.sort((a, b) => a.seed - b.seed);
            if (result === null) continue;
            const picture = `${scenario.name}-${seed}.svg`;
            writeFileSync(join(out, picture), pictureOf(scenario, lines, result, bestLine));
            if (seed === 1) entry.picture = picture;
          }
          write(out, report);
        };
        tasks.push({ seconds: bootSeconds + group.reduce((sum, { job }) => sum + job.seconds, 0), work });
      }
    // The longest first, so that none runs on alone at the end.
    tasks.sort((a, b) => b.seconds - a.seconds);
    await inParallel(
      tasks.map(({ work }) => work),
      settings.jobs,
    );
    write(out, report);
    print(timesTable(bench.times));
    summary(report, print);
    const times = bench.times.map(({ phase, wall }) => ({ name: `lab ${phase}`, seconds: wall }));
    return { ...countReport(report), times };
  });
}

/** One run of one machine. */
interface Machine {
  /** Estimate of its length, virtual seconds of traffic. */
  seconds: number;
  work: () => Promise<void>;
}

/** What a boot costs, in virtual seconds of traffic. */
const bootSeconds = 30;

function grouped<T>(all: T[], keyOf: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return [...groups.values()];
}

interface Task {
  scenario: NamedScenario;
  plan: Plan;
  artefacts: string;
  job: Job;
  calibration: Calibrated;
}

interface ScenarioRun {
  run: RunReport;
  result: JobResult | null;
  bestLine: BestLine;
}

/** Runs scenarios in one machine. @returns a run of each, in their order */
async function runScenarios(bench: Bench, tasks: Task[], seed: number): Promise<ScenarioRun[]> {
  const [{ scenario: first, plan, artefacts }] = tasks as [Task];
  const system = systemOf(first, plan);
  const names = tasks.map(({ scenario }) => scenario.name).join(", ");
  const ran = await bench.run(
    tasks.map(({ job }) => job),
    artefacts,
    { label: `${names} ${seed}`, seed, system },
  );
  // Their network is the same, and so are its lines alone.
  const bestLine = await (tasks[0] as Task).calibration.bestLine();
  return tasks.map(({ scenario, job }, index) => {
    const label = `${scenario.name} ${seed}`;
    const virtual = job.seconds;
    const result = ran.results[index];
    if (result === undefined) {
      const error = ran.error?.message ?? "it did not run";
      bench.settings.print(`${label}: FAILED: ${error}`);
      return { run: { seed, figures: [], error, idle: 0, virtual }, result: null, bestLine };
    }
    const figures = takeFigures({ scenario, plan, job, result, bestLine });
    for (const figure of figures) bench.settings.print(`${label}: ${phrase(figure)}`);
    if (bench.settings.keep || bench.settings.keepLogs || figures.some(({ met }) => !met))
      bench.save(label, { ...result.logs, "result.json": JSON.stringify({ ...result, logs: {} }) });
    return { run: { seed, figures, error: null, idle: result.idle, virtual }, result, bestLine };
  });
}

function phrase(figure: Figure): string {
  const bar = figure.bar === "" ? "" : `  (bar ${figure.bar})`;
  const verdict = figure.met ? (bar === "" ? "" : `${bar} met`) : `${bar} MISSED`;
  const detail = figure.detail === "" ? "" : `  [${figure.detail}]`;
  const beside = figure.ofBestLine === null ? "" : `  (${Math.round(figure.ofBestLine)} % of the best line alone)`;
  return `${figure.name}: ${shown(figure)}${detail}${beside}${verdict}`;
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

function summary(report: LabReport, print: (text: string) => void): void {
  const { passed, failed } = countReport(report);
  print(`lab: ${passed} bars met, ${failed} missed; see report.md`);
}

import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { shownPath } from "../../builder/machine/host";
import { type Command, help, parseCommand, wholeNumber } from "../../builder/command/command";
import { helpOf } from "../../builder/command/help";
import type { Program } from "../../builder/command/run";
import { UsageError } from "../../builder/errors";
import { lab as packages } from "../packages";
import { installPackages } from "../support/install";
import { type Outcome, outcomeOf } from "../support/outcome";
import { runLab } from "./lab";
import { listOf, pairsOf, runMatrix } from "./matrix";
import { record } from "./measured";
import { findScenarios, variantsOf } from "./scenario";

const command = {
  name: "npm run lab --",
  summary: "boots what build-image built, connects it over emulated lines, and measures. All in virtual time.",
  usage: [
    ["npm run lab", "every scenario"],
    ["npm run lab -- --scenario cut --profile home", "one scenario"],
    ["npm run lab -- --scenario my.yaml", "a scenario of your own"],
    ["npm run lab:matrix", "what one TCP flow gets over many pairs of lines; takes an hour"],
    ["npm run lab -- --record dist/lab/report.json", "put what was measured into README and docs"],
    ["npm run lab:matrix -- --ratio 3 --fault none", "a part of them"],
  ],
  options: [
    { name: "scenario", value: "NAME", multiple: true, help: "run this scenario, as --list names it; may be given several times" },
    { name: "short", help: "run the scenarios that scripts/test runs" },
    { name: "list", help: "list the scenarios and run none" },
    { name: "matrix", help: "measure pairs of lines instead of scenarios" },
    { name: "ratio", value: "N", multiple: true, help: "with --matrix: pairs whose rates differ by this factor: 1, 3, 10" },
    { name: "spread", value: "MS", multiple: true, help: "with --matrix: pairs whose round trips differ so much: 0, 25, 100" },
    {
      name: "fault",
      value: "NAME",
      multiple: true,
      help: "with --matrix: pairs of which one is so: none, jitter-5, jitter-30, loss-1, loss-3",
    },
    { name: "profile", value: "NAME", help: "use this profile instead of the scenario's own" },
    { name: "runs", value: "N", help: "run each scenario N times, with different random numbers (2)" },
    { name: "jobs", value: "N", help: "run N emulated machines at once (one per processor)" },
    { name: "fresh", help: "run again what is known from an earlier run of the same files" },
    { name: "keep", help: "keep the machine running at the end, with a root shell; needs exactly one scenario" },
    { name: "keep-logs", help: "also keep the logs of runs that met every bar, in DIR/logs" },
    {
      name: "record",
      value: "FILE",
      multiple: true,
      help: "take this report.json over into docs/measured.json and the tables of README and docs, and run nothing",
    },
    { name: "out", value: "DIR", help: "write to this folder instead of dist/lab" },
    help,
  ],
  exitCodes: [
    [0, "every bar was met"],
    [1, "a bar was missed, or the command line or a scenario is wrong"],
    [2, "the machine failed"],
    [70, "a bug"],
  ],
} as const satisfies Command;

/** The command. @returns its exit code. */
export async function lab(program: Program): Promise<number> {
  return (await labOutcome(program)).code;
}

/** The same for a program that counts on. */
export function labOutcome(program: Program): Promise<Outcome> {
  return outcomeOf("lab", program, run);
}

async function run({ root, version, args }: Program): Promise<Outcome> {
  const flags = optionsOf(args);
  const nothing = { code: 0, passed: 0, failed: 0 };
  if (flags.help) return print(helpOf(command), nothing);
  if (flags.record.length > 0) {
    const taken = record(root, flags.record, new Date().toISOString().slice(0, 10));
    return print(`recorded: ${taken.join(", ")}`, nothing);
  }
  const pairs = flags.matrix ? pairsOf(flags) : [];
  if (flags.matrix && flags.list) return print(listOf(pairs), nothing);
  const folder = join(root, "test/lab/scenarios");
  const found = flags.matrix ? [] : findScenarios(folder, flags.scenario, shownPath);
  const named = flags.short ? found.filter(({ short }) => short) : found;
  const scenarios = flags.profile !== undefined || flags.keep ? named : variantsOf(named, flags.short);
  if (flags.list) return print(scenarios.map(({ name, title }) => `${name.padEnd(20)} ${title}`).join("\n"), nothing);
  if (flags.keep && scenarios.length !== 1) throw new UsageError("--keep leaves one machine up", "Name one scenario with --scenario NAME.");
  const settings = {
    root,
    version,
    out: flags.out === undefined ? join(root, "dist/lab") : resolve(flags.out),
    profile: flags.profile ?? null,
    runs: flags.keep ? 1 : wholeNumber(flags.runs, "--runs", { most: 99, usual: flags.short ? 1 : 2 }),
    jobs: flags.keep ? 1 : wholeNumber(flags.jobs, "--jobs", { most: 99, usual: cpus().length }),
    keep: flags.keep,
    keepLogs: flags["keep-logs"],
    fresh: flags.fresh,
    print: (text: string) => void process.stdout.write(`${text}\n`),
  };
  installPackages(Object.keys(packages), (text) => settings.print(`lab: ${text}`));
  const ran = flags.matrix ? await runMatrix(pairs, settings) : await runLab(scenarios, settings);
  return { code: ran.failed === 0 ? 0 : 1, ...ran };
}

type Flags = ReturnType<typeof parseCommand<typeof command>>["values"];

/** @throws UsageError where options contradict each other, or one would do nothing */
export function optionsOf(args: string[]): Flags {
  const flags = parseCommand(command, args).values;
  if (!flags.help) checkTogether(flags);
  return flags;
}

function checkTogether(flags: Flags): void {
  const given = (name: keyof Flags): boolean => {
    const value = flags[name];
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
  };
  const both = (one: keyof Flags, others: (keyof Flags)[], why: string): void => {
    const other = others.find(given);
    if (given(one) && other !== undefined)
      throw new UsageError(`--${one} and --${other} do not go together: ${why}`, "Remove one of them.");
  };
  both("matrix", ["scenario", "short"], "the matrix has its own pairs of lines, and --ratio, --spread and --fault choose among them");
  both("matrix", ["runs"], "each pair runs once");
  both("matrix", ["keep"], "--keep needs one scenario");
  both("record", ["scenario", "short", "matrix", "runs", "keep"], "--record takes over what has been measured, and runs nothing");
  both("short", ["scenario"], "--short names its scenarios itself");
  both("keep", ["runs", "jobs"], "--keep runs one machine once");
  for (const name of ["ratio", "spread", "fault"] as const)
    if (given(name) && !flags.matrix)
      throw new UsageError(`--${name} chooses among the matrix's pairs of lines`, "Add --matrix, or remove it.");
}

function print(text: string, outcome: Outcome): Outcome {
  process.stdout.write(`${text}\n`);
  return outcome;
}

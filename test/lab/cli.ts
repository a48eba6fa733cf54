import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { shownPath } from "../../builder/base/host";
import { parseCommand, type Program } from "../../builder/command/command";
import { UsageError } from "../../builder/errors";
import { lab as packages } from "../packages";
import { installPackages } from "../support/install";
import { type Outcome, outcomeOf } from "../support/outcome";
import { runLab } from "./lab";
import { runMatrix } from "./matrix";
import { findScenarios, perProfile } from "./scenario";

const help = `lab: boots what build-image made, joins it over emulated lines, measures. All in virtual time.

  npm run lab                                   every scenario
  npm run lab -- --scenario cut --profile home  one (may be given several times)
  npm run lab -- --scenario my.yaml             one of your own
  npm run lab:matrix                            what one TCP flow gets over many pairs of lines; an hour

  --short       the scenarios that scripts/test runs
  --list        name the scenarios, run none
  --profile P   in place of the scenarios' own profile
  --runs N      runs of each scenario, with other random numbers (2)
  --jobs N      emulated machines at once (one per processor)
  --keep        leaves the machine up at the end, with a root shell here; one scenario, one run
  --out DIR     instead of dist/lab

Exit codes: 0 every bar met, 1 a bar missed or the command line or a scenario wrong, 2 the machine failed, 70 a bug.`;

const options = {
  scenario: { type: "string", multiple: true },
  short: { type: "boolean", default: false },
  list: { type: "boolean", default: false },
  matrix: { type: "boolean", default: false },
  profile: { type: "string" },
  runs: { type: "string" },
  jobs: { type: "string" },
  keep: { type: "boolean", default: false },
  out: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** The command. @returns its exit code. */
export async function lab(program: Program): Promise<number> {
  return (await labOutcome(program)).code;
}

/** The same for a program that counts on. */
export function labOutcome(program: Program): Promise<Outcome> {
  return outcomeOf("lab", program, run);
}

async function run({ root, version, args }: Program): Promise<Outcome> {
  const flags = parseCommand("npm run lab --", { args, options, allowPositionals: false }).values;
  const nothing = { code: 0, passed: 0, failed: 0 };
  if (flags.help) return print(help, nothing);
  const folder = join(root, "test/lab/scenarios");
  const found = flags.matrix ? [] : findScenarios(folder, flags.scenario ?? [], shownPath);
  const named = flags.short ? found.filter(({ short }) => short) : found;
  const scenarios = flags.profile !== undefined || flags.keep ? named : perProfile(named);
  if (flags.list) return print(scenarios.map(({ name, title }) => `${name.padEnd(20)} ${title}`).join("\n"), nothing);
  if (flags.keep && scenarios.length !== 1) throw new UsageError("--keep leaves one machine up", "Name one scenario with --scenario NAME.");
  const settings = {
    root,
    version,
    out: flags.out === undefined ? join(root, "dist/lab") : resolve(flags.out),
    profile: flags.profile ?? null,
    runs: flags.keep ? 1 : whole(flags.runs, "--runs", flags.short ? 1 : 2),
    jobs: flags.keep ? 1 : whole(flags.jobs, "--jobs", cpus().length),
    keep: flags.keep,
    tell: (text: string) => void process.stdout.write(`${text}\n`),
  };
  installPackages(Object.keys(packages), (text) => settings.tell(`lab: ${text}`));
  const { passed, failed } = flags.matrix ? await runMatrix(settings) : await runLab(scenarios, settings);
  return { code: failed === 0 ? 0 : 1, passed, failed };
}

function whole(text: string | undefined, option: string, usual: number): number {
  if (text === undefined) return usual;
  if (!/^[1-9]\d?$/.test(text)) throw new UsageError(`${option} ${text}: not a whole number from 1 to 99`, `Write ${option} 2.`);
  return Number(text);
}

function print(text: string, outcome: Outcome): Outcome {
  process.stdout.write(`${text}\n`);
  return outcome;
}

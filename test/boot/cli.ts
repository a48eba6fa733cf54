import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseCommand, type Program } from "../../builder/command/command";
import { UsageError } from "../../builder/errors";
import { suggest } from "../../builder/base/suggest";
import { boot as packages } from "../packages";
import { installPackages } from "../support/install";
import { type Outcome, outcomeOf } from "../support/outcome";
import { Bench, type Settings } from "./bench";
import { BootFailure } from "./errors";
import { scenarios } from "./scenarios";

const help = `boot: starts what build-image made as a Raspberry Pi would, in QEMU, with the lab's lines and server around it.

  npm run boot                          every scenario; hours
  npm run boot -- --scenario life       one (may be given several times)

  --short       the scenarios that scripts/test runs
  --list        name the scenarios, run none
  --cuts N      power cuts of the scenario "cuts" (40)
  --seed N      other moments for them
  --keep        leaves the cards and sockets at the end, and says where
  --out DIR     for the logs, instead of dist/boot

Functions are checked, not times: emulation is ten times slower than a Raspberry Pi 4.
Exit codes: 0 all is so, 1 something is not or the command line is wrong, 2 a machine could not be made, 70 a bug.`;

const options = {
  scenario: { type: "string", multiple: true },
  short: { type: "boolean", default: false },
  list: { type: "boolean", default: false },
  cuts: { type: "string", default: "40" },
  seed: { type: "string", default: "1" },
  keep: { type: "boolean", default: false },
  out: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** The command. @returns its exit code. */
export async function boot(program: Program): Promise<number> {
  return (await bootOutcome(program)).code;
}

/** The same for a program that counts on. */
export function bootOutcome(program: Program): Promise<Outcome> {
  return outcomeOf("boot", program, run);
}

async function run({ root, version, args }: Program): Promise<Outcome> {
  const flags = parseCommand("npm run boot --", { args, options, allowPositionals: false }).values;
  const nothing = { code: 0, passed: 0, failed: 0 };
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  if (flags.help) return (print(help), nothing);
  const names = Object.keys(scenarios);
  for (const name of flags.scenario ?? []) if (!names.includes(name)) throw unknown(name, names);
  const wanted = flags.scenario ?? names.filter((name) => !flags.short || scenarios[name]?.short);
  if (flags.list) return (print(wanted.map((name) => `${name.padEnd(16)} ${scenarios[name]?.title}`).join("\n")), nothing);
  const settings: Settings = {
    root,
    version,
    out: flags.out === undefined ? join(root, "dist/boot") : resolve(flags.out),
    cuts: whole(flags.cuts, "--cuts"),
    seed: whole(flags.seed, "--seed"),
    keep: flags.keep,
    tell: print,
  };
  installPackages(Object.keys(packages), (text) => print(`boot: ${text}`));
  const outcomes: { passed: number; failed: number }[] = [];
  for (const name of wanted) outcomes.push(await runScenario(name, settings));
  const [passed, failed] = (["passed", "failed"] as const).map((key) => outcomes.reduce((sum, one) => sum + one[key], 0)) as [
    number,
    number,
  ];
  print(`boot: ${passed} findings as they must be, ${failed} not`);
  return { code: failed === 0 ? 0 : 1, passed, failed };
}

async function runScenario(name: string, settings: Settings): Promise<{ passed: number; failed: number }> {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-boot-"));
  const clean = (): void => {
    if (!settings.keep) rmSync(folder, { recursive: true, force: true });
  };
  // Ctrl-C: the machines end with this program.
  const stop = (): void => {
    clean();
    process.exit(130);
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const bench = new Bench(settings, folder, name);
  let failure: unknown = null;
  try {
    await scenarios[name]?.run(bench);
  } catch (error) {
    failure = error;
    if (!(error instanceof BootFailure)) throw error;
    bench.failed++;
    bench.tell(`FAILED  ${error.message}`);
  } finally {
    process.removeListener("SIGINT", stop).removeListener("SIGTERM", stop);
    await bench.close(failure);
    if (settings.keep) bench.tell(`all is kept in ${folder}`);
    clean();
  }
  return bench;
}

function unknown(name: string, names: string[]): UsageError {
  const near = suggest(name, names);
  return new UsageError(`there is no scenario "${name}"`, near === null ? `There is ${names.join(", ")}.` : `Did you mean "${near}"?`);
}

function whole(text: string, option: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`${option} ${text}: not a whole number from 1 to 9999`, `Write ${option} 4.`);
  return Number(text);
}

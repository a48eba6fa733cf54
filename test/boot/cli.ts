import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Command, help, parseCommand, wholeNumber } from "../../builder/command/command";
import { helpOf } from "../../builder/command/help";
import type { Program } from "../../builder/command/run";
import { didYouMean, UsageError } from "../../builder/errors";
import { suggest } from "../../builder/base/suggest";
import { boot as packages } from "../packages";
import { installPackages } from "../support/install";
import { type Outcome, outcomeOf, type Timed } from "../support/outcome";
import { Known } from "../support/known";
import { Bench, type Settings } from "./bench";
import { BootFailure } from "./errors";
import { type Scenario, scenarios } from "./scenarios";

const command = {
  name: "npm run boot --",
  summary: "boots what build-image built as a Raspberry Pi would, in QEMU, with the lab's lines and server around it.",
  usage: [
    ["npm run boot", "every scenario; takes hours"],
    ["npm run boot -- --scenario life", "one scenario"],
  ],
  options: [
    { name: "scenario", value: "NAME", multiple: true, help: "run this scenario; may be given several times" },
    { name: "short", help: "run the scenarios that scripts/test runs" },
    { name: "list", help: "list the scenarios and how long they take, and run none" },
    { name: "cuts", value: "N", help: 'number of power cuts in the scenario "cuts" (40)' },
    { name: "seed", value: "N", help: "choose other moments for the power cuts (1)" },
    { name: "fresh", help: "run again what is known from an earlier run of the same files" },
    { name: "keep", help: "keep the cards and sockets at the end, and print where they are" },
    { name: "out", value: "DIR", help: "write the logs to this folder instead of dist/boot" },
    help,
  ],
  notes: [
    "Each scenario ends with a table of where its time went. It checks what works, not how long it takes: emulation is ten times slower than a Raspberry Pi 4.",
  ],
  exitCodes: [
    [0, "everything works"],
    [1, "something does not work, or the command line is wrong"],
    [2, "a machine could not be started"],
    [70, "a bug"],
  ],
} as const satisfies Command;

/** The command. @returns its exit code. */
export async function boot(program: Program): Promise<number> {
  return (await bootOutcome(program)).code;
}

/** The same for a program that adds up several parts. */
export function bootOutcome(program: Program): Promise<Outcome> {
  return outcomeOf("boot", program, run);
}

async function run({ root, version, args }: Program): Promise<Outcome> {
  const flags = parseCommand(command, args).values;
  const nothing = { code: 0, passed: 0, failed: 0 };
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  if (flags.help) return (print(helpOf(command)), nothing);
  const names = Object.keys(scenarios);
  for (const name of flags.scenario) if (!names.includes(name)) throw unknown(name, names);
  const wanted = flags.scenario.length > 0 ? flags.scenario : names.filter((name) => !flags.short || scenarios[name]?.short);
  if (flags.list) return (print(wanted.map(listed).join("\n")), nothing);
  const settings: Settings = {
    root,
    version,
    out: flags.out === undefined ? join(root, "dist/boot") : resolve(flags.out),
    cuts: wholeNumber(flags.cuts, "--cuts", { most: 9999, usual: 40 }),
    seed: wholeNumber(flags.seed, "--seed", { most: 9999, usual: 1 }),
    keep: flags.keep,
    fresh: flags.fresh,
    print,
  };
  installPackages(Object.keys(packages), (text) => print(`boot: ${text}`));
  const outcomes: { passed: number; failed: number }[] = [];
  const times: Timed[] = [];
  for (const name of wanted) {
    const started = Date.now();
    outcomes.push(await runScenario(name, settings));
    times.push({ name: `boot ${name}`, seconds: (Date.now() - started) / 1000 });
  }
  const [passed, failed] = (["passed", "failed"] as const).map((key) => outcomes.reduce((sum, one) => sum + one[key], 0)) as [
    number,
    number,
  ];
  print(`boot: ${passed} checks passed, ${failed} failed`);
  return { code: failed === 0 ? 0 : 1, passed, failed, times };
}

/** A scenario's row of --list. */
function listed(name: string): string {
  const { short, seconds, title } = scenarios[name] as Scenario;
  const time = seconds === null ? "not measured" : `${seconds} s`;
  return `${name.padEnd(16)} ${(short ? "short" : "").padEnd(6)} ${time.padStart(12)}  ${title}`;
}

async function runScenario(name: string, settings: Settings): Promise<{ passed: number; failed: number }> {
  const scenario = scenarios[name] as Scenario;
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
    const known = new Known<string[]>(await bench.prepare(scenario));
    const right = settings.fresh || settings.keep ? null : known.read();
    if (right !== null) {
      for (const what of right) bench.log(`ok      ${what}`);
      bench.log("nothing has changed since this ran: its findings are known; --fresh runs it again");
      return { passed: right.length, failed: 0 };
    }
    await scenario.run(bench);
    known.write(bench.right);
  } catch (error) {
    failure = error;
    if (!(error instanceof BootFailure)) throw error;
    bench.failed++;
    bench.log(`FAILED  ${error.message}`);
  } finally {
    process.removeListener("SIGINT", stop).removeListener("SIGTERM", stop);
    await bench.close(failure);
    if (settings.keep) bench.log(`everything is kept in ${folder}`);
    clean();
  }
  return { passed: bench.right.length, failed: bench.failed };
}

function unknown(name: string, names: string[]): UsageError {
  const near = suggest(name, names);
  return new UsageError(`there is no scenario "${name}"`, didYouMean(near, `Known scenarios: ${names.join(", ")}.`));
}

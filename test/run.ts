import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { type Command, help, parseCommand } from "../builder/command/command";
import { helpOf } from "../builder/command/help";
import type { Program } from "../builder/command/run";
import { UsageError } from "../builder/errors";
import { boot, installed, lab, releases, unpacked } from "./packages";
import type { PartResult } from "./part";
import { allParts, ciParts, type Part, quickParts, testsOf, unitPrograms } from "./parts";
import { unpackDebs } from "./support/debs";
import { installPackages } from "./support/install";
import { type Outcome, outcomeOf, type Timed } from "./support/outcome";
import { unpackReleases } from "./support/releases";
import { processorSeconds, slowest, type TimedPart, timeTable } from "./support/times";

const command = {
  name: "scripts/test",
  summary: "tests everything, and shows where the time went.",
  usage: [
    ["scripts/test", "what CI runs; installs the Debian packages that it needs"],
    ["scripts/test PATH...", "test files or folders below test/"],
  ],
  takesArguments: true,
  options: [
    {
      name: "quick",
      help: `${quickParts([])
        .map(({ name }) => name)
        .join(", ")}: under two minutes, without root`,
    },
    { name: "all", help: "everything, with the whole lab and all boot scenarios; takes hours" },
    help,
  ],
  notes: [`Parts: ${ciParts.map(({ name, about }) => `${name} (${about})`).join(", ")}.`],
  exitCodes: [
    [0, "nothing failed"],
    [1, "something failed, or the command line is wrong"],
  ],
} as const satisfies Command;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** The command. Its last line counts what passed and what failed. @returns the exit code. */
export async function runTests(program: Program): Promise<number> {
  const { passed, failed, code } = await outcomeOf("scripts/test", program, run);
  // Help is no test run.
  if (passed + failed > 0) print(`${passed} passed, ${failed} failed`);
  return code === 0 ? 0 : 1;
}

async function run({ root, args }: Program): Promise<Outcome> {
  const { values, positionals } = parseCommand(command, args);
  if (values.help) {
    print(helpOf(command));
    return { code: 0, passed: 0, failed: 0 };
  }
  if (Number(values.quick) + Number(values.all) + Number(positionals.length > 0) > 1)
    throw new UsageError("--quick, --all and paths cannot be combined", "Use one of them, or none for what CI runs.");
  const started = Date.now();
  const timed: TimedPart[] = [];
  if (!values.quick) timed.push(await prepare(positionals.length === 0));
  const results = await runLanes(
    root,
    values.quick ? quick() : values.all ? allParts : positionals.length > 0 ? [testsOf(positionals)] : ciParts,
  );
  timed.push(...results.map(({ part, result, seconds }) => ({ ...part, ...result, seconds })));
  const sum = (key: "passed" | "failed"): number => results.reduce((total, { result }) => total + result[key], 0);
  const timesOf = (...kinds: string[]): Timed[] =>
    results.flatMap(({ part, result }) => (kinds.includes(part.work.kind) ? result.times : []));
  const lines = [
    ...timeTable(timed, (Date.now() - started) / 1000),
    ...slowest("slowest test files", timesOf("vitest"), 10),
    ...slowest("scenarios", timesOf("lab", "boot"), values.all ? null : 10),
  ];
  print(`\n${[...lines, ...whatFailed(results)].join("\n")}`);
  return { code: sum("failed") === 0 ? 0 : 1, passed: sum("passed"), failed: sum("failed") };
}

/** Installs and unpacks Debian packages before anything runs, since an installation may change what a test sees. */
async function prepare(machines: boolean): Promise<TimedPart> {
  const report = (text: string): void => print(`scripts/test: ${text}`);
  const [started, cpu] = [Date.now(), processorSeconds()];
  installPackages(Object.keys({ ...installed, ...lab, ...(machines ? boot : {}) }), report);
  unpackDebs(unpacked);
  await unpackReleases(releases, report);
  const now = processorSeconds();
  const cpuSeconds = now === null || cpu === null ? null : now - cpu;
  return { name: "packages", seconds: (Date.now() - started) / 1000, cpuSeconds, budget: 30 };
}

/** The parts of --quick; prints what it leaves out. */
function quick(): Part[] {
  print("scripts/test: --quick leaves out test/conformance, test/kernel, the lab and the boot tests");
  const there = (program: string): boolean => spawnSync("sh", ["-c", `PATH=$PATH:/usr/sbin:/sbin command -v ${program}`]).status === 0;
  const missing = Object.entries(unitPrograms).flatMap(([file, programs]) => {
    const without = programs.filter((program) => !there(program));
    return without.length === 0 ? [] : [{ file, without }];
  });
  for (const { file, without } of missing) print(`scripts/test: --quick leaves out ${file}, which needs ${without.join(" and ")}`);
  return quickParts(missing.map(({ file }) => file));
}

interface Ran {
  part: Part;
  result: PartResult;
  /** Wall time, s. */
  seconds: number;
}

/** Runs the lanes side by side, and the parts of each one after another. */
async function runLanes(root: string, parts: Part[]): Promise<Ran[]> {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-parts-"));
  try {
    const lanes = [...new Set(parts.map(({ lane }) => lane))].map(async (lane) => {
      const ran: Ran[] = [];
      for (const part of parts.filter((one) => one.lane === lane)) ran.push(await runPart(root, part, join(folder, `${part.name}.json`)));
      return ran;
    });
    return (await Promise.all(lanes)).flat();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What failed once more, since thousands of lines may be between it and the end. */
function whatFailed(results: Ran[]): string[] {
  const parts = results.filter(({ result }) => result.failed > 0);
  if (parts.length === 0) return [];
  const rows = parts.flatMap(({ part, result }) => [`  ${part.name}: ${result.failed}`, ...result.failures.map((name) => `    ${name}`)]);
  return ["what failed", ...rows];
}

/** Runs a part as a process of its own, each line of its output with its name in front. */
async function runPart(root: string, part: Part, file: string): Promise<Ran> {
  const started = Date.now();
  const command = [process.execPath, join(root, "test/part.cjs"), JSON.stringify(part.work), file];
  const [program, ...args] = part.idle ? ["chrt", "--idle", "0", ...command] : command;
  const child = spawn(program as string, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const label = part.name.padEnd(10);
  const lines = (input: NodeJS.ReadableStream): Interface => createInterface({ input }).on("line", (line) => print(`${label} ${line}`));
  lines(child.stdout);
  lines(child.stderr);
  await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  return { part, result: resultIn(part, file), seconds: (Date.now() - started) / 1000 };
}

/** A part that ended without a result has failed. */
function resultIn({ name }: Part, file: string): PartResult {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as PartResult;
  } catch {
    print(`${name.padEnd(10)} FAILED: it ended without a result`);
    return { passed: 0, failed: 1, cpuSeconds: null, times: [], failures: [] };
  }
}

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Program } from "../builder/command/run";
import { bootOutcome } from "./boot/cli";
import { labOutcome } from "./lab/cli";
import type { Work } from "./parts";
import type { Timed } from "./support/outcome";
import { processorSeconds } from "./support/times";

/** What a part reports to scripts/test. */
export interface PartResult {
  passed: number;
  failed: number;
  /** Of this process and all that it has waited for; null where the system does not tell. */
  cpuSeconds: number | null;
  /** Its test files or scenarios. */
  times: Timed[];
  /** Names of the tests that failed, where the part can tell them apart. */
  failures: string[];
}

type Counted = Omit<PartResult, "cpuSeconds">;

/** Runs one part. The arguments are its work as JSON, and the file for its result. @returns the exit code. */
export async function runPart({ root, version, args }: Program): Promise<number> {
  const [json = "", file = ""] = args;
  const work = JSON.parse(json) as Work;
  const counted = await run(work, { root, version });
  writeFileSync(file, JSON.stringify({ ...counted, cpuSeconds: processorSeconds() } satisfies PartResult));
  return counted.failed === 0 ? 0 : 1;
}

async function run(work: Work, { root, version }: Pick<Program, "root" | "version">): Promise<Counted> {
  if (work.kind === "tool") return tool(root, work.program, work.args);
  if (work.kind === "vitest") return vitest(root, work);
  const outcome = work.kind === "lab" ? labOutcome : bootOutcome;
  const { passed, failed, times = [] } = await outcome({ root, version, args: work.args });
  return { passed, failed, times, failures: [] };
}

/** A tool that passes or fails as a whole. */
function tool(root: string, program: string, args: string[]): Counted {
  const { status } = spawnSync(join(root, "node_modules/.bin", program), args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  console.log(status === 0 ? "passed" : "FAILED");
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, times: [], failures: [] };
}

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: {
    name: string;
    message: string;
    assertionResults: { fullName: string; status: string }[];
    startTime: number;
    endTime: number;
  }[];
}

/** A test that was skipped, or a file that held none, counts as failed. */
function vitest(root: string, { paths, exclude }: Extract<Work, { kind: "vitest" }>): Counted {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-test-"));
  const file = join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const left = exclude.flatMap((path) => ["--exclude", path]);
    const { status } = spawnSync(join(root, "node_modules/.bin/vitest"), ["run", ...reporters, ...left, ...paths], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    const empty = report.testResults.filter(({ assertionResults }) => assertionResults.length === 0);
    for (const { name, message } of empty) console.log(`${name}: no test ran. ${message}`);
    const failed = report.numFailedTests + report.numPendingTests + report.numTodoTests + empty.length;
    const failures = report.testResults.flatMap(({ name, assertionResults }) => {
      const left = assertionResults.filter(({ status }) => status !== "passed").map(({ fullName, status }) => `${fullName} (${status})`);
      return (assertionResults.length === 0 ? ["no test ran"] : left).map((text) => `${relative(root, name)}: ${text}`);
    });
    const times = report.testResults.map(({ name, startTime, endTime }) => ({
      name: relative(root, name),
      seconds: (endTime - startTime) / 1000,
    }));
    return { passed: report.numPassedTests, failed: failed === 0 && status !== 0 ? 1 : failed, times, failures };
  } catch (error) {
    console.error(`vitest gave no report: ${(error as Error).message}`);
    return { passed: 0, failed: 1, times: [], failures: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

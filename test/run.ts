import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Program } from "../builder/command/run";
import { EnvironmentError } from "../builder/errors";
import { bootOutcome } from "./boot/cli";
import { labOutcome } from "./lab/cli";
import { installed, releases, unpacked } from "./packages";
import { unpackDebs } from "./support/debs";
import { installPackages } from "./support/install";
import { unpackReleases } from "./support/releases";

interface Outcome {
  passed: number;
  failed: number;
}

/** Installs what the tests need, runs every part, ends with one line over all. @returns the exit code. */
export async function runTests({ root, version, args }: Program): Promise<number> {
  try {
    const tell = (text: string): void => console.log(`scripts/test: ${text}`);
    installPackages(Object.keys(installed), tell);
    unpackDebs(unpacked);
    await unpackReleases(releases, tell);
  } catch (error) {
    const hint = error instanceof EnvironmentError ? `\n  ${error.hint}` : "";
    console.error(`scripts/test: ${(error as Error).message}${hint}`);
    console.log("0 passed, 1 failed");
    return 1;
  }
  const tool = (name: string, ...rest: string[]) => check(root, name, [join(root, "node_modules/.bin", name), ...rest]);
  const short = { root, version, args: ["--short"] };
  const outcomes =
    args.length > 0
      ? [vitest(root, args)]
      : [
          tool("tsc", "--noEmit"),
          tool("prettier", "--check", "--log-level=warn", "."),
          vitest(root, args),
          await labOutcome(short),
          await bootOutcome(short),
        ];
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** A tool that passes or fails as a whole. */
function check(root: string, name: string, [program = "", ...args]: string[]): Outcome {
  const { status } = spawnSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  console.log(`${name}: ${status === 0 ? "passed" : "FAILED"}`);
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { name: string; status: string; message: string; assertionResults: unknown[] }[];
}

/** Every test below test/. A test that was skipped, or a file that held none, counts as failed. */
function vitest(root: string, args: string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-test-"));
  const file = join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const { status } = spawnSync(join(root, "node_modules/.bin/vitest"), ["run", ...reporters, ...args], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    const empty = report.testResults.filter(({ assertionResults }) => assertionResults.length === 0);
    for (const { name, message } of empty) console.log(`${name}: no test ran. ${message}`);
    const failed = report.numFailedTests + report.numPendingTests + report.numTodoTests + empty.length;
    return { passed: report.numPassedTests, failed: failed === 0 && status !== 0 ? 1 : failed };
  } catch (error) {
    console.error(`vitest gave no report: ${(error as Error).message}`);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

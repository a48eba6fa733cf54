import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, beforeAll } from "vitest";

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

type Environment = Record<string, string>;

/** Builds the program as it runs on the box, without the status page, for the tests of one file. */
export function useProgram() {
  let folder = "";
  const bundle = (): string => join(folder, "bondbox.cjs");
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "bondbox-bundle-"));
    buildSync({
      entryPoints: [join(import.meta.dirname, "../../../overlay/runtime/main.ts")],
      bundle: true,
      platform: "node",
      target: "node18",
      format: "cjs",
      outfile: bundle(),
      logLevel: "warning",
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Starts it; the result's texts grow while it runs. */
  const start = (words: string[], environment: Environment = {}, options: SpawnOptions = {}): { child: ChildProcess; result: Result } => {
    const child = spawn(process.execPath, [bundle(), ...words], { ...options, env: { ...process.env, ...environment } });
    const result: Result = { code: null, stdout: "", stderr: "" };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      result.stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      result.stderr += text;
    });
    return { child, result };
  };

  /** Runs it to its end. */
  const run = async (words: string[], environment?: Environment, options?: SpawnOptions): Promise<Result> => {
    const { child, result } = start(words, environment, options);
    const [code] = (await once(child, "close")) as [number | null];
    return { ...result, code };
  };
  return { start, run, bundle };
}

/** Waits until something holds. @param time for so long at most, ms */
export async function until(holds: () => boolean, time = 12_000): Promise<void> {
  const end = Date.now() + time;
  while (!holds()) {
    if (Date.now() > end) {
      throw new Error(`not seen in time: ${holds}`);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}

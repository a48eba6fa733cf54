import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { image } from "../../errors";
import { type Outcome, run, type RunOptions, searchPath } from "../../machine/run";

/** The Debian package of each program that an image needs. */
const packages: Record<string, string> = {
  cp: "coreutils",
  debugfs: "e2fsprogs",
  e2fsck: "e2fsprogs",
  "fsck.fat": "dosfstools",
  mcopy: "mtools",
  mdir: "mtools",
  mmd: "mtools",
  unzip: "unzip",
  xz: "xz-utils",
  zstd: "zstd",
};

/** Throws if one of the programs is missing: it is better to know now than after minutes. */
export function needPrograms(names: string[]): void {
  const folders = searchPath().split(delimiter);
  const name = names.find((wanted) => !folders.some((folder) => isExecutable(join(folder, wanted))));
  if (name !== undefined) throw missing(name);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(name: string): Error {
  return image.noProgram(name, packages[name] ?? name);
}

/** Neither the language nor the settings of the person may change what is written. */
const fixed = { LC_ALL: "C", TZ: "UTC", MTOOLSRC: "/dev/null", DEBUGFS_PAGER: "__none__" };

/** Runs a program. @throws EnvironmentError if it is missing. */
export async function runProgram(name: string, args: string[], { env, ...options }: RunOptions = {}): Promise<Outcome> {
  const outcome = await run(name, args, { ...options, env: { ...fixed, ...env } });
  if (outcome.failure === "missing") throw missing(name);
  return outcome;
}

/** What a checker prints of a clean file system is far shorter, bytes. */
const ENOUGH = 64 << 10;

class EnoughError extends Error {}

/**
 * Runs a program that checks a file system. One that finds a file where a folder should be may go on for minutes: it is stopped when
 * it has printed enough.
 * @returns what it printed, line by line, where the file system is not clean, else null.
 */
async function verdict(name: string, args: string[], options: RunOptions = {}): Promise<string[] | null> {
  const printed: Buffer[] = [];
  let bytes = 0;
  const onOutput = (chunk: Buffer): void => {
    printed.push(chunk);
    bytes += chunk.length;
    if (bytes > ENOUGH) throw new EnoughError();
  };
  const lines = (more: string): string[] => `${Buffer.concat(printed).toString()}\n${more}`.split("\n");
  try {
    const { status, stderr } = await runProgram(name, args, { ...options, onOutput });
    return status === 0 ? null : [...lines(stderr), ...(status === null ? [`${name} was killed`] : [])];
  } catch (error) {
    if (error instanceof EnoughError) return lines("");
    throw error;
  }
}

/**
 * Runs a program that checks a file system, and puts its findings into one sentence.
 * @param name the program.
 * @param args its arguments.
 * @param noise lines that say nothing about what is wrong.
 * @param options as for runProgram.
 * @returns the first three findings; null where the file system is clean.
 */
export async function findings(name: string, args: string[], noise: RegExp, options: RunOptions = {}): Promise<string | null> {
  const lines = await verdict(name, args, options);
  if (lines === null) return null;
  const telling = lines.filter((line) => !noise.test(line)).slice(0, 3);
  return telling.join("; ") || `${name} does not accept it`;
}

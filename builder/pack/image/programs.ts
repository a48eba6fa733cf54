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

/** Runs a program that must succeed and print no error. @throws with its output otherwise: that is a bug, or a failing disk. */
export async function mustRun(name: string, args: string[], options: RunOptions = {}): Promise<Buffer> {
  const { status, stdout, stderr } = await runProgram(name, args, options);
  if (status !== 0 || stderr !== "") throw new Error(`${name} ${args.join(" ")} failed (${status}): ${stderr.trim()}`);
  return stdout;
}

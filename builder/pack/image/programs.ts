import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { image } from "../../errors";
import { environment, onInterrupt } from "../../machine/host";

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

/** Debian keeps /usr/sbin out of a user's path. */
const searched = (): string => [environment().PATH ?? "", "/usr/sbin", "/sbin"].join(delimiter);

/** Throws where one of the programs is missing: better now than after minutes. */
export function needPrograms(names: string[]): void {
  for (const name of names)
    if (
      !searched()
        .split(delimiter)
        .some((folder) => isExecutable(join(folder, name)))
    )
      throw missing(name);
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

export interface Outcome {
  status: number | null;
  stdout: Buffer;
  stderr: string;
}

export interface Options {
  input?: string;
  cwd?: string;
  env?: Record<string, string>;
  /** Gets the output piece by piece; then Outcome.stdout is empty. A promise holds the program back. */
  onOutput?: (chunk: Buffer) => void | Promise<void>;
}

/** Runs a program to its end. @throws where it is missing or cannot be started. A status other than 0 is the caller's to judge. */
export async function runProgram(name: string, args: string[], { input, cwd, env, onOutput }: Options = {}): Promise<Outcome> {
  // Neither the person's language nor their settings may change what is written.
  const fixed = { PATH: searched(), LC_ALL: "C", TZ: "UTC", MTOOLSRC: "/dev/null", DEBUGFS_PAGER: "__none__" };
  const child = spawn(name, args, { cwd, env: environment({ ...fixed, ...env }), stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? missing(name) : error));
    child.on("close", resolve);
  });
  const done = onInterrupt(() => child.kill());
  // A program that stops reading early says why by its status.
  child.stdin.on("error", () => {});
  child.stdin.end(input ?? "");
  const errors: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const output: Buffer[] = [];
  const read = async (): Promise<void> => {
    for await (const chunk of child.stdout) {
      if (onOutput === undefined) output.push(chunk as Buffer);
      else await onOutput(chunk as Buffer);
    }
  };
  try {
    const [status] = await Promise.all([ended, read()]);
    return { status, stdout: Buffer.concat(output), stderr: Buffer.concat(errors).toString() };
  } catch (error) {
    child.kill();
    throw error;
  } finally {
    done();
  }
}

/** Runs a program that must succeed in silence. @throws with its words where it does not: that is a bug, or a failing disk. */
export async function mustRun(name: string, args: string[], options: Options = {}): Promise<Buffer> {
  const { status, stdout, stderr } = await runProgram(name, args, options);
  if (status !== 0 || stderr !== "") throw new Error(`${name} ${args.join(" ")} failed (${status}): ${stderr.trim()}`);
  return stdout;
}

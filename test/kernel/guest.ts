import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";

/** A file of the guest: its bytes, or where a symbolic link points. */
export type GuestFile = { content: string | Buffer; mode?: number } | { symlink: string };

/** Files of the guest by absolute path. */
export type GuestFiles = Record<string, GuestFile>;

export interface KernelOptions {
  /** Wall time for boot and script together, ms. The emulated machine has a limit in virtual time instead. */
  timeoutMs?: number;
  /** Memory of the guest, which also holds everything that is written inside; 256 if not given. The emulated machine has its own. */
  memoryMb?: number;
  /** Laid over `/` before the script starts, owned by root. */
  files?: GuestFiles;
  /** Loaded before the script starts, one `modprobe` line each. Others are loaded by the kernel when asked for. */
  modules?: string[];
}

export interface KernelResult {
  /** Standard output and standard error of the script, in the order of writing. */
  output: string;
  /** Exit status of the script. */
  exitCode: number;
}

/** The kernel did not bring the script to its end: a panic, a power-off by the script itself, or the time limit. */
export class KernelError extends Error {
  constructor(
    message: string,
    /** Everything the console showed until then. */
    readonly console: string,
  ) {
    super(`${message}\n--- console, last lines ---\n${console.split("\n").slice(-40).join("\n")}`);
    this.name = "KernelError";
  }
}

/** Writes the guest's files below `root` on the host, where stage 1 takes them from. */
export async function writeTree(root: string, files: GuestFiles): Promise<void> {
  await mkdir(root);
  for (const [path, file] of Object.entries(files)) {
    if (!path.startsWith("/") || path.endsWith("/") || normalize(path) !== path) {
      throw new Error(`a file of the guest needs a plain absolute path, not "${path}"`);
    }
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    if ("symlink" in file) await symlink(file.symlink, target);
    else {
      await writeFile(target, file.content);
      await chmod(target, file.mode ?? 0o644); // not writeFile's mode: the umask narrows that
    }
  }
}

/** All files and links below a folder of the host, with their modes, to be laid over `/` (or `at`) of the guest. */
export async function overlayDir(folder: string, at = "/"): Promise<GuestFiles> {
  const files: GuestFiles = {};
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const from = join(folder, entry.name);
    const to = join(at, entry.name);
    if (entry.isDirectory()) Object.assign(files, await overlayDir(from, to));
    else if (entry.isSymbolicLink()) files[to] = { symlink: await readlink(from) };
    else if (entry.isFile()) files[to] = { content: await readFile(from), mode: (await stat(from)).mode & 0o7777 };
    else throw new Error(`${from} is neither a file, a folder nor a link`);
  }
  return files;
}

/** Finds the script's output and exit status between the marker lines. */
export function readResult(console: string, marker: string): KernelResult {
  const found = new RegExp(`${marker}:start\\r?\\n(.*)\\n${marker}:(\\d+):end`, "s").exec(console);
  if (!found) throw new KernelError("the kernel ended before the script did", console);
  const [, output = "", code = ""] = found;
  return { output, exitCode: Number(code) };
}

/**
 * Splits the output of a script that prints "@@ NAME" before each step and "@= STATUS" after it.
 * @returns what a step said and how it ended; it throws where there is no such step
 */
export function stepsOf(output: string): (name: string) => KernelResult {
  const steps = new Map<string, KernelResult>();
  for (const [, name = "", text = "", code] of output.matchAll(/^@@ (.*)\n([\s\S]*?)^@= (\d+)$/gm)) {
    if (steps.has(name)) throw new Error(`two steps are called "${name}"`);
    steps.set(name, { output: text, exitCode: Number(code) });
  }
  return (name) => {
    const found = steps.get(name);
    if (found === undefined) throw new Error(`no step "${name}" in:\n${output}`);
    return found;
  };
}

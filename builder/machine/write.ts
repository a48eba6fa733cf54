/**
 * The one way to write a file: under a temporary name in the same folder, then renamed. A reader sees the old content or the new one,
 * never a part of it, whatever interrupts the build.
 */
import { chmodSync, closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isRunning, onInterrupt, platform, processId } from "./host";

export interface NewFile {
  path: string;
  content: string | Uint8Array;
}

export interface WriteOptions {
  /** Permission bits, such as 0o600; they hold whatever the umask is. Left out: the default of the file system, which FAT needs. */
  mode?: number;
  /** Whether the content must survive a power cut that follows. It costs a write to the disk per file. */
  sync?: boolean;
  /**
   * Called for each file before any of them is renamed; what it throws leaves the old files in place.
   * @param temporary path of the complete new file.
   * @param file what was written to it.
   */
  check?: (temporary: string, file: NewFile) => void;
}

/** Writes one file. The folder must exist. @throws what Node's file functions throw, and what `check` throws. */
export function writeFile(path: string, content: string | Uint8Array, options: WriteOptions = {}): void {
  writeFiles([{ path, content }], options);
}

/**
 * Writes files that belong together: the first one is renamed only when all of them are complete, so a full disk leaves no mixture of
 * old and new. The folders must exist.
 *
 * No clean-up for Ctrl-C is needed: Node delivers a signal after synchronous work, or the signal ends the process at once, and then the
 * next write removes the drafts.
 */
export function writeFiles(files: NewFile[], options: WriteOptions = {}): void {
  const drafts = files.map((file) => ({ file, temporary: temporaryName(file.path) }));
  try {
    for (const { file, temporary } of drafts) {
      removeAbandoned(file.path);
      naming(file.path, () => writeDraft(temporary, file.content, options));
      options.check?.(temporary, file);
    }
    for (const { file, temporary } of drafts) publish(temporary, file.path, options);
  } catch (error) {
    for (const { temporary } of drafts) rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Writes a file by a function, for content that does not fit in memory.
 * @param path of the file; its folder must exist.
 * @param make writes the content to the path that it gets, and syncs it if that matters.
 */
export async function writeFileBy(path: string, make: (temporary: string) => Promise<void>, options: WriteOptions = {}): Promise<void> {
  const temporary = temporaryName(path);
  const cleanUp = (): void => rmSync(temporary, { force: true });
  const done = onInterrupt(cleanUp);
  try {
    removeAbandoned(path);
    await make(temporary);
    publish(temporary, path, options);
  } catch (error) {
    cleanUp();
    throw error;
  } finally {
    done();
  }
}

/**
 * Gives a complete file its name.
 * @param temporary path of the file, on the same file system as `path`.
 * @param path its new name; a file of that name is replaced.
 */
export function publish(temporary: string, path: string, { sync = false }: Pick<WriteOptions, "sync"> = {}): void {
  renameSync(temporary, path);
  if (sync) syncFolder(dirname(path));
}

/** Waits until the disk has a file's content, which may have been written by anybody. */
export function syncFile(path: string): void {
  syncOpened(path, "r+");
}

/** A rename survives a power cut only when its folder was synced as well. Windows cannot open a folder. */
function syncFolder(folder: string): void {
  if (platform() === "win32") return;
  try {
    syncOpened(folder, "r");
  } catch (error) {
    // Some file systems, such as those of FUSE, do not support it for folders.
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
  }
}

function syncOpened(path: string, flags: string): void {
  const file = openSync(path, flags);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Does work on a file; an error of Node's that names no file, such as that of a full disk, names it then.
 * @param path as the person knows it
 */
export function naming<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const found = error as NodeJS.ErrnoException;
    if (found.code !== undefined) found.path ??= path;
    throw error;
  }
}

function writeDraft(temporary: string, content: string | Uint8Array, { mode, sync = false }: WriteOptions): void {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  // A draft may hold keys: it is never readable by others, not even before its mode is set.
  const file = openSync(temporary, "wx", mode ?? 0o666);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    if (sync) fsyncSync(file);
  } finally {
    closeSync(file);
  }
  if (mode !== undefined) chmodSync(temporary, mode);
}

const MARK = ".new-";

/** The name of a draft next to the path, such as .home.img.new-4711. */
export function temporaryName(path: string, mark = MARK): string {
  return join(dirname(path), `.${basename(path)}${mark}${processId}`);
}

/**
 * The drafts of a path that processes left which no longer run, and those of this process.
 * @param mark what stands between the name and the number of the process.
 * @returns paths.
 */
export function abandoned(path: string, mark = MARK): string[] {
  const prefix = `.${basename(path)}${mark}`;
  return readdirSync(dirname(path))
    .filter((name) => {
      const maker = name.startsWith(prefix) ? name.slice(prefix.length) : "";
      return /^\d+$/.test(maker) && (Number(maker) === processId || !isRunning(Number(maker)));
    })
    .map((name) => join(dirname(path), name));
}

function removeAbandoned(path: string): void {
  for (const draft of abandoned(path)) rmSync(draft, { force: true });
}

import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { environmentError, lock as lockTexts } from "../errors";
import { isRunning, onInterrupt, processId } from "./host";

/** Makes a folder and its parents. Not mkdir's own "recursive": that one says ENOENT where the disk is read-only. */
export function makeFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && statSync(path).isDirectory()) return;
    if (code !== "ENOENT") throw environmentError(error) ?? error;
    makeFolder(dirname(path), mode);
    mkdirSync(path, { mode });
  }
}

const PATIENCE_MS = 60_000;

/** Runs the work while no other build has the lock of this folder, which stands beside it. A lock whose build has died does not count. */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const lock = join(dirname(folder), `.${basename(folder)}.lock`);
  const end = Date.now() + PATIENCE_MS;
  for (let holder = take(lock); holder !== null; holder = take(lock)) {
    if (Date.now() > end) throw lockTexts.locked(lock, holder);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const release = () => rmSync(lock, { force: true });
  const done = onInterrupt(release);
  try {
    return await work();
  } finally {
    release();
    done();
  }
}

/** Takes a lock. @returns null, or the process that has it. */
function take(lock: string): number | null {
  try {
    makeFolder(dirname(lock), 0o700);
    writeFileSync(lock, `${processId}`, { flag: "wx", mode: 0o600 });
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A full disk makes the file and then cannot write to it.
    if (code === "ENOSPC" || code === "EDQUOT") rmSync(lock, { force: true });
    if (code !== "EEXIST") throw environmentError(error) ?? error;
  }
  const holder = holderOf(lock);
  if (holder === null || (holder !== 0 && isRunning(holder))) return holder ?? 0;
  removeDead(lock, holder);
  return holder;
}

/** The process in a lock; 0 where its build died before it could write; null where it is gone or just being written. */
function holderOf(lock: string): number | null {
  try {
    return Number(readFileSync(lock, "utf8")) || (Date.now() - statSync(lock).mtimeMs > 5000 ? 0 : null);
  } catch {
    return null;
  }
}

/** Removes a dead build's lock. The rename picks one of those who try at once; it must still be the dead one's. */
function removeDead(lock: string, holder: number): void {
  const aside = `${lock}.${processId}`;
  try {
    renameSync(lock, aside);
    if (holderOf(aside) === holder) rmSync(aside);
    else renameSync(aside, lock);
  } catch {
    // Another build was quicker.
  }
}

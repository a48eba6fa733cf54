import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { folderError, lock as lockTexts } from "../errors";
import { makeFolder } from "./folders";
import { isRunning, onInterrupt, processId } from "./host";

/** How long a build waits for another one, ms, where nothing else is said. */
const PATIENCE_MS = 60_000;

/**
 * Runs the work while no other build has the lock of a file or folder. A lock whose process has ended does not count.
 * @param path the file or folder; the lock is next to it.
 * @param patienceMs how long to wait for another one.
 * @throws EnvironmentError if another build still has the lock after that.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const lock = join(dirname(path), `.${basename(path)}.lock`);
  const end = Date.now() + patienceMs;
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

/** Takes a lock. @returns null if that worked, or the process that holds it. */
function take(lock: string): number | null {
  makeFolder(dirname(lock), 0o700);
  try {
    writeFileSync(lock, `${processId}`, { flag: "wx", mode: 0o600 });
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // On a full disk the file is created and then cannot be written.
    if (code === "ENOSPC" || code === "EDQUOT") rmSync(lock, { force: true });
    // The folder, not the lock, is what the person wrote.
    if (code !== "EEXIST") throw folderError(error, dirname(lock)) ?? error;
  }
  const holder = holderOf(lock);
  if (holder === null || (holder !== 0 && isRunning(holder))) return holder ?? 0;
  removeDead(lock, holder);
  return holder;
}

/** The process that a lock names; 0 if that ended before it could write; null if the lock is gone or just being written. */
function holderOf(lock: string): number | null {
  try {
    return Number(readFileSync(lock, "utf8")) || (Date.now() - statSync(lock).mtimeMs > 5000 ? 0 : null);
  } catch {
    return null;
  }
}

/** Removes the lock of a process that ended. Of several builds that try at the same time the rename succeeds for one; the lock must still be the old one. */
function removeDead(lock: string, holder: number): void {
  const aside = `${lock}.${processId}`;
  try {
    renameSync(lock, aside);
    if (holderOf(aside) === holder) rmSync(aside);
    else renameSync(aside, lock);
  } catch {
    // Another build was faster.
  }
}

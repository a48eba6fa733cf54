import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { environmentError, folderError } from "../../errors";
import { makeFolder } from "../../machine/folders";
import { isRunning, onInterrupt, processId } from "../../machine/host";
import type { LockedPackage } from "./lock";

/** A package's place in the cache, by its content. */
export function cachedPath(cache: string, { sha256 }: Pick<LockedPackage, "sha256">): string {
  return join(cache, `${sha256}.deb`);
}

/** Whether the file is that package, to the byte. */
export async function isPackage(file: string, { sha256, size }: Pick<LockedPackage, "sha256" | "size">): Promise<boolean> {
  try {
    if (statSync(file).size !== size) return false;
    // Unlike createHash, this runs beside the other packages' on another processor.
    const digest = await crypto.subtle.digest("SHA-256", await readFile(file));
    return Buffer.from(digest).toString("hex") === sha256;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw environmentError(error) ?? error;
  }
}

/** Runs the work with a folder in the cache that is gone afterwards, however it ends. */
export async function withWorkFolder<T>(cache: string, work: (folder: string) => Promise<T>): Promise<T> {
  makeFolder(cache, 0o700);
  removeLeftovers(cache);
  const folder = made(cache);
  const cleanUp = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  const done = onInterrupt(cleanUp);
  try {
    return await work(folder);
  } catch (error) {
    throw folderError(error, cache) ?? error;
  } finally {
    cleanUp();
    done();
  }
}

function made(cache: string): string {
  try {
    return mkdtempSync(join(cache, `making-${processId}-`));
  } catch (error) {
    throw folderError(error, cache) ?? error;
  }
}

/** What a build that was killed left behind. */
function removeLeftovers(cache: string): void {
  for (const name of readdirSync(cache)) {
    const [, maker] = /^making-(\d+)-/.exec(name) ?? [];
    if (maker !== undefined && !isRunning(Number(maker))) rmSync(join(cache, name), { recursive: true, force: true });
  }
}

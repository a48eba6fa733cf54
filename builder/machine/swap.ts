import { existsSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { onInterrupt } from "./host";
import { abandoned, temporaryName } from "./write";

const OLD = ".old-";

/**
 * Replaces a folder: makes the new one next to it and swaps them. A failure at any point leaves the old one.
 * @param folder path of the folder, which need not exist.
 * @param make fills the new folder at the path that it gets; it creates the folder itself, because the mode is its matter.
 */
export async function swapFolder(folder: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const [temporary, old] = [temporaryName(folder), temporaryName(folder, OLD)];
  const cleanUp = (): void => rmSync(temporary, { recursive: true, force: true });
  const done = onInterrupt(cleanUp);
  try {
    recoverFolder(folder);
    await make(temporary);
    exchange(folder, temporary, old);
    rmSync(old, { recursive: true, force: true });
  } catch (error) {
    cleanUp();
    throw error;
  } finally {
    done();
  }
}

function exchange(folder: string, temporary: string, old: string): void {
  if (existsSync(folder)) renameSync(folder, old);
  try {
    renameSync(temporary, folder);
  } catch (error) {
    if (existsSync(old)) renameSync(old, folder);
    throw error;
  }
}

/** Removes what a killed build left. If it was killed between the two renames, the old folder is the last good one and gets its name back. */
export function recoverFolder(folder: string): void {
  if (!existsSync(dirname(folder))) return;
  for (const old of abandoned(folder, OLD)) {
    if (existsSync(folder)) rmSync(old, { recursive: true, force: true });
    else renameSync(old, folder);
  }
  for (const draft of abandoned(folder)) rmSync(draft, { recursive: true, force: true });
}

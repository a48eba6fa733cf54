import { chmodSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { environmentError, usage } from "../errors";
import { makeFolder } from "../machine/folders";
import { isRunning, onInterrupt, processId } from "../machine/host";
import type { Artefact } from "../render/tree";

/**
 * Writes the artefacts beside the output folder and swaps them in: a failure, at whatever point, leaves the last good build.
 * @param beforeSwap the last thing that may fail; it gets the new folder, before it is in its place.
 */
export async function writeOutput(
  folder: string,
  artefacts: Artefact[],
  beforeSwap: (folder: string) => Promise<void> | void,
): Promise<void> {
  checkOurs(folder);
  const temporary = join(dirname(folder), `.${basename(folder)}.new-${processId}`);
  const old = join(dirname(folder), `.${basename(folder)}.old-${processId}`);
  const cleanUp = () => rmSync(temporary, { recursive: true, force: true });
  const done = onInterrupt(cleanUp);
  try {
    removeLeftovers(folder);
    writeAll(temporary, artefacts);
    await beforeSwap(temporary);
    if (existsSync(folder)) renameSync(folder, old);
    try {
      renameSync(temporary, folder);
    } catch (error) {
      if (existsSync(old)) renameSync(old, folder);
      throw error;
    }
    rmSync(old, { recursive: true, force: true });
  } catch (error) {
    cleanUp();
    throw environmentError(error) ?? error;
  } finally {
    done();
  }
}

/** Refuses to replace a folder that no build made. */
function checkOurs(folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw environmentError(error) ?? error;
  }
  if (names.length > 0 && !names.includes("manifest.json")) throw usage.foreignOutput(folder);
}

function writeAll(folder: string, artefacts: Artefact[]): void {
  // The artefacts hold keys: the folder is its owner's alone.
  makeFolder(folder, 0o700);
  chmodSync(folder, 0o700);
  for (const { path, mode, content } of artefacts) {
    const target = join(folder, path);
    makeFolder(dirname(target), 0o700);
    writeFileSync(target, content, { mode });
    chmodSync(target, mode);
  }
}

/** What a build that was killed left behind; one that still runs is left alone. */
function removeLeftovers(folder: string): void {
  const parent = dirname(folder);
  if (!existsSync(parent)) return;
  const leftover = new RegExp(`^\\.${basename(folder).replace(/[.*+?^\${}()|[\]\\]/g, "\\$&")}\\.(new|old)-(\\d+)$`);
  for (const name of readdirSync(parent)) {
    const [, kind, pid] = leftover.exec(name) ?? [];
    if (pid === undefined || (Number(pid) !== processId && isRunning(Number(pid)))) continue;
    // Killed between the two renames: the last good build is the old one.
    if (kind === "old" && !existsSync(folder)) renameSync(join(parent, name), folder);
    else rmSync(join(parent, name), { recursive: true, force: true });
  }
}

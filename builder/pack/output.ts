import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { environmentError, usage } from "../errors";
import { makeFolder } from "../machine/folders";
import { swapFolder } from "../machine/swap";
import type { Artefact } from "../render/tree";

/**
 * Writes the artefacts to a new folder and swaps it with the output folder: a failure at any point leaves the last good build.
 * @param beforeSwap the last step that may fail; it gets the path of the new folder.
 */
export async function writeOutput(
  folder: string,
  artefacts: Artefact[],
  beforeSwap: (folder: string) => Promise<void> | void,
): Promise<void> {
  checkOurs(folder);
  try {
    await swapFolder(folder, async (temporary) => {
      writeAll(temporary, artefacts);
      await beforeSwap(temporary);
    });
  } catch (error) {
    throw environmentError(error) ?? error;
  }
}

/** Refuses to replace a folder that was not made by a build. */
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
  // The artefacts hold keys: nobody else may open the folder.
  makeFolder(folder, 0o700);
  chmodSync(folder, 0o700);
  for (const { path, mode, content } of artefacts) {
    const target = join(folder, path);
    makeFolder(dirname(target), 0o700);
    writeFileSync(target, content, { mode });
    chmodSync(target, mode);
  }
}

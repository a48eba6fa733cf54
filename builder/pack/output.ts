import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { environmentError, usage } from "../errors";
import { makeFolder } from "../machine/folders";
import { swapFolder } from "../machine/swap";
import { naming } from "../machine/write";
import type { Artefact } from "../render/tree";
import { type Manifest, MANIFEST, readManifest } from "./manifest";

/**
 * Writes the artefacts to a new folder and swaps it with the output folder: a failure at any point leaves the last good build.
 * @param beforeSwap the last step that may fail; it gets the path of the new folder.
 */
export async function writeOutput(
  folder: string,
  artefacts: Artefact[],
  beforeSwap: (folder: string) => Promise<void> | void,
): Promise<void> {
  try {
    await swapFolder(folder, async (temporary) => {
      naming(folder, () => writeAll(temporary, artefacts));
      await beforeSwap(temporary);
    });
  } catch (error) {
    throw environmentError(error) ?? error;
  }
}

/** What other programs lay into any folder. */
const litter = new Set([".DS_Store", "Thumbs.db", "desktop.ini"]);

/**
 * Refuses to replace a folder that holds anything but a build.
 * @param besides names of files that a build of a profile may have made and that no manifest lists: images
 * @returns the manifest of that build; null: there is none
 * @throws UsageError
 */
export function checkOurs(folder: string, besides: (profile: string) => string[]): Manifest | null {
  const files = filesIn(folder).filter((path) => !litter.has(basename(path)));
  if (files.length === 0) return null;
  const manifest = files.includes(MANIFEST) ? readManifest(readText(join(folder, MANIFEST))) : null;
  if (manifest === null) throw usage.foreignOutput(folder);
  const { profile, artefacts } = manifest;
  const ours = new Set([...artefacts, MANIFEST, ...besides(profile)]);
  const foreign = files.filter((path) => !ours.has(path));
  if (foreign.length > 0) throw usage.foreignFiles(folder, foreign);
  return manifest;
}

/** Paths of all that is in a folder and no folder itself, relative, with "/". */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, "/"))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw environmentError(error) ?? error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw environmentError(error, path) ?? error;
  }
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

import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { environmentError } from "../errors";

/**
 * Creates a folder and its parents. mkdir's own "recursive" is not used: it reports ENOENT if the disk is read-only.
 * @param mode permission bits of each folder that is created.
 */
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

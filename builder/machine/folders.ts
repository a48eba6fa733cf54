import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { environmentError, files } from "../errors";

/**
 * Creates a folder and its parents. mkdir's own "recursive" is not used: it reports ENOENT if the disk is read-only.
 * @param mode permission bits of each folder that is created.
 */
export function makeFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return mustBeFolder(path);
    if (code !== "ENOENT" || dirname(path) === path) throw environmentError(error) ?? error;
    makeFolder(dirname(path), mode);
    mkdirSync(path, { mode });
  }
}

/** @throws EnvironmentError where the path is a file, or a symbolic link that leads nowhere */
function mustBeFolder(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  throw found === undefined ? files.danglingLink(path) : environmentError({ code: "ENOTDIR", path });
}

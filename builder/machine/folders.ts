import { lstatSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { environmentError, files, folderError } from "../errors";
import { temporaryName } from "./write";

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
    // Another build may make it meanwhile.
    makeFolder(path, mode);
  }
}

/**
 * Looks whether a folder is at a path or can be made there, before work is done that could not be kept. Nothing is written.
 * @param path absolute.
 * @throws EnvironmentError
 */
export function checkFolder(path: string): void {
  try {
    // Also that of a draft next to it, which has the longer name.
    for (const name of [path, temporaryName(path)]) lstatSync(name, { throwIfNoEntry: false });
    let there = path;
    while (lstatSync(there, { throwIfNoEntry: false }) === undefined) there = dirname(there);
    mustBeFolder(there);
  } catch (error) {
    // The part of the path that is wrong is the one to name.
    if (dirname(path) !== path) checkFolder(dirname(path));
    throw folderError(error, path) ?? error;
  }
}

/** @throws EnvironmentError where the path is a file, or a symbolic link that leads nowhere */
function mustBeFolder(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  throw found === undefined ? files.danglingLink(path) : environmentError({ code: "ENOTDIR", path });
}

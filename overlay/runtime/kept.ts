import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Size at which a file takes the place of the one before it. bytes */
const limit = 128 * 1024;

/**
 * Appends to a file that outlives a power cut and never grows beyond twice the limit.
 * @param path the older half is next to it, with ".1" at its end
 * @returns why it could not be written, or "".
 */
export function append(path: string, text: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true });
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) + text.length > limit) renameSync(path, `${path}.1`);
    const file = openSync(path, "a", 0o644);
    try {
      appendFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

/** What such a file and its older half hold, the oldest first; empty if there is none. */
export function readKept(path: string): string {
  return [`${path}.1`, path]
    .map((one) => {
      try {
        return readFileSync(one, "utf8");
      } catch {
        return "";
      }
    })
    .join("");
}

import { closeSync, openSync, readFileSync, readSync } from "node:fs";

/** One for all files: the watch reads dozens of small ones each second, and what it throws away costs memory and time. */
const buffer = Buffer.alloc(16 * 1024);

/** The text of a small file, such as the kernel's; null: it cannot be read. @param path absolute */
export function readText(path: string): string | null {
  try {
    const file = openSync(path, "r");
    try {
      let length = 0;
      // The kernel gives some files in pieces.
      for (let read = -1; read !== 0 && length < buffer.length; length += read)
        read = readSync(file, buffer, length, buffer.length - length, null);
      return length < buffer.length ? buffer.toString("utf8", 0, length) : readFileSync(path, "utf8");
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

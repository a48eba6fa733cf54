import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Lines of keys in all files below a folder, by file and line: what a key's file has between its first line and its last. */
export function secretsIn(folder: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".key")) continue;
    const rows = readFileSync(join(entry.parentPath, entry.name), "utf8").split("\n");
    let inside = false;
    for (const [at, row] of rows.entries()) {
      if (row.startsWith("-----")) inside = /PRIVATE KEY|Static key/i.test(row) && row.includes("BEGIN");
      else if (inside && row.length >= 32) found.set(`${entry.name}:${at + 1}`, Buffer.from(row));
    }
  }
  return found;
}

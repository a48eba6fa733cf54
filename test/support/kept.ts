import { readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Removes the older of what can be made again.
 * @param folder a cache
 * @param name which entries are of the kind
 * @param most how many of them stay
 */
export function keepNewest(folder: string, name: RegExp, most: number): void {
  const kept = readdirSync(folder).filter((entry) => name.test(entry));
  const byAge = kept.map((entry) => ({ entry, age: statSync(join(folder, entry)).mtimeMs })).sort((a, b) => b.age - a.age);
  for (const { entry } of byAge.slice(most)) rmSync(join(folder, entry), { recursive: true, force: true });
}

/** Bytes that can be written below a folder. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

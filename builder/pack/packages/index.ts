import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { BoxOs } from "../../targets/boxes";
import { archivesFrom } from "./archives";
import { cachedPath, isPackage, withWorkFolder } from "./cache";
import { fetchPackages, transportFor } from "./fetch";
import { formerLock, type Lock, type LockedPackage, moves, readLock, writeLock } from "./lock";
import { resolvePackages } from "./resolve";

/** A Debian package that travels on the card. */
export interface Deb {
  name: string;
  version: string;
  architecture: string;
  /** File name on the card: FAT-safe, unique whatever the case. */
  file: string;
  sha256: string;
  /** Bytes. */
  size: number;
  /** Verified copy in the cache. */
  path: string;
}

export interface PackagesInput {
  box: BoxOs;
  /** Debian packages that the box needs beside Raspberry Pi OS Lite. */
  names: string[];
  /** profiles/NAME.packages.lock.json */
  lockFile: string;
  /** Whether today's versions are taken in place of the lock's. */
  update: boolean;
  /** Debian mirror, such as http://HOST/debian; null: the one that this machine's apt knows. */
  mirror: string | null;
  /** Folder, such as cacheFolder("packages"). */
  cache: string;
  log: (line: string) => void;
}

/**
 * The packages with all that they depend on, beyond what every Raspberry Pi OS Lite of the release has: those of the lock file. Without
 * one, or to update it, apt resolves them and the file is written. What the cache has needs neither network nor apt.
 * @returns by name.
 * @throws UsageError when the lock is for something else, EnvironmentError when they cannot be had.
 */
export async function boxPackages({ box, names, lockFile, update, mirror, cache, log }: PackagesInput): Promise<Deb[]> {
  const asked = { release: box.release, names: [...names].sort() };
  const locked = update ? null : readLock(lockFile, asked);
  if (locked !== null) {
    await complete(locked, { cache, mirror, log });
    return debsOf(locked, cache);
  }
  log(`asking Debian's archive for the packages of the card (${box.release})`);
  const lock = await withWorkFolder(cache, async (folder) =>
    resolvePackages({ ...asked, archives: await archivesFrom(mirror), folder, log }),
  );
  await complete(lock, { cache, mirror, log });
  const former = formerLock(lockFile);
  for (const line of former === null ? [] : moves(former, lock)) log(line);
  // Last: a lock names only what could be had.
  writeLock(lockFile, lock);
  return debsOf(lock, cache);
}

/** Fetches what the cache has not, or has damaged. */
async function complete({ packages }: Lock, { cache, mirror, log }: Pick<PackagesInput, "cache" | "mirror" | "log">): Promise<void> {
  const whole = await Promise.all(packages.map((one) => isPackage(cachedPath(cache, one), one)));
  const missing = packages.filter((_, at) => !whole[at]);
  if (missing.length === 0) return;
  await withWorkFolder(cache, async (folder) => {
    mkdirSync(join(folder, "apt"));
    const transport = await transportFor(join(folder, "apt"));
    await fetchPackages(missing, { archives: await archivesFrom(mirror), cache, folder, transport, log });
  });
}

function debsOf({ packages }: Lock, cache: string): Deb[] {
  const sorted = [...packages].sort((a, b) => (a.name < b.name ? -1 : 1));
  return sorted.map((one) => {
    const { name, version, architecture, sha256, size } = one;
    return { name, version, architecture, file: fileOnCard(one), sha256, size, path: cachedPath(cache, one) };
  });
}

/**
 * A name that a FAT file system and every shell takes. The epoch and what FAT dislikes go; the package's name, which is in lower case
 * and ends at the first underscore, keeps it apart from all others.
 */
export function fileOnCard({ name, version, architecture }: Pick<LockedPackage, "name" | "version" | "architecture">): string {
  return `${name}_${version.replace(/^\d+:/, "").replace(/[^A-Za-z0-9.+-]/g, "-")}_${architecture}.deb`;
}

import { readFileSync } from "node:fs";
import { environmentError, packages as texts } from "../../errors";
import { writeFile } from "../../machine/write";

/** What the card's packages are made for. */
export interface Asked {
  /** Debian's. */
  release: string;
  /** Sorted. */
  names: string[];
}

/** The packages of a card, each to the byte. */
export interface Lock extends Asked {
  /** By name. */
  packages: LockedPackage[];
}

export interface LockedPackage {
  name: string;
  version: string;
  architecture: string;
  sha256: string;
  /** Bytes. */
  size: number;
  /** In Debian's archive, or in that of its security updates: pool/... */
  path: string;
}

const patterns = {
  name: /^[a-z0-9][a-z0-9.+-]+$/,
  version: /^[A-Za-z0-9.+:~-]+$/,
  architecture: /^(arm64|all)$/,
  sha256: /^[0-9a-f]{64}$/,
  path: /^pool\/(?!.*\.\.\/)[A-Za-z0-9._+~%:/-]+\.deb$/,
};

/**
 * Reads a lock file.
 * @returns null where there is none.
 * @throws UsageError when it is broken, or made for something else than what is asked for.
 */
export function readLock(file: string, asked: Asked): Lock | null {
  const lock = parsed(file);
  if (lock === null) return null;
  if (lock.release !== asked.release) throw texts.lockedRelease(file, lock.release, asked.release);
  if (lock.names.join(" ") !== asked.names.join(" ")) throw texts.lockedNames(file, lock.names, asked.names);
  return lock;
}

/** The lock as it was, where it can be read, for the report of an update. */
export function formerLock(file: string): Lock | null {
  try {
    return parsed(file);
  } catch {
    return null;
  }
}

function parsed(file: string): Lock | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw environmentError(error) ?? error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw texts.brokenLock(file, "no JSON");
  }
  const wrong = wrongIn(value);
  if (wrong !== null) throw texts.brokenLock(file, wrong);
  const { release, names, packages } = value as Lock;
  return { release, names: [...names].sort(), packages };
}

/** What is wrong with a lock. @returns null where nothing is. */
function wrongIn(value: unknown): string | null {
  const { release, names, packages } = (value ?? {}) as Partial<Record<keyof Lock, unknown>>;
  if (typeof release !== "string") return "no release";
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) return "no names";
  if (!Array.isArray(packages) || packages.length === 0) return "no packages";
  for (const [at, one] of packages.entries()) {
    const { size, ...texts } = (one ?? {}) as Record<string, unknown>;
    const bad = Object.entries(patterns).find(([key, pattern]) => typeof texts[key] !== "string" || !pattern.test(texts[key]));
    if (bad !== undefined) return `packages[${at}] has no right ${bad[0]}`;
    if (!Number.isSafeInteger(size) || (size as number) <= 0) return `packages[${at}] has no right size`;
  }
  const twice = (packages as LockedPackage[]).find(({ name }, at) => packages.findIndex((other) => other.name === name) !== at);
  return twice === undefined ? null : `${twice.name} stands there twice`;
}

/** The file's text: the same for the same lock. */
export function lockText({ release, names, packages }: Lock): string {
  const sorted = [...packages].sort((a, b) => (a.name < b.name ? -1 : 1));
  const rows = sorted.map(({ name, version, architecture, sha256, size, path }) => ({ name, version, architecture, sha256, size, path }));
  const lock = { generated: "by build-image; --update takes today's versions", release, names: [...names].sort(), packages: rows };
  return `${JSON.stringify(lock, null, 2)}\n`;
}

/** Writes a lock file. @throws EnvironmentError */
export function writeLock(file: string, lock: Lock): void {
  try {
    writeFile(file, lockText(lock));
  } catch (error) {
    throw texts.lockNotWritten(file, error);
  }
}

/** What an update has moved, a line each. */
export function moves(former: Lock, lock: Lock): string[] {
  const [before, after] = [former, lock].map(({ packages }) => new Map(packages.map(({ name, version }) => [name, version]))) as [
    Map<string, string>,
    Map<string, string>,
  ];
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    if (old === now) return [];
    return [old === undefined ? `${name} ${now} is new` : now === undefined ? `${name} ${old} is gone` : `${name} ${old} is now ${now}`];
  });
}

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A file in it per line: bondbox-watchdog keeps such a line out of the bond, at both ends, unless no other line carries. */
const folder = "/run/bondbox/out";

/** Who has taken a line out. */
export type By = (typeof takers)[number];

const takers = ["person", "box"] as const;

/**
 * Takes a line out of the bond, until it is let in again or the box restarts.
 * @param root where /run is looked for
 * @param line its name
 * @param by who does it: the box itself lets in only what it has taken out
 * Throws if the file cannot be written.
 */
export function takeOut(root: string, line: string, by: By): void {
  mkdirSync(join(root, folder), { recursive: true });
  // Readers look at any moment.
  const draft = join(root, folder, `.${line}`);
  writeFileSync(draft, `${by}\n`);
  renameSync(draft, join(root, folder, line));
}

/**
 * Lets a line in again; it does not matter whether it was out.
 * @param root where /run is looked for
 * @param line its name
 * Throws if the file cannot be removed.
 */
export function letIn(root: string, line: string): void {
  rmSync(join(root, folder, line), { force: true });
}

/**
 * The lines that were taken out, and by whom.
 * @param root where /run is looked for
 */
export function takenOut(root: string): Map<string, By> {
  let names: string[];
  try {
    names = readdirSync(join(root, folder)).filter((name) => !name.startsWith("."));
  } catch {
    return new Map();
  }
  return new Map(names.map((name) => [name, takerOf(join(root, folder, name))]));
}

/**
 * Whether another line carries that is to be in. Else bondbox-watchdog keeps this one in, whatever is asked: of a line in reserve
 * (active-backup) nobody knows whether it works.
 * @param lines all of them
 * @param name of the line that would leave
 * @param out the lines that were taken out
 */
export function canLeave(lines: readonly { name: string; up: boolean }[], name: string, out: ReadonlyMap<string, By>): boolean {
  return lines.some((line) => line.up && line.name !== name && !out.has(line.name));
}

/** A file that a person has made with "touch" is that person's. */
function takerOf(path: string): By {
  try {
    return takers.find((taker) => taker === readFileSync(path, "utf8").trim()) ?? "person";
  } catch {
    return "person";
  }
}

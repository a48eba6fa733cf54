import { execFileSync } from "node:child_process";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { errors } from "./errors";

/** Whether this boot's system is a layer in memory over a card that stays as it is. */
export interface Storage {
  protected: boolean;
  /** Why it is not, in bondbox-init's words; null: bondbox-init did not run. */
  reason: string | null;
  /** What bondbox-init has to say of the area for what must last; null: all is well with it. */
  keepTrouble: string | null;
  /** The next start leaves the card writable. */
  unlocked: boolean;
  /** Room of the layer in memory, and of the area for what must last; null: there is none. */
  memory: Room | null;
  keep: Room | null;
}

/** bytes */
export interface Room {
  used: number;
  total: number;
}

const boot = "/boot/firmware";
/** bondbox-init looks for it at every start. */
export const markerPath = `${boot}/bondbox/unlock`;
export const keepPath = "/var/lib/bondbox/keep";

/** Looks at the box below `root`. Changes nothing, and a missing file is an answer, not an error. */
export function observeStorage(root: string): Storage {
  const told = new Map((read(root, "/run/bondbox-init") ?? "").split("\n").map((row) => splitOnce(row)));
  const isProtected = told.get("protected") === "yes";
  return {
    protected: isProtected,
    reason: told.get("plain") ?? null,
    keepTrouble: told.get("keep") ?? null,
    unlocked: existsSync(join(root, markerPath)),
    memory: isProtected ? roomOf(join(root, "/")) : null,
    keep: mountOptions(root, keepPath) === null ? null : roomOf(join(root, keepPath)),
  };
}

/** What is said of it, a row each. */
export function storageRows(storage: Storage): string[] {
  const { memory, keep } = storage;
  return [
    ...headline(storage),
    ...(memory === null ? [] : [`in memory until the next start: ${shown(memory)}`]),
    ...(keep === null ? [] : [`what lasts, in ${keepPath}: ${shown(keep)}`]),
    ...(storage.keepTrouble === null ? [] : [storage.keepTrouble]),
  ];
}

function headline({ protected: isProtected, reason, unlocked }: Storage): string[] {
  if (isProtected)
    return [
      "protected: nothing is written to the card's system, and power may be cut at any time",
      ...(unlocked ? ["from the next start on: unlocked"] : []),
    ];
  if (reason === null) return ["plain: the card is written to; shut the box down before you cut its power"];
  return [`plain at this start: ${reason}`, unlocked ? "when you are done: bondbox storage lock, then start the box anew" : nextStart];
}

const nextStart = "from the next start on: protected, if nothing stands against it";

function shown({ used, total }: Room): string {
  return `${Math.ceil(used / 2 ** 20)} of ${Math.ceil(total / 2 ** 20)} MiB used`;
}

/** Leaves the mark that the next start finds, or takes it away. Throws a UserError where the boot partition cannot be written to. */
export function setMarker(root: string, wanted: boolean): void {
  const path = join(root, markerPath);
  if (existsSync(path) === wanted) return;
  try {
    whileWritable(root, () => (wanted ? makeMarker(join(root, boot, "bondbox"), path) : rmSync(path)));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw errors.bootUnwritable(path, code ?? message.split("\n")[0] ?? "");
  }
}

function makeMarker(folder: string, path: string): void {
  mkdirSync(folder, { recursive: true });
  const file = openSync(path, "w");
  fsyncSync(file);
  closeSync(file);
}

/** A protected box has its boot partition read-only, too. Unmounted read-only again it needs no check. */
function whileWritable(root: string, work: () => void): void {
  const wasReadOnly = mountOptions(root, boot)?.includes("ro") ?? false;
  if (wasReadOnly) remount("rw");
  try {
    work();
  } finally {
    if (wasReadOnly) remount("ro");
  }
}

function remount(mode: "ro" | "rw"): void {
  execFileSync("mount", ["-o", `remount,${mode}`, boot], { stdio: ["ignore", "ignore", "pipe"] });
}

/** @returns null where nothing is mounted. Source: proc(5), /proc/pid/mounts */
function mountOptions(root: string, path: string): string[] | null {
  const rows = (read(root, "/proc/mounts") ?? "").split("\n").map((row) => row.split(" "));
  return rows.findLast(([, at]) => at === path)?.[3]?.split(",") ?? null;
}

function roomOf(path: string): Room | null {
  try {
    const { blocks, bfree, bsize } = statfsSync(path);
    return { used: (blocks - bfree) * bsize, total: blocks * bsize };
  } catch {
    return null;
  }
}

function read(root: string, path: string): string | null {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return null;
  }
}

function splitOnce(row: string): [string, string] {
  const at = row.indexOf(": ");
  return at < 0 ? [row, ""] : [row.slice(0, at), row.slice(at + 2)];
}

import { execFileSync } from "node:child_process";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { errors } from "./errors";

/** Whether the system of this boot is a layer in memory over a card that is not changed. */
export interface Storage {
  protected: boolean;
  /** Why it is not protected, as bondbox-init reports it; null: bondbox-init did not run. */
  reason: string | null;
  /** What is wrong with the area for files that must last, as bondbox-init reports it; null: nothing. */
  keepTrouble: string | null;
  /** Why what was pushed last is not in effect, as bondbox-init reports it; null: it is, or nothing was pushed. */
  pushTrouble: string | null;
  /** The card will be writable at the next start. */
  unlocked: boolean;
  /** Space of the layer in memory, and of the area for files that must last; null: it does not exist. */
  memory: Space | null;
  keep: Space | null;
}

/** bytes */
export interface Space {
  used: number;
  total: number;
}

const boot = "/boot/firmware";
/** bondbox-init looks for it at every start. */
export const markerPath = `${boot}/bondbox/unlock`;
const keepPath = "/var/lib/bondbox/keep";

/** Looks at the box below `root`. Changes nothing, and a missing file is an answer, not an error. */
export function observeStorage(root: string): Storage {
  const reported = new Map((read(root, "/run/bondbox-init") ?? "").split("\n").map((row) => splitOnce(row)));
  const isProtected = reported.get("protected") === "yes";
  return {
    protected: isProtected,
    reason: reported.get("plain") ?? null,
    keepTrouble: reported.get("keep") ?? null,
    pushTrouble: reported.get("generation") ?? null,
    unlocked: existsSync(join(root, markerPath)),
    memory: isProtected ? spaceOf(join(root, "/")) : null,
    keep: mountOptions(root, keepPath) === null ? null : spaceOf(join(root, keepPath)),
  };
}

/** The rows of "bondbox storage". */
export function storageRows(storage: Storage): string[] {
  const { memory, keep } = storage;
  return [
    ...storageSentences(storage),
    ...(memory === null ? [] : [`In memory until the next start: ${shown(memory)}.`]),
    ...(keep === null ? [] : [`Lasting files, in ${keepPath}: ${shown(keep)}.`]),
  ];
}

/** What a person must know about the card, without figures, which change all the time. */
export function storageSentences(storage: Storage): string[] {
  return [...protection(storage), ...[storage.keepTrouble, storage.pushTrouble].filter((text) => text !== null)];
}

function protection({ protected: isProtected, reason, unlocked }: Storage): string[] {
  if (isProtected)
    return [
      "The card is protected: nothing is written to its system, and power may be cut at any time.",
      ...(unlocked ? ["From the next start on it is unlocked."] : []),
    ];
  if (reason === null) return ["The card is not protected: shut the box down before you cut its power."];
  return [
    `The card is not protected at this start: ${reason}.`,
    unlocked
      ? "When you are done: sudo bondbox storage lock, then restart the box."
      : "From the next start on it is protected, unless something prevents it.",
  ];
}

function shown({ used, total }: Space): string {
  return `${Math.ceil(used / 2 ** 20)} of ${Math.ceil(total / 2 ** 20)} MiB used`;
}

/** Sets or removes the mark that the next start looks for. Throws a UserError if the boot partition cannot be written to. */
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

/** The boot partition of a protected box is read-only, too. Mounted read-only again, it needs no check after a power cut. */
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

/** @returns the options, or null if nothing is mounted there. Source: proc(5), /proc/pid/mounts */
function mountOptions(root: string, path: string): string[] | null {
  const rows = (read(root, "/proc/mounts") ?? "").split("\n").map((row) => row.split(" "));
  return rows.findLast(([, at]) => at === path)?.[3]?.split(",") ?? null;
}

function spaceOf(path: string): Space | null {
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

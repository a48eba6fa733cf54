import { readFileSync, realpathSync, statSync } from "node:fs";

/** A device that the system uses now. */
export interface Use {
  /** Numbers such as "8:1" by which the device may be known. */
  numbers: string[];
  /** Where it is mounted; null for swap. */
  at: string | null;
}

/** One line of /proc/self/mountinfo. */
export interface Mount {
  number: string;
  at: string;
  fsType: string;
  source: string;
}

/** What is mounted and swapped to. @throws when the kernel's files cannot be read */
export function readUses(): Use[] {
  const mounts = parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
  const swaps = parseSwaps(readOptional("/proc/swaps"));
  return [
    // btrfs and others have a number of their own; then the source names the device.
    ...mounts.map(({ number, at, source }) => ({ numbers: [number, ...numberOf(source)], at })),
    ...swaps.map((source) => ({ numbers: numberOf(source), at: null })),
  ];
}

/** Kernels without swap have no such file. */
function readOptional(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** Number of a block device; nothing where the path is none. */
function numberOf(path: string): string[] {
  if (!path.startsWith("/")) return [];
  try {
    const stat = statSync(realpathSync(path));
    return stat.isBlockDevice() ? [deviceNumber(stat.rdev)] : [];
  } catch {
    return []; // such as /dev/root, which is a name only; the mount's own number is right there
  }
}

/** "major:minor" of a device number, as glibc packs it. */
export function deviceNumber(packed: number): string {
  const value = BigInt(packed);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/**
 * Reads /proc/self/mountinfo. The number of fields before the " - " varies, so what comes after is counted from there.
 * Source: proc_pid_mountinfo(5).
 */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [head = "", tail] = line.split(" - ", 2);
    if (tail === undefined) return [];
    const [, , number = "", , at = ""] = head.split(" ");
    const [fsType = "", source = ""] = tail.split(" ");
    return [{ number, at: unescape(at), fsType, source: unescape(source) }];
  });
}

/** Reads /proc/swaps. @returns files and devices */
export function parseSwaps(text: string): string[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => unescape(line.split(/\s+/)[0] ?? "") || []);
}

/** The kernel writes blanks in names as octal bytes. */
function unescape(text: string): string {
  const bytes = text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  return bytes === text ? text : Buffer.from(bytes, "latin1").toString("utf8");
}

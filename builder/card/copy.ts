import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { card, environmentError } from "../errors";
import { sha256 } from "../base/hash";
import { writeFile } from "../machine/write";
import type { BoxTarget } from "../targets/names";
import { type BootPartition, inspect, startingCmdline } from "./partition";

export interface Copied {
  files: number;
  bytes: number;
  /** The card is that of a box that takes the change up at its next start. */
  isBox: boolean;
}

/** What the box looks for: it is there only when all the rest is. It holds the keys. */
const LAST = "bondbox/overlay.tar";
const STATUS = "bondbox-status.txt";
/** Room for folders and rounding up to clusters, bytes. */
const MARGIN = 1 << 20;

/**
 * Copies dist/NAME/bootfs onto a mounted boot partition and reads it back. What fails half-way is never taken for a whole: the last file is missing.
 * @throws UsageError before anything is written; EnvironmentError when the card fails.
 */
export function copyBootfs(source: string, folder: string): Copied {
  const target = targetOf(source);
  const partition = inspect(folder, target);
  const paths = reading(source, filesBelow).filter((path) => path !== STATUS || !partition.isBox);
  checkRoom(source, paths, partition);
  checkVendorData(folder);
  // Before anything on the card changes: overlay.tar is its owner's alone.
  for (const path of paths) reading(join(source, path), (from) => accessSync(from, constants.R_OK));
  wipe(join(folder, LAST));
  keepImagersSettings(folder);
  removeStale(folder, paths);
  const ordered = [...paths.filter((path) => path !== LAST), LAST];
  let bytes = 0;
  for (const path of ordered) bytes += copy(join(source, path), join(folder, path));
  start(partition);
  return { files: ordered.length, bytes, isBox: partition.isBox };
}

/** The box's system that the files are for. */
function targetOf(source: string): BoxTarget {
  const target = reading(join(source, "bondbox/target"), (path) => readFileSync(path, "utf8"), source);
  if (!existsSync(join(source, LAST))) throw card.noBootfs(source);
  return target.trim() as BoxTarget;
}

/** Reads what was built: where that fails, the card is not the cause. @param source of the files; null: the file was there just now */
function reading<T>(path: string, work: (path: string) => T, source: string | null = null): T {
  try {
    return work(path);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (source !== null && ["ENOENT", "ENOTDIR"].includes(code)) throw card.noBootfs(source);
    throw environmentError(error, path) ?? error;
  }
}

/** Paths of all files below a folder, relative, sorted. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();
}

function checkRoom(source: string, paths: string[], { folder, free }: BootPartition): void {
  const size = (path: string) => (existsSync(path) ? statSync(path).size : 0);
  const needed = paths.reduce((sum, path) => sum + size(join(source, path)), MARGIN);
  const freed = [...paths, ...oldFiles(folder)].reduce((sum, path) => sum + size(join(folder, path)), 0);
  if (needed > free + freed) throw card.noRoom(folder, needed, free + freed);
}

/** cloud-init reads one vendor-data, and ours has to be there: a person's is refused, unless there are only comments in it. */
function checkVendorData(folder: string): void {
  const path = join(folder, "vendor-data");
  if (!existsSync(path) || !statSync(path).isFile()) return;
  const text = readFileSync(path, "utf8");
  if (!text.includes("bondbox/setup") && /^\s*[^\s#]/m.test(text)) throw card.vendorData(path);
}

/** Files of an earlier copy that this one has not. */
function oldFiles(folder: string): string[] {
  const below = join(folder, "bondbox");
  return existsSync(below) ? filesBelow(below).map((path) => `bondbox/${path}`) : [];
}

function removeStale(folder: string, paths: string[]): void {
  // The mark of "bondbox storage unlock" is the person's.
  for (const path of oldFiles(folder)) if (!paths.includes(path) && path !== "bondbox/unlock") rmSync(join(folder, path));
}

/** Keys of an earlier copy must not stay behind in blocks that nobody uses any more. */
function wipe(path: string): void {
  if (!existsSync(path)) return;
  const file = openSync(path, "r+");
  try {
    const zeros = Buffer.alloc(1 << 16);
    for (let left = statSync(path).size, at = 0; left > 0; left -= zeros.length, at += zeros.length)
      writeSync(file, zeros, 0, Math.min(left, zeros.length), at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  rmSync(path);
}

/** What a person had Raspberry Pi Imager set up on bookworm; our firstrun.sh runs it first. */
function keepImagersSettings(folder: string): void {
  const path = join(folder, "firstrun.sh");
  if (existsSync(path) && !readFileSync(path, "utf8").includes("bondbox/setup")) renameSync(path, join(folder, "firstrun-imager.sh"));
}

/** Writes a file, reads it back and gives it its name. @returns its size, bytes. */
function copy(from: string, to: string): number {
  const content = reading(from, (path) => readFileSync(path));
  put(to, content);
  return content.length;
}

function put(path: string, content: Buffer): void {
  // Not on a folder that exists: Windows refuses to create the root of a drive, such as E:\, even with "recursive".
  if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true });
  const check = (draft: string): void => {
    if (sha256(readFileSync(draft)) !== sha256(content)) throw card.readBack(path);
  };
  // Synced file by file: the order in which files appear on the card is what makes a power cut harmless.
  writeFile(path, content, { sync: true, check });
}

function start(partition: BootPartition): void {
  const cmdline = startingCmdline(partition);
  if (cmdline !== null) put(join(partition.folder, "cmdline.txt"), Buffer.from(`${cmdline}\n`));
}

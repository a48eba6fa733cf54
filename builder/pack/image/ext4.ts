import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Entry } from "../../render/tree";
import { type Volume, VolumeError } from "./volume";
import { findings, runProgram } from "./programs";
import type { Superblock } from "./superblock";

// Everything here drives debugfs, whose exit code says nothing: it is 0 after failed writes, too. Each line on its standard error
// that was not expected is a failure, and what was written is read back.

/** A thing in the file system, not followed where it is a link. */
export interface Stat {
  kind: "file" | "directory" | "link" | "other";
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  /** Of a link that fits in its inode (up to 59 bytes). */
  target: string | null;
}

const device = ({ name, partition }: Volume): string => `${name}?offset=${partition.start}`;

/** No command of debugfs can hold these. */
const CONTROL = /[\0-\x1f\x7f]/;

/** A path as an argument of a debugfs command. */
function quoted(path: string): string {
  if (CONTROL.test(path)) throw new Error(`${JSON.stringify(path)} cannot be the name of a file in an image`);
  return `"${path.replaceAll('"', '""')}"`;
}

interface Debugfs {
  /** Lets the commands write, at this time: s since 1970, not 0, which it takes for "now". */
  time?: number;
  /** Lines of standard error that are no failure. */
  tolerated?: RegExp;
}

/** Runs commands. @returns what each printed, in order. */
async function debugfs(volume: Volume, commands: string[], { time, tolerated = /^$/ }: Debugfs = {}): Promise<string[]> {
  const args = [...(time === undefined ? [] : ["-w"]), "-f", "-", device(volume)];
  // Up to 1.47.0 only the command fixes its clock, later ones want the variable.
  const env: Record<string, string> = time === undefined ? {} : { SOURCE_DATE_EPOCH: String(time) };
  const all = [...(time === undefined ? [] : [`set_current_time @${time}`]), ...commands];
  const { status, stdout, stderr } = await runProgram("debugfs", args, { cwd: volume.cwd, env, input: `${all.join("\n")}\n` });
  failOn({ status, stderr }, tolerated);
  // It shows each command before it runs it.
  return `\n${stdout.toString()}`
    .split("\ndebugfs: ")
    .slice(1)
    .map((text) => text.slice(text.indexOf("\n") + 1));
}

/** @throws VolumeError where debugfs printed what was not expected. */
function failOn({ status, stderr }: { status: number | null; stderr: string }, tolerated: RegExp): void {
  const errors = stderr.split("\n").filter((line) => line !== "" && !/^debugfs \d/.test(line) && !tolerated.test(line));
  if (status !== 0 || errors.length > 0) throw new VolumeError("root", `debugfs reports: ${errors.join("; ") || `status ${status}`}`);
}

const kinds: Record<string, Stat["kind"]> = { regular: "file", directory: "directory", symlink: "link" };

/** Looks at many paths at once; null for what is not there. */
async function stats(volume: Volume, paths: string[]): Promise<(Stat | null)[]> {
  if (paths.length === 0) return [];
  const texts = await debugfs(
    volume,
    paths.map((path) => `stat ${quoted(path)}`),
    { tolerated: /: File not found by ext2_lookup|^stat: (File not found|Ext2 inode is not a directory)|: Ext2 inode is not a directory/ },
  );
  if (texts.length !== paths.length) throw new VolumeError("root", `debugfs answered ${texts.length} of ${paths.length} questions`);
  return texts.map(statOf);
}

function statOf(text: string): Stat | null {
  const [, type = "", mode = ""] = /^Inode: \d+ +Type: (.+?) +Mode: +(\d+)/.exec(text) ?? [];
  const [, uid, gid, size] = /^User: +(\d+) +Group: +(\d+)(?: +Project: +\d+)? +Size: (\d+)/m.exec(text) ?? [];
  if (type === "" || size === undefined) return null;
  const mtime = Number.parseInt(/^ *mtime: 0x([0-9a-f]+)/m.exec(text)?.[1] ?? "0", 16);
  const target = /^Fast link dest: "(.*)"$/m.exec(text)?.[1] ?? null;
  return {
    kind: kinds[type] ?? "other",
    mode: Number.parseInt(mode, 8) & 0o7777,
    uid: Number(uid),
    gid: Number(gid),
    size: Number(size),
    mtime,
    target,
  };
}

/** The text of a file, or null where there is none. */
export async function readText(volume: Volume, path: string): Promise<string | null> {
  const [stat] = await stats(volume, [path]);
  if (stat?.kind !== "file") return null;
  return (await contentOf(volume, path)).toString();
}

/** The content of a file, or the target of a link. */
async function contentOf(volume: Volume, path: string): Promise<Buffer> {
  const { status, stdout, stderr } = await runProgram("debugfs", ["-R", `cat ${quoted(path)}`, device(volume)], { cwd: volume.cwd });
  failOn({ status, stderr }, /^$/);
  return stdout;
}

/** The real path of folders that may lie behind links, such as /lib of a system whose /usr is merged. */
class Folders {
  readonly #known = new Map<string, Stat | null>([
    ["/", { kind: "directory", mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0, target: null }],
  ]);

  constructor(private readonly volume: Volume) {}

  /** Asks for many at once, which is quicker than one by one. */
  async look(paths: string[]): Promise<void> {
    const fresh = [...new Set(paths)].filter((path) => !this.#known.has(path));
    const found = await stats(this.volume, fresh);
    fresh.forEach((path, i) => this.#known.set(path, found[i] ?? null));
  }

  async stat(path: string): Promise<Stat | null> {
    await this.look([path]);
    return this.#known.get(path) ?? null;
  }

  async resolve(path: string, depth = 0): Promise<string> {
    if (depth > 20) throw new VolumeError("root", `too many links on the way to ${path}`);
    let real = "/";
    for (const part of path.split("/").filter(Boolean)) {
      const here = posix.join(real, part);
      const stat = await this.stat(here);
      if (stat !== null && stat.kind !== "directory" && stat.kind !== "link") throw new VolumeError("root", `${here} is no folder`);
      real = stat?.kind === "link" ? await this.#follow(here, stat.target, depth + 1) : here;
    }
    return real;
  }

  /** Nothing may be written through a link that leads nowhere: no system would find it. */
  async #follow(link: string, target: string | null, depth: number): Promise<string> {
    if (target === null || CONTROL.test(target)) throw new VolumeError("root", `the target of the link ${link} cannot be read`);
    const real = await this.resolve(posix.resolve(posix.dirname(link), target), depth);
    if ((await this.stat(real)) === null) throw new VolumeError("root", `the link ${link} leads to ${real}, which does not exist`);
    return real;
  }
}

const parents = (path: string): string[] => {
  const parent = posix.dirname(path);
  return parent === path ? [] : [...parents(parent), parent];
};

/** An entry at its real place. */
export interface Placed {
  entry: Entry;
  path: string;
  /** What is there in the base. */
  before: Stat | null;
}

/** Finds the real place of each entry, with the folders on the way that the image lacks: parents first. */
export async function place(volume: Volume, entries: Entry[]): Promise<Placed[]> {
  const folders = new Folders(volume);
  await folders.look(entries.flatMap(({ path }) => [...parents(path), path]));
  const placed = new Map<string, Placed>();
  for (const entry of entries) {
    const parent = await folders.resolve(posix.dirname(entry.path));
    const path = entry.kind === "directory" ? await folders.resolve(entry.path) : posix.join(parent, posix.basename(entry.path));
    for (const folder of [...parents(path)].filter((folder) => !placed.has(folder))) {
      if ((await folders.stat(folder)) === null)
        placed.set(folder, {
          path: folder,
          before: null,
          entry: { kind: "directory", path: folder, mode: 0o755, owner: "root", group: "root" },
        });
    }
    const before = await folders.stat(path);
    if ((before?.kind === "directory") !== (entry.kind === "directory") && before !== null)
      throw new VolumeError("root", `${path} is ${before.kind === "directory" ? "" : "not "}a folder`);
    placed.set(path, { entry, path, before });
  }
  return [...placed.values()];
}

/** What the entries take, at most. */
export function roomFor(placed: Placed[], { blockSize }: Superblock): { blocks: number; inodes: number } {
  const fresh = placed.filter(({ before }) => before === null);
  const contents = placed.reduce((sum, { entry }) => sum + (entry.kind === "file" ? Math.ceil(entry.content.length / blockSize) : 1), 0);
  // Folders grow by the names, long files need blocks for their extents.
  return { blocks: contents + Math.ceil(contents / 100) + 2 * fresh.length + 16, inodes: fresh.length };
}

/**
 * Writes the entries, owned by root, all times fixed. The image must be a copy: a failure leaves it half-written.
 * @param folder for the contents on their way, its owner's alone.
 * @param time of everything that is written, s since 1970, not 0.
 */
export async function inject(volume: Volume, placed: Placed[], { folder, time }: { folder: string; time: number }): Promise<void> {
  const commands: string[] = [];
  for (const [i, { entry, path, before }] of placed.entries()) {
    const source = `content-${i}`;
    if (entry.kind === "file") await writeFile(join(folder, source), entry.content, { mode: 0o600 });
    commands.push(...commandsFor(entry, { path: quoted(path), source, before }));
  }
  const times = placed.flatMap(({ path }) => ["mtime", "atime", "ctime", "crtime"].map((field) => `sif ${quoted(path)} ${field} @${time}`));
  await debugfs(volume, [...commands, ...times], { time });
}

function commandsFor(entry: Entry, { path, source, before }: { path: string; source: string; before: Stat | null }): string[] {
  const owner = [`sif ${path} uid 0`, `sif ${path} gid 0`];
  const mode = (type: number): string => `sif ${path} mode 0${(type | entry.mode).toString(8)}`;
  if (entry.kind === "directory") return [...(before === null ? [`mkdir ${path}`] : []), mode(0o040000), ...owner];
  const away = before === null ? [] : [`rm ${path}`];
  if (entry.kind === "link") return [...away, `symlink ${path} ${quoted(entry.target)}`, mode(0o120000), ...owner];
  return [...away, `write ${source} ${path}`, mode(0o100000), ...owner];
}

/**
 * Reads everything back that was written.
 * @throws at the first difference.
 * @param folder for the copies, its owner's alone.
 */
export async function verify(volume: Volume, placed: Placed[], { folder, time }: { folder: string; time: number }): Promise<void> {
  const found = await stats(
    volume,
    placed.map(({ path }) => path),
  );
  for (const [i, { entry, path }] of placed.entries()) {
    const { kind, mode, uid, gid, size, mtime, target } = found[i] ?? {};
    const length = entry.kind === "file" ? entry.content.length : entry.kind === "link" ? Buffer.byteLength(entry.target) : size;
    const right = kind === entry.kind && mode === entry.mode && uid === 0 && gid === 0 && size === length && mtime === time;
    if (!right || (entry.kind === "link" && target !== null && target !== entry.target))
      throw new Error(`${path} of the image is not what was written`);
  }
  const files = placed.flatMap(({ entry, path }, i) =>
    entry.kind === "file" ? [{ path, content: entry.content, copy: `back-${i}` }] : [],
  );
  await debugfs(
    volume,
    files.map(({ path, copy }) => `dump ${quoted(path)} ${copy}`),
  );
  for (const { path, content, copy } of files) {
    const back = await readFile(join(folder, copy));
    if (hash(back) !== hash(content)) throw new Error(`${path} of the image has another content than was written`);
  }
}

const hash = (data: Buffer): string => createHash("sha256").update(data).digest("hex");

/** What e2fsck says against the file system, or null. */
export async function complaints(volume: Volume): Promise<string | null> {
  const noise = /^(e2fsck \d|Pass \d|\w+\? no$|$)|WARNING: Filesystem still has errors|: \d+\/\d+ files /;
  return findings("e2fsck", ["-fn", device(volume)], noise, { cwd: volume.cwd });
}

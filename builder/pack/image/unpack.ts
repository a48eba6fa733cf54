import { createHash } from "node:crypto";
import { accessSync, constants, createReadStream, existsSync, readdirSync, rmSync, type Stats, statSync, utimesSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { createGunzip } from "node:zlib";
import { environmentError, folderError, image } from "../../errors";
import { makeFolder } from "../../machine/folders";
import { isRunning } from "../../machine/host";
import { writeFileBy } from "../../machine/write";
import { readAt, withFile } from "../../disk/file";
import { logScreen, ProgressLine } from "../../disk/progress-line";
import { needPrograms, runProgram } from "./programs";

/**
 * Looks whether a base can be read, before anything is fetched for it.
 * @param file path.
 * @throws UsageError where there is none, EnvironmentError where it may not be read.
 */
export function checkBase(file: string): void {
  statOf(file);
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw environmentError(error, file) ?? error;
  }
}

export type Packing = "raw" | "xz" | "zst" | "gz" | "zip";

const magics: [Packing, string][] = [
  ["xz", "fd377a585a00"],
  ["zst", "28b52ffd"],
  ["gz", "1f8b08"],
  ["zip", "504b0304"],
];

/** How a file is packed, by its first bytes: names lie. */
export function packingOf(head: Buffer): Packing {
  return magics.find(([, magic]) => head.toString("hex").startsWith(magic))?.[0] ?? "raw";
}

/**
 * A base image as a raw file: the file itself, or its unpacked copy in the cache, which is made once.
 * @param cache folder, such as cacheFolder("images").
 * @throws UsageError where the file is damaged.
 */
export async function unpack(file: string, cache: string, log: (line: string) => void): Promise<string> {
  checkBase(file);
  const stat = statOf(file);
  const packing = packingOf(await withFile(file, "r", (open) => readAt(open, 0, 16)));
  if (packing === "raw") return file;
  const kept = join(cache, `${keyOf(file, stat)}.img`);
  makeFolder(cache, 0o700);
  removeOld(cache);
  if (existsSync(kept)) {
    // When it was last used.
    utimesSync(kept, new Date(), new Date());
    return kept;
  }
  log(`unpacking ${basename(file)} (once; it is kept for the next build)`);
  const progress = new ProgressLine(logScreen(log));
  // How large it will be is not known before its end.
  progress.begin("  unpacked", NaN);
  const seconds = await timed(() => writeSparse(kept, progress, (to) => unpackers[packing](file, to)));
  log(`unpacked ${basename(file)} in ${seconds.toFixed(0)} s`);
  return kept;
}

function statOf(file: string): Stats {
  try {
    const stat = statSync(file);
    if (stat.isFile()) return stat;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw environmentError(error, file) ?? error;
  }
  throw image.missing(file);
}

/** Another file, or a changed one, has another key; an unchanged one need not be read to know. */
function keyOf(file: string, { size, mtimeMs, ino, dev }: Stats): string {
  return createHash("sha256")
    .update(JSON.stringify([resolve(file), size, mtimeMs, ino, dev]))
    .digest("hex")
    .slice(0, 32);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function writeSparse(path: string, progress: ProgressLine, write: (to: SparseWriter) => Promise<void>): Promise<void> {
  const make = (temporary: string): Promise<void> =>
    withFile(temporary, "w", async (file) => {
      const writer = new SparseWriter(file, progress);
      await write(writer);
      await writer.end();
    });
  try {
    await writeFileBy(path, make, { sync: true });
  } catch (error) {
    throw folderError(error, dirname(path)) ?? error;
  }
}

/** Writes a stream and leaves out its zeros: a third of an image is free space. */
class SparseWriter {
  static readonly #ZEROS = Buffer.alloc(64 << 10);
  readonly #buffer = Buffer.alloc(1 << 20);
  #filled = 0;
  #position = 0;

  constructor(
    private readonly file: FileHandle,
    private readonly progress: ProgressLine,
  ) {}

  async write(chunk: Buffer): Promise<void> {
    this.progress.add(chunk.length);
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(this.#buffer, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled === this.#buffer.length) await this.#flush();
    }
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.file.truncate(this.#position);
    // The name promises a complete file, also after a power cut.
    await this.file.sync();
  }

  async #flush(): Promise<void> {
    const step = SparseWriter.#ZEROS.length;
    for (let at = 0; at < this.#filled; at += step) {
      const piece = this.#buffer.subarray(at, Math.min(at + step, this.#filled));
      if (!piece.equals(SparseWriter.#ZEROS.subarray(0, piece.length))) await this.file.write(piece, 0, piece.length, this.#position + at);
    }
    this.#position += this.#filled;
    this.#filled = 0;
  }
}

type Unpacker = (file: string, to: SparseWriter) => Promise<void>;

/** A program that writes the unpacked file to its standard output. */
function byProgram(name: string, args: (file: string) => string[]): Unpacker {
  return async (file, to) => {
    needPrograms([name]);
    const { status, stderr } = await runProgram(name, args(resolve(file)), { onOutput: (chunk) => to.write(chunk) });
    if (status !== 0) throw image.broken(file, name, stderr);
  };
}

const unpackers: Record<Exclude<Packing, "raw">, Unpacker> = {
  xz: byProgram("xz", (file) => ["-T0", "-dc", "--", file]),
  zst: byProgram("zstd", (file) => ["-dcq", "--long=31", "--", file]),
  gz: async (file, to) => {
    const stream = createReadStream(file).pipe(createGunzip());
    try {
      for await (const chunk of stream) await to.write(chunk as Buffer);
    } catch (error) {
      throw environmentError(error) ?? image.broken(file, "zlib", (error as Error).message);
    }
  },
  zip: async (file, to) => {
    needPrograms(["unzip"]);
    const { status, stdout, stderr } = await runProgram("unzip", ["-Z1", resolve(file)]);
    if (status !== 0) throw image.broken(file, "unzip", stderr || stdout.toString());
    const names = stdout
      .toString()
      .split("\n")
      .filter((name) => /\.img$/i.test(name));
    const [name] = names;
    if (name === undefined || names.length > 1) throw image.members(file, names);
    // unzip reads the member's name as a pattern.
    await byProgram("unzip", (path) => ["-p", "-P", "", path, name.replace(/[[*?\\]/g, "[$&]")])(file, to);
  },
};

const KEPT_DAYS = 30;

/** Removes unpacked images that no build has used for a month, and what interrupted builds left. */
function removeOld(cache: string): void {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    const pid = /\.img\.new-(\d+)$/.exec(name)?.[1];
    const old = /^[0-9a-f]{32}\.img$/.test(name) && Date.now() - statSync(path).mtimeMs > KEPT_DAYS * 86_400_000;
    if (old || (pid !== undefined && !isRunning(Number(pid)))) rmSync(path, { force: true });
  }
}

import { createHash, type Hash } from "node:crypto";
import { alignedBuffers } from "./aligned";
import type { MappedRange } from "../disk/bmap";
import { pieces, type Range } from "../disk/ranges";
import type { Watcher } from "../disk/progress";
import { diagnose } from "./diagnose";
import { blank, FIRST, seal, takeHead } from "./first";
import { type Image, readImage, stampOf } from "./image";
import type { Target } from "./target";
import { flash as texts } from "../errors";

/** Bytes of one request. Card readers are fastest with some MiB, and Ctrl-C waits for one request. */
const CHUNK = 4 << 20;

/**
 * Writes an image and reads it back.
 *
 * The order makes the target boot only when all of it is right: the first block is made zero, everything else is written, synced, read
 * back and compared, and only then the first block gets its content. Whatever ends the program before leaves a target that does not boot.
 *
 * @throws EnvironmentError when the target or the image fails
 */
export async function copyImage(image: Image, target: Target, watcher: Watcher): Promise<void> {
  const [a, b, first] = alignedBuffers(3, CHUNK) as [Buffer, Buffer, Buffer];
  const head = first.subarray(0, FIRST);
  const scratch = first.subarray(FIRST, 2 * FIRST);
  await readImage(image, head, 0);
  const copy: Copy = { image, target, watcher, buffers: [a, b], head };
  await blank(target, scratch, () => watcher.broken(target.path));
  const hashes = await writeAll(copy);
  watcher.begin("syncing", 0);
  await target.sync();
  await check(copy, hashes);
  if (stampOf(image.fd) !== image.stamp) throw texts.imageChanged(image.path);
  seal(target, head, scratch);
  watcher.whole();
  watcher.end();
}

interface Copy {
  image: Image;
  target: Target;
  watcher: Watcher;
  buffers: [Buffer, Buffer];
  /** The image's first block. */
  head: Buffer;
}

/** What one request reads or writes. */
interface Chunk extends Range {
  /** Index of the range that it is a part of. */
  range: number;
  /** Whether it ends that range. */
  last: boolean;
}

function chunksOf(ranges: Range[]): Chunk[] {
  return ranges.flatMap((whole, range) => pieces(whole, CHUNK).map((piece) => ({ ...piece, range, last: piece.end === whole.end })));
}

/** The part of a buffer that holds a range. */
function partFor(buffer: Buffer, { start, end }: Range): Buffer {
  return buffer.subarray(0, end - start);
}

/** Reads and hashes one chunk while the one before is being written. @returns the hash of each range */
async function writeAll({ image, target, watcher, buffers }: Copy): Promise<string[]> {
  const hashes = new RangeHashes();
  watcher.begin("writing", image.mapped);
  let writing: Promise<void> = Promise.resolve();
  try {
    for (const [i, chunk] of chunksOf(image.ranges).entries()) {
      const buffer = partFor(buffers[i % 2] as Buffer, chunk);
      await readImage(image, buffer, chunk.start);
      const range = image.ranges[chunk.range] as MappedRange;
      const hash = hashes.add(buffer, chunk);
      if (hash !== null && range.sha256 !== null && hash !== range.sha256) throw texts.imageDamaged(image.path, range);
      await writing;
      const skip = chunk.start === 0 ? Math.min(FIRST, buffer.length) : 0;
      writing = target.write(buffer.subarray(skip), chunk.start + skip).then(() => watcher.advance(buffer.length));
      // Awaited one round later: until then a failure is nobody's, which Node would take for a bug.
      writing.catch(() => {});
    }
  } finally {
    await writing;
  }
  return hashes.done;
}

/** Reads one chunk from the target while the one before is hashed. @throws EnvironmentError at the first range that differs */
async function check({ image, target, watcher, buffers, head }: Copy, expected: string[]): Promise<void> {
  const hashes = new RangeHashes();
  watcher.begin("checking", image.mapped);
  const chunks = chunksOf(image.ranges);
  const start = (i: number): Promise<void> => {
    const chunk = chunks[i];
    if (chunk === undefined) return Promise.resolve();
    const reading = target.read(partFor(buffers[i % 2] as Buffer, chunk), chunk.start);
    reading.catch(() => {});
    return reading;
  };
  let reading = start(0);
  for (const [i, chunk] of chunks.entries()) {
    await reading;
    reading = start(i + 1);
    const buffer = partFor(buffers[i % 2] as Buffer, chunk);
    if (chunk.start === 0) takeHead(buffer, head);
    const hash = hashes.add(buffer, chunk);
    if (hash !== null && hash !== expected[chunk.range]) {
      await reading;
      const range = image.ranges[chunk.range] as MappedRange;
      const finding = await diagnose({ image, target, range, expected: expected[chunk.range] as string, head });
      throw texts.mismatch(target, finding.at ?? range, finding);
    }
    watcher.advance(buffer.length);
  }
}

/** The sha256 of each range, from its chunks in order. */
class RangeHashes {
  readonly done: string[] = [];
  #hash: Hash | null = null;

  /** @returns the range's hash when this chunk ends it */
  add(buffer: Buffer, { last }: Chunk): string | null {
    this.#hash ??= createHash("sha256");
    this.#hash.update(buffer);
    if (!last) return null;
    const hash = this.#hash.digest("hex");
    this.#hash = null;
    this.done.push(hash);
    return hash;
  }
}

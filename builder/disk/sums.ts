import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { pieces, type Range } from "./ranges";

/** Longest range with a sum of its own. Short enough to name the place of a fault on a card, long enough to keep the map small. */
const LONGEST = 8 << 20;

/** What is read ahead. Each one waits for a thread's turn: small ones took twice as long on a busy machine. */
const CHUNK = 16 << 20;

export interface Sum extends Range {
  sha256: string;
}

export interface Sums {
  /** Of the whole image. */
  whole: string;
  ranges: Sum[];
}

/**
 * Hashes an image, and each of its mapped ranges. The ranges are a thread of their own: with two processors all takes as long as the
 * whole alone, and that is the longest part of making an image.
 * @param length of the image, bytes.
 */
export async function sumsOf(path: string, length: number, mapped: Range[]): Promise<Sums> {
  const wanted = mapped.flatMap((range) => pieces(range, LONGEST));
  const [whole, sums] = await Promise.all([wholeSum(path, length), rangeSums(path, wanted)]);
  return { whole, ranges: wanted.map((range, i) => ({ ...range, sha256: sums[i] as string })) };
}

async function wholeSum(path: string, length: number): Promise<string> {
  const file = await open(path, "r");
  try {
    const hash = createHash("sha256");
    // While one piece is hashed, the next is read. Memory is taken once: its first touch costs as much as the hashing.
    const buffers = [Buffer.allocUnsafeSlow(CHUNK), Buffer.allocUnsafeSlow(CHUNK)] as const;
    let ahead = piece(file, buffers[0], 0, length);
    for (let at = 0, turn = 1; at < length; at += CHUNK, turn = 1 - turn) {
      const bytes = await ahead;
      ahead = piece(file, turn === 0 ? buffers[0] : buffers[1], at + CHUNK, length);
      hash.update(bytes);
    }
    await ahead;
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}

async function piece(file: FileHandle, buffer: Buffer, position: number, length: number): Promise<Buffer> {
  const wanted = Math.max(0, Math.min(CHUNK, length - position));
  if (wanted === 0) return buffer.subarray(0, 0);
  const { bytesRead } = await file.read(buffer, 0, wanted, position);
  if (bytesRead < wanted) throw new Error("the image became shorter while it was read");
  return buffer.subarray(0, bytesRead);
}

function rangeSums(path: string, ranges: Range[]): Promise<string[]> {
  // From its text, not from a file: the commands run as one file.
  const worker = new Worker(`(${hashRanges.toString()})()`, { eval: true, workerData: { path, ranges } });
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

/** The thread's program. It sees nothing of this file but itself. */
function hashRanges(): void {
  const { parentPort, workerData } = require("node:worker_threads") as typeof import("node:worker_threads");
  const { createHash } = require("node:crypto") as typeof import("node:crypto");
  const { closeSync, openSync, readSync } = require("node:fs") as typeof import("node:fs");
  const { path, ranges } = workerData as { path: string; ranges: { start: number; end: number }[] };
  const file = openSync(path, "r");
  const buffer = Buffer.allocUnsafeSlow(1 << 20);
  const sums = ranges.map(({ start, end }) => {
    const hash = createHash("sha256");
    for (let at = start; at < end;) {
      const read = readSync(file, buffer, 0, Math.min(buffer.length, end - at), at);
      if (read === 0) throw new Error("the image became shorter while it was read");
      hash.update(buffer.subarray(0, read));
      at += read;
    }
    return hash.digest("hex");
  });
  closeSync(file);
  parentPort?.postMessage(sums);
}

import type { Finding } from "../errors/flash";
import { createHash } from "node:crypto";
import { alignedBuffers } from "./aligned";
import { pieces, type Range } from "../disk/ranges";
import { takeHead } from "./first";
import { type Image, readImage } from "./image";
import type { Target } from "./target";
import { flash as texts } from "../errors";

/** Bytes that are looked at together. */
const BLOCK = 4096;
const STEP = 1 << 20;

/** More wrong bits than a failing cell, a cable or a memory chip makes. */
const FEW_BITS = 64;

interface Case {
  image: Image;
  target: Pick<Target, "read">;
  range: Range;
  /** sha256 that the image's range had while it was written. */
  expected: string;
  head: Buffer;
}

/** Reads the range once more, from both sides, and says what is wrong. @throws EnvironmentError when the image has changed */
export async function diagnose({ image, target, range, expected, head }: Case): Promise<Finding> {
  const [wanted, found] = alignedBuffers(2, STEP) as [Buffer, Buffer];
  const hash = createHash("sha256");
  const differences = new Differences();
  for (const { start, end } of pieces(range, STEP)) {
    const [want, have] = [wanted.subarray(0, end - start), found.subarray(0, end - start)];
    await readImage(image, want, start);
    await target.read(have, start);
    if (start === 0) takeHead(have, head);
    hash.update(want);
    differences.add(want, have, start);
  }
  if (hash.digest("hex") !== expected) throw texts.imageChanged(image.path);
  const { at, bits, sample } = differences;
  if (at === null || sample === null) return { at: null, culprit: "reading" };
  if (bits <= FEW_BITS) return { at, culprit: "bits", bits };
  if (isUniform(sample)) return { at, culprit: "nothing kept" };
  const belongs = await find(image, sample, at.start);
  return belongs === null ? { at, culprit: "card or reader" } : { at, culprit: "wraps", belongs };
}

/** Collects where two readings differ. */
class Differences {
  /** From the first wrong byte to the last. */
  at: Range | null = null;
  /** Wrong bits in all. */
  bits = 0;
  /** The first whole block that is wrong, as it was found. */
  sample: Buffer | null = null;

  add(wanted: Buffer, found: Buffer, offset: number): void {
    for (let start = 0; start < wanted.length; start += BLOCK) {
      const [want, have] = [wanted.subarray(start, start + BLOCK), found.subarray(start, start + BLOCK)];
      if (!want.equals(have)) this.#block(want, have, offset + start);
    }
  }

  #block(want: Buffer, have: Buffer, offset: number): void {
    this.sample ??= Buffer.from(have);
    for (const [i, byte] of have.entries()) {
      const wrong = byte ^ (want[i] as number);
      if (wrong === 0) continue;
      this.at = { start: this.at?.start ?? offset + i, end: offset + i + 1 };
      this.bits += ones(wrong);
    }
  }
}

const ones = (byte: number): number => byte.toString(2).replaceAll("0", "").length;

const isUniform = (block: Buffer): boolean => block.every((byte) => byte === block[0]);

/** Looks for a block in the image, at another place than its own. @returns its offset */
async function find(image: Image, block: Buffer, not: number): Promise<number | null> {
  const [buffer] = alignedBuffers(1, STEP) as [Buffer];
  for (const { start, end } of image.ranges.flatMap((range) => pieces(range, STEP))) {
    const part = buffer.subarray(0, end - start);
    await readImage(image, part, start);
    for (let i = 0; i + BLOCK <= part.length; i += BLOCK)
      if (start + i !== not - (not % BLOCK) && part.subarray(i, i + BLOCK).equals(block)) return start + i;
  }
  return null;
}

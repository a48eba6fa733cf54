import type { FileHandle } from "node:fs/promises";
import type { Base } from "./base";
import { BLOCK } from "../../disk/bmap";
import { freeBlocks } from "./blocks";
import { readAt } from "../../disk/file";
import { freeClusters } from "./fat";
import { mappedRanges, pieces, type Range } from "../../disk/ranges";

/**
 * What a card must get, in whole blocks. The file systems say what is free: a file's block of zeros is not, and would keep a card's old
 * content if it were left out. Around the file systems everything that is not zero counts.
 */
export async function mappedOf(file: FileHandle, base: Base): Promise<Range[]> {
  const free = [
    ...(await freeClusters(file, base.boot, base.fat)),
    ...(await freeBlocks(file, base.root, base.superblock)),
    ...(await zeros(file, gaps(base))),
  ];
  return mappedRanges(free, base.length, BLOCK);
}

/** What belongs to no file system; the table is no gap. */
function gaps({ boot, root, superblock, length }: Base): Range[] {
  const taken = [boot, { start: root.start, end: root.start + superblock.blocks * superblock.blockSize }];
  const result: Range[] = [];
  let at = BLOCK;
  for (const { start, end } of [...taken.sort((a, b) => a.start - b.start), { start: length, end: length }]) {
    if (start > at) result.push({ start: at, end: start });
    at = end;
  }
  return result;
}

/** The blocks of ranges that hold nothing but zeros. */
async function zeros(file: FileHandle, ranges: Range[]): Promise<Range[]> {
  const nothing = Buffer.alloc(BLOCK);
  const found: Range[] = [];
  for (const piece of ranges.flatMap((range) => pieces(range, 256 * BLOCK))) {
    const bytes = await readAt(file, piece.start, piece.end - piece.start);
    for (const { start, end } of pieces(piece, BLOCK))
      if (bytes.subarray(start - piece.start, end - piece.start).equals(nothing.subarray(0, end - start))) found.push({ start, end });
  }
  return found;
}

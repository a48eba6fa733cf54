import type { Range } from "./table";

/** A range in pieces that end at multiples of a size. */
export function pieces({ start, end }: Range, size: number): Range[] {
  const result: Range[] = [];
  for (let at = start; at < end; at = Math.min(end, (Math.floor(at / size) + 1) * size))
    result.push({ start: at, end: Math.min(end, (Math.floor(at / size) + 1) * size) });
  return result;
}

/**
 * The blocks that must be written: every one of which a byte is not free.
 * @param free ascending, without overlaps. @param length of the disk, bytes. @returns ranges of whole blocks, the last cut at the disk's end.
 */
export function mappedRanges(free: Range[], length: number, blockSize: number): Range[] {
  const mapped: Range[] = [];
  let at = 0;
  for (const { start, end } of [...free, { start: length, end: length }]) {
    const from = Math.min(length, Math.ceil(start / blockSize) * blockSize);
    // The last block of a disk that is no multiple of the block size may be a short one.
    const to = end === length ? length : Math.floor(end / blockSize) * blockSize;
    if (from > at) mapped.push({ start: at, end: from });
    at = Math.max(at, from, to);
  }
  return mapped;
}

export function bytesIn(ranges: Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

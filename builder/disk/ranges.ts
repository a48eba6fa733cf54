/** A part of a disk or of its image, in bytes. */
export interface Range {
  start: number;
  /** The first byte after it. */
  end: number;
}

/** A range in pieces that end at multiples of a size. */
export function pieces({ start, end }: Range, size: number): Range[] {
  const result: Range[] = [];
  for (let at = start; at < end; at = Math.min(end, (Math.floor(at / size) + 1) * size))
    result.push({ start: at, end: Math.min(end, (Math.floor(at / size) + 1) * size) });
  return result;
}

/** Sorted, and one range where one begins as another ends. */
function joined(ranges: Range[]): Range[] {
  const result: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const last = result.at(-1);
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else if (range.end > range.start) result.push({ ...range });
  }
  return result;
}

/**
 * The blocks that must be written: every one of which a byte is not free.
 * @param length of the disk, bytes.
 * @returns ranges of whole blocks, the last cut at the disk's end.
 */
export function mappedRanges(free: Range[], length: number, blockSize: number): Range[] {
  const mapped: Range[] = [];
  let at = 0;
  for (const { start, end } of [...joined(free), { start: length, end: length }]) {
    const from = Math.min(length, Math.ceil(start / blockSize) * blockSize);
    // The last block of a disk that is no multiple of the block size is a short one.
    const to = end >= length ? length : Math.floor(end / blockSize) * blockSize;
    // What is free within one block leaves nothing out.
    if (to < from) continue;
    if (from > at) mapped.push({ start: at, end: from });
    at = Math.max(at, to);
  }
  return mapped;
}

export function bytesIn(ranges: Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

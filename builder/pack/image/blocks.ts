import type { FileHandle } from "node:fs/promises";
import { readAt } from "../../disk/file";
import type { Layout, Superblock } from "./superblock";
import type { Range } from "../../disk/ranges";
import type { Partition } from "./table";

// Read by hand, since dumpe2fs 1.47.2 has forgotten how to find a file system inside an image.
// Source: the kernel's Documentation/filesystems/ext4/ (group_descr.rst, bitmaps.rst, super.rst).

interface Group {
  /** Number of its first block. */
  first: number;
  blocks: number;
  blockBitmap: number;
  inodeBitmap: number;
  inodeTable: number;
  /** Its bitmap was never written: of this group only structures are in use. */
  untouched: boolean;
}

const BLOCK_UNINIT = 0x2;

/** The parts of an ext4 that no file and no structure uses, in bytes of the image, ascending. */
export async function freeBlocks(file: FileHandle, { start }: Partition, superblock: Superblock): Promise<Range[]> {
  const { blockSize, layout } = superblock;
  // Where blocks are counted otherwise, all counts as used: a larger map, not a wrong one.
  if (!layout.plain) return [];
  const groups = await groupsOf(file, start, superblock);
  const structures = structuresOf(groups, superblock);
  const ranges: Range[] = [];
  for (const group of groups) {
    const bitmap = group.untouched ? null : await readAt(file, start + group.blockBitmap * blockSize, blockSize);
    for (let i = 0; i < group.blocks; i++) {
      const used = bitmap === null ? structures.has(group.first + i) : (((bitmap[i >> 3] as number) >> (i & 7)) & 1) === 1;
      if (used) continue;
      const from = start + (group.first + i) * blockSize;
      const last = ranges.at(-1);
      if (last?.end === from) last.end += blockSize;
      else ranges.push({ start: from, end: from + blockSize });
    }
  }
  return ranges;
}

async function groupsOf(file: FileHandle, start: number, { blocks, blockSize, layout }: Superblock): Promise<Group[]> {
  const { firstBlock, blocksPerGroup, descriptorSize } = layout;
  const count = Math.ceil((blocks - firstBlock) / blocksPerGroup);
  const table = await readAt(file, start + (firstBlock + 1) * blockSize, count * descriptorSize);
  return Array.from({ length: count }, (_, i) => {
    const descriptor = table.subarray(i * descriptorSize, (i + 1) * descriptorSize);
    const number = (low: number): number =>
      descriptor.readUInt32LE(low) + (descriptorSize >= 64 ? descriptor.readUInt32LE(low + 0x20) * 2 ** 32 : 0);
    const first = firstBlock + i * blocksPerGroup;
    return {
      first,
      blocks: Math.min(blocksPerGroup, blocks - first),
      blockBitmap: number(0),
      inodeBitmap: number(4),
      inodeTable: number(8),
      untouched: (descriptor.readUInt16LE(0x12) & BLOCK_UNINIT) !== 0,
    };
  });
}

/** The blocks of all structures: bitmaps and tables may lie in another group than theirs. */
function structuresOf(groups: Group[], { blockSize, layout }: Superblock): Set<number> {
  const tableBlocks = Math.ceil((groups.length * layout.descriptorSize) / blockSize);
  const used = new Set<number>();
  const add = (first: number, count: number): void => {
    for (let block = first; block < first + count; block++) used.add(block);
  };
  groups.forEach(({ first, blockBitmap, inodeBitmap, inodeTable }, i) => {
    add(blockBitmap, 1);
    add(inodeBitmap, 1);
    add(inodeTable, layout.inodeTableBlocks);
    if (hasCopy(i, layout)) add(first, 1 + tableBlocks + layout.reservedBlocks);
  });
  return used;
}

/** Whether a group begins with a copy of the superblock and the groups' table. */
function hasCopy(group: number, { sparse }: Layout): boolean {
  return !sparse || group <= 1 || [3, 5, 7].some((base) => isPower(group, base));
}

function isPower(value: number, base: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

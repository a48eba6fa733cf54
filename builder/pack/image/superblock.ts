/** What an ext4 superblock says. Source: the kernel's Documentation/filesystems/ext4/super.rst. */
export interface Superblock {
  label: string;
  /** Bytes. */
  blockSize: number;
  blocks: number;
  freeBlocks: number;
  freeInodes: number;
  /** When it was last written, s since 1970. */
  writtenAt: number;
  /** Why nobody but the kernel may write to it now, or null. */
  dirty: string | null;
  layout: Layout;
  /** Why the figures cannot be right, or null. */
  fault: string | null;
}

/** Where the parts of an ext4 are. */
export interface Layout {
  /** Number of the first block: 1 with blocks of 1 KiB, else 0. */
  firstBlock: number;
  blocksPerGroup: number;
  /** Blocks of each group's table of inodes. */
  inodeTableBlocks: number;
  /** Bytes. */
  descriptorSize: number;
  /** Kept for a larger table of groups, beside each copy of that. */
  reservedBlocks: number;
  /** Only some groups have a copy of the superblock. */
  sparse: boolean;
  /** Groups and blocks are where the plain rules say. */
  plain: boolean;
}

/** Where the superblock is in the file system, and its length. */
export const SUPERBLOCK = { offset: 1024, length: 1024 };

const NEEDS_RECOVERY = 0x4;
const HAS_64BIT = 0x80;
const ORPHAN_PRESENT = 0x10000;
const META_BG = 0x10;
const SPARSE_SUPER = 0x1;
const SPARSE_SUPER2 = 0x200;
const BIGALLOC = 0x200;
const VALID = 1;
const ERRORS = 2;

/** Reads a superblock. @returns null where there is no ext4. */
export function readSuperblock(block: Buffer): Superblock | null {
  if (block.length < SUPERBLOCK.length || block.readUInt16LE(0x38) !== 0xef53) return null;
  const wide = (block.readUInt32LE(0x60) & HAS_64BIT) !== 0;
  const count = (low: number, high: number): number => block.readUInt32LE(low) + (wide ? block.readUInt32LE(high) * 2 ** 32 : 0);
  const layout = layoutOf(block, wide);
  return {
    label: block.toString("utf8", 0x78, 0x88).replace(/\0.*$/s, ""),
    blockSize: blockSizeOf(block),
    blocks: count(0x4, 0x150),
    freeBlocks: count(0xc, 0x158),
    freeInodes: block.readUInt32LE(0x10),
    writtenAt: block.readUInt32LE(0x30),
    dirty: dirtOf(block),
    layout,
    fault: faultOf(block, layout, { blocks: count(0x4, 0x150), freeBlocks: count(0xc, 0x158) }),
  };
}

/** Bytes; more than any real one has where the figure is damaged. */
const blockSizeOf = (block: Buffer): number => 1024 * 2 ** block.readUInt32LE(0x18);

/** What is read by these figures must end: no loop and no memory may be as large as a damaged figure. */
function faultOf(block: Buffer, layout: Layout, { blocks, freeBlocks }: { blocks: number; freeBlocks: number }): string | null {
  const blockSize = blockSizeOf(block);
  const { firstBlock, blocksPerGroup, inodeTableBlocks, descriptorSize, reservedBlocks, plain } = layout;
  if (blockSize > 65536) return "its blocks have an impossible size";
  if (blocks <= firstBlock || freeBlocks > blocks) return "its numbers of blocks are impossible";
  if (block.readUInt32LE(0x10) > block.readUInt32LE(0)) return "its numbers of inodes are impossible";
  const groups =
    firstBlock === (blockSize === 1024 ? 1 : 0) &&
    blocksPerGroup > 0 &&
    blocksPerGroup <= 8 * blockSize &&
    inodeTableBlocks < blocksPerGroup;
  const tables = descriptorSize >= 32 && descriptorSize <= blockSize && reservedBlocks <= blockSize / 4;
  return plain && !(groups && tables) ? "its groups of blocks have an impossible size" : null;
}

function layoutOf(block: Buffer, wide: boolean): Layout {
  const compatible = block.readUInt32LE(0x5c);
  const writable = block.readUInt32LE(0x64);
  const blockSize = blockSizeOf(block);
  return {
    firstBlock: block.readUInt32LE(0x14),
    blocksPerGroup: block.readUInt32LE(0x20),
    inodeTableBlocks: Math.ceil((block.readUInt32LE(0x28) * block.readUInt16LE(0x58)) / blockSize),
    descriptorSize: wide ? block.readUInt16LE(0xfe) : 32,
    reservedBlocks: block.readUInt16LE(0xce),
    sparse: (writable & SPARSE_SUPER) !== 0,
    plain: (block.readUInt32LE(0x60) & META_BG) === 0 && (writable & BIGALLOC) === 0 && (compatible & SPARSE_SUPER2) === 0,
  };
}

/** debugfs writes to such a file system without a word, and the journal's replay then undoes what it wrote. */
function dirtOf(block: Buffer): string | null {
  const state = block.readUInt16LE(0x3a);
  if ((block.readUInt32LE(0x60) & NEEDS_RECOVERY) !== 0) return "was not unmounted: its journal must be replayed first";
  if ((block.readUInt32LE(0x64) & ORPHAN_PRESENT) !== 0 || block.readUInt32LE(0xe8) !== 0)
    return "holds deleted files that were still in use";
  if ((state & ERRORS) !== 0) return "is marked as having errors";
  if ((state & VALID) === 0) return "was not unmounted";
  return null;
}

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
}

/** Where the superblock is in the file system, and its length. */
export const SUPERBLOCK = { offset: 1024, length: 1024 };

const NEEDS_RECOVERY = 0x4;
const HAS_64BIT = 0x80;
const ORPHAN_PRESENT = 0x10000;
const VALID = 1;
const ERRORS = 2;

/** Reads a superblock. @returns null where there is no ext4. */
export function readSuperblock(block: Buffer): Superblock | null {
  if (block.length < SUPERBLOCK.length || block.readUInt16LE(0x38) !== 0xef53) return null;
  const wide = (block.readUInt32LE(0x60) & HAS_64BIT) !== 0;
  const count = (low: number, high: number): number => block.readUInt32LE(low) + (wide ? block.readUInt32LE(high) * 2 ** 32 : 0);
  return {
    label: block.toString("utf8", 0x78, 0x88).replace(/\0.*$/s, ""),
    blockSize: 1024 << block.readUInt32LE(0x18),
    blocks: count(0x4, 0x150),
    freeBlocks: count(0xc, 0x158),
    freeInodes: block.readUInt32LE(0x10),
    writtenAt: block.readUInt32LE(0x30),
    dirty: dirtOf(block),
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

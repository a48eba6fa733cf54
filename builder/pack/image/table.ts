import type { Range } from "../../disk/ranges";

export interface Partition extends Range {
  /** The table's type byte, such as 0x83 for Linux. */
  type: number;
}

/** What the first sectors of a disk say. */
export type Table = { kind: "none" } | { kind: "gpt" } | { kind: "mbr"; partitions: Partition[] };

const SECTOR = 512;
const EXTENDED = [0x05, 0x0f, 0x85];

/** Bytes that readTable wants to see. */
export const TABLE_BYTES = 2 * SECTOR;

/**
 * Reads an MBR partition table: the used ones of its four entries, in the table's order. A GPT, or a table for both, is called "gpt".
 * @param head the disk's first two sectors.
 */
export function readTable(head: Buffer): Table {
  if (head.length < SECTOR || head.readUInt16LE(510) !== 0xaa55) return { kind: "none" };
  const entries = [0, 1, 2, 3].map((i) => head.subarray(446 + 16 * i, 462 + 16 * i));
  const partitions = entries.map(partitionOf).filter(({ type }) => type !== 0);
  if (partitions.some(({ type }) => type === 0xee) || head.toString("latin1", SECTOR, SECTOR + 8) === "EFI PART") return { kind: "gpt" };
  // The boot sector of a bare FAT file system ends in the same two bytes, and has text where the table would be.
  if (!entries.every((entry) => entry[0] === 0 || entry[0] === 0x80)) return { kind: "none" };
  return { kind: "mbr", partitions };
}

function partitionOf(entry: Buffer): Partition {
  const start = entry.readUInt32LE(8) * SECTOR;
  return { type: entry[4] as number, start, end: start + entry.readUInt32LE(12) * SECTOR };
}

/** The two partitions of a Raspberry Pi OS, or in words what is there instead. */
export function bootAndRoot(partitions: Partition[]): { boot: Partition; root: Partition } | string {
  const [boot, root] = partitions;
  const types = partitions.map(({ type }) => `0x${type.toString(16).padStart(2, "0")}`).join(", ");
  if (boot === undefined || root === undefined || partitions.length > 2)
    return `${partitions.length} partitions${types && ` (types ${types})`}`;
  if (EXTENDED.includes(boot.type) || EXTENDED.includes(root.type)) return `an extended partition (types ${types})`;
  if (![0x0b, 0x0c].includes(boot.type) || root.type !== 0x83) return `partitions of types ${types}`;
  if (boot.start < SECTOR || boot.end <= boot.start || root.end <= root.start) return "an empty partition";
  if (root.start < boot.end && boot.start < root.end) return "partitions that overlap";
  return { boot, root };
}

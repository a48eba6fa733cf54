import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { image } from "../../errors";
import type { Artefact } from "../../render/tree";
import { readAt, withFile } from "../../disk/file";
import * as ext4 from "./ext4";
import * as fat from "./fat";
import { bytesIn } from "../../disk/ranges";
import { readSuperblock, SUPERBLOCK, type Superblock } from "./superblock";
import { bootAndRoot, type Partition, readTable, TABLE_BYTES } from "./table";

/** What the first bytes of an image and of its two file systems say. */
export interface Base {
  boot: Partition;
  root: Partition;
  fat: fat.Fat;
  superblock: Superblock;
  /** Bytes. */
  length: number;
}

/**
 * Reads the table and both file systems' heads.
 * @param path of the raw image.
 * @param shown the file as the person called it.
 * @throws UsageError where it cannot be a base.
 */
export async function readBase(path: string, shown: string): Promise<Base> {
  return withFile(path, "r", async (file) => {
    const { size: length } = await file.stat();
    const table = readTable(await readAt(file, 0, TABLE_BYTES));
    if (table.kind === "none") throw image.notAnImage(shown, length === 0 ? "it is empty" : "it has no partition table");
    if (table.kind === "gpt") throw image.gpt(shown);
    const parts = bootAndRoot(table.partitions);
    if (typeof parts === "string") throw image.partitions(shown, parts);
    const end = Math.max(parts.boot.end, parts.root.end);
    if (end > length) throw image.cutOff(shown, end, length);
    const bootFat = fat.readFat(await readAt(file, parts.boot.start, 512));
    if (bootFat?.label !== "bootfs") throw image.fileSystem(shown, "boot", labelled(bootFat, "FAT32"), 'FAT32, label "bootfs"');
    const superblock = readSuperblock(await readAt(file, parts.root.start + SUPERBLOCK.offset, SUPERBLOCK.length));
    if (superblock?.label !== "rootfs") throw image.fileSystem(shown, "root", labelled(superblock, "ext4"), 'ext4, label "rootfs"');
    if (superblock.dirty !== null) throw image.dirty(shown, superblock.dirty);
    const larger = "it is larger than its partition";
    const fatFault = bootFat.fault ?? (bootFat.bytes > parts.boot.end - parts.boot.start ? larger : null);
    if (fatFault !== null) throw image.damaged(shown, "boot", fatFault);
    const ext4Fault = superblock.fault ?? (superblock.blocks * superblock.blockSize > parts.root.end - parts.root.start ? larger : null);
    if (ext4Fault !== null) throw image.damaged(shown, "root", ext4Fault);
    return { ...parts, fat: bootFat, superblock, length };
  });
}

function labelled(found: { label: string } | null, kind: string): string {
  return found === null ? `no ${kind}` : `${kind}, label ${JSON.stringify(found.label)}`;
}

/** Checks that all will find room: in both file systems, and on the disk of the image to be. */
export async function checkRoom(
  base: Base,
  {
    placed,
    boot,
    path,
    shown,
    folder,
    place,
  }: { placed: ext4.Placed[]; boot: Artefact[]; path: string; shown: string; folder: string; place: string },
): Promise<void> {
  const { freeBlocks, freeInodes, blockSize } = base.superblock;
  const need = ext4.roomFor(placed, base.superblock);
  const kB = (bytes: number): string => `${Math.ceil(bytes / 1000)} kB`;
  if (need.blocks > freeBlocks) throw image.space(shown, "root", kB(need.blocks * blockSize), kB(freeBlocks * blockSize));
  if (need.inodes > freeInodes) throw image.space(shown, "root", `${need.inodes} inodes`, `${freeInodes}`);
  const free = bytesIn(await withFile(path, "r", (file) => fat.freeClusters(file, base.boot, base.fat)));
  const needFat = fat.fatRoomFor(boot, base.fat);
  if (needFat > free) throw image.space(shown, "boot", kB(needFat), kB(free));
  const { bavail, bsize } = await statfs(folder);
  // The image, and for a moment the files that go into it.
  const used = base.length - freeBlocks * blockSize - free + 2 * need.blocks * blockSize;
  if (used > bavail * bsize) throw image.diskFull(dirname(place), used, bavail * bsize);
}

import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { run } from "./programs";

const MIB = 1 << 20;

/** A small image in the shape of a card's: a table, a FAT partition, a gap, an ext4 partition. Sizes in bytes. */
export const cardImage = {
  size: 24 * MIB,
  boot: { offset: 4 * MIB, length: 8 * MIB },
  gap: { offset: 12 * MIB, length: 4 * MIB },
  root: { offset: 16 * MIB, length: 8 * MIB },
  /** The first block, and both partitions with every block. */
  mapped: 4096 + 16 * MIB,
};

/** Bytes that look random and are the same everywhere. */
export function noise(length: number, seed: string): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) blocks.push(createHash("sha256").update(`${seed} ${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

/** Writes home.img and, by bmaptool, home.img.bmap. @returns the image's path */
export function makeCardImage(folder: string, seed = "a"): string {
  const image = join(folder, "home.img");
  const [boot, root, content] = [join(folder, "boot.part"), join(folder, "root.part"), join(folder, "content")];
  writeFileSync(boot, Buffer.alloc(cardImage.boot.length));
  done("mkfs.vfat", ["-i", "b0bdb0c5", "-n", "BOOTFS", boot]);
  mkdirSync(content);
  writeFileSync(join(content, "noise"), noise(5 * MIB, seed));
  writeFileSync(root, Buffer.alloc(cardImage.root.length));
  // Without discarding: that would make holes of blocks that must be zero.
  done("mke2fs", ["-q", "-F", "-t", "ext4", "-E", "nodiscard", "-L", "rootfs", "-d", content, root]);
  const fd = openSync(image, "w");
  writeSync(fd, Buffer.of(0), 0, 1, cardImage.size - 1);
  for (const [file, { offset }] of [
    [boot, cardImage.boot],
    [root, cardImage.root],
  ] as const) {
    const bytes = readFileSync(file);
    writeSync(fd, bytes, 0, bytes.length, offset);
  }
  closeSync(fd);
  const table = `label: dos\nlabel-id: 0xb0bdb0c5\nstart=8192, size=16384, type=c\nstart=32768, size=16384, type=83\n`;
  done("sfdisk", ["--quiet", "--no-tell-kernel", image], table);
  done("bmaptool", ["create", image, "-o", `${image}.bmap`]);
  for (const path of [boot, root, content]) rmSync(path, { recursive: true });
  return image;
}

/** The same image with other bytes in one place, and the old map. */
export function damagedCopy(image: string, folder: string, offset: number): string {
  const copy = join(folder, "home.img");
  copyFileSync(image, copy);
  copyFileSync(`${image}.bmap`, `${copy}.bmap`);
  const fd = openSync(copy, "r+");
  writeSync(fd, Buffer.from("damaged"), 0, 7, offset);
  closeSync(fd);
  return copy;
}

function done(program: string, args: string[], input?: string): void {
  const { status, output } = run(program, args, input === undefined ? {} : { input });
  if (status !== 0) throw new Error(`${program}: ${output}`);
}

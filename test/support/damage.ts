import { closeSync, ftruncateSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { run } from "./programs";

/** Where the parts of an image made by makeBase are that damage can matter to, in bytes of the image. */
export interface Parts {
  [name: string]: { start: number; end: number }[];
}

/** Numbers from 0 to below 1, the same ones for the same seed. Source: mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function bytesOf(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, position);
  return bytes;
}

/**
 * Finds those parts: the partition table, the heads and tables of both file systems, folders and the files that a build reads.
 * @param image path of an image that is whole.
 * @param boot where its FAT is, bytes.
 * @param root where its ext4 is, bytes; its blocks have 4 KiB.
 */
export function partsOf(image: string, boot: number, root: number): Parts {
  const file = openSync(image, "r");
  const [sector, descriptors] = [bytesOf(file, boot, 512), bytesOf(file, root + 4096, 32)];
  closeSync(file);
  const block = (number: number) => ({ start: root + number * 4096, end: root + (number + 1) * 4096 });
  const blocksOf = (path: string) =>
    run("debugfs", ["-R", `blocks ${path}`, `${image}?offset=${root}`])
      .stdout.trim()
      .split(/\s+/)
      .map((number) => block(Number(number)));
  const [reserved, fatBytes] = [sector.readUInt16LE(14) * 512, sector.readUInt32LE(36) * 512];
  const [fat, data] = [boot + reserved, boot + reserved + 2 * fatBytes];
  return {
    table: [{ start: 440, end: 512 }],
    superblock: [{ start: root + 1024, end: root + 1024 + 0x178 }],
    descriptors: [{ start: root + 4096, end: root + 4096 + 32 }],
    bitmaps: [block(descriptors.readUInt32LE(0)), block(descriptors.readUInt32LE(4))],
    // 16 inodes of 256 bytes a block: those of a small tree.
    inodes: [0, 1, 2].map((i) => block(descriptors.readUInt32LE(8) + i)),
    folders: ["/", "/etc", "/usr", "/usr/lib", "/var", "/var/lib", "/var/lib/dpkg", "/etc/systemd"].flatMap(blocksOf),
    files: ["/usr/lib/os-release", "/etc/rpi-issue", "/var/lib/dpkg/status"].flatMap(blocksOf),
    fatHead: [
      { start: boot, end: boot + 96 },
      { start: boot + 512, end: boot + 1024 },
    ],
    fats: [
      { start: fat, end: fat + 1024 },
      { start: fat + fatBytes, end: fat + fatBytes + 1024 },
    ],
    fatFolder: [{ start: data, end: data + 512 }],
    fatFiles: [{ start: data + 512, end: data + 4096 }],
  };
}

/**
 * Damages an image, always the same way for one seed.
 * @param image path; the file is changed.
 * @param parts of the image while it was whole.
 * @returns what was done, for a test's message.
 */
export function damage(image: string, parts: Parts, seed: number): string {
  const random = randomFrom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  const file = openSync(image, "r+");
  try {
    const name = pick([...Object.keys(parts), "length"]);
    if (name === "length") {
      const length = below(fstatSync(file).size);
      ftruncateSync(file, length);
      return `truncated to ${length}`;
    }
    const { start, end } = pick(parts[name] as Parts[string]);
    const kind = pick(["bit", "byte", "bytes", "word", "zeros", "ones", "noise", "moved"] as const);
    const length = Math.min(end - start, { bit: 1, byte: 1, bytes: 4, word: 4, zeros: 512, ones: 512, noise: 512, moved: 64 }[kind]);
    // Structures are aligned: a hit in their middle is likelier to be noticed than one of a whole field.
    const step = length > 4 ? 32 : length;
    const at = start + Math.floor(below(end - start - length + 1) / step) * step;
    const before = bytesOf(file, at, length);
    const make: Record<typeof kind, () => Buffer> = {
      bit: () => Buffer.from([(before[0] as number) ^ (1 << below(8))]),
      byte: () => Buffer.from([below(256)]),
      bytes: () => Buffer.from([below(256), below(256), below(256), below(256)]),
      word: () => {
        const word = Buffer.alloc(4);
        word.writeUInt32LE(pick([0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 0xffff]));
        return word;
      },
      zeros: () => Buffer.alloc(length),
      ones: () => Buffer.alloc(length, 0xff),
      noise: () => Buffer.from(Array.from({ length }, () => below(256))),
      moved: () => bytesOf(file, start + Math.floor(below(end - start - length + 1) / step) * step, length),
    };
    writeSync(file, make[kind]().subarray(0, length), 0, length, at);
    return `${name}: ${kind} at ${at} (${at - start})`;
  } finally {
    closeSync(file);
  }
}

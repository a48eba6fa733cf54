import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BootFailure } from "./errors";

interface Partition {
  /** Bytes. */
  offset: number;
  size: number;
  type: number;
}

const SECTOR = 512;

/** A card as a file, as large as those that people use, with the image at its start. */
export class Card {
  constructor(readonly file: string) {}

  /**
   * Writes an image to a new card.
   * @param bytes the card's size
   */
  static of(image: string, file: string, bytes: number): Card {
    run(["cp", "--sparse=always", "--reflink=auto", image, file]);
    truncateSync(file, bytes);
    return new Card(file);
  }

  copy(file: string): Card {
    run(["cp", "--sparse=always", "--reflink=auto", this.file, file]);
    return new Card(file);
  }

  /** The entries of its master boot record. */
  private partitions(): Partition[] {
    const head = Buffer.alloc(SECTOR);
    withFile(this.file, (fd) => readSync(fd, head, 0, SECTOR, 0));
    if (head.readUInt16LE(510) !== 0xaa55) throw new BootFailure(`${this.file} has no partition table`);
    return [0, 1, 2, 3]
      .map((at) => 446 + 16 * at)
      .map((at) => ({
        type: head[at + 4] as number,
        offset: head.readUInt32LE(at + 8) * SECTOR,
        size: head.readUInt32LE(at + 12) * SECTOR,
      }))
      .filter(({ type }) => type !== 0);
  }

  private partition(number: 1 | 2): Partition {
    const found = this.partitions()[number - 1];
    if (found === undefined) throw new BootFailure(`${this.file} has no partition ${number}`);
    return found;
  }

  /** A file of the boot partition; null: it is not there. */
  read(path: string): string | null {
    const { status, stdout } = this.mtools("mtype", [`::${path}`]);
    return status === 0 ? stdout : null;
  }

  /** Copies what is in a folder onto the boot partition, as a person does. */
  copyToBoot(folder: string): void {
    this.must("mcopy", ["-s", "-o", "-Q", ...readdirSync(folder).map((name) => join(folder, name)), "::"]);
  }

  /**
   * Lets a program work on the boot partition as a folder. The files are copied out and back, since not every kernel can mount FAT. A file
   * that a power cut left half-written is repaired first: a computer that mounts the card would pass over it, but mcopy ends there.
   */
  withBoot<T>(use: (folder: string) => T): T {
    withLoop(this.file, this.partition(1), repairFat);
    const folder = mkdtempSync(join(tmpdir(), "bondbox-boot-fat-"));
    try {
      this.must("mcopy", ["-s", "-m", "-Q", "::*", folder]);
      const before = contentsOf(folder);
      const result = use(folder);
      const after = contentsOf(folder);
      for (const path of before.keys()) if (!after.has(path)) this.must("mdel", [`::${path}`]);
      for (const [path, content] of after) {
        if (before.get(path) === content) continue;
        const above = dirname(path);
        if (above !== "." && this.mtools("mdir", ["-b", `::${above}`]).status !== 0) this.must("mmd", [`::${above}`]);
        this.must("mcopy", ["-o", "-Q", join(folder, path), `::${path}`]);
      }
      return result;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  private must(program: string, args: string[]): void {
    const { status, stderr } = this.mtools(program, args);
    if (status !== 0) throw new BootFailure(`the boot partition: ${program}: ${stderr}`);
  }

  private mtools(program: string, args: string[]): { status: number | null; stdout: string; stderr: string } {
    const image = `${this.file}@@${this.partition(1).offset}`;
    const env = { ...process.env, MTOOLS_SKIP_CHECK: "1", MTOOLS_LOWER_CASE: "0" };
    return spawnSync(program, ["-i", image, ...args], { encoding: "utf8", env, maxBuffer: 64 << 20 });
  }

  /**
   * Searches all bytes of the boot partition: files, deleted files, free space.
   * @param texts what to look for, by name
   * @returns the names of what was found
   */
  foundOnBoot(texts: Map<string, Buffer>): string[] {
    const { offset, size } = this.partition(1);
    const longest = Math.max(...[...texts.values()].map(({ length }) => length));
    const found = new Set<string>();
    withFile(this.file, (fd) => {
      const block = Buffer.alloc(16 << 20);
      for (let at = 0; at < size; at += block.length - longest) {
        const length = readSync(fd, block, 0, Math.min(block.length, size - at), offset + at);
        const part = block.subarray(0, length);
        for (const [name, text] of texts) if (part.includes(text)) found.add(name);
      }
    });
    return [...found];
  }

  /**
   * Checks the file systems, after doing what the next start would do by itself: FAT is repaired where a write was cut off, and the journals
   * are replayed. Use it on a copy.
   * @returns the checkers' output for each damaged file system
   */
  faults(): string[] {
    const [boot, root] = [this.partition(1), this.partition(2)];
    const areas = withLoop(this.file, root, (device) => withMount(device, areasOf));
    const places = [root, ...areas.map(({ offset, size }) => ({ offset: root.offset + offset, size }))];
    const ext4 = (device: string): string[] => [...damage(["e2fsck", "-p", device]), ...damage(["e2fsck", "-f", "-n", device])];
    return [
      ...withLoop(this.file, boot, (device) => {
        repairFat(device);
        return damage(["fsck.fat", "-n", device]);
      }),
      ...places.flatMap((place) => withLoop(this.file, place, (device) => (isExt4(device) ? ext4(device) : []))),
    ];
  }

  /** Lets a program change the root file system as a folder. The card must be at rest. */
  withRoot(use: (folder: string) => void): void {
    withLoop(this.file, this.partition(2), (device) => withMount(device, use));
  }

  /** Copies a file of the boot partition to a folder. @returns its path; null: it is not there */
  extract(path: string, to: string): string | null {
    return this.mtools("mcopy", ["-o", "-Q", `::${path}`, to]).status === 0 ? to : null;
  }

  /** A file of the root file system; null: it is not there. The card must be at rest. */
  rootFile(path: string): string | null {
    const { offset } = this.partition(2);
    const { stdout, stderr } = spawnSync("debugfs", ["-R", `cat "${path}"`, `${this.file}?offset=${offset}`], {
      encoding: "utf8",
      maxBuffer: 64 << 20,
    });
    return /not found/.test(stderr) ? null : stdout;
  }
}

/** Hashes of all files below a folder, by path. */
function contentsOf(folder: string): Map<string, string> {
  const paths = (readdirSync(folder, { recursive: true }) as string[]).filter((path) => statSync(join(folder, path)).isFile());
  return new Map(
    paths.sort().map((path) => [
      path,
      createHash("sha256")
        .update(readFileSync(join(folder, path)))
        .digest("hex"),
    ]),
  );
}

type Place = Pick<Partition, "offset" | "size">;

/** Finds the file systems that are used by their place: for what must survive a restart, and for the systems of updates. */
function areasOf(folder: string): Place[] {
  return ["keep", "system-a", "system-b"].flatMap((name) => areaOf(join(folder, `var/lib/bondbox/${name}.img`)) ?? []);
}

/** It is in the longest contiguous part of its file, see bondbox-init. */
function areaOf(file: string): Place | null {
  if (!existsSync(file)) return null;
  const runs = [...run(["filefrag", "-b512", "-e", file]).matchAll(/^ *\d+: *\d+\.\. *\d+: *(\d+)\.\. *(\d+):/gm)];
  const joined: Place[] = [];
  for (const [, from, to] of runs) {
    const [offset, end] = [Number(from) * SECTOR, (Number(to) + 1) * SECTOR];
    const last = joined.at(-1);
    if (last !== undefined && last.offset + last.size === offset) last.size = end - last.offset;
    else joined.push({ offset, size: end - offset });
  }
  return joined.sort((a, b) => b.size - a.size)[0] ?? null;
}

/** As each start of a Raspberry Pi does. What could not be repaired, the next look finds. */
function repairFat(device: string): void {
  spawnSync("fsck.fat", ["-a", device]);
}

/** An area that was never used holds nothing. */
function isExt4(device: string): boolean {
  return /TYPE="ext4"/.test(spawnSync("blkid", ["-p", device], { encoding: "utf8" }).stdout);
}

function damage(command: string[]): string[] {
  const [program = "", ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  if (error) throw error;
  return status === 0 || (status === 1 && args.includes("-p")) ? [] : [`${program}: ${stdout}${stderr}`.trim()];
}

function withLoop<T>(file: string, { offset, size }: Place, use: (device: string) => T): T {
  const device = run(["losetup", "--find", "--show", `--offset=${offset}`, `--sizelimit=${size}`, file]).trim();
  try {
    return use(device);
  } finally {
    run(["losetup", "--detach", device]);
  }
}

function withMount<T>(device: string, use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-boot-root-"));
  try {
    run(["mount", "-t", "ext4", device, folder]);
    try {
      return use(folder);
    } finally {
      run(["umount", folder]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function withFile<T>(file: string, use: (fd: number) => T): T {
  const fd = openSync(file, "r");
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function run([program = "", ...args]: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (error) throw error;
  if (status !== 0) throw new BootFailure(`${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

import { spawnSync } from "node:child_process";
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseBmap } from "../../builder/disk/bmap";
import { noise } from "../support/flash";

const RUNS = 5;
const MIB = 1 << 20;

/** In the shape of a system's image: more than half of its 2.1 GiB is in use, in pieces. */
const SIZE = 2100 * MIB;
const PIECES = Array.from({ length: 150 }, (_, i) => ({ offset: i * 14 * MIB, length: 8 * MIB }));

/** Times flash-card beside what others write a card with, in turns on the same loop device. Needs root. @returns the exit code */
export async function benchFlash(root: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-bench-"));
  const image = join(folder, "home.img");
  makeImage(image);
  run("bmaptool", ["create", image, "-o", `${image}.bmap`]);
  const device = loopDevice(join(folder, "card"));
  try {
    const flashCard = join(root, "scripts/flash-card");
    run(flashCard, ["--version"]);
    const ways: Record<string, () => void> = {
      "flash-card": () => run(flashCard, [image, "--to", device, "--yes"]),
      "bmaptool copy": () => run("bmaptool", ["copy", "--bmap", `${image}.bmap`, image, device]),
      "bmaptool copy, cmp": () => {
        run("bmaptool", ["copy", "--bmap", `${image}.bmap`, image, device]);
        run("blockdev", ["--flushbufs", device]);
        run("cmp", ["-n", String(SIZE), image, device]);
      },
      dd: () => run("dd", [`if=${image}`, `of=${device}`, "bs=4M", "oflag=direct", "conv=fsync", "status=none"]),
    };
    const mapped = parseBmap(readFileSync(`${image}.bmap`, "utf8"));
    report(measure(ways), (mapped.mappedBlocks * mapped.blockSize) / MIB);
  } finally {
    run("losetup", ["--detach", device]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Median seconds of each way. They take turns, so that a busy machine is busy for all. */
function measure(ways: Record<string, () => void>): Record<string, number> {
  const seconds: Record<string, number[]> = {};
  for (let round = 0; round <= RUNS; round++)
    for (const [name, work] of Object.entries(ways)) {
      const start = performance.now();
      work();
      // The first round only fills caches.
      if (round > 0) (seconds[name] ??= []).push((performance.now() - start) / 1000);
    }
  return Object.fromEntries(Object.entries(seconds).map(([name, all]) => [name, all.sort((a, b) => a - b)[RUNS >> 1] as number]));
}

const notes: Record<string, string> = {
  "flash-card": "writes what is mapped, reads it back and compares",
  "bmaptool copy": "writes what is mapped",
  "bmaptool copy, cmp": "the same, then everything is read and compared",
  dd: "writes everything",
};

function report(seconds: Record<string, number>, mapped: number): void {
  const one = seconds["flash-card"] as number;
  console.log(`An image of ${SIZE / MIB} MiB, ${mapped.toFixed(0)} MiB of it mapped, onto a loop device (median of ${RUNS}):`);
  for (const [name, time] of Object.entries(seconds))
    console.log(`  ${name.padEnd(20)} ${time.toFixed(2).padStart(6)} s  ${(time / one).toFixed(2)}  ${notes[name]}`);
}

function makeImage(path: string): void {
  const fd = openSync(path, "w");
  const content = noise(8 * MIB, "bench");
  for (const [i, { offset, length }] of PIECES.entries()) {
    content.writeUInt32LE(i, length / 2);
    writeSync(fd, content, 0, length, offset);
  }
  writeSync(fd, Buffer.of(0x55, 0xaa), 0, 2, 510);
  writeSync(fd, Buffer.alloc(4096), 0, 4096, SIZE - 4096);
  fsyncSync(fd);
  closeSync(fd);
}

/** A loop device that passes everything on to the disk, where its file system can do that. */
function loopDevice(file: string): string {
  run("fallocate", ["--length", String(SIZE), file]);
  const device = run("losetup", ["--find", "--show", file]).trim();
  spawnSync("losetup", ["--direct-io=on", device]);
  return device;
}

function run(program: string, args: string[]): string {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", env });
  if (error !== undefined || status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}

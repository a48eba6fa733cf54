import { spawnSync } from "node:child_process";
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { randomFillSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeImage } from "../builder/pack/image";
import { complete, file } from "../builder/render/tree";
import { boxes } from "../builder/targets/boxes";
import { makeBase } from "./support/card-base";

const RUNS = 5;

/** What the issue of the card asks for: an image from an unpacked base in so many times of a plain copy. */
const BAR = 1.3;

/** As Raspberry Pi OS Lite of 2025: 2,632 MiB, of which 1,643 MiB are used (facts/raspberry-pi-os.md 2). */
const SHAPE = { bootSize: 512, rootSize: 2112, contentMiB: 1450 };

const MIB = 1 << 20;

type Way = (out: string) => Promise<void>;

/** Times the making of an image beside copies of its base, in one run: taking turns, each onto a fresh file. */
export async function benchImage(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-bench-"));
  try {
    const base = bigBase(folder);
    const ways: Record<string, Way> = {
      "cp --sparse=never": async (out) => copy(["--sparse=never", base, out]),
      cp: async (out) => copy([base, out]),
      image: (out) => image(base, out, folder),
    };
    for (const state of ["cold", "warm"] as const) {
      const times: Record<string, { done: number; safe: number }[]> = {};
      for (let run = 0; run <= RUNS; run++)
        for (const [name, way] of Object.entries(ways)) {
          const out = join(folder, "out", "home.img");
          rmSync(join(folder, "out"), { recursive: true, force: true });
          mkdirSync(join(folder, "out"));
          spawnSync("sync");
          if (state === "cold") forget(base);
          const figure = await timed(() => way(out), out);
          // The first run fills the caches.
          if (run > 0) (times[name] ??= []).push(figure);
        }
      tell(state, times);
    }
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bigBase(folder: string): string {
  const { bootSize, rootSize, contentMiB } = SHAPE;
  const files: Record<string, Buffer> = {};
  // Many small files and some big ones, as on a system.
  for (let i = 0; i < 20_000; i++) files[`/usr/share/small/${i % 200}/${i}`] = randomFillSync(Buffer.alloc(5000));
  const big = randomFillSync(Buffer.alloc(4 * MIB));
  for (let i = 0; i < (contentMiB - 120) / 4; i++) files[`/usr/lib/big/${i}`] = big;
  return makeBase(join(folder, "base.img"), { bootSize, rootSize, files, bootFiles: { "kernel.img": "k".repeat(60e6) } });
}

function copy(args: string[]): void {
  const { status, stderr } = spawnSync("cp", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

/** With the packages of the box and its overlay, about 15 MB. */
async function image(base: string, out: string, folder: string): Promise<void> {
  const packages = Array.from({ length: 20 }, (_, i) =>
    file(`/var/lib/bondbox/card/packages/p${i}.deb`, randomFillSync(Buffer.alloc(700_000))),
  );
  const root = complete([...packages, file("/var/lib/bondbox/card/overlay.tar", Buffer.alloc(1_000_000, "tar"))]);
  const boot = [{ path: "bondbox-status.txt", mode: 0o644, content: "not booted yet\n" }];
  await makeImage({ base, out, name: "home", box: boxes["raspios-trixie"], boot, root, cache: folder, tell: () => {} });
}

/** Lets the kernel forget what it has of a file in memory. */
function forget(path: string): void {
  const { status, stderr } = spawnSync("dd", [`if=${path}`, "iflag=nocache", "count=0"], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

/** @returns s until it ends, and until all is on the disk. */
async function timed(work: () => Promise<void>, out: string): Promise<{ done: number; safe: number }> {
  const start = performance.now();
  await work();
  const done = performance.now();
  const open = openSync(out, "r+");
  fsyncSync(open);
  closeSync(open);
  return { done: (done - start) / 1000, safe: (performance.now() - start) / 1000 };
}

function tell(state: string, times: Record<string, { done: number; safe: number }[]>): void {
  const median = (name: string, kind: "done" | "safe"): number =>
    (times[name] ?? []).map((figure) => figure[kind]).sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? Number.NaN;
  console.log(`\nbase ${state === "cold" ? "read from the disk" : "in memory"}, median of ${RUNS}:   until done    until on the disk`);
  for (const name of Object.keys(times))
    console.log(`  ${name.padEnd(20)} ${median(name, "done").toFixed(2).padStart(27)} s ${median(name, "safe").toFixed(2).padStart(15)} s`);
  const ratio = (kind: "done" | "safe"): number => median("image", kind) / median("cp --sparse=never", kind);
  console.log(`  image / plain copy: ${ratio("done").toFixed(2)} and ${ratio("safe").toFixed(2)}; the bar is ${BAR}`);
}

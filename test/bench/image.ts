import { spawnSync } from "node:child_process";
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { randomFillSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeImage } from "../../builder/pack/image";
import { complete, file } from "../../builder/render/tree";
import { Steps } from "../../builder/base/steps";
import { boxes } from "../../builder/targets/boxes";
import { makeBase } from "../support/card-base";

const RUNS = 3;

/** What the issue of the card asks for: an image from an unpacked base in so many times of a plain copy. */
const BAR = 1.3;

/** As Raspberry Pi OS Lite of 2025: 2,632 MiB, of which 1,643 MiB are used (docs/card.md#making-the-image). */
const SHAPE = { bootSize: 512, rootSize: 2112, contentMiB: 1450 };

const MIB = 1 << 20;

type Way = (out: string, steps: Steps) => Promise<void>;

interface Figure {
  /** s until the command has ended. */
  done: number;
  /** s until all of it is on the disk. */
  safe: number;
  /** s of each part. */
  steps: Map<string, number>;
}

/** Times the making of an image beside copies of its base, in one run: taking turns, each onto a fresh file. */
export async function benchImage(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-bench-"));
  try {
    const base = bigBase(folder);
    const ways: Record<string, Way> = {
      cp: async (out) => copy([base, out]),
      "cp --sparse=never": async (out) => copy(["--sparse=never", base, out]),
      image: (out, steps) => image({ base, out, folder, steps }),
    };
    for (const state of ["from the disk", "in memory"] as const) {
      const figures = new Map<string, Figure[]>(Object.keys(ways).map((name) => [name, []]));
      for (let run = 0; run <= RUNS; run++)
        for (const [name, way] of Object.entries(ways)) {
          const out = join(folder, "out", "home.img");
          rmSync(join(folder, "out"), { recursive: true, force: true });
          mkdirSync(join(folder, "out"));
          spawnSync("sync");
          if (state === "from the disk") forget(base);
          const figure = await timed(way, out);
          // The first run warms up.
          if (run > 0) figures.get(name)?.push(figure);
        }
      printFigures(state, figures);
    }
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
async function image({ base, out, folder, steps }: { base: string; out: string; folder: string; steps: Steps }): Promise<void> {
  const packages = Array.from({ length: 20 }, (_, i) =>
    file(`/var/lib/bondbox/card/packages/p${i}.deb`, randomFillSync(Buffer.alloc(700_000))),
  );
  const root = complete([...packages, file("/var/lib/bondbox/card/overlay.tar", Buffer.alloc(1_000_000, "tar"))]);
  const boot = [{ path: "bondbox-status.txt", mode: 0o644, content: "not booted yet\n" }];
  await makeImage({ base, out, name: "home", box: boxes["raspios-trixie"], boot, root, cache: folder, log: () => {}, steps });
}

/** Lets the kernel forget what it has of a file in memory. */
function forget(path: string): void {
  const { status, stderr } = spawnSync("dd", [`if=${path}`, "iflag=nocache", "count=0"], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

async function timed(way: Way, out: string): Promise<Figure> {
  const steps = new Steps(() => {});
  const start = performance.now();
  await way(out, steps);
  const done = performance.now();
  const open = openSync(out, "r+");
  fsyncSync(open);
  closeSync(open);
  return {
    done: (done - start) / 1000,
    safe: (performance.now() - start) / 1000,
    steps: new Map(steps.times.map(({ name, ms }) => [name, ms / 1000])),
  };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function printFigures(state: string, figures: Map<string, Figure[]>): void {
  const of = (name: string, what: (figure: Figure) => number): number => median((figures.get(name) ?? []).map(what));
  console.log(`\nThe base ${state}, median of ${RUNS}:  until done    until on the disk`);
  for (const name of figures.keys())
    console.log(
      `  ${name.padEnd(36)} ${of(name, ({ done }) => done).toFixed(2)} s  ${of(name, ({ safe }) => safe)
        .toFixed(2)
        .padStart(12)} s`,
    );
  const part = (name: string): number => of("image", ({ steps }) => steps.get(name) ?? Number.NaN);
  const parts = ["copy", "lay", "check", "sums"].map((name) => `${name} ${part(name).toFixed(2)}`);
  console.log(`  parts of the image, s: ${parts.join(", ")} (check and sums at the same time)`);
  for (const plain of ["cp", "cp --sparse=never"]) {
    const [done, safe] = [of(plain, ({ done }) => done), of(plain, ({ safe }) => safe)];
    const bare = (part("copy") + part("lay")) / done;
    const ratios = [of("image", ({ done }) => done) / done, of("image", ({ safe }) => safe) / safe];
    console.log(
      `  image / ${plain}: ${ratios.map((ratio) => ratio.toFixed(2)).join(" and ")}; copied and laid, without check and sums: ${bare.toFixed(2)}`,
    );
  }
  console.log(`  the bar is ${BAR}`);
}

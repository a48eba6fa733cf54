import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const RUNS = 9;

/** Warm builds of home, in s and MB. */
const BAR = { seconds: 0.7, megabytes: 150, bootfs: 1 };

interface Figure {
  /** Wall time, s. */
  seconds: number;
  /** Largest resident memory, MB of 10^6 bytes. */
  megabytes: number;
  steps: Map<string, number>;
}

/** Times warm builds as whole processes and prints where the time goes. */
export async function benchBuild(root: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-bench-"));
  try {
    const builds: [name: string, file: string, card: string][] = [
      ["home", "profiles/home.yaml", "--no-card"],
      ["four lines", "test/profiles/four.yaml", "--no-card"],
      ["with bootfs", "profiles/home.yaml", "--no-image"],
    ];
    const medians = builds.map(([name, file, card]) => {
      const figures = Array.from({ length: RUNS + 1 }, () => build(root, ["--profile", join(root, file), card], folder)).slice(1);
      return { name, ...middle(figures) };
    });
    for (const { name, seconds, megabytes } of medians)
      console.log(`${name.padEnd(12)} ${seconds.toFixed(2)} s  ${megabytes.toFixed(0)} MB  (median of ${RUNS})`);
    const [home, four, bootfs] = medians;
    if (home === undefined || four === undefined || bootfs === undefined) throw new Error("no figures");
    console.log(`four lines / home: ${(four.seconds / home.seconds).toFixed(2)} of the time`);
    console.log(`\nWhere the time of home goes, ms:`);
    let known = 0;
    for (const [step, ms] of home.steps) {
      console.log(`  ${step.padEnd(10)} ${ms.toFixed(0).padStart(5)}`);
      known += ms;
    }
    console.log(`  ${"the rest".padEnd(10)} ${(home.seconds * 1000 - known).toFixed(0).padStart(5)}  (starting Node, loading the program)`);
    console.log(
      `\nThe bar is ${BAR.seconds} s and ${BAR.megabytes} MB on a 2-core machine: ${home.seconds <= BAR.seconds && home.megabytes <= BAR.megabytes ? "met" : "missed"}.`,
    );
    console.log(`With bootfs/ it is ${BAR.bootfs} s: ${bootfs.seconds <= BAR.bootfs ? "met" : "missed"}.`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function build(root: string, what: string[], folder: string): Figure {
  const start = performance.now();
  // A wrapper that is Node itself would be measured, too: the child reports its own memory.
  const report = `process.on("exit", () => process.stderr.write("  rss " + process.resourceUsage().maxRSS + " KiB\\n"))`;
  const args = ["-e", `${report}; require(${JSON.stringify(join(root, "scripts/build-image"))})`, "--", "build-image", "--timings"];
  const options = [...what, "--out", join(folder, "out"), "--secrets", join(folder, "secrets")];
  const { stderr, status } = spawnSync(process.execPath, [...args, ...options], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  const steps = new Map([...stderr.matchAll(/^ {2}(\w+) +(\d+) ms$/gm)].map(([, name = "", ms]) => [name, Number(ms)]));
  const rss = Number(/rss (\d+) KiB/.exec(stderr)?.[1]);
  return { seconds: (performance.now() - start) / 1000, megabytes: (rss * 1024) / 1e6, steps };
}

/** The run of median wall time, with the median memory. */
function middle(figures: Figure[]): Figure {
  const byTime = [...figures].sort((a, b) => a.seconds - b.seconds)[Math.floor(figures.length / 2)] as Figure;
  const megabytes = [...figures].map((figure) => figure.megabytes).sort((a, b) => a - b)[Math.floor(figures.length / 2)] as number;
  return { ...byTime, megabytes };
}

import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { freemem } from "node:os";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { sha256 } from "../../builder/base/hash";
import type { Base } from "./base";
import { LabError } from "./errors";
import { type Job, type JobResult, marks, serversOf } from "./job";
import { Known } from "./known";

export interface MachineInput {
  base: Base;
  /** At least one; all ask for the same machine. */
  jobs: Job[];
  /** dist/<profile>/ of the profile in question; null: the network alone. */
  artefacts: string | null;
  /** test/lab */
  sources: string;
  /** The guest's program, bundled. */
  agent: string;
  /** Randomness inside: the same seed gives the same figures. */
  seed: number;
  /** Everything that the console says, here. */
  log: string;
  /** Longest wall time, s. */
  timeout: number;
  /** Take kept results where nothing has changed. */
  reuse: boolean;
  tell: (text: string) => void;
}

/** Memory of the emulated machine, which also holds all that is written inside, MB. */
const memory = 1400;

/** The guest ended without a result. */
export class MachineError extends Error {}

export function checkMemory(machines: number): void {
  const wanted = memory * 1e6;
  if (freemem() < machines * wanted) throw LabError.noMemory(freemem(), wanted);
}

export interface Ran {
  /** Of the jobs that came to their end, in their order. */
  results: JobResult[];
  /** Why those of further jobs are missing; null: none is. */
  error: MachineError | null;
  /** Seconds of the host's processor; null: the results were known. */
  cpu: number | null;
}

/** Runs jobs in one emulated machine, one after the other. */
export async function runMachine(input: MachineInput): Promise<Ran> {
  const { base, jobs, log, seed, reuse } = input;
  const [first] = jobs as [Job];
  // Where the log is, so that it goes with the rest when the lab is stopped.
  const folder = mkdtempSync(join(dirname(log), "machine-"));
  try {
    const initrd = join(folder, "initrd");
    const parts = ["box", ...serversOf(first.network).map(([, server]) => server.artefacts)];
    const own = packInitrd({ ...input, job: jobs, keep: first.keep, parts }, folder, initrd);
    const known = new Known([own, basename(dirname(base.image)), qemuVersion(), ...qemu({ base, seed, keep: false, log: "", initrd: "" })]);
    const kept = reuse && !first.keep ? known.read() : null;
    if (kept !== null) return { results: kept, error: null, cpu: null };
    const { cpu, error } = await emulate(input, qemu({ base, seed, keep: first.keep, log, initrd }));
    const results = resultsIn(log);
    if (results.length < jobs.length) return { results, error: error ?? endedEarly(log), cpu };
    if (!first.keep) known.write(results);
    return { results, error: null, cpu };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Packing {
  base: Base;
  /** What the guest's program reads. */
  job: unknown;
  /** Folders of the artefacts that it needs. */
  parts: string[];
  artefacts: string | null;
  sources: string;
  agent: string;
  /** A shell on the second serial port at the end. */
  keep?: boolean;
}

/**
 * The kernel unpacks one archive after the other: the large one is made once, this run's own is small.
 * @returns the SHA-256 of this run's own
 */
export function packInitrd({ base, job, parts, artefacts, sources, agent, keep }: Packing, folder: string, initrd: string): string {
  const lab = join(folder, "tree/lab");
  mkdirSync(lab, { recursive: true });
  writeFileSync(join(lab, "job.json"), JSON.stringify(job));
  cpSync(agent, join(lab, "agent.cjs"));
  for (const script of ["start.sh", "boot.sh"]) cpSync(join(sources, "guest", script), join(lab, script));
  cpSync(join(sources, "machines"), join(lab, "machines"), { recursive: true, verbatimSymlinks: true });
  if (keep) writeFileSync(join(lab, "keep"), "");
  if (artefacts !== null) for (const part of parts) cpSync(join(artefacts, part), join(lab, part), { recursive: true });
  const script = `(cd "$1/tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --reproducible -R 0:0) | gzip -1n >"$1/own"
    cat "$2" "$1/own" >"$3"`;
  // Times of files would be random inside, too.
  spawnSync("find", [join(folder, "tree"), "-exec", "touch", "-h", "-d", "2026-01-01", "{}", "+"]);
  const { status, stderr } = spawnSync("sh", ["-euc", script, "sh", folder, base.initrd, initrd], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the run's files could not be packed: ${stderr}`);
  return sha256(readFileSync(join(folder, "own")));
}

function qemuVersion(): string {
  return spawnSync("qemu-system-x86_64", ["--version"], { encoding: "utf8" }).stdout.split("\n")[0] ?? "";
}

interface QemuInput {
  base: Base;
  seed: number;
  keep: boolean;
  log: string;
  initrd: string;
}

/**
 * One QEMU, one processor, time counted in instructions: what the flags are for is in docs/lab.md, "QEMU flags". The root file system is a
 * memory device, not a disk: a disk's answers would come at the host's pace.
 */
function qemu({ base, seed, keep, log, initrd }: QemuInput): string[] {
  const machine = ["-M", "q35,nvdimm=on", "-cpu", "max", "-accel", "tcg,thread=single", "-smp", "1", "-m", `${memory}M,slots=2,maxmem=16G`];
  const clock = ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", `${seed}`];
  const bytes = statSync(base.image).size;
  const root = `memory-backend-file,id=rom,mem-path=${base.image},size=${bytes},share=off,readonly=on`;
  const devices = [
    "-object",
    root,
    "-device",
    "nvdimm,memdev=rom,unarmed=on",
    "-serial",
    `file:${log}`,
    ...(keep ? ["-serial", "stdio"] : []),
  ];
  const words =
    "console=ttyS0 quiet panic=-1 mitigations=off nokaslr norandmaps audit=0 selinux=0 apparmor=0 nowatchdog random.trust_cpu=on".split(
      " ",
    );
  const kernel = [...words, ..."tsc=reliable clocksource=tsc highres=on lapic".split(" ")].join(" ");
  return [...machine, ...clock, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", ...devices].concat([
    "-kernel",
    base.kernel,
    "-initrd",
    initrd,
    "-append",
    kernel,
  ]);
}

/** @returns seconds of the host's processor, read twice a second: what came after the last look is missing. */
function emulate({ jobs, log, timeout, tell }: MachineInput, words: string[]): Promise<{ cpu: number; error: MachineError | null }> {
  writeFileSync(log, "");
  return new Promise((resolve, reject) => {
    const child = spawn("qemu-system-x86_64", words, { stdio: jobs[0]?.keep ? "inherit" : ["ignore", "ignore", "pipe"] });
    let complaint = "";
    child.stderr?.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      kill();
    }, timeout * 1000);
    let told = 0;
    let cpu = 0;
    const look = (): void => {
      cpu = processorTime(child.pid) ?? cpu;
      const rows = readFileSync(log, "latin1").split("\n").slice(0, -1);
      for (const row of rows.slice(told)) if (row.startsWith(marks.progress)) tell(row.slice(marks.progress.length).trim());
      told = rows.length;
    };
    const watch = setInterval(look, 500);
    const stop = (): void => {
      clearTimeout(timer);
      clearInterval(watch);
      process.removeListener("exit", kill);
      look();
    };
    child.on("error", (error) => {
      stop();
      reject(error);
    });
    child.on("close", (code) => {
      stop();
      const failure = late
        ? `the machine was stopped after ${timeout} s`
        : code === 0
          ? null
          : `QEMU ended with ${code}: ${complaint.trim()}`;
      resolve({ cpu, error: failure === null ? null : new MachineError(failure) });
    });
  });
}

/** Seconds of the host's processor that a process has taken; null: it has ended. */
function processorTime(pid: number | undefined): number | null {
  try {
    const fields = readFileSync(`/proc/${pid ?? 0}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    // Clock ticks in user and in kernel mode (proc(5), fields 14 and 15), 100 a second.
    const ticks = Number(fields[11]) + Number(fields[12]);
    // A process that has just ended still has a row, with nothing in it.
    return ticks === 0 ? null : ticks / 100;
  } catch {
    return null;
  }
}

/** The results that the console carries; each is complete where its end is marked. */
function resultsIn(log: string): JobResult[] {
  const results: JobResult[] = [];
  let packed = "";
  for (const row of readFileSync(log, "latin1").split("\n")) {
    if (row.startsWith(marks.result)) packed += row.slice(marks.result.length).trim();
    else if (row.startsWith(marks.done)) {
      results.push(JSON.parse(gunzipSync(Buffer.from(packed, "base64")).toString()) as JobResult);
      packed = "";
    }
  }
  return results;
}

function endedEarly(log: string): MachineError {
  const rows = readFileSync(log, "latin1").split("\n");
  const failure = rows.findIndex((row) => row.includes("the lab failed"));
  const said = failure < 0 ? rows.slice(-15) : rows.slice(failure, failure + 8);
  return new MachineError(`the machine ended before its work did; the last that it said:\n${said.join("\n")}`);
}

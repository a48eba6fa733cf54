import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { freemem } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Base } from "./base";
import { LabError } from "./errors";
import { type Job, type JobResult, marks, serversOf } from "./job";

export interface MachineInput {
  base: Base;
  job: Job;
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

/** Runs one job in one emulated machine. @returns its result, and seconds of the host's processor. @throws MachineError without a result. */
export async function runMachine(input: MachineInput): Promise<{ result: JobResult; cpu: number }> {
  // Where the log is, so that it goes with the rest when the lab is stopped.
  const folder = mkdtempSync(join(dirname(input.log), "machine-"));
  try {
    const initrd = join(folder, "initrd");
    const { network, keep } = input.job;
    packInitrd({ ...input, keep, parts: ["box", ...serversOf(network).map(([, server]) => server.artefacts)] }, folder, initrd);
    const cpu = await emulate(input, initrd);
    return { result: readResult(input.log), cpu };
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

/** The kernel unpacks one archive after the other: the large one is made once, this run's own is small. */
export function packInitrd({ base, job, parts, artefacts, sources, agent, keep }: Packing, folder: string, initrd: string): void {
  const lab = join(folder, "tree/lab");
  mkdirSync(lab, { recursive: true });
  writeFileSync(join(lab, "job.json"), JSON.stringify(job));
  cpSync(agent, join(lab, "agent.cjs"));
  for (const script of ["start.sh", "boot.sh"]) cpSync(join(sources, "guest", script), join(lab, script));
  cpSync(join(sources, "machines"), join(lab, "machines"), { recursive: true, verbatimSymlinks: true });
  if (keep) writeFileSync(join(lab, "keep"), "");
  if (artefacts !== null) for (const part of parts) cpSync(join(artefacts, part), join(lab, part), { recursive: true });
  const script = `(cd "$1/tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --reproducible -R 0:0) | gzip -1n | cat "$2" - >"$3"`;
  // Times of files would be random inside, too.
  spawnSync("find", [join(folder, "tree"), "-exec", "touch", "-h", "-d", "2026-01-01", "{}", "+"]);
  const { status, stderr } = spawnSync("sh", ["-c", script, "sh", folder, base.initrd, initrd], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the run's files could not be packed: ${stderr}`);
}

/**
 * One QEMU, one processor, time counted in instructions: what the flags are for is in docs/lab.md, "QEMU flags". The root file system is a
 * memory device, not a disk: a disk's answers would come at the host's pace.
 */
function qemu({ base, job, seed, log }: MachineInput, initrd: string): string[] {
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
    ...(job.keep ? ["-serial", "stdio"] : []),
  ];
  const words = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr audit=0 selinux=0 apparmor=0 nowatchdog random.trust_cpu=on".split(
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
function emulate(input: MachineInput, initrd: string): Promise<number> {
  const { job, log, timeout, tell } = input;
  writeFileSync(log, "");
  return new Promise((resolve, reject) => {
    const child = spawn("qemu-system-x86_64", qemu(input, initrd), { stdio: job.keep ? "inherit" : ["ignore", "ignore", "pipe"] });
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
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      clearInterval(watch);
      process.removeListener("exit", kill);
      look();
      if (error) reject(error);
      else resolve(cpu);
    };
    child.on("error", finish);
    child.on("close", (code) => {
      if (late) finish(new MachineError(`the machine was stopped after ${timeout} s`));
      else if (code !== 0) finish(new MachineError(`QEMU ended with ${code}: ${complaint.trim()}`));
      else finish();
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

function readResult(log: string): JobResult {
  const rows = readFileSync(log, "latin1").split("\n");
  const packed = rows.filter((row) => row.startsWith(marks.result)).map((row) => row.slice(marks.result.length).trim());
  if (!rows.some((row) => row.startsWith(marks.done))) {
    const failure = rows.findIndex((row) => row.includes("the lab failed"));
    const said = failure < 0 ? rows.slice(-15) : rows.slice(failure, failure + 8);
    throw new MachineError(`the machine ended before its work did; the last that it said:\n${said.join("\n")}`);
  }
  return JSON.parse(gunzipSync(Buffer.from(packed.join(""), "base64")).toString()) as JobResult;
}

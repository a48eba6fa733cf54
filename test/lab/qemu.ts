import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { freemem } from "node:os";
import { dirname, join } from "node:path";
import { sha256 } from "../../builder/base/hash";
import type { Base } from "./base";
import { LabError } from "./errors";

/** Memory of an emulated machine, which also holds all that is written inside, MB. */
const memory = 1400;

/** @throws LabError where so many machines do not fit into what is free */
export function checkMemory(machines: number): void {
  const wanted = memory * 1e6;
  if (freemem() < machines * wanted) throw LabError.noMemory(freemem(), wanted);
}

/**
 * Packs a run's own files. The kernel unpacks one archive after the other: the large one is made once, this run's own is small.
 * @param folder its "tree" holds the files
 * @param initrd path of the result
 * @returns the SHA-256 of this run's own
 */
export function packInitrd(base: Base, folder: string, initrd: string): string {
  const script = `(cd "$1/tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --reproducible -R 0:0) | gzip -1n >"$1/own"
    cat "$2" "$1/own" >"$3"`;
  // Times of files would be random inside, too.
  spawnSync("find", [join(folder, "tree"), "-exec", "touch", "-h", "-d", "2026-01-01", "{}", "+"]);
  const { status, stderr } = spawnSync("sh", ["-euc", script, "sh", folder, base.initrd, initrd], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the run's files could not be packed: ${stderr}`);
  return sha256(readFileSync(join(folder, "own")));
}

/** What QEMU says of itself. */
export function qemuVersion(processor = "x86_64"): string {
  return spawnSync(`qemu-system-${processor}`, ["--version"], { encoding: "utf8" }).stdout.split("\n")[0] ?? "";
}

/** What differs between two emulated machines. */
export interface QemuInput {
  base: Base;
  /** First files: the base's, and this run's own. */
  initrd: string;
  /** Everything that the console says, here. */
  log: string;
  /** Randomness inside: the same seed gives the same figures. */
  seed: number;
  /** A shell on the second serial port. */
  keep: boolean;
}

/**
 * One QEMU, one processor, time counted in instructions: what the flags are for is in docs/lab.md, "QEMU flags". The root file system is a
 * memory device, not a disk: a disk's answers would come at the host's pace.
 */
export function qemuWords({ base, seed, keep, log, initrd }: QemuInput): string[] {
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

export interface Emulated {
  /** Seconds of the host's processor, read twice a second: what came after the last look is missing. */
  cpu: number;
  /** Why the machine did not end by itself; null: it did. */
  failure: string | null;
}

/**
 * Runs the machine until it ends by itself. How busy the host is changes nothing: what is limited is the machine's own time, and a machine
 * whose time stands still is stopped only when it also waits for nothing that could move it on.
 * @param limit longest virtual time, s
 * @param look gets each whole row of the console, within a second
 */
export function emulate(input: QemuInput, limit: number, look: (row: string) => void): Promise<Emulated> {
  const { log, keep } = input;
  writeFileSync(log, "");
  // A socket's path has room for 107 bytes, and a log is named after all its scenarios.
  const socket = join(dirname(input.initrd), "qmp");
  return new Promise((resolve, reject) => {
    const words = [...qemuWords(input), "-qmp", `unix:${socket},server=on,wait=off`];
    const child = spawn("qemu-system-x86_64", words, { stdio: keep ? "inherit" : ["ignore", "ignore", "pipe"] });
    let complaint = "";
    child.stderr?.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    let stopped: string | null = null;
    let seen = 0;
    let cpu = 0;
    const follow = (): void => {
      cpu = processorTime(child.pid) ?? cpu;
      const rows = readFileSync(log, "latin1").split("\n").slice(0, -1);
      for (const row of rows.slice(seen)) look(row);
      seen = rows.length;
    };
    const watch = setInterval(follow, 500);
    const clock = new VirtualClock(socket);
    const hang = new Hang();
    // A person at the machine's shell may take any time.
    const guard = setInterval(() => {
      if (keep) return;
      clock.ask();
      if (clock.seconds > limit)
        stopped = `the machine was stopped after ${Math.floor(clock.seconds)} s of its own time; its limit is ${limit} s`;
      else if (hang.seen({ clock: clock.seconds, cpu, asleep: asleep(child.pid) }))
        stopped = `the machine hung after ${Math.floor(clock.seconds)} s of its own time`;
      if (stopped !== null) kill();
    }, lookEvery * 1000);
    const stop = (): void => {
      clearInterval(watch);
      clearInterval(guard);
      clock.close();
      process.removeListener("exit", kill);
      follow();
    };
    child.on("error", (error) => {
      stop();
      reject(error);
    });
    child.on("close", (code) => {
      stop();
      resolve({ cpu, failure: stopped ?? (code === 0 ? null : `QEMU ended with ${code}: ${complaint.trim()}`) });
    });
  });
}

/** Between two looks at the machine's clock, s. */
const lookEvery = 5;

/** The guest's clock, which QEMU tells at its monitor: it goes on whatever the guest does, and reading it changes nothing inside. */
class VirtualClock {
  /** Since the machine's start; 0 until it is known. */
  seconds = 0;
  private connection: Socket | null = null;

  constructor(private readonly path: string) {}

  ask(): void {
    if (this.connection === null) {
      let rest = "";
      this.connection = connect(this.path)
        .on("data", (chunk) => {
          const rows = `${rest}${chunk.toString()}`.split("\n");
          rest = rows.pop() ?? "";
          for (const row of rows) this.seconds = virtualSeconds(row) ?? this.seconds;
        })
        // Not there yet, or no longer.
        .on("error", () => (this.connection = null));
      this.connection.write('{"execute":"qmp_capabilities"}\n');
    }
    this.connection.write('{"execute":"qom-get","arguments":{"path":"/machine","property":"rtc-time"}}\n');
  }

  close(): void {
    this.connection?.destroy();
  }
}

/**
 * Seconds since the machine's start, from QEMU's answer about its clock; null: another answer.
 * Source: https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html (qom-get); "rtc-time" is C's struct tm.
 * @param row one line of JSON
 */
export function virtualSeconds(row: string): number | null {
  const time = (JSON.parse(row) as { return?: Record<string, number> }).return;
  const part = (name: string): number => time?.[`tm_${name}`] ?? 0;
  if (time?.tm_year === undefined) return null;
  const now = Date.UTC(1900 + part("year"), part("mon"), part("mday"), part("hour"), part("min"), part("sec"));
  return (now - Date.UTC(2026, 0, 1)) / 1000;
}

/** What a look at the machine has found. */
interface Look {
  /** The machine's own, s. */
  clock: number;
  /** Of the host's processor, s. */
  cpu: number;
  /** None of QEMU's threads wants the processor, or is stopped. */
  asleep: boolean;
}

/** Of seconds of the host's processor without a second of the machine's own. One takes about 5. */
const mostWork = 900;
/** Looks in a row at a machine that sleeps and whose time stands still. Ten minutes. */
const mostSleep = 600 / lookEvery;

/**
 * Tells a machine that hangs from one that gets no processor. One without a timer sleeps, and its time stands still for ever; one that
 * the host lets wait does not sleep.
 */
export class Hang {
  private before: Look | null = null;
  private sleeping = 0;

  /** @returns true: it hangs */
  seen(look: Look): boolean {
    if (this.before === null || look.clock !== this.before.clock) {
      this.before = look;
      this.sleeping = 0;
      return false;
    }
    this.sleeping = look.asleep ? this.sleeping + 1 : 0;
    return this.sleeping >= mostSleep || look.cpu - this.before.cpu >= mostWork;
  }
}

/** All threads of a process wait for something other than the processor (proc_pid_stat(5): state S). */
function asleep(pid: number | undefined): boolean {
  try {
    const tasks = `/proc/${pid ?? 0}/task`;
    return readdirSync(tasks).every((task) => /^\d+ \(.*\) S /s.test(readFileSync(join(tasks, task, "stat"), "utf8")));
  } catch {
    return false;
  }
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

import { readFileSync } from "node:fs";
import { machines } from "./qemu";

/** Processor time is counted in these ticks per second: USER_HZ, which is 100 on every architecture that Debian runs on (proc(5)). */
const TICKS = 100;

interface Phase {
  name: string;
  /** Seconds. */
  wall: number;
  /** Seconds of processor time, of this program and of all programs that it has started. */
  cpu: number;
}

/** Where the time of a scenario goes. A phase lasts until the next one starts; a name that returns is added to its row. */
export class Phases {
  private readonly done = new Map<string, Phase>();
  private current: { name: string; at: number; cpu: number } | null = null;

  start(name: string): void {
    this.end();
    this.current = { name, at: performance.now(), cpu: processorTime() };
  }

  /** One phase that lasts as long as a function. */
  during(name: string, work: () => void): void {
    this.start(name);
    work();
    this.end();
  }

  end(): void {
    if (this.current === null) return;
    const { name, at, cpu } = this.current;
    const phase = this.done.get(name) ?? { name, wall: 0, cpu: 0 };
    phase.wall += (performance.now() - at) / 1000;
    phase.cpu += processorTime() - cpu;
    this.done.set(name, phase);
    this.current = null;
  }

  /** One row per phase, and their sum. */
  table(): string[] {
    const phases = [...this.done.values()];
    const sum = (key: "wall" | "cpu"): number => phases.reduce((total, phase) => total + phase[key], 0);
    const row = ({ name, wall, cpu }: Phase): string =>
      `${name.padEnd(36)} ${wall.toFixed(0).padStart(6)} s ${cpu.toFixed(0).padStart(6)} s`;
    return [
      `${"phase".padEnd(36)} ${"wall".padStart(8)} ${"CPU".padStart(8)}`,
      ...phases.map(row),
      row({ name: "in all", wall: sum("wall"), cpu: sum("cpu") }),
    ];
  }
}

/** Seconds that this program, what it has started and the emulated machines that are on have used the processors. */
function processorTime(): number {
  const processes = ["self", ...[...machines].map(({ pid }) => String(pid))];
  return processes.reduce((sum, process) => sum + ticksOf(process), 0) / TICKS;
}

/** Its own time, and that of its children which have ended: fields 14 to 17 of proc_pid_stat(5), after a name that may hold spaces. */
function ticksOf(process: string): number {
  try {
    const fields = readFileSync(`/proc/${process}/stat`, "latin1")
      .replace(/^.*\) /, "")
      .split(" ");
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  } catch {
    // It has ended since, and is counted with this program's ended children.
    return 0;
  }
}

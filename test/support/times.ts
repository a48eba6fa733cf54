import { readFileSync } from "node:fs";
import type { Timed } from "./outcome";

/** A part as the table shows it. */
export interface TimedPart extends Timed {
  /** null where the system does not tell. */
  cpuSeconds: number | null;
  /** Wall seconds that it may take; null for none. */
  budget: number | null;
}

/** Ticks per second in /proc, which is 100 on every Linux that node runs on. Source: proc(5), sysconf(3). */
const TICKS = 100;

/**
 * Processor time of this process and of its ended, waited-for descendants, s; null where there is no /proc. A kernel of the
 * kernel tests is killed at its end, and the processes of its guest are not counted then.
 */
export function processorSeconds(): number | null {
  try {
    // The name of the program, which may hold spaces, ends with the last bracket. Fields: utime, stime, cutime, cstime.
    const [, rest = ""] = /^.*\) (.*)$/s.exec(readFileSync("/proc/self/stat", "latin1")) ?? [];
    return (
      rest
        .split(" ")
        .slice(11, 15)
        .reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS
    );
  } catch {
    return null;
  }
}

/** Minutes and seconds, as in 12:05. */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * Where the time went.
 * @param wall seconds of the whole run, which is less than the sum of parts that ran side by side.
 */
export function timeTable(parts: TimedPart[], wall: number): string[] {
  const cpu = parts.reduce((sum, { cpuSeconds }) => sum + (cpuSeconds ?? 0), 0);
  const row = (cells: string[]): string =>
    `  ${(cells[0] as string).padEnd(14)}${cells
      .slice(1)
      .map((cell) => cell.padStart(9))
      .join("")}`;
  const share = (seconds: number | null): string => (seconds === null || cpu === 0 ? "-" : `${Math.round((100 * seconds) / cpu)} %`);
  const rows = parts.map(({ name, seconds, cpuSeconds, budget }) =>
    row([name, clock(seconds), cpuSeconds === null ? "-" : clock(cpuSeconds), share(cpuSeconds), budget === null ? "-" : clock(budget)]),
  );
  const late = parts.filter(({ seconds, budget }) => budget !== null && seconds > budget);
  return [
    "where the time went (minutes:seconds)",
    row(["part", "wall", "CPU", "of CPU", "budget"]),
    ...rows,
    row(["all", clock(wall), clock(cpu), "", ""]),
    ...late.map(({ name, seconds, budget }) => `warning: ${name} took ${clock(seconds)}, more than its budget of ${clock(budget ?? 0)}`),
  ];
}

/**
 * The slowest of a list, slowest first.
 * @param most how many; all for null.
 */
export function slowest(title: string, times: Timed[], most: number | null): string[] {
  if (times.length === 0) return [];
  const sorted = [...times].sort((a, b) => b.seconds - a.seconds).slice(0, most ?? times.length);
  return [title, ...sorted.map(({ name, seconds }) => `  ${clock(seconds).padStart(6)}  ${name}`)];
}

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BoxConfig, LineConfig } from "./config";
import type { Device, State } from "./observe";

/** Beside the history, in the area for files that must last. */
const usagePath = "/var/lib/bondbox/history/usage.json";
/** Shortest time between two writes: a power cut costs as much. ms */
const interval = 900_000;
/** Months that are kept. */
const kept = 13;

/** Bytes by month, as "2026-11", and by line. */
type Months = Record<string, Record<string, number>>;

/** What the lines' tunnels have carried each month, for those whose contract has a limit. Bypasses and the fallback are not in it. */
export class Usage {
  private readonly path: string;
  private readonly months: Months;
  private before: State | null = null;
  private dirty = false;
  private written: number;

  /**
   * @param root where /var is looked for
   * @param clock ms of a clock that never jumps
   */
  constructor(root: string, clock: number) {
    this.path = join(root, usagePath);
    this.months = readMonths(this.path);
    this.written = clock;
  }

  /**
   * Counts what has come and gone since the last call, and writes what is due.
   * @param config whose lines are counted
   * @param state as observed now
   * @returns why it could not be written, or "".
   */
  count(config: BoxConfig, state: State): string {
    const month = this.monthOf(state.time);
    for (const [index, line] of config.lines.entries()) {
      if (line.monthly === null) continue;
      const bytes = carried(line, this.before?.lines[index]?.tap ?? null, state.lines[index]?.tap ?? null);
      const all = (this.months[month] ??= {});
      all[line.name] = (all[line.name] ?? 0) + bytes;
      this.dirty ||= bytes > 0;
    }
    this.before = state;
    return this.dirty && state.clock - this.written >= interval ? this.write(state.clock) : "";
  }

  /** Writes what has been counted, as at the end. Its argument and its result are those of the constructor and of `count`. */
  write(clock: number): string {
    if (!this.dirty) return "";
    [this.dirty, this.written] = [false, clock];
    const months = Object.fromEntries(Object.entries(this.months).sort().slice(-kept));
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      const file = openSync(`${this.path}.new`, "w", 0o644);
      try {
        writeSync(file, `${JSON.stringify(months)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(`${this.path}.new`, this.path);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Without a battery the clock may start in the past, until a time server has answered. */
  private monthOf(time: string): string {
    const latest = Object.keys(this.months).sort().at(-1) ?? "";
    const month = time.slice(0, 7);
    return month < latest ? latest : month;
  }
}

/**
 * What a line has carried this month, as last written: up to a quarter of an hour ago.
 * @param root where /var is looked for
 * @param time wall clock, ISO 8601
 * @returns bytes by line
 */
export function usageOf(root: string, time: string): Record<string, number> {
  return readMonths(join(root, usagePath))[time.slice(0, 7)] ?? {};
}

/** Bytes on the line. A tap that is new has counted from 0. */
function carried({ overhead }: LineConfig, before: Device | null, after: Device | null): number {
  if (before === null || after === null) return 0;
  const since = (key: "rxBytes" | "txBytes" | "rxPackets" | "txPackets"): number =>
    after[key] < before[key] ? after[key] : after[key] - before[key];
  return since("rxBytes") + since("txBytes") + overhead * (since("rxPackets") + since("txPackets"));
}

function readMonths(path: string): Months {
  try {
    return monthsOf(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    // None yet, or damaged: counting starts anew.
    return {};
  }
}

/** What of it can be counted on with. */
function monthsOf(written: unknown): Months {
  const entries = Object.entries(record(written)).filter(([month]) => /^20\d\d-(0[1-9]|1[0-2])$/.test(month));
  return Object.fromEntries(
    entries.map(([month, lines]) => [
      month,
      Object.fromEntries(Object.entries(record(lines)).filter((line): line is [string, number] => Number.isFinite(line[1]))),
    ]),
  );
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

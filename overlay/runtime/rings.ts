import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Rate } from "./rates";
import type { Sample } from "./samples";

/** On a protected box, bondbox-init puts its folder into the area for files that must last. */
const ringsPath = "/var/lib/bondbox/history/rings";

/** What lines and bond were like over some time. */
export interface Row {
  /** Its end, s since 1970. */
  time: number;
  /** Means, kbit/s; null: unknown. */
  bond: Rate;
  lines: LineRow[];
}

export interface LineRow {
  /** Means, kbit/s; null: unknown. */
  rate: Rate;
  /** Mean, ms; null: unknown. */
  rtt: number | null;
  /** Part of the packets that was lost, 0 to 1; null: unknown. */
  loss: number | null;
  /** Part of the time that the bond used it, 0 to 1; null: unknown. */
  up: number | null;
}

/** How far apart the rows of a ring are, s, and how many it has: two days by the minute, 90 by the quarter of an hour. */
export const rings = [
  { step: 60, rows: 2 * 24 * 60 },
  { step: 900, rows: 90 * 24 * 4 },
] as const;
export type Step = (typeof rings)[number]["step"];

/** So that a power cut costs no more than this, and the card is not worn out. ms */
const interval = 300_000;

const sign = "bondbox rings 1\n";
/** Bytes of the sign and of the lines' names, as JSON, which follow it. */
const head = 1024;
/** Bytes of a row besides its lines: time, the bond's rates, a sum over all. */
const rowHead = 16;
const rowLine = 14;
const unknown32 = 0xffff_ffff;
const unknown16 = 0xffff;

/**
 * What was measured, in a file that never grows: each time has its place in it, and the row there says of which time it is. So neither a clock
 * that jumps nor a power cut spoils more than the rows that were being written.
 */
export class Rings {
  private readonly path: string;
  private readonly bytes: Buffer;
  private readonly size: number;
  private readonly sums: Sum[];
  private written: number;
  private dirty = new Map<number, number>();

  /**
   * Reads the file below `root`, or begins one. Of a file for other lines, what it knows of those that are still there is taken over.
   * @param names of the lines, in the order of box.json
   * @param clock ms of a clock that never jumps
   */
  constructor(
    root: string,
    private readonly names: string[],
    clock: number,
  ) {
    this.path = join(root, ringsPath);
    this.size = rowHead + rowLine * names.length;
    this.sums = rings.map(() => new Sum(names.length));
    this.written = clock;
    this.bytes = Buffer.alloc(head + this.size * rings.reduce((sum, { rows }) => sum + rows, 0));
    this.bytes.write(sign + JSON.stringify(names));
    this.takeOver();
  }

  /** Bytes of the file. */
  get length(): number {
    return this.bytes.length;
  }

  /**
   * Adds what was measured now, and writes what is due.
   * @param clock ms of a clock that never jumps
   * @returns why it could not be written, or "".
   */
  add(now: Sample, clock: number): string {
    for (const [index, { step }] of rings.entries()) {
      const sum = this.sums[index] as Sum;
      const end = (Math.floor(now.time / 1000 / step) + 1) * step;
      if (sum.end !== end) {
        if (sum.end !== 0) this.put(index, sum.row());
        sum.begin(end);
      }
      sum.add(now);
    }
    return clock - this.written >= interval ? this.write(clock) : "";
  }

  /** Writes what is new. @param clock ms of a clock that never jumps @returns why it could not be written, or "". */
  write(clock: number): string {
    this.written = clock;
    if (this.dirty.size === 0) return "";
    try {
      const file = this.open();
      try {
        for (const [at, length] of merged(this.dirty)) writeSync(file, this.bytes, at, length, at);
        fdatasyncSync(file);
      } finally {
        closeSync(file);
      }
      this.dirty = new Map();
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  }

  /**
   * The rows of a ring, the oldest first, with what is being added up now.
   * @param now wall clock, s since 1970: rows of another time than the ring's are left out
   */
  rows(step: Step, now: number): Row[] {
    const index = rings.findIndex((ring) => ring.step === step);
    const { rows } = rings[index] as (typeof rings)[number];
    const sum = this.sums[index] as Sum;
    // What the program added up of this time before it started again is not another one.
    const all = Array.from({ length: rows }, (_, slot) => this.get(index, slot)).filter(
      (row): row is Row => row !== null && row.time > now - rows * step && row.time <= now + step && row.time !== sum.end,
    );
    if (sum.end !== 0) all.push(sum.row());
    return all.sort((a, b) => a.time - b.time);
  }

  /** The file, whole: one that is of another size or of other lines is replaced at once, and the old one stays until then. */
  private open(): number {
    try {
      const file = openSync(this.path, "r+");
      const begun = Buffer.alloc(head);
      readSync(file, begun, 0, head, 0);
      if (begun.equals(this.bytes.subarray(0, head)) && fstatSync(file).size === this.bytes.length) return file;
      closeSync(file);
    } catch {
      // There is none.
    }
    mkdirSync(dirname(this.path), { recursive: true });
    const file = openSync(`${this.path}.new`, "w", 0o644);
    writeFileSync(file, this.bytes);
    fdatasyncSync(file);
    closeSync(file);
    renameSync(`${this.path}.new`, this.path);
    return openSync(this.path, "r+");
  }

  private takeOver(): void {
    let old: Buffer;
    try {
      old = readFileSync(this.path);
    } catch {
      return;
    }
    const names = namesIn(old);
    const size = rowHead + rowLine * names.length;
    if (names.length === 0 || old.length !== head + size * rings.reduce((sum, { rows }) => sum + rows, 0)) return;
    let at = head;
    for (const [index, { rows }] of rings.entries()) {
      for (let slot = 0; slot < rows; slot++, at += size) {
        const row = rowOf(old.subarray(at, at + size));
        if (row !== null) this.put(index, { ...row, lines: this.names.map((name) => row.lines[names.indexOf(name)] ?? nothing) });
      }
    }
    if (names.join("\n") === this.names.join("\n")) this.dirty = new Map();
  }

  private place(index: number, slot: number): number {
    return head + this.size * (rings.slice(0, index).reduce((sum, { rows }) => sum + rows, 0) + slot);
  }

  private put(index: number, row: Row): void {
    const { step, rows } = rings[index] as (typeof rings)[number];
    const at = this.place(index, Math.floor(row.time / step) % rows);
    writeRow(this.bytes.subarray(at, at + this.size), row);
    this.dirty.set(at, this.size);
  }

  private get(index: number, slot: number): Row | null {
    const at = this.place(index, slot);
    return rowOf(this.bytes.subarray(at, at + this.size));
  }
}

const nothing: LineRow = { rate: { down: null, up: null }, rtt: null, loss: null, up: null };

/** The names in a file's head; none: it is no such file. */
function namesIn(bytes: Buffer): string[] {
  const text = bytes.subarray(0, head).toString().replace(/\0.*$/s, "");
  if (!text.startsWith(sign)) return [];
  try {
    const names: unknown = JSON.parse(text.slice(sign.length));
    return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : [];
  } catch {
    return [];
  }
}

/** Places of which one begins where another ends, as one. */
function merged(places: Map<number, number>): [at: number, length: number][] {
  const all: [number, number][] = [];
  for (const [at, length] of [...places].sort(([a], [b]) => a - b)) {
    const last = all.at(-1);
    if (last !== undefined && last[0] + last[1] === at) last[1] += length;
    else all.push([at, length]);
  }
  return all;
}

function writeRow(bytes: Buffer, { time, bond, lines }: Row): void {
  const rate = (value: number | null): number => (value === null ? unknown32 : Math.min(Math.round(value), unknown32 - 1));
  const small = (value: number | null, unit: number): number =>
    value === null ? unknown16 : Math.min(Math.round(value * unit), unknown16 - 1);
  bytes.writeUInt32LE(time, 0);
  bytes.writeUInt32LE(rate(bond.down), 4);
  bytes.writeUInt32LE(rate(bond.up), 8);
  for (const [index, line] of lines.entries()) {
    const at = rowHead + rowLine * index;
    bytes.writeUInt32LE(rate(line.rate.down), at);
    bytes.writeUInt32LE(rate(line.rate.up), at + 4);
    bytes.writeUInt16LE(small(line.rtt, 10), at + 8);
    bytes.writeUInt16LE(small(line.loss, 10_000), at + 10);
    bytes.writeUInt16LE(small(line.up, 10_000), at + 12);
  }
  bytes.writeUInt32LE(sumOf(bytes), 12);
}

/** null: nothing, or what a power cut has spoilt. */
function rowOf(bytes: Buffer): Row | null {
  const time = bytes.readUInt32LE(0);
  if (time === 0 || bytes.readUInt32LE(12) !== sumOf(bytes)) return null;
  const rate = (at: number): number | null => (bytes.readUInt32LE(at) === unknown32 ? null : bytes.readUInt32LE(at));
  const small = (at: number, unit: number): number | null => (bytes.readUInt16LE(at) === unknown16 ? null : bytes.readUInt16LE(at) / unit);
  return {
    time,
    bond: { down: rate(4), up: rate(8) },
    lines: Array.from({ length: (bytes.length - rowHead) / rowLine }, (_, index) => {
      const at = rowHead + rowLine * index;
      return {
        rate: { down: rate(at), up: rate(at + 4) },
        rtt: small(at + 8, 10),
        loss: small(at + 10, 10_000),
        up: small(at + 12, 10_000),
      };
    }),
  };
}

/** FNV-1a over all but its own place. Source: RFC 9923 */
function sumOf(bytes: Buffer): number {
  let sum = 0x811c_9dc5;
  for (const [index, byte] of bytes.entries()) if (index < 12 || index >= rowHead) sum = Math.imul(sum ^ byte, 0x0100_0193) >>> 0;
  return sum;
}

/** Adds up what was measured within a step. */
class Sum {
  /** s since 1970; 0: nothing yet. */
  end = 0;
  private sums: Mean[] = [];

  constructor(private readonly lines: number) {}

  begin(end: number): void {
    this.end = end;
    this.sums = Array.from({ length: 2 + 5 * this.lines }, () => new Mean());
  }

  add({ bond, lines }: Omit<Sample, "time">): void {
    const values = [bond.down, bond.up, ...lines.flatMap(({ rate, rtt, loss, up }) => [rate.down, rate.up, rtt, loss, up])];
    for (const [index, value] of values.entries()) this.sums[index]?.add(value);
  }

  row(): Row {
    const value = (index: number): number | null => this.sums[index]?.value ?? null;
    return {
      time: this.end,
      bond: { down: value(0), up: value(1) },
      lines: Array.from({ length: this.lines }, (_, line) => {
        const at = 2 + 5 * line;
        return { rate: { down: value(at), up: value(at + 1) }, rtt: value(at + 2), loss: value(at + 3), up: value(at + 4) };
      }),
    };
  }
}

class Mean {
  private sum = 0;
  private count = 0;

  add(value: number | null): void {
    if (value === null) return;
    this.sum += value;
    this.count++;
  }

  /** null: there was nothing. */
  get value(): number | null {
    return this.count === 0 ? null : this.sum / this.count;
  }
}

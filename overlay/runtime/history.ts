import { join } from "node:path";
import { append, readKept } from "./kept";

/** On a protected box, bondbox-init puts its folder into the area for files that must last. */
const historyPath = "/var/lib/bondbox/history/log";

/** Shortest time between two writes, so that a line that comes and goes does not wear out the card. ms */
const interval = 60_000;
/** Rows that one write holds at most; the first ones tell how it began. */
const rowsAtOnce = 20;

/** What has happened to the lines, bond and LAN, in a file that outlives a power cut. */
export class History {
  private readonly path: string;
  private pending: string[] = [];
  private dropped = 0;
  private written = Number.NEGATIVE_INFINITY;

  /** @param root where /var is looked for */
  constructor(root: string) {
    this.path = join(root, historyPath);
  }

  /**
   * Records changes, and writes what is due.
   * @param rows as in the journal: "line ovh: up"
   * @param time wall clock, ISO 8601
   * @param clock ms of a clock that never jumps
   * @returns why it could not be written, or "".
   */
  record(rows: string[], time: string, clock: number): string {
    const room = Math.max(0, rowsAtOnce - this.pending.length);
    this.pending.push(...rows.slice(0, room).map((row) => `${time.slice(0, 19)}Z ${row}\n`));
    this.dropped += Math.max(0, rows.length - room);
    return clock - this.written >= interval ? this.write(time, clock) : "";
  }

  /** Writes what is pending, as at the end. Its arguments and its result are those of `record`. */
  write(time: string, clock: number): string {
    if (this.pending.length === 0) return "";
    const more = this.dropped === 0 ? [] : [`${time.slice(0, 19)}Z and ${this.dropped} more changes\n`];
    const text = [...this.pending, ...more].join("");
    [this.pending, this.dropped, this.written] = [[], 0, clock];
    return append(this.path, text);
  }
}

/** The text of the history below `root`; empty if there is none. */
export function readHistory(root: string): string {
  return readKept(join(root, historyPath));
}

import { duration, size } from "../base/format";

/** Where progress is shown. */
export interface Screen {
  isTerminal: boolean;
  write(text: string): void;
  /** Milliseconds of any steady clock. */
  now(): number;
}

/** Rate and time left follow the last seconds, so that they neither jump nor lag. */
const WINDOW_MS = 8000;
/** A line on a terminal is drawn again at most this often. */
const REDRAW_MS = 200;
/** Elsewhere, such as in a log, there is one line for each so many percent, and not more often than this. */
const SPARSE_PERCENT = 10;
const SPARSE_MS = 3000;

/**
 * A screen for messages that come one after another, as of a build.
 * @param log prints one message
 */
export function logScreen(log: (line: string) => void): Screen {
  return { isTerminal: false, write: (text) => log(text.trimEnd()), now: () => performance.now() };
}

/** How far a long piece of work is: one line that is redrawn on a terminal, a few lines elsewhere. */
export class ProgressLine {
  #label = "";
  #total = 0;
  #done = 0;
  #shownAt = -Infinity;
  #shownPercent = 0;
  #open = false;
  #samples: { at: number; done: number }[] = [];

  constructor(private readonly screen: Screen) {}

  /**
   * Begins a piece of work.
   * @param label what is done, such as "checking"; shown alone if there are no bytes to count.
   * @param total bytes; NaN if nobody knows.
   * @param done bytes that are there already; they do not count for the rate.
   */
  begin(label: string, total: number, done = 0): void {
    this.end();
    [this.#label, this.#total, this.#done, this.#shownAt] = [label, total, done, -Infinity];
    this.#shownPercent = this.#percent();
    this.#samples = [{ at: this.screen.now(), done }];
    if (this.screen.isTerminal || total === 0) this.#show();
    else this.#shownAt = this.screen.now();
  }

  /** Counts bytes that were done. */
  add(bytes: number): void {
    this.#done += bytes;
    const now = this.screen.now();
    this.#samples.push({ at: now, done: this.#done });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > WINDOW_MS) this.#samples.shift();
    if (this.#done >= this.#total || this.#isDue(now - this.#shownAt)) this.#show();
  }

  /** Leaves the line as it is; whatever is printed next gets its own. */
  end(): void {
    if (this.#open) this.screen.write("\n");
    this.#open = false;
  }

  #isDue(elapsed: number): boolean {
    if (this.screen.isTerminal) return elapsed >= REDRAW_MS;
    const step = (percent: number): number => Math.floor(percent / SPARSE_PERCENT);
    return elapsed >= SPARSE_MS && (Number.isNaN(this.#total) || step(this.#percent()) > step(this.#shownPercent));
  }

  #percent(): number {
    return this.#total > 0 ? Math.floor((this.#done / this.#total) * 100) : 0;
  }

  #show(): void {
    [this.#shownAt, this.#shownPercent] = [this.screen.now(), this.#percent()];
    const line = this.#line();
    if (!this.screen.isTerminal) return this.screen.write(`${line}\n`);
    // Back to the start of the line; what is left of the old one is erased.
    this.screen.write(`\r${line}\x1b[K`);
    this.#open = true;
  }

  #line(): string {
    if (this.#total === 0) return this.#label;
    const rate = this.#rate();
    const figures = Number.isNaN(this.#total)
      ? [size(this.#done)]
      : [`${this.#percent()} %`.padStart(5), `${size(this.#done)} of ${size(this.#total)}`];
    if (rate > 0) figures.push(`${size(rate)}/s`);
    if (rate > 0 && this.#done < this.#total) figures.push(`${duration((this.#total - this.#done) / rate)} left`);
    return `${this.#label} ${figures.join("  ")}`;
  }

  /** Bytes per second. */
  #rate(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return ((last.done - first.done) / (last.at - first.at)) * 1000;
  }
}

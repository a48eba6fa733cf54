import { duration, size } from "../base/format";

/** What is told while it works. */
export interface Watcher {
  /** A part of the work with this many bytes begins. */
  begin(stage: "writing" | "syncing" | "checking", bytes: number): void;
  /** So many bytes more are done. */
  advance(bytes: number): void;
  /** The work is through, or has failed. */
  end(): void;
  /** From now on the target of this path is not bootable, until it is complete. */
  broken(path: string): void;
  /** It is complete. */
  whole(): void;
}

const progressTexts = {
  writing: "writing ",
  syncing: "waiting until the card has everything ...",
  checking: "checking",
  left: (time: string): string => `${time} left`,
};

/** Where progress is told. */
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
/** Elsewhere, such as in a log, one line for each so many percent, and not more often than this. */
const SPARSE_PERCENT = 10;
const SPARSE_MS = 3000;

type Stage = Parameters<Watcher["begin"]>[0];

/** One line on a terminal, a few lines elsewhere. */
export class Progress implements Watcher {
  #stage: Stage = "writing";
  #total = 0;
  #done = 0;
  #shownAt = -Infinity;
  #shownPercent = 0;
  #open = false;
  #samples: { at: number; done: number }[] = [];
  /** What the target is like at this moment. */
  target: "untouched" | "broken" | "whole" = "untouched";
  path = "";

  constructor(private readonly screen: Screen) {}

  begin(stage: Stage, bytes: number): void {
    this.end();
    [this.#stage, this.#total, this.#done, this.#shownPercent, this.#shownAt] = [stage, bytes, 0, 0, -Infinity];
    this.#samples = [{ at: this.screen.now(), done: 0 }];
    if (this.screen.isTerminal || bytes === 0) this.#show();
    else this.#shownAt = this.screen.now();
  }

  advance(bytes: number): void {
    this.#done += bytes;
    const now = this.screen.now();
    this.#samples.push({ at: now, done: this.#done });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > WINDOW_MS) this.#samples.shift();
    const isDone = this.#done >= this.#total;
    const due = this.screen.isTerminal
      ? now - this.#shownAt >= REDRAW_MS
      : now - this.#shownAt >= SPARSE_MS && Math.floor(this.#percent() / SPARSE_PERCENT) > Math.floor(this.#shownPercent / SPARSE_PERCENT);
    if (due || isDone) this.#show();
  }

  /** Leaves the line as it is; what is told next has its own. */
  end(): void {
    if (this.#open) this.screen.write("\n");
    this.#open = false;
  }

  broken(path: string): void {
    this.target = "broken";
    this.path = path;
  }

  whole(): void {
    this.target = "whole";
  }

  #percent(): number {
    return this.#total === 0 ? 0 : Math.floor((this.#done / this.#total) * 100);
  }

  #show(): void {
    [this.#shownAt, this.#shownPercent] = [this.screen.now(), this.#percent()];
    const line = this.#line();
    if (!this.screen.isTerminal) return this.screen.write(`${line}\n`);
    // Back to the start of the line, and its old rest away.
    this.screen.write(`\r${line}\x1b[K`);
    this.#open = true;
  }

  #line(): string {
    if (this.#total === 0) return progressTexts[this.#stage];
    const rate = this.#rate();
    const left = rate === 0 ? null : (this.#total - this.#done) / rate;
    const figures = [`${this.#percent()} %`.padStart(5), `${size(this.#done)} of ${size(this.#total)}`];
    if (rate > 0) figures.push(`${size(rate)}/s`);
    if (left !== null && this.#done < this.#total) figures.push(progressTexts.left(duration(left)));
    return `${progressTexts[this.#stage]} ${figures.join("  ")}`;
  }

  /** Bytes a second. */
  #rate(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return ((last.done - first.done) / (last.at - first.at)) * 1000;
  }
}

import { ProgressLine, type Screen } from "./progress-line";

/** Follows an image that is being written to a card. */
export interface Watcher {
  /** A part of the work with this many bytes begins. */
  begin(stage: Stage, bytes: number): void;
  /** So many bytes more are done. */
  advance(bytes: number): void;
  /** The work is complete, or has failed. */
  end(): void;
  /** From now on the target of this path is not bootable, until it is complete. */
  broken(path: string): void;
  /** It is complete. */
  whole(): void;
}

type Stage = "writing" | "syncing" | "checking";

const labels: Record<Stage, string> = {
  writing: "writing ",
  syncing: "waiting until the card has everything ...",
  checking: "checking",
};

/** Shows the progress of writing a card, and remembers what state the card is in. */
export class Progress implements Watcher {
  readonly #line: ProgressLine;
  /** What the target is like at this moment. */
  target: "untouched" | "broken" | "whole" = "untouched";
  path = "";

  constructor(screen: Screen) {
    this.#line = new ProgressLine(screen);
  }

  begin(stage: Stage, bytes: number): void {
    this.#line.begin(labels[stage], bytes);
  }

  advance(bytes: number): void {
    this.#line.add(bytes);
  }

  end(): void {
    this.#line.end();
  }

  broken(path: string): void {
    this.target = "broken";
    this.path = path;
  }

  whole(): void {
    this.target = "whole";
  }
}

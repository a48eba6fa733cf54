/** One row of the command table in main.ts. */
export interface Command {
  summary: string;
  /** The options that it has in addition to --root. */
  options: ("json" | "wait" | "yes")[];
  /** What must follow its name, as its help shows it, before one of its words, which then must follow, too. */
  subject?: string;
  /** Words that may follow its name. */
  words?: string[];
  /** What its own help says besides, one row each: at most 80 columns. */
  details?: string[];
  /** @returns the exit code. */
  run: (input: Input) => Promise<number>;
}

export interface Input {
  /** Where /etc, /proc, /sys and /run are looked for: "/", or the fixture of a test. */
  root: string;
  json: boolean;
  /** How long it may wait, s. */
  wait: number;
  /** What follows its name, if it takes that; else "". */
  subject: string;
  /** It need not ask. */
  yes: boolean;
  /** The word that was given, of those that it has. */
  word: string | null;
}

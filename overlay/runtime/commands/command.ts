/** One row of the command table in main.ts. */
export interface Command {
  summary: string;
  /** Options that it takes besides --root. */
  options: "json"[];
  /** Words that may follow its name. */
  words?: string[];
  /** Gives the exit code. */
  run: (input: Input) => Promise<number>;
}

export interface Input {
  /** Where /etc, /proc, /sys and /run are looked for: "/", or the fixture of a test. */
  root: string;
  json: boolean;
  /** The one of its words that was given. */
  word: string | null;
}

/** What a simulated time is to be like. */
export interface Simulated {
  /** Where the box's files are. */
  root: string;
  /** Its length, and so its looks but one. */
  seconds: number;
  /** The file for what it has cost. */
  result: string;
}

/** What simulated looks have cost. */
export interface Cost {
  /** Processor time, user and system, while all lines are up and no page is open. */
  atRest: Looks;
  /** The same while pages are open. */
  withPages: Looks;
  /** Memory that is resident after the first minute, at the end, and at most, bytes. */
  resident: Record<"minute" | "end" | "most", number>;
  /** What of it the program's own values take, after all that is no longer needed was thrown away, bytes. */
  heap: Record<"minute" | "end", number>;
  /** To the history's folder. pages: of 4 KiB, as a file system writes them. */
  written: Record<"calls" | "bytes" | "pages", number>;
  /** What the history's files hold at the end, bytes. */
  history: number;
}

export interface Looks {
  count: number;
  us: number;
}

/** File descriptors of the program: where systemd puts the first socket, and where day.ts is asked for the next second. */
export const sockets = { http: 3, second: 4 };

/** How many browsers show the page: three, ten minutes of each hour. @param second of the simulated time */
export function pagesOpen(second: number): number {
  return within(second, 20, 10) ? 3 : 0;
}

/** Whether one of the lines does not work: two minutes of each hour. @param second of the simulated time */
export function isDown(second: number): boolean {
  return within(second, 40, 2);
}

/** Whether it is within so many minutes after a minute of the hour. */
function within(second: number, minute: number, length: number): boolean {
  const since = (second % 3600) - 60 * minute;
  return since >= 0 && since < 60 * length;
}

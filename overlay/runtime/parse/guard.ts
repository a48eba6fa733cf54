/** What bondbox-guard has written about one part. */
export interface Guarded {
  /** How often something of it had been removed, and was installed again. */
  removals: number;
  /** The last of them, s since 1970; 0: never. */
  last: number;
  /** It cannot be installed again: its unit was stopped, or fails. */
  stopped: boolean;
}

/** Parses /run/bondbox/guard.PART, such as "3 1764359999 0". null: the guard is writing it. */
export function parseGuarded(text: string): Guarded | null {
  const [, removals, last, failed] = /^(\d+) (\d+) (\d+)\n$/.exec(text) ?? [];
  return removals === undefined ? null : { removals: Number(removals), last: Number(last), stopped: failed !== "0" };
}

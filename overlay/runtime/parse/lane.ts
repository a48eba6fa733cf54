/** Whether the TCP lane takes new connections. */
export interface Lane {
  on: boolean;
  /** Why not: no line jumps or loses packets, or that end does not answer; null: it is on. */
  why: "steady" | "box" | "server" | null;
}

const states: Record<string, Lane> = {
  on: { on: true, why: null },
  "off steady": { on: false, why: "steady" },
  "off box": { on: false, why: "box" },
  "off server": { on: false, why: "server" },
};

/** Reads /run/bondbox/lane, which bondbox-lane-watch writes. @returns null for anything else. */
export function parseLane(text: string): Lane | null {
  const words = text.trim();
  return Object.hasOwn(states, words) ? (states[words] ?? null) : null;
}

/** Whether the TCP lane takes new connections. */
export interface LaneState {
  on: boolean;
  /** Why not: no line jumps or loses packets, or that end does not answer; null: it is on. */
  why: "steady" | "box" | "server" | null;
}

const states: Record<string, LaneState> = {
  on: { on: true, why: null },
  "off steady": { on: false, why: "steady" },
  "off box": { on: false, why: "box" },
  "off server": { on: false, why: "server" },
};

/** Reads /run/bondbox/lane, which bondbox-lane-watch writes. @returns null for anything else. */
export function parseLane(text: string): LaneState | null {
  const words = text.trim();
  return Object.hasOwn(states, words) ? (states[words] ?? null) : null;
}

/**
 * How many connections of Multipath TCP a machine has now, from /proc/net/netstat: pairs of lines, names above numbers. Source: Linux,
 * net/mptcp/mib.c, 5.16 and later.
 * @returns null: the kernel does not say.
 */
export function parseMultipath(netstat: string): number | null {
  const [names = [], values = []] = netstat
    .split("\n")
    .filter((line) => line.startsWith("MPTcpExt: "))
    .map((line) => line.split(" "));
  const value = values[names.indexOf("MPCurrEstab")];
  return value === undefined || !/^\d+$/.test(value) ? null : Number(value);
}

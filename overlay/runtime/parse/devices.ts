/** What a network device has counted since it was created. */
export interface Counters {
  /** bytes */
  rxBytes: number;
  txBytes: number;
  rxPackets: number;
  txPackets: number;
}

/** Reads /proc/net/dev: the counters of all devices by name, in one file. Source: Linux, net/core/net-procfs.c */
export function parseDevices(text: string): Map<string, Counters> {
  const rows = text.split("\n").map((row) => /^\s*(\S+):\s*((?:\d+\s+){9}\d+)/.exec(row));
  return new Map(
    rows.flatMap((row) => {
      const [, name = "", numbers = ""] = row ?? [];
      const [rxBytes = 0, rxPackets = 0, , , , , , , txBytes = 0, txPackets = 0] = numbers.split(/\s+/).map(Number);
      return row === null ? [] : [[name, { rxBytes, txBytes, rxPackets, txPackets }] as const];
    }),
  );
}

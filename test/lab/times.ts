/** What one phase of a lab run took. */
export interface Time {
  phase: string;
  /** Length of the time line, virtual seconds; null: it has none. */
  virtual: number | null;
  /** Seconds. */
  wall: number;
  /** Seconds of the host's processor that the emulated machine took; null: not counted. */
  cpu: number | null;
}

/**
 * A table of where the time went, the dearest phase first.
 * @param times in any order
 */
export function timesTable(times: Time[]): string {
  const cost = ({ cpu, wall }: Time): number => cpu ?? wall;
  const sorted = [...times].sort((a, b) => cost(b) - cost(a));
  const sum = (of: (time: Time) => number): number => times.reduce((all, time) => all + of(time), 0);
  const row = (phase: string, ...cells: (number | null)[]): string =>
    [phase.padEnd(44), ...cells.map((cell) => (cell === null ? "-" : cell.toFixed(0)).padStart(8))].join(" ");
  return [
    ["where the time went, seconds".padEnd(44), ...["virtual", "wall", "CPU"].map((head) => head.padStart(8))].join(" "),
    ...sorted.map(({ phase, virtual, wall, cpu }) => row(phase, virtual, wall, cpu)),
    row(
      "all (machines run side by side)",
      sum(({ virtual }) => virtual ?? 0),
      sum(({ wall }) => wall),
      sum(({ cpu }) => cpu ?? 0),
    ),
  ].join("\n");
}

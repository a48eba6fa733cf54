import type { Device, State } from "./observe";

/** kbit/s of inner packets; null: unknown. */
export interface Rate {
  down: number | null;
  up: number | null;
}

export interface Rates {
  bond: Rate;
  /** In the order of box.json. */
  lines: Rate[];
}

/** Rates between two looks at the box, kbit/s. */
export function ratesBetween(before: State, after: State): Rates {
  const time = after.clock - before.clock;
  return {
    bond: rate(before.bondDevice, after.bondDevice, time),
    lines: after.lines.map((line, index) => rate(before.lines[index]?.tap ?? null, line.tap, time)),
  };
}

function rate(before: Device | null, after: Device | null, time: number): Rate {
  if (before === null || after === null) {
    return { down: null, up: null };
  }
  return {
    down: kilobits(after.rxBytes - before.rxBytes, time),
    up: kilobits(after.txBytes - before.txBytes, time),
  };
}

/** Bits per millisecond are kbit/s. A counter that went back belongs to a device that was created again. */
function kilobits(bytes: number, time: number): number | null {
  return time > 0 && bytes >= 0 ? Math.round((bytes * 8) / time) : null;
}

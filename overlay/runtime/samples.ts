import type { Rate } from "./rates";
import type { Report } from "./report";

/** What lines and bond were like in the second before one moment. */
export interface Sample {
  /** Wall clock, ms since 1970. */
  time: number;
  bond: Rate;
  /** In the order of box.json. */
  lines: LineSample[];
}

export interface LineSample {
  rate: Rate;
  /** Round trip, ms; null: unknown. */
  rtt: number | null;
  /** By how much the delay of what comes down goes up and down, ms; null: unknown. */
  jitter: number | null;
  /** Part of the packets that was lost of late, 0 to 1; null: unknown. */
  loss: number | null;
  /** 1: the bond uses it; 0: it does not. */
  up: number;
}

/** Ten minutes, one a second. */
const kept = 600;

/** The latest samples, in memory. */
export class Samples {
  private readonly ring: Sample[] = [];

  /** Adds one, and forgets what is too old. */
  add(sample: Sample): void {
    this.ring.push(sample);
    if (this.ring.length > kept) this.ring.shift();
  }

  /** All that are kept, the oldest first. */
  get all(): readonly Sample[] {
    return this.ring;
  }
}

/** What of a report changes from second to second. */
export function sampleOf({ time, bond, lines }: Report): Sample {
  return {
    time: Date.parse(time),
    bond: bond.rate,
    lines: lines.map(({ rate, measured, up }) => ({
      rate,
      rtt: measured?.rtt ?? null,
      jitter: measured?.jitter ?? null,
      loss: measured?.loss ?? null,
      up: up ? 1 : 0,
    })),
  };
}

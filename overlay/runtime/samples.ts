import type { Rate, Rates } from "./rates";

/** What was carried until one moment, since the one before. */
export interface Sample {
  /** Wall clock, ms since 1970. */
  time: number;
  bond: Rate;
  /** In the order of box.json. */
  lines: Rate[];
}

/** Ten minutes, one a second. */
const kept = 600;

/** The latest samples, in memory. */
export class Samples {
  private readonly ring: Sample[] = [];

  /** Adds one, and forgets what is too old. */
  add(time: number, { bond, lines }: Rates): Sample {
    const sample = { time, bond, lines };
    this.ring.push(sample);
    if (this.ring.length > kept) this.ring.shift();
    return sample;
  }

  /** All that are kept, the oldest first. */
  get all(): readonly Sample[] {
    return this.ring;
  }
}

/** Numbers that are the same for the same seed. Source: the generator "mulberry32". */
export class Random {
  constructor(private state: number) {}

  /** At least `from`, below `to`. */
  between(from: number, to: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return from + (((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * (to - from);
  }
}

/** How a line is now, through its tunnel. */
export interface Measured {
  /** Round trip of a small packet now, queues included, ms. */
  rtt: number;
  /** The same without queues, ms. */
  idle: number;
  /** By how much the delay of what comes down goes up and down, ms. */
  jitter: number;
  /** Part of the packets that come down that was lost of late, 0 to 1; null: too few came. */
  loss: number | null;
}

/** Where the striper keeps what it knows, as the kernel prints it; root alone may read it. */
export const measuredPath = "/sys/fs/bpf/tc/globals/striper_state";

/** Places in "struct line" of overlay/bpf/striper.c, bytes. A test compares them with the compiler's. */
export const places = {
  busy: 0,
  least: 96,
  judged: 104,
  sent: 140,
  lost: 144,
  jumps: 148,
  took: 172,
  base: 192,
  known: 229,
  fresh: 230,
  reported: 231,
};
export const lineSize = 240;
/** Of the first line in "struct state". */
export const firstLine = 40;

/** What was measured longer ago says nothing, ns. */
const stale = 3_000_000_000n;
/** Packets, or lost ones, without which a loss is chance. */
const least = 100;
const leastLost = 16;

/**
 * Reads the striper's state. Delays of both directions are measured by stamps, each against the other end's clock: their sum is the round
 * trip, whatever the clocks are.
 * @param text the kernel's, of one number for each 32 bits but the first
 * @param lines how many there are
 * @param now ns of the kernel's monotonic clock, when it was read
 * @returns null for a line of which nothing is known
 */
export function parseMeasured(text: string, lines: number, now: bigint): (Measured | null)[] {
  const row = text.split("\n").find((one) => /^\d+: /.test(one)) ?? "";
  const words = (/\[([\d,]*)\]/.exec(row)?.[1] ?? "").split(",").filter(Boolean).map(Number);
  return Array.from({ length: lines }, (_, index) => {
    const at = firstLine + lineSize * index;
    const word = (place: number): number => words[(at + place) / 4 - 1] ?? 0;
    const long = (place: number): bigint => BigInt(word(place)) | (BigInt(word(place + 4)) << 32n);
    const byte = (place: number): number => (word(place - (place % 4)) >>> (8 * (place % 4))) & 255;
    if (byte(places.known) === 0 || byte(places.reported) === 0 || now - long(places.judged) > stale) return null;
    const [first, second] = [word(places.least), word(places.least + 4)];
    const down = byte(places.fresh) === 1 && ((first - second) | 0) < 0 ? first : second;
    const idle = (down + word(places.base)) | 0;
    const queueDown = Math.max(0, (word(places.took) - down) | 0);
    const queueUp = Math.max(0, Number(long(places.busy) - now) / 1000);
    const [sent, lost] = [word(places.sent), word(places.lost)];
    return {
      rtt: (idle + queueDown + queueUp) / 1000,
      idle: idle / 1000,
      jitter: word(places.jumps) / 1000,
      loss: sent < least && lost < leastLost ? null : lost / sent,
    };
  });
}

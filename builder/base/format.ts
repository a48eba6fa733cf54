/** Figures as people read them. */

/** Bytes as on the label of a card: MB of 10^6, GB of 10^9. */
export function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(bytes >= 1e7 ? 0 : 1)} MB`;
  return bytes >= 1000 ? `${Math.round(bytes / 1000)} kB` : `${Math.round(bytes)} bytes`;
}

/** A stretch of bytes, counted from 0. */
export function span({ offset, length }: { offset: number; length: number }): string {
  return length === 1 ? `byte ${offset}` : `bytes ${offset} to ${offset + length - 1}`;
}

/** Seconds as minutes and seconds. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 3600
    ? `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

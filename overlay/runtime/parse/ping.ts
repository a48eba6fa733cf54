/** What one row of ping's output says of one packet. */
export interface Ping {
  /** Wall clock, ms since 1970. */
  time: number;
  /** Of the packet, from 1 on. */
  sequence: number;
  /** false: no answer has come when the next packet was sent, but one still may. */
  answered: boolean;
}

/** Reads a row of "ping -D -O". Source: iputils, ping/ping_common.c. @returns null for any other row */
export function parsePing(row: string): Ping | null {
  const [, seconds, bytes, sequence] =
    /^\[(\d{1,11}\.\d{1,9})\] (no answer yet for|\d+ bytes from .*) ?icmp_seq=(\d{1,9})\b/.exec(row) ?? [];
  if (seconds === undefined || bytes === undefined) return null;
  return { time: 1000 * Number(seconds), sequence: Number(sequence), answered: !bytes.startsWith("no") };
}

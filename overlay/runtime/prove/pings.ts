import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { errors } from "../errors";
import { parsePing, type Ping } from "../parse/ping";

/** What pings say of a stretch of time. */
export interface Stretch {
  sent: number;
  lost: number;
  /** The longest time without an answer, ms: 100 where none is lost. */
  gap: number;
}

/** The first answer must come within this time, ms. */
const patience = 3000;

/** A ping ten times a second, for as long as some work takes. */
export class Pings {
  private readonly seen: Ping[] = [];

  private constructor(child: ChildProcess) {
    if (child.stdout !== null) createInterface(child.stdout).on("line", (row) => this.add(parsePing(row)));
  }

  /**
   * Does something while pings go to an address.
   * @param address that answers pings
   * @param work gets the pings
   * Throws a UserError if the address does not answer, or there is no ping.
   */
  static async during<T>(address: string, work: (pings: Pings) => Promise<T>): Promise<T> {
    const child = spawn("ping", ["-n", "-D", "-O", "-i", "0.1", address], { stdio: ["ignore", "pipe", "ignore"] });
    const failure = new Promise<never>((_, fail) => child.once("error", ({ message }) => fail(errors.noPing(message))));
    try {
      const pings = new Pings(child);
      await Promise.race([pings.first(address), failure]);
      return await work(pings);
    } finally {
      child.kill();
    }
  }

  /** Between two moments of the wall clock, ms since 1970. */
  between(from: number, to: number): Stretch {
    return stretchOf(this.seen, from, to);
  }

  private add(ping: Ping | null): void {
    if (ping !== null) this.seen.push(ping);
  }

  private async first(address: string): Promise<void> {
    const end = performance.now() + patience;
    while (!this.seen.some(({ answered }) => answered)) {
      if (performance.now() > end) throw errors.serverSilent(address);
      await sleep(50);
    }
  }
}

/**
 * Of what pings say, what belongs to a stretch of time. Pure.
 * @param pings in the order in which they were reported; those shortly after the stretch may bring late answers
 * @param from ms since 1970
 * @param to the same
 */
export function stretchOf(pings: Ping[], from: number, to: number): Stretch {
  const latest = (moment: number): number => Math.max(0, ...pings.filter(({ time }) => time <= moment).map(({ sequence }) => sequence));
  const [first, last] = [latest(from) + 1, latest(to)];
  const answers = pings.filter(({ answered }) => answered);
  const answered = new Set(answers.map(({ sequence }) => sequence).filter((sequence) => sequence >= first && sequence <= last));
  const sent = Math.max(0, last - first + 1);
  return {
    sent,
    lost: sent - answered.size,
    gap: Math.round(
      longestGap(
        answers.map(({ time }) => time),
        from,
        to,
      ),
    ),
  };
}

/** Between answers, from the last one before the stretch to the first one after it. */
function longestGap(times: number[], from: number, to: number): number {
  const before = times.filter((time) => time <= from);
  const after = times.filter((time) => time >= to);
  const start = before.length === 0 ? from : Math.max(...before);
  const end = after.length === 0 ? to : Math.min(...after);
  const moments = [start, ...times.filter((time) => time > from && time < to), end].sort((a, b) => a - b);
  return Math.max(...moments.map((time, index) => time - (moments[index - 1] ?? time)));
}

import { isPassword, type PasswordHash } from "./password";

/** So many wrong passwords cost no time but the computing. */
const free = 5;
/** A pause is never longer, so that nobody can lock the household out. ms */
const longest = 60_000;
/** After so long without a wrong one, those before are forgotten. ms */
const forgotten = 900_000;
/** Attempts that may wait for their turn. */
const most = 8;

/** How an attempt ended; wait: it was not looked at, and may come again after so many seconds. */
export type Outcome = "right" | "wrong" | { wait: number };

/**
 * Checks passwords, one at a time, since each takes memory and a processor; after wrong ones there are pauses that grow. They are for
 * the box as a whole: addresses of a LAN are free to take.
 */
export class Attempts {
  private failures = 0;
  private lastFailure = 0;
  private open = 0;
  private waiting = 0;
  private turn: Promise<unknown> = Promise.resolve();

  /** @param clock ms, never jumps */
  constructor(
    private readonly hash: PasswordHash,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** Looks at a password when its turn comes. */
  check(password: string): Promise<Outcome> {
    if (this.waiting >= most) return Promise.resolve({ wait: 1 });
    this.waiting++;
    const outcome = this.turn.then(() => this.attempt(password)).finally(() => this.waiting--);
    this.turn = outcome.catch(() => {});
    return outcome;
  }

  private async attempt(password: string): Promise<Outcome> {
    const left = this.open - this.clock();
    if (left > 0) return { wait: Math.ceil(left / 1000) };
    if (await isPassword(password, this.hash)) {
      this.failures = 0;
      return "right";
    }
    const now = this.clock();
    this.failures = now - this.lastFailure > forgotten ? 1 : this.failures + 1;
    this.lastFailure = now;
    if (this.failures >= free) this.open = now + Math.min(longest, 1000 * 2 ** (this.failures - free));
    return "wrong";
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Verdict } from "../judge";
import { explain } from "../messages";
import { look } from "../look";
import { ratesBetween, type Rate } from "../rates";
import { canLeave, letIn, takenOut, takeOut } from "../taken-out";
import type { Pings, Stretch } from "./pings";

/** What taking one line out of the bond has shown. */
export interface Proof {
  line: string;
  /** Why it was left in; null: it was taken out. */
  skipped: string | null;
  /** The bond stopped using it in time, and used it again in time. */
  left: boolean;
  back: boolean;
  pings: Stretch;
  /** Of the whole bond, before and while the line was out, kbit/s. */
  before: Rate;
  meanwhile: Rate;
}

/** ms */
export interface Times {
  /** That a line is out. */
  out: number;
  /** That it may take until the bond has stopped using a line, and until it uses it again. */
  leaving: number;
  coming: number;
  /** Before a line is taken out, to see how much the bond carries, and after it has come back, for late answers. */
  around: number;
}

/** bondbox-watchdog needs up to 3 s for both ends. A line that has just failed must be heard for up to a minute before it may carry. */
export const times: Times = { out: 5000, leaving: 6000, coming: 75_000, around: 1000 };

/** Between two looks, ms. */
const interval = 100;

/**
 * Takes one line out of the bond, and lets it in again whatever happens.
 * @param root where /etc, /proc, /sys and /run are looked for
 * @param name of the line
 * @param pings that go through the bond
 * @param times how long what takes
 * @param stop ends it early; it then throws an AbortError
 */
export async function proveLine(
  root: string,
  name: string,
  pings: Pings,
  { times, stop }: { times: Times; stop: AbortSignal },
): Promise<Proof> {
  const skipped = whyNot(root, name);
  const earlier = look(root).state;
  if (skipped !== null) return { ...untouched, line: name, skipped };
  await sleep(times.around, undefined, { signal: stop });
  const from = Date.now();
  const start = look(root).state;
  const out = await withoutLine(root, name, async () => {
    const left = await until(() => !isUp(root, name), times.leaving, stop);
    const first = look(root).state;
    if (left) await sleep(times.out, undefined, { signal: stop });
    return { left, meanwhile: ratesBetween(first, look(root).state).bond };
  });
  const back = await until(() => isUp(root, name), times.coming, stop);
  const to = Date.now();
  await sleep(times.around, undefined, { signal: stop });
  return { line: name, skipped: null, ...out, back, pings: pings.between(from, to), before: ratesBetween(earlier, start).bond };
}

const nothing: Rate = { down: null, up: null };
const untouched = { left: false, back: false, pings: { sent: 0, lost: 0, gap: 0 }, before: nothing, meanwhile: nothing };

/** Lines that carry, and that nobody has taken out. */
export function ableLines(root: string, { lines }: Verdict): string[] {
  const out = takenOut(root);
  return lines.filter(({ name, up }) => up && !out.has(name)).map(({ name }) => name);
}

function whyNot(root: string, name: string): string | null {
  const { lines } = look(root).verdict;
  const out = takenOut(root);
  if (out.has(name)) return "it is out of the bond already";
  const { up = false, why = null } = lines.find((line) => line.name === name) ?? {};
  if (why?.code === "standby") return "it carries nothing: it is in reserve";
  if (!up) return `it is down: ${why === null ? "nobody knows why" : explain(why).short}`;
  return canLeave(lines, name, out) ? null : "no other line carries";
}

/** A line that is out must not stay so, even where the program breaks off without clearing up. */
async function withoutLine<T>(root: string, name: string, work: () => Promise<T>): Promise<T> {
  const back = (): void => letIn(root, name);
  process.once("exit", back);
  try {
    takeOut(root, name, "person");
    return await work();
  } finally {
    back();
    process.off("exit", back);
  }
}

function isUp(root: string, name: string): boolean {
  return look(root).verdict.lines.some((line) => line.name === name && line.up);
}

/** @returns false: it did not come true in time. */
async function until(holds: () => boolean, limit: number, stop: AbortSignal): Promise<boolean> {
  const end = performance.now() + limit;
  while (!holds()) {
    if (performance.now() > end) return false;
    await sleep(interval, undefined, { signal: stop });
  }
  return true;
}

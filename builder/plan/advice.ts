import type { KernelMode } from "../profile/types";
import { bondCapacity } from "./bond";
import type { LinePlan, Rates } from "./types";

/** A way to use some of the lines. */
export interface Way {
  mode: KernelMode;
  /** In the order of use. */
  lines: LinePlan[];
  /** What all connections get together, kbit/s. Computed. */
  all: Rates;
  /** What one connection gets on average, kbit/s. Computed. */
  one: Rates;
}

/**
 * What balance-rr carries of its computed rate where lines differ, so that two lines whose rates differ 1.8 times are worth as much as the
 * faster one alone. See docs/data-path.md#unequal-lines.
 */
const DEALING = 0.9;

/** What a way carries. */
function wayOf(mode: KernelMode, lines: LinePlan[]): Way {
  const all = (direction: keyof Rates): number =>
    bondCapacity(
      lines.map(({ goodput }) => goodput[direction]),
      { mode, striper: false },
    );
  // Each connection has the line that its hash gives it, whatever that line carries.
  const one = (direction: keyof Rates): number => (mode === "balance-xor" ? all(direction) / lines.length : all(direction));
  return { mode, lines, all: { down: all("down"), up: all("up") }, one: { down: one("down"), up: one("up") } };
}

/** What a way is worth in a direction: one connection counts as much as all together. */
function worth({ mode, all, one, lines }: Way, direction: keyof Rates): number {
  if (mode === "balance-rr" && lines.length > 1)
    return DEALING * lines.length * Math.min(...lines.map(({ goodput }) => goodput[direction]));
  return Math.sqrt(one[direction] * all[direction]);
}

/** The same for both directions; downloads count twice, since people wait for them more often. */
const worthOfBoth = (way: Way): number => worth(way, "down") ** 2 * worth(way, "up");

/** Lines by what they carry alone, most first. */
function bySpeed(lines: LinePlan[]): LinePlan[] {
  return [...lines].sort(
    (a, b) => worthOfBoth(wayOf("active-backup", [b])) - worthOfBoth(wayOf("active-backup", [a])) || a.index - b.index,
  );
}

/**
 * The ways among which a person chooses: the fastest lines, as many as one likes, in each mode that shares them, or one after another.
 * @param modes that are compared.
 */
function ways(lines: LinePlan[], modes: KernelMode[]): Way[] {
  const sorted = bySpeed(lines);
  return modes.flatMap((mode) => {
    const counts = mode === "active-backup" ? [sorted.length] : sorted.map((_, index) => index + 1).filter((count) => count > 1);
    return counts.map((count) => wayOf(mode, sorted.slice(0, count)));
  });
}

/** Which modes are compared with one: a person who chose balance-xor may have reasons against dealing packets, such as round-trip times. */
const compared: Partial<Record<KernelMode, KernelMode[]>> = {
  "balance-rr": ["balance-rr", "balance-xor", "active-backup"],
  "balance-xor": ["balance-xor", "active-backup"],
  "active-backup": ["active-backup"],
};

/**
 * The way that gives most, and the directions in which another one than the profile's gives more.
 * @param mode of the profile.
 * @param lines of the profile, in its order.
 */
export function bestWay(mode: KernelMode, lines: LinePlan[]): { now: Way; best: Way; better: (keyof Rates)[] } {
  const now = wayOf(mode, lines);
  const others = ways(lines, compared[mode] ?? []);
  const best = others.reduce((a, b) => (worthOfBoth(b) > worthOfBoth(a) ? b : a), now);
  // Only what one connection gets for certain is a reason to advise against dealing packets.
  const sure = others.filter((way) => way.mode !== "balance-xor" || mode === "balance-xor");
  const better = (["down", "up"] as const).filter((direction) => sure.some((way) => worth(way, direction) > worth(now, direction)));
  return { now, best, better };
}

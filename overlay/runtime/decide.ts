import type { Limits } from "./config";
import type { Verdict } from "./judge";
import type { State } from "./observe";
import type { Ailment } from "./parse/striper";
import type { By } from "./taken-out";

/** How a line is, over time. returning: let in again after it was sick, and not yet trusted. */
export type Health = "healthy" | "degraded" | "out" | "returning";

/** What is to be known of a line to decide about it. */
export interface Sight {
  /** The bond uses it. */
  up: boolean;
  /** Something keeps it from carrying what the profile says. */
  ails: boolean;
  /** Part of the packets that it loses, in the worse direction, 0 to 1; null: unknown. */
  loss: number | null;
  /** Round trip without queues, ms; null: unknown. */
  delay: number | null;
  /** Who has taken it out; null: nobody. */
  takenOut: By | null;
}

/** What of facts and verdict the decider looks at. */
export function sightsOf({ lines }: State, verdict: Verdict): Sight[] {
  return lines.map(({ measured, dealing, takenOut }, index) => {
    const { up = false, notes = [] } = verdict.lines[index] ?? {};
    const losses = [measured?.loss ?? lossOf(dealing?.ailsDown), lossOf(dealing?.aside)].filter((loss) => loss !== null);
    return {
      up,
      ails: notes.some(({ code }) => code === "line-ails" || code === "line-slow"),
      loss: losses.length === 0 ? null : Math.max(...losses),
      delay: measured?.idle ?? null,
      takenOut,
    };
  });
}

function lossOf(ailment: Ailment | null = null): number | null {
  return ailment?.ails === "loses" ? ailment.much : null;
}

/** What is wrong with a line that is sick. */
export type Sickness = { of: "loss"; much: number } | { of: "delay"; ms: number };

export interface Decision {
  /** Its place among the lines. */
  line: number;
  /** The box itself acts by these alone; the rest is only said. */
  act: "take-out" | "let-in" | null;
  health: Health;
  /** Only with "take-out". */
  sickness: Sickness | null;
  /** It was on trial. */
  onTrial: boolean;
}

/** A decision, for people. */
export interface Decided extends Omit<Decision, "line"> {
  /** ISO 8601 */
  time: string;
  /** Its name. */
  line: string;
}

interface Known {
  health: Health;
  /** ms of the clock, when it became so */
  since: number;
  /** ms of the clock, when its sickness, or the sign of another health, was first seen without a break; null: it is not seen. */
  sick: number | null;
  other: number | null;
  /** For how long it is kept out, ms. */
  hold: number;
  /** ms of the clock, when it was last let in */
  returned: number;
}

/** A line is sick when it has been so for this long: shorter than that, it is an interruption. ms */
const sickFor = 10_000;
/** One that comes back is on trial for so long, and is taken out sooner. ms */
const trial = 20_000;
const sickOnTrialFor = 5000;
/** How long it stays out, twice as long each time that it is sick again within `relapse`. ms */
const firstHold = 60_000;
const longestHold = 960_000;
const relapse = 600_000;
/** Healthy and degraded change only when it has been so for this long. ms */
const degradedAfter = 3000;
const healthyAfter = 10_000;

type Change = Omit<Decision, "line" | "onTrial">;

/**
 * Decides which lines are sick enough to leave the bond, and when they are tried again. It reads no clock and changes nothing. A line that
 * fails needs no decision: the kernel's monitor and bondbox-watchdog leave it at once, and the striper sets aside what loses packets or
 * jumps. This is for lines that are worse than nothing: they come and go for the monitor, and disturb what still uses them.
 */
export class Decider {
  private readonly lines: Known[] = [];

  /** @param limits from which on a line is sick; null: none is taken out */
  constructor(private readonly limits: Limits | null) {}

  /**
   * Looks once more.
   * @param sights of all lines, in the order of box.json
   * @param clock ms of a clock that never jumps
   * @returns what has changed since the last look, to be done and said
   */
  look(sights: Sight[], clock: number): Decision[] {
    return sights.flatMap((sight, line) => {
      const known = (this.lines[line] ??= begin(sight, clock));
      const others = sights.some((other, index) => index !== line && other.up && other.takenOut === null && !this.isSick(index));
      const change = sight.takenOut === null ? this.whileIn(known, sight, others, clock) : whileOut(known, sight.takenOut, clock);
      if (change === null) return [];
      const onTrial = known.health === "returning";
      Object.assign(known, { health: change.health, since: clock, other: null });
      return [{ line, ...change, onTrial }];
    });
  }

  /** How each line is, and since when, ms of the clock. */
  get all(): readonly Pick<Known, "health" | "since">[] {
    return this.lines;
  }

  private isSick(line: number): boolean {
    return (this.lines[line]?.sick ?? null) !== null;
  }

  private whileIn(known: Known, sight: Sight, others: boolean, clock: number): Change | null {
    const sickness = this.sicknessOf(sight);
    if (sickness === null) known.sick = null;
    // While nothing is known, as of a line that comes and goes, it is taken for as sick as it was.
    else if (sickness !== "unknown") known.sick ??= clock;
    const onTrial = known.health === "returning";
    if (sickness !== null && sickness !== "unknown" && others && clock - (known.sick ?? clock) >= (onTrial ? sickOnTrialFor : sickFor)) {
      known.hold = clock - known.returned < relapse ? Math.min(2 * known.hold, longestHold) : firstHold;
      return { act: "take-out", health: "out", sickness };
    }
    if (!onTrial) return settled(known, sight, clock);
    if (!sight.up || known.sick !== null || clock - known.since < trial) return null;
    return { act: null, health: sight.ails ? "degraded" : "healthy", sickness: null };
  }

  private sicknessOf({ loss, delay }: Sight): Sickness | "unknown" | null {
    if (this.limits === null) return null;
    if (loss !== null && loss >= this.limits.loss) return { of: "loss", much: loss };
    if (delay !== null && delay >= this.limits.delay) return { of: "delay", ms: delay };
    return loss === null && delay === null ? "unknown" : null;
  }
}

function begin({ up, ails, takenOut }: Sight, clock: number): Known {
  const health = takenOut !== null || !up ? "out" : ails ? "degraded" : "healthy";
  return { health, since: clock, sick: null, other: null, hold: firstHold, returned: Number.NEGATIVE_INFINITY };
}

function whileOut(known: Known, by: By, clock: number): Change | null {
  // Whoever lets it in, it is looked at anew.
  known.sick = null;
  if (known.health !== "out") return { act: null, health: "out", sickness: null };
  if (by === "person" || clock - known.since < known.hold) return null;
  known.returned = clock;
  return { act: "let-in", health: "returning", sickness: null };
}

/** What a line that is neither taken out nor on trial is like, when it has been so for long enough. */
function settled(known: Known, { up, ails }: Sight, clock: number): Change | null {
  const seen = !up ? "out" : ails ? "degraded" : "healthy";
  if (seen === known.health) {
    known.other = null;
    return null;
  }
  known.other ??= clock;
  const patience = seen === "out" || known.health === "out" ? 0 : seen === "degraded" ? degradedAfter : healthyAfter;
  return clock - known.other >= patience ? { act: null, health: seen, sickness: null } : null;
}

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
  /** Part of the packets down that it loses, as counted of late, 0 to 1; null: unknown. */
  loss: number | null;
  /** The same in the worse direction, as found when the striper judged the line: it holds on to that for a minute or more. null: nothing. */
  found: number | null;
  /** Round trip without queues, ms; null: unknown. */
  delay: number | null;
  /** Who has taken it out; null: nobody. */
  takenOut: By | null;
}

/** What of facts and verdict the decider looks at. */
export function sightsOf({ lines }: State, verdict: Verdict): Sight[] {
  return lines.map(({ measured, dealing, takenOut }, index) => {
    const { up = false, notes = [] } = verdict.lines[index] ?? {};
    const loss = measured?.loss ?? null;
    const found = [loss === null ? lossOf(dealing?.ailsDown) : null, lossOf(dealing?.aside)].filter((one) => one !== null);
    return {
      up,
      ails: notes.some(({ code }) => code === "line-ails" || code === "line-slow"),
      loss,
      found: found.length === 0 ? null : Math.max(...found),
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
  /** ms of the clock, since when the bond has used it without a break; null: it does not, or the line is to be out. */
  carries: number | null;
  /** ms of the clock, since when it has been sick of each, without a break; null: it is not. */
  sick: Record<Of, number | null>;
  /** The same of the sign of another health. */
  other: number | null;
  /** For how long it is kept out, ms. */
  hold: number;
  /** ms of the clock, when it was last let in */
  returned: number;
}

/** What a line may be sick of, as in `Sight`. */
type Of = "loss" | "found" | "delay";

/**
 * A line is taken out when it has been sick for so long, ms: shorter than that, it is an interruption. What was found of it, of however few
 * packets, stands for a minute or two after they came (overlay/bpf/striper.c, HOLD), so it counts when it has been found again since.
 */
const patience: Record<Of, number> = { loss: 10_000, delay: 10_000, found: 150_000 };
/** Another line can take over when it has carried for so long without a break, and is not sick, ms. */
const provenAfter = 10_000;
/** A line that comes back is on trial until it has carried for so long, and is taken out sooner. ms */
const trial = 20_000;
const patienceOnTrial: typeof patience = { ...patience, loss: 5000, delay: 5000 };
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
    const lines = sights.map((sight, line) => {
      const known = (this.lines[line] ??= begin(sight, clock));
      known.carries = sight.up && sight.takenOut === null ? (known.carries ?? clock) : null;
      return { sight, known };
    });
    return lines.flatMap(({ sight, known }, line) => {
      const others = lines.filter((_, index) => index !== line).map((other) => other.known);
      const change =
        sight.takenOut === null ? this.whileIn(known, sight, others, clock) : whileOut(known, sight.takenOut, { others, clock });
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

  private whileIn(known: Known, sight: Sight, others: Known[], clock: number): Change | null {
    const sickness = this.sicknessOf(known, sight, clock);
    if (sickness !== null && others.some((other) => isProven(other, clock))) {
      known.hold = clock - known.returned < relapse ? Math.min(2 * known.hold, longestHold) : firstHold;
      return { act: "take-out", health: "out", sickness };
    }
    if (known.health !== "returning") return settled(known, sight, clock);
    const { sick, carries } = known;
    if (sick.loss !== null || sick.delay !== null || carries === null || clock - carries < trial) return null;
    return { act: null, health: sight.ails ? "degraded" : "healthy", sickness: null };
  }

  /** What it has been sick of for long enough, and is now. */
  private sicknessOf(known: Known, { loss, found, delay }: Sight, clock: number): Sickness | null {
    if (this.limits === null) return null;
    const { limits } = this;
    const limit = known.health === "returning" ? patienceOnTrial : patience;
    const isSick = (of: Of, value: number | null, from: number): value is number => {
      // While a figure is not known, as of a line that comes and goes, it is taken for what it was. Where nothing was found, the line is well.
      if (value !== null && value >= from) known.sick[of] ??= clock;
      else if (value !== null || of === "found") known.sick[of] = null;
      return value !== null && value >= from && clock - (known.sick[of] ?? clock) >= limit[of];
    };
    const [byLoss, byFound, byDelay] = [
      isSick("loss", loss, limits.loss),
      isSick("found", found, limits.loss),
      isSick("delay", delay, limits.delay),
    ];
    if (byLoss || byFound) return { of: "loss", much: (byLoss ? loss : found) ?? 0 };
    return byDelay ? { of: "delay", ms: delay ?? 0 } : null;
  }
}

const well: Known["sick"] = { loss: null, found: null, delay: null };

function begin({ up, ails, takenOut }: Sight, clock: number): Known {
  const health = takenOut !== null || !up ? "out" : ails ? "degraded" : "healthy";
  return { health, since: clock, carries: null, sick: { ...well }, other: null, hold: firstHold, returned: Number.NEGATIVE_INFINITY };
}

const sicknesses = ({ sick }: Known): number[] => Object.values(sick).filter((since) => since !== null);

/** Whether a line can be relied upon alone. One that has just come back may be as bad as the one that would leave for it. */
function isProven(line: Known, clock: number): boolean {
  const { health, carries } = line;
  return carries !== null && clock - carries >= provenAfter && health !== "returning" && sicknesses(line).length === 0;
}

/** Whether a line carries, and is not sick itself by now. */
function isOfUse(line: Known, clock: number): boolean {
  return line.carries !== null && sicknesses(line).every((since) => clock - since < patience.loss);
}

function whileOut(known: Known, by: By, { others, clock }: { others: Known[]; clock: number }): Change | null {
  // Whoever lets it in, it is looked at anew.
  known.sick = { ...well };
  if (known.health !== "out") return { act: null, health: "out", sickness: null };
  // What is left without it is worse than to try it.
  const due = clock - known.since >= known.hold || !others.some((other) => isOfUse(other, clock));
  if (by === "person" || !due) return null;
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
  const wait = seen === "out" || known.health === "out" ? 0 : seen === "degraded" ? degradedAfter : healthyAfter;
  return clock - known.other >= wait ? { act: null, health: seen, sickness: null } : null;
}

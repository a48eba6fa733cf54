import { hostname } from "node:os";
import type { Explained, Report } from "../report";

/** What a person is notified of, as it is posted and handed to the command. */
export interface Alert {
  /** The box's host name. */
  box: string;
  profile: string;
  /** A line's name; null: the internet as a whole. */
  line: string | null;
  state: "down" | "up";
  /** When it went down, ISO 8601. */
  since: string;
  /** When it was back, ISO 8601; null: it is still down. */
  until: string | null;
  /** Why it went down. */
  cause: string;
  /** All of this as a sentence. */
  text: string;
}

/** What is down. */
interface Down {
  /** On the clock that never jumps, ms. */
  began: number;
  cause: string;
  /** Somebody was notified. */
  reported: boolean;
}

/** Notices what stays down, and that it is back. What comes back sooner is nobody's trouble. */
export class Alerts {
  private readonly down = new Map<string | null, Down>();

  /** @param after how long something is down before anybody is notified, s */
  constructor(private readonly after: number) {}

  /**
   * What there is to report now.
   * @param report of this moment
   * @param clock ms, never jumps: without a battery, the box's wall clock does
   */
  next(report: Report, clock: number): Alert[] {
    return [...subjects(report)].flatMap(({ line, cause, isMeant }) => {
      const known = this.down.get(line) ?? { began: clock, cause: "", reported: false };
      if (isMeant) {
        // Whoever knows that it is down still wants to know when it is back, and that is not now.
        if (!known.reported) this.down.delete(line);
        return [];
      }
      if (cause === null) {
        this.down.delete(line);
        return known.reported ? [alertOf(report, line, known, { clock, back: true })] : [];
      }
      this.down.set(line, known);
      if (known.reported) return [];
      // What is found out while it is down says more than the first moment.
      known.cause = cause;
      known.reported = clock - known.began >= 1000 * this.after;
      return known.reported ? [alertOf(report, line, known, { clock, back: false })] : [];
    });
  }
}

interface Subject {
  /** A line's name; null: the internet as a whole. */
  line: string | null;
  /** Why it is down; null: it works. */
  cause: string | null;
  /** That it is down is what somebody wants: it is in reserve, or a person has taken it out. */
  isMeant: boolean;
}

function subjects({ state, findings, lines }: Report): Subject[] {
  const cause = state === "down" ? findings.map(({ short }) => short).join(", ") || "no line is up" : null;
  return [
    { line: null, cause, isMeant: false },
    ...lines.map(({ name, why }) => ({ line: name, cause: why?.short ?? null, isMeant: isMeant(why) })),
  ];
}

const isMeant = (why: Explained | null): boolean => why?.code === "standby" || (why?.code === "taken-out" && why.by === "person");

function alertOf({ time, profile }: Report, line: string | null, { began, cause }: Down, now: { clock: number; back: boolean }): Alert {
  const length = now.clock - began;
  const since = new Date(Date.parse(time) - length).toISOString();
  const what = line === null ? "the internet" : `line ${line}`;
  const text = now.back ? `${what} is back after ${lengthText(length)}` : `${what} has been down for ${lengthText(length)}: ${cause}`;
  const [state, until] = now.back ? (["up", time] as const) : (["down", null] as const);
  return { box: hostname(), profile, line, state, since, until, cause, text: `bondbox ${profile}: ${text}` };
}

/** "12 min". @param length ms */
function lengthText(length: number): string {
  const minutes = Math.round(length / 60_000);
  if (minutes < 1) return `${Math.round(length / 1000)} s`;
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

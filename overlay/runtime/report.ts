import type { BoxConfig, Planned } from "./config";
import { exit } from "./errors";
import { type Condition, conditionOf, type Finding, type Verdict, type Way } from "./judge";
import { explain, type Message, summary } from "./messages";
import type { Lane, LineState, State, Tunnel } from "./observe";
import type { Rate, Rates } from "./rates";
import type { Decided, Health } from "./decide";

/** What `status --json` prints and the watch writes to /run/bondbox/status.json. Rates in kbit/s. */
export interface Report {
  time: string;
  version: string;
  profile: string;
  /** Names the set of keys: that of the server must be the same. */
  keySet: string;
  state: Condition;
  summary: string;
  linesUp: number;
  way: Way;
  bond: { name: string; there: boolean; up: boolean; mode: string; striper: boolean | null; mtu: number | null; rate: Rate };
  /** The TCP lane; null: the box has none, or nothing is known of it yet. */
  lane: Lane | null;
  server: { address: string; inner: string };
  findings: Explained[];
  lines: LineReport[];
  /** The latest that the box has decided about its lines, the oldest first; empty but in what the watch publishes. */
  decisions: Decided[];
}

export interface LineReport {
  name: string;
  up: boolean;
  modem: string;
  tap: string;
  port: number;
  rate: Rate;
  /** As in the profile. */
  planned: Planned;
  /** How often the bond has stopped using it since the tap joined; null: it is not in the bond. */
  failures: number | null;
  /** OpenVPN's own counters; null: it has not written any. */
  tunnel: Tunnel | null;
  /** null: it is up. */
  why: Explained | null;
  /** Who has taken it out of the bond; null: nobody. */
  takenOut: LineState["takenOut"];
  /** How it is over time, and since when, ISO 8601; null: only the watch knows. */
  health: { state: Health; since: string } | null;
  /** It carries only while no other line does. */
  reserve: boolean;
  /** null: nobody measures it, or this program may not see it. */
  measured: LineState["measured"];
  /** What the TCP lane has brought over it since the bond's start, bytes; null: it has no part over this line. */
  lane: LineState["lane"];
  /** What its tunnel has carried this month, and what the contract includes, bytes; null: not counted. */
  month: { used: number; monthly: number } | null;
  notes: Explained[];
}

export type Explained = Finding & Message;

export interface Look {
  state: State;
  verdict: Verdict;
  rates: Rates;
}

/** Joins configuration, facts, verdict and rates. */
export function makeReport(config: BoxConfig, { state, verdict, rates }: Look): Report {
  const none: Rate = { down: null, up: null };
  return {
    time: state.time,
    version: config.version,
    profile: config.profile,
    keySet: config.keySet,
    state: conditionOf(verdict),
    summary: summary(verdict),
    linesUp: verdict.linesUp,
    way: verdict.way,
    bond: {
      name: config.bond.name,
      there: state.bond !== null,
      up: state.bond?.up ?? false,
      mode: config.bond.mode,
      striper: state.striper,
      mtu: state.bondDevice?.mtu ?? null,
      rate: rates.bond,
    },
    lane: state.lane,
    server: config.server,
    findings: verdict.findings.map(explained),
    lines: config.lines.map((line, index) => {
      const judged = verdict.lines[index];
      return {
        name: line.name,
        up: judged?.up ?? false,
        modem: line.modem,
        tap: line.tap,
        port: line.port,
        rate: rates.lines[index] ?? none,
        planned: line.rate,
        failures: state.bond?.slaves.find((slave) => slave.interface === line.tap)?.failures ?? null,
        tunnel: state.lines[index]?.tunnel ?? null,
        why: judged?.why ? explained(judged.why) : null,
        takenOut: state.lines[index]?.takenOut ?? null,
        health: null,
        measured: state.lines[index]?.measured ?? null,
        lane: state.lines[index]?.lane ?? null,
        month: line.monthly === null ? null : { used: state.lines[index]?.used ?? 0, monthly: line.monthly },
        reserve: judged?.why?.code === "standby" || state.lines[index]?.dealing?.aside?.ails === "reserve",
        notes: judged?.notes.map(explained) ?? [],
      };
    }),
    decisions: [],
  };
}

/**
 * Adds how each line is over time.
 * @param known as the decider knows it; since: ms of the clock
 * @param clock ms of a clock that never jumps, at the report's time
 */
export function withHealth(report: Report, known: readonly { health: Health; since: number }[], clock: number): Report {
  const lines = report.lines.map((line, index) => {
    const found = known[index];
    const since = (then: number): string => new Date(Date.parse(report.time) - (clock - then)).toISOString();
    return found === undefined ? line : { ...line, health: { state: found.health, since: since(found.since) } };
  });
  return { ...report, lines };
}

/** 0: all lines up or in reserve, 1: some down, 2: none up. */
export function exitCode(report: Report): number {
  if (report.lines.every((line) => line.up || line.why?.code === "standby")) {
    return exit.allUp;
  }
  return report.linesUp > 0 ? exit.someDown : exit.allDown;
}

function explained(finding: Finding): Explained {
  return { ...finding, ...explain(finding) };
}

import { join } from "node:path";
import { conditionOf, type Finding, type Verdict } from "./judge";
import { append, readKept } from "./kept";
import { explain, type Language, texts } from "./messages";
import type { Outage } from "./outages";

/** Next to the history, in the area for files that must last. */
const logPath = "/var/lib/bondbox/history/outages";

/** Shortest time between two writes, so that a line that comes and goes does not wear out the card. ms */
const interval = 60_000;
/** Outages that one write holds at most: a line that comes and goes every second must not push out all that was before. */
const mostAtOnce = 20;
/** Outages in memory at most. */
const kept = 1000;
/** So long after the program's start a line that has not been up yet is no outage: its tunnel starts. ms */
const starting = 60_000;

interface Open {
  outage: Outage;
  /** ms of a clock that never jumps; null: before the program's start. */
  begun: number | null;
  /** What is found now, since when, ms of the clock, and how long each was, ms, by its code. */
  now: Finding | null;
  since: number;
  lasted: Map<string, number>;
}

/**
 * When something did not work, and why, in a file that outlives a power cut: a row of JSON when an outage begins, and another when it ends,
 * which stands for the first.
 */
export class OutageLog {
  private readonly path: string;
  private readonly outages: Outage[];
  /** Those that go on: of a line's name, or of null for the LAN. */
  private readonly open: Map<string | null, Open>;
  private readonly pending = new Set<Outage>();
  private written = Number.NEGATIVE_INFINITY;
  /** ms of the clock; null: not yet looked. */
  private started: number | null = null;
  private readonly seenUp = new Set<string | null>();

  /** Reads what is known. @param root where /var is looked for */
  constructor(root: string) {
    this.path = join(root, logPath);
    this.outages = outagesIn(readKept(this.path)).slice(-kept);
    this.open = new Map(
      this.outages
        .filter(({ end }) => end === null)
        .map((outage) => [outage.line, { outage, begun: null, now: null, since: 0, lasted: new Map() }]),
    );
  }

  /** All that are known, the oldest first. */
  get all(): readonly Outage[] {
    return this.outages;
  }

  /**
   * Looks for outages that begin or end, and writes what is due. One that was going on when the box stopped ends when its line is seen up again,
   * or is no longer in the profile.
   * @param time wall clock, ISO 8601
   * @param clock ms of a clock that never jumps
   * @returns why it could not be written, or "".
   */
  record(verdict: Verdict, time: string, clock: number): string {
    const now = causes(verdict);
    for (const [line, one] of this.open) {
      if (!now.has(line)) this.end(one, time, clock);
    }
    this.started ??= clock;
    for (const name of [null, ...verdict.lines.map(({ name }) => name)]) if (!now.has(name)) this.seenUp.add(name);
    for (const [line, finding] of now) {
      const known = this.open.get(line);
      if (known !== undefined) goOn(known, finding, clock);
      else if (this.seenUp.has(line) || clock - this.started >= starting)
        this.begin({ line, start: seconds(time), end: null, finding }, clock);
    }
    return clock - this.written >= interval ? this.write(clock) : "";
  }

  /** Writes what is new, as at the end. @param clock ms of a clock that never jumps @returns why it could not be written, or "". */
  write(clock: number): string {
    if (this.pending.size === 0) return "";
    // What a power cut has left of a row ends where the next begins.
    const text = [...this.pending].map((outage) => `\n${JSON.stringify(outage)}`).join("");
    this.pending.clear();
    this.written = clock;
    return append(this.path, text);
  }

  private begin(outage: Outage, clock: number): void {
    if (this.pending.size >= mostAtOnce) return;
    this.open.set(outage.line, { outage, begun: clock, now: outage.finding, since: clock, lasted: new Map() });
    this.outages.push(outage);
    if (this.outages.length > kept) this.outages.shift();
    this.pending.add(outage);
  }

  private end(open: Open, time: string, clock: number): void {
    const { outage, begun } = open;
    goOn(open, null, clock);
    // Without a battery the clock starts in the past, and jumps when a time server has answered: only what has passed since is sure.
    if (begun !== null) outage.start = seconds(new Date(Date.parse(time) - (clock - begun)).toISOString());
    outage.end = seconds(time) < outage.start ? outage.start : seconds(time);
    this.open.delete(outage.line);
    this.pending.add(outage);
  }
}

/** Its cause is what was found for the longest time: what is seen at first may be what was before, and at last what comes after. */
function goOn(open: Open, finding: Finding | null, clock: number): void {
  if (open.now !== null) {
    const lasted = (open.lasted.get(open.now.code) ?? 0) + clock - open.since;
    open.lasted.set(open.now.code, lasted);
    if (lasted >= Math.max(...open.lasted.values())) open.outage.finding = open.now;
  }
  open.now = finding;
  open.since = clock;
}

/** What does not work now, and why. A line in reserve, or that a person has taken out, is none. */
function causes(verdict: Verdict): Map<string | null, Finding | null> {
  const lines = verdict.lines.filter(
    ({ why }) => why !== null && why.code !== "standby" && !(why.code === "taken-out" && why.by === "person"),
  );
  return new Map<string | null, Finding | null>([
    ...lines.map(({ name, why }) => [name, why] as const),
    ...(conditionOf(verdict) === "down" ? [[null, null] as const] : []),
  ]);
}

/** The outages in a file's text. What is damaged is left out. */
function outagesIn(text: string): Outage[] {
  const all: Outage[] = [];
  const open = new Map<string | null, number>();
  for (const row of text.split("\n")) {
    const outage = outageOf(row);
    if (outage === null) continue;
    const at = open.get(outage.line) ?? all.length;
    all[at] = outage;
    if (outage.end === null) open.set(outage.line, at);
    else open.delete(outage.line);
  }
  return all;
}

function outageOf(row: string): Outage | null {
  try {
    const { line, start, end, finding } = JSON.parse(row) as Outage;
    const times = [start, ...(end === null ? [] : [end])];
    if (!(line === null || typeof line === "string") || !times.every((time) => seconds(new Date(time).toISOString()) === time)) return null;
    return finding === null || hasWords(finding) ? { line, start, end, finding } : null;
  } catch {
    return null;
  }
}

/** Another version of this program may have findings that this one has no words for. Throws where it lacks a parameter. */
function hasWords(finding: Finding): boolean {
  const known = Object.hasOwn(texts.en.findings, finding.code);
  return known && Object.keys(texts).every((language) => explain(finding, language as Language).short !== "");
}

/** "2026-11-23T01:00:34.123Z" without the milliseconds. */
function seconds(time: string): string {
  return `${time.slice(0, 19)}Z`;
}

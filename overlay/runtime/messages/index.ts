import type { BoxConfig } from "../config";
import type { Decided } from "../decide";
import type { Condition, Finding, LineVerdict, Verdict } from "../judge";
import { en } from "./en";
import { fr } from "./fr";

export interface Message {
  /** Follows "line ovh: down, " in the journal. It contains nothing that changes by itself, so it is printed once. */
  short: string;
  /** Whole sentences for a person. */
  text: string;
  /** What to type or to check next, one step each. */
  fix: string[];
}

/** All that can be said of a box. Each language has the same table, so a text that is missing is a type error. */
export interface Texts {
  states: Record<Condition, string>;
  /** "2 of 2 lines up - the LAN uses the bond" */
  summary: (box: Standing) => string;
  /** Why all lines together are an outage; it follows a name, as `short` does. */
  noInternet: string;
  /** What an outage of all lines together has for a line's name. */
  allLines: string;
  /** How much of a month's data is used: "12.3 of 50 GB". Both in bytes. */
  dataUsed: (used: number, monthly: number) => string;
  /** What the box has decided about a line, after its name; "": nothing that is worth a sentence. */
  decided: (decision: Pick<Decided, "act" | "health" | "sickness" | "onTrial">) => string;
  findings: { [Code in Finding["code"]]: (finding: Extract<Finding, { code: Code }>) => Message };
}

/** What of a verdict or of a report is in its summary. */
type Standing = Pick<Verdict, "linesUp" | "way"> & { lines: { length: number } };

export const texts = { en, fr } satisfies Record<string, Texts>;

export type Language = keyof typeof texts;

/**
 * The language of a tag such as "fr-CA"; null: there are no texts in it.
 * @param tag as a browser has it. Source: RFC 5646
 */
export function languageOf(tag: string): Language | null {
  const [primary = ""] = tag.toLowerCase().split("-");
  return Object.hasOwn(texts, primary) ? (primary as Language) : null;
}

/**
 * The texts of one finding.
 * @param language the command line and the journal have English
 */
export function explain(finding: Finding, language: Language = "en"): Message {
  return (texts[language].findings[finding.code] as (finding: Finding) => Message)(finding);
}

/**
 * "2 of 2 lines up - the LAN uses the bond"
 * @param language as for `explain`
 */
export function summary(box: Standing, language: Language = "en"): string {
  return texts[language].summary(box);
}

/** What the journal says about each part of the box; a line is printed when its text changes. */
export function headlines(config: BoxConfig, verdict: Verdict): Map<string, string> {
  const shorts = verdict.findings.map((finding) => explain(finding).short);
  return new Map([
    ...verdict.lines.map((line): [string, string] => [`line ${line.name}`, lineHeadline(line)]),
    [config.bond.name, shorts.length === 0 ? "in order" : shorts.join(", ")],
    ["LAN", summary(verdict)],
  ]);
}

function lineHeadline(line: LineVerdict): string {
  const notes = line.notes.map((note) => explain(note).short);
  if (line.why !== null) {
    return ["down", explain(line.why).short, ...notes].join(", ");
  }
  return notes.length === 0 ? "up" : `up, but ${notes.join(", ")}`;
}

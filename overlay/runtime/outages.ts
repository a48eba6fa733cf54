import type { Finding } from "./judge";
import { explain, type Language, texts } from "./messages";

/** A time in which something did not work. */
export interface Outage {
  /** A line's name; null: the LAN had no internet at all. */
  line: string | null;
  /** ISO 8601 */
  start: string;
  /** ISO 8601; null: it goes on. */
  end: string | null;
  /** Why, as it was first seen; null: see the lines, as for the LAN. */
  finding: Finding | null;
}

/**
 * Why, in words: "its modem 192.168.1.240 does not answer".
 * @param language as for `explain`
 */
export function causeOf({ finding }: Pick<Outage, "finding">, language: Language): string {
  return finding === null ? texts[language].noInternet : explain(finding, language).short;
}

/**
 * Outages as a table for a spreadsheet, with their lengths in seconds.
 * @param language of the cells; the columns' names stay the same
 * Source: RFC 4180
 */
export function outagesCsv(outages: readonly Outage[], language: Language): string {
  const rows = outages.map((outage) => [
    outage.line ?? texts[language].allLines,
    outage.start,
    outage.end ?? "",
    outage.end === null ? "" : `${(Date.parse(outage.end) - Date.parse(outage.start)) / 1000}`,
    causeOf(outage, language),
  ]);
  const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [["line", "start", "end", "seconds", "cause"], ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

/** A time in which something did not work. */
export interface Outage {
  /** A line's name; null: the LAN had no internet at all. */
  line: string | null;
  /** ISO 8601 */
  start: string;
  /** ISO 8601; null: it goes on. */
  end: string | null;
  /** In words, as it was first seen. */
  cause: string;
}

/**
 * The outages in the history's text, the oldest first. Where the box itself was off, an outage ends when it has seen the line up again.
 * @param text rows such as "2026-11-23T01:00:34Z line ovh: down, its modem does not answer"
 */
export function outagesIn(text: string): Outage[] {
  const all: Outage[] = [];
  const open = new Map<string | null, Outage>();
  for (const row of text.split("\n")) {
    const [, time, name, words] = /^(\S+Z) (?:line (\S+)|LAN): (.*)$/.exec(row) ?? [];
    // What a person does to a line does not end its outage.
    if (time === undefined || words === undefined || /^(taken out|let in) by /.test(words)) continue;
    const line = name ?? null;
    const [, cause] =
      line === null ? [, /no internet$/.test(words) ? "the LAN has no internet" : undefined] : (/^down, (.*)$/.exec(words) ?? []);
    const known = open.get(line);
    if (cause === undefined || /^(in reserve|taken out by )/.test(cause)) {
      if (known !== undefined) known.end = time;
      open.delete(line);
    } else if (known === undefined) {
      const outage: Outage = { line, start: time, end: null, cause };
      open.set(line, outage);
      all.push(outage);
    }
  }
  return all;
}

/**
 * The same as a table for a spreadsheet, with its lengths in seconds.
 * Source: RFC 4180
 */
export function outagesCsv(outages: Outage[]): string {
  const rows = outages.map(({ line, start, end, cause }) => [
    line ?? "all lines",
    start,
    end ?? "",
    end === null ? "" : `${(Date.parse(end) - Date.parse(start)) / 1000}`,
    cause,
  ]);
  const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [["line", "start", "end", "seconds", "cause"], ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

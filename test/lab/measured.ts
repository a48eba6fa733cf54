import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../builder/errors";
import type { Figure } from "./figures";
import type { LabReport } from "./report";

/**
 * What the lab has measured, for those who read about it: docs/measured.json keeps the figures of each scenario's last recorded run, and the
 * tables in README and docs are made of it, so no number stands there that no run gave.
 */
export type Measured = Record<string, { date: string; figures: Record<string, Pick<Figure, "value" | "unit" | "detail" | "ofBestLine">> }>;

/** A row: what happens, what came of it with {FIGURE: FORMAT} for its numbers, and the scenario. */
type Row = [what: string, says: string, scenario: string];

const kept = "docs/measured.json";

/** The tables, by the file that shows them between "<!-- measured -->" and "<!-- /measured -->". */
const tables: Record<string, { head: [string, string, string]; comma: string; rows: Row[] }> = {
  "README.md": {
    head: ["what happens", "measured", "NAME"],
    comma: ".",
    rows: [
      ["one download", "{one flow down: Mbit} Mbit/s: {one flow down: times} times the better line alone", "guide"],
      ["one upload", "{one flow up: Mbit} Mbit/s: {one flow up: times} times", "guide"],
      [
        "ping during that download",
        "{ping median during the download: whole} ms median, {ping p95 during the download: whole} ms for 95 %",
        "guide",
      ],
      ["lines of 20, 12 and 6 Mbit/s, one download", "{one flow down: times} times the best line alone", "three"],
      [
        "lines of 20 Mbit/s, one throttled to 1",
        "a download gets {after, against the good line alone: whole} % of the other alone",
        "throttled",
      ],
      ["lines of 16 and 4 Mbit/s that the profile does not know, one download", "{one flow down: times} times the best line alone", "auto"],
      ["lines of 4 and 20 Mbit/s, a download over HTTP/3 (QUIC)", "{one download: whole} % of the sum", "quic"],
      [
        "lines of 10 and 20 Mbit/s, the faster loses 2 % of its packets, one download, one upload",
        "{one flow down: whole} and {one flow up: whole} % of the sum",
        "lane-loss",
      ],
      [
        "a rival's 4G and Starlink at a quarter: 10 Mbit/s at 35 ms ± 8 and 25 at 50 ± 25, both lose 1 %; it reports 61 to 64 % of the sum",
        "{one flow down: whole} % with one download, {eight flows down: whole} % with eight",
        "lane-satellite",
      ],
      [
        "its steady lines at a twentieth, 15 Mbit/s at 10 ms and 4 at 30; it reports 86.5 %",
        "{one flow down: whole} % down, {one flow up: whole} % up",
        "lane-rival",
      ],
      ["the program that carries it is killed, or hangs, at either end", "new connections work within a second", "lane-killed"],
      ["ping during 4 downloads and 4 uploads", "{ping median: whole} ms median, {ping p95: whole} ms for 95 %, none lost", "load"],
      [
        "the same without the shaper (`qos.enabled: false`)",
        "{ping median: whole} ms median, {ping p95: whole} ms for 95 %, {pings lost: whole} % lost",
        "load-without-qos",
      ],
      [
        "a line is cut silently",
        "the download continues at the other line's rate at once; one ping of 10 a second lost, no connection",
        "cut",
      ],
      ["the line returns", "both carry after {until both lines carry again: one} s", "cut"],
      [
        "the box's program is killed, hangs and starts again, then a line is taken out by hand and let in, under a download and a call",
        "{pings lost: whole} pings and {the call's packets lost: whole} % of the call lost; while the line is out, {ovh is out, against orange alone: whole} % of the other alone",
        "runtime",
      ],
      [
        "a modem reconnects and has another public address",
        "both lines carry {until both lines carry after a new address: one} s after its return",
        "reconnect",
      ],
      [
        "the server's openvpn of one line is killed",
        "both lines carry after {until both lines carry after the server's openvpn was killed: one} s",
        "reconnect",
      ],
      ["a line dies in one direction only", "both ends leave it; no ping lost after 5 s", "one-way-down"],
      [
        "the server is replaced by a new one",
        "through the bond {seconds from the new machine's power until the bond again: whole} s after its power is on, the box untouched",
        "rebuilt",
      ],
      [
        "the server dies, there is a backup (`failover.after: 10`)",
        "through the backup after {seconds until traffic by the backup: whole} s, without the bond until then",
        "backup",
      ],
      ["the modems announce IPv6", "no IPv6 packet of the LAN on any line", "ipv6-block"],
      ["`install.sh` twice, then `--remove`", "the server's files are as before, except for logs and caches", "install-remove"],
    ],
  },
  "README.fr.md": {
    head: ["ce qui arrive", "mesuré", "NAME"],
    comma: ",",
    rows: [
      ["un téléchargement", "{one flow down: Mbit} Mbit/s : {one flow down: times} fois la meilleure ligne seule", "guide"],
      ["un envoi", "{one flow up: Mbit} Mbit/s", "guide"],
      [
        "ping pendant ce téléchargement",
        "médiane {ping median during the download: whole} ms, 95 % sous {ping p95 during the download: whole} ms",
        "guide",
      ],
      [
        "10 Mbit/s et 20 qui perdent 2 % des paquets : un téléchargement, un envoi",
        "{one flow down: whole} et {one flow up: whole} % de la somme",
        "lane-loss",
      ],
      [
        "4G et Starlink au quart, comme les mesure un concurrent (61 à 64 % de la somme)",
        "{one flow down: whole} % avec un téléchargement, {eight flows down: whole} % avec huit",
        "lane-satellite",
      ],
      [
        "ping pendant 4 téléchargements et 4 envois",
        "médiane {ping median: whole} ms, 95 % sous {ping p95: whole} ms, aucun perdu",
        "load",
      ],
      [
        "la même chose sans régulation de débit (`qos.enabled: false`)",
        "médiane {ping median: whole} ms, 95 % sous {ping p95: whole} ms, {pings lost: whole} % de pertes",
        "load-without-qos",
      ],
      [
        "une ligne est coupée sans prévenir",
        "le téléchargement continue aussitôt au débit de l'autre ; un ping perdu, aucune connexion",
        "cut",
      ],
      ["elle revient", "les deux portent du trafic après {until both lines carry again: one} s", "cut"],
      ["une ligne ne marche plus que dans un sens", "les deux bouts la quittent ; plus aucun ping perdu après 5 s", "one-way-down"],
      [
        "le serveur est remplacé par un neuf",
        "de nouveau dans l'agrégat {seconds from the new machine's power until the bond again: whole} s après sa mise sous tension",
        "rebuilt",
      ],
      ["les box d'opérateur annoncent IPv6", "aucun paquet IPv6 du réseau local sur les lignes", "ipv6-block"],
    ],
  },
  "docs/lane.md": {
    head: ["lines; % of the sum of their payload unless it says otherwise", "measured", "NAME"],
    comma: ".",
    rows: [
      [
        "15 Mbit/s at 10 ms, 4 at 30",
        "{one flow down: one} down, {one flow up: one} up, eight flows down {eight flows down: one}; ping p95 {ping p95 during the download: one} ms down, {ping p95 during the upload: one} up; 1 Mbit/s of UDP beside a flow: {a call beside a flow, packets lost: one} % lost, jitter {a call beside a flow, jitter: one} ms",
        "lane-rival",
      ],
      [
        "the same: pages, of what the better line alone takes",
        "5 KB {a page of 5 KB, of the better line alone: whole} %, 100 KB {a page of 100 KB, of the better line alone: whole}, 1 MB {a page of 1 MB, of the better line alone: whole}; a byte of a full flow is {age of a byte: whole} ms old",
        "lane-pages",
      ],
      [
        "4 Mbit/s at 30 ms, 20 at 55; then the faster one's delay jumps by 10 ms, by 30",
        "{steady, 25 ms apart: one}, {jumping by 10 ms: one}, {jumping by 30 ms: one}; ping p95 {ping p95, steady: one} ms while steady",
        "lane-jitter",
      ],
      [
        "10 Mbit/s at 40 ms, 20 at 60 that lose 2 %",
        "{one flow down: one} down, {one flow up: one} up; ping p95 {ping p95 during the download: one} ms",
        "lane-loss",
      ],
      [
        "the same: the faster loses 0.5 %; 10 %, of the other alone; the slower 2 %",
        "{the faster line loses 0.5 %: one}; {the faster line loses 10 %, against the other alone: one}; {the slower line loses 2 %: one}",
        "lane-losses",
      ],
      [
        "10 Mbit/s at 35 ms ± 8, 25 at 50 ± 25, both lose 1 %",
        "{one flow down: one} down, {one flow up: one} up, eight flows down {eight flows down: one}",
        "lane-satellite",
      ],
      [
        "10 Mbit/s at 40 ms, 20 at 60 that lose 2 %: a download over QUIC in the bond; over TCP in the lane",
        "{a download over QUIC: one}; {the same over TCP: one}",
        "lane-quic",
      ],
      [
        "20 + 20 Mbit/s, one at 1 from one moment on, of the other alone from the third second on; both whole again",
        "{at 1 Mbit/s, against the good line alone: one}; {back at 20: one}",
        "lane-throttled",
      ],
      ["20/5, 12/2 and 6/1 Mbit/s at 15, 30 and 55 ms", "{one flow down: one} down, {one flow up: one} up", "lane-three"],
      [
        "the guide's two, of what the shaper lets through",
        "{one flow down: one} down, {one flow up: one} up; ping p95 {ping p95 during the download: one} ms, idle {idle ping median: one}",
        "lane-guide",
      ],
      [
        "the guide's two, 100 connections down and 100 up of one machine, of what the shaper lets through",
        "{down: one} down, {up: one} up; another machine's ping p95 {another machine's ping p95: whole} ms, none lost",
        "lane-many",
      ],
      [
        "the guide's two, one is cut",
        "at the other's rate after {until the flow is back at the other line's rate: one} s; back, both carry after {until both lines carry again: one} s; no connection lost",
        "lane-cut",
      ],
    ],
  },
};

const formats: Record<string, (figure: Measured[string]["figures"][string]) => number | null> = {
  whole: ({ value }) => round(value, 0),
  one: ({ value }) => round(value, 1),
  times: ({ ofBestLine }) => (ofBestLine === null ? null : round(ofBestLine / 100, 1)),
  Mbit: ({ value, unit, detail }) => {
    const kbit = unit === "kbit/s" ? value : Number(/^(\d+) of \d+ kbit\/s/.exec(detail)?.[1] ?? NaN);
    return kbit === null || Number.isNaN(kbit) ? null : round(kbit / 1000, 2);
  },
};

function round(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}

/** Takes the figures of reports over, the mean of their runs, and writes the tables anew. @returns what was taken */
export function record(root: string, files: string[], date: string): string[] {
  const measured = readMeasured(root);
  const taken = files.flatMap((file) => {
    const { scenarios } = JSON.parse(readFileSync(file, "utf8")) as LabReport;
    for (const { name, runs } of scenarios) measured[name] = { date, figures: meanOf(name, runs) };
    return scenarios.map(({ name }) => name);
  });
  const sorted = Object.fromEntries(Object.entries(measured).sort(([a], [b]) => (a < b ? -1 : 1)));
  // All of them can be made before any is written.
  const texts = shownIn.map((path): [string, string] => [path, withTable(root, path, sorted)]);
  for (const [path, text] of [[kept, `${JSON.stringify(sorted, null, 2)}\n`] as const, ...texts]) writeFileSync(join(root, path), text);
  return taken;
}

function meanOf(name: string, runs: LabReport["scenarios"][number]["runs"]): Measured[string]["figures"] {
  const [first] = runs;
  if (first === undefined || runs.some(({ error }) => error !== null))
    throw new UsageError(`the report has no figures of ${name}`, "Run it again, and record a report without errors.");
  const mean = (values: (number | null | undefined)[]): number | null =>
    values.every((value) => typeof value === "number") ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  return Object.fromEntries(
    first.figures.map(({ name: figure, unit, detail }, index) => {
      const all = runs.map(({ figures }) => figures[index]);
      return [figure, { value: mean(all.map((one) => one?.value)), unit, detail, ofBestLine: mean(all.map((one) => one?.ofBestLine)) }];
    }),
  );
}

export function readMeasured(root: string): Measured {
  return JSON.parse(readFileSync(join(root, kept), "utf8")) as Measured;
}

/** The files that have a table. */
export const shownIn = Object.keys(tables);

/** A file's text with its table as the figures have it. */
export function withTable(root: string, path: string, measured: Measured): string {
  const text = readFileSync(join(root, path), "utf8");
  const marks = /(<!-- measured -->\n)[^]*?(\n<!-- \/measured -->)/;
  if (!marks.test(text)) throw new Error(`${path} has no place for the table`);
  return text.replace(marks, (_, begin: string, end: string) => `${begin}\n${tableOf(path, measured)}\n${end}`);
}

function tableOf(path: string, measured: Measured): string {
  const { head, comma, rows } = tables[path] as (typeof tables)[string];
  const typeset = (text: string): string => (comma === "," ? unbroken(text) : text);
  const lines = rows.map(
    ([what, says, scenario]) => `| ${typeset(what)} | ${typeset(filled(says, scenario, measured, comma))} | \`${scenario}\` |`,
  );
  return [`| ${head.join(" | ")} |`, "|---|---|---|", ...lines].join("\n");
}

/** As French is set: no break before a unit or a colon. */
function unbroken(text: string): string {
  return text.replace(/(?<=\d) (?=(?:ms|s|Mbit\/s|%)(?!\w))| (?=[:;])/g, "\u00a0");
}

/** @throws UsageError where the figures lack one that the text names */
function filled(says: string, scenario: string, measured: Measured, comma: string): string {
  return says.replace(/\{([^{}]+): (\w+)\}/g, (_, name: string, format: string) => {
    const figure = measured[scenario]?.figures[name];
    const value = figure === undefined ? null : (formats[format]?.(figure) ?? null);
    if (value === null)
      throw new UsageError(`${kept} has no figure "${name}" of ${scenario}`, `Run "npm run lab -- --scenario ${scenario}" and record it.`);
    return String(value).replace(".", comma);
  });
}

import type { BoxConfig, LineConfig } from "../config";
import type { Finding, LineVerdict, Verdict } from "../judge";
import { explain } from "../messages";
import type { State } from "../observe";
import type { Space, Storage } from "../storage";
import { exitCodes, type Kind, places } from "./places";
import type { Probes } from "./probes";

/** What one check has shown. */
export interface Row {
  kind: Kind;
  /** What was looked at: "modem ovh". */
  subject: string;
  state: "ok" | "fail" | "skipped";
  /** Sentences for a person; why it was skipped. */
  text: string;
  /** What to type or to check next, one step each; none where it did not fail. */
  fix: string[];
}

export interface Facts {
  config: BoxConfig;
  state: State;
  verdict: Verdict;
  storage: Storage;
  probes: Probes;
}

/** From this part on, an area is nearly full. */
const nearlyFull = 0.9;
/** The clock may be set back by as much without being wrong, ms. */
const tolerance = 60_000;

/**
 * All checks from the box's port to the far end, in order. Pure: the judge's findings in its own words, and the probes.
 * What could only fail because of an earlier failure is skipped.
 */
export function examine(facts: Facts): Row[] {
  const { config, verdict } = facts;
  const about = new About(verdict);
  const each = (check: (line: LineConfig, index: number) => Row): Row[] => config.lines.map(check);
  const port = about.check("port", `port ${config.lan.interface}`, "has a link");
  const address = addressRow(facts, port);
  const modems = each((line, index) => modemRow(facts, line, index, address));
  const ways = each((line, index) => wayRow(facts, line, index, modems[index] as Row));
  const tunnels = each((line, index) => tunnelRow(facts, about, line, index, [port, address, modems[index] as Row, ways[index] as Row]));
  const bond = about.check("bond", `bond ${config.bond.name}`, `${verdict.linesUp} of ${config.lines.length} lines carry`);
  const rows = [port, address, ...modems, ...ways, ...tunnels, bond];
  rows.push(serverRow(facts, about, rows));
  rows.push(routeRow(facts, about, rows));
  rows.push(namesRow(facts, rows));
  rows.push(clockRow(facts), storageRow(facts));
  if (config.bond.striper) rows.push(striperRow(facts, about));
  if (config.lane) rows.push(laneRow(facts, about));
  rows.push(about.check("intact", "other programs", "leave alone what is bondbox's"));
  return rows;
}

/** The first thing that is wrong; null: all is well. */
export function firstFailure(rows: Row[]): Row | null {
  return rows.find(({ state }) => state === "fail") ?? null;
}

/** 0: all is well; else that of the first failure. */
export function exitCodeOf(rows: Row[]): number {
  const failure = firstFailure(rows);
  return failure === null ? 0 : exitCodes[failure.kind];
}

/** The judge's findings, by check. */
class About {
  constructor(private readonly verdict: Verdict) {}

  /** Those that make a check fail: of one line; without one, of the whole box, with all lines' notes. */
  of(kind: Kind, line?: LineVerdict): Finding[] {
    const { findings, lines } = this.verdict;
    const all =
      line === undefined ? [...findings, ...lines.flatMap(({ notes }) => notes)] : [...(line.why ? [line.why] : []), ...line.notes];
    return all.filter(({ code }) => places[code] === kind);
  }

  /** well: what to say where nothing was found. */
  check(kind: Kind, subject: string, well: string, line?: LineVerdict): Row {
    const found = this.of(kind, line).map((finding) => explain(finding));
    if (found.length === 0) return ok(kind, subject, well);
    return fail(kind, subject, { text: found.map(({ text }) => text).join(" "), fix: found.flatMap(({ fix }) => fix) });
  }
}

function addressRow({ config, probes }: Facts, port: Row): Row {
  const missing = config.lines.filter((_, index) => probes.addressed[index] !== true).map(({ modem }) => modem);
  if (port.state !== "ok") return skipped("address", "address", port);
  if (missing.length === 0) return ok("address", "address", `${config.lan.interface} is in the network of the modems`);
  const text = `${config.lan.interface} has no address in the network of ${missing.join(" and ")}.`;
  return fail("address", "address", { text, fix: ["journalctl -u bondbox-network", "sudo systemctl restart bondbox-network"] });
}

function modemRow({ verdict, probes }: Facts, { name, modem }: LineConfig, index: number, address: Row): Row {
  const subject = `modem ${name}`;
  if (address.state !== "ok") return skipped("modem", subject, address);
  // A tunnel that carries has passed it, whatever it answers itself.
  if (verdict.lines[index]?.up) return ok("modem", subject, `${modem} passes on what the tunnel sends`);
  const answers = probes.modems[index] ?? null;
  if (answers === null) return unknown("modem", subject, `${modem} cannot be asked: there is no program "ping"`);
  return answers ? ok("modem", subject, `${modem} answers`) : fail("modem", subject, explain({ code: "modem-silent", modem }));
}

function wayRow({ state, verdict }: Facts, { name, modem, mark }: LineConfig, index: number, before: Row): Row {
  const subject = `line ${name}`;
  const { up, why, notes } = verdict.lines[index] as LineVerdict;
  if (before.state !== "ok") return skipped("line", subject, before);
  const remarks = notes.filter(({ code }) => places[code] === "remark").map((note) => explain(note).short);
  if (up) return ok("line", subject, ["its tunnel carries", ...remarks].join(", but "));
  switch (state.lines[index]?.reach ?? null) {
    case "server":
      return ok("line", subject, "reaches the server");
    case "internet":
      return ok("line", subject, "reaches the internet");
    case "captive":
      return fail("line", subject, explain({ code: "line-captive", modem }));
    case "none":
      return fail("line", subject, explain({ code: "line-dead", modem, mark }));
    case null:
      return unknown("line", subject, remarkOf(why) ?? "bondbox-fallback has not tried it of late");
  }
}

/** A line may be down without anything being wrong, as one in reserve: why, in a few words. */
function remarkOf(why: Finding | null): string | null {
  return why !== null && places[why.code] === "remark" ? explain(why).short : null;
}

/** A tunnel's own trouble, and what is beyond it, unless an earlier check or the server is why. */
function tunnelRow({ verdict }: Facts, about: About, { name, tap }: LineConfig, index: number, before: Row[]): Row {
  const subject = `tunnel ${name}`;
  const line = verdict.lines[index] as LineVerdict;
  const { up, why } = line;
  const runs = `OpenVPN has ${tap} open`;
  if (why !== null && unheard.has(why.code)) {
    if (firstFailure(before) !== null) return skippedAfter("tunnel", subject, before);
    if (about.of("server").length > 0) return ok("tunnel", subject, runs);
  }
  const remark = remarkOf(why);
  const row = about.check("tunnel", subject, up ? `carries over ${tap}` : [runs, remark ?? ""].filter(Boolean).join(", "), line);
  if (row.state === "fail" || up || remark !== null) return row;
  return why !== null && places[why.code] === "bond"
    ? unknown("tunnel", subject, "there is no bond for it")
    : skippedAfter("tunnel", subject, before);
}

/** No answer through a tunnel that runs: the server may be why. */
const unheard = new Set<Finding["code"]>(["tunnel-unheard", "no-answer"]);

function serverRow({ config, verdict }: Facts, about: About, before: Row[]): Row {
  const subject = `server ${config.server.address}`;
  const row = about.check("server", subject, `answers through ${verdict.linesUp} of ${config.lines.length} tunnels`);
  return row.state === "ok" && verdict.linesUp === 0 ? skippedAfter("server", subject, before) : row;
}

function routeRow({ config, verdict }: Facts, about: About, before: Row[]): Row {
  const row = about.check("route", "default route", `the LAN uses ${config.bond.name}`);
  // Without a line that carries, the route is not what is wrong.
  return verdict.linesUp > 0 ? row : skippedAfter("route", row.subject, before);
}

function namesRow({ probes: { names } }: Facts, before: Row[]): Row {
  if (before.at(-1)?.state !== "ok") return skippedAfter("names", "names", before);
  if (names.answers) return ok("names", "names", `${names.server} answers`);
  const servers = names.servers.join(" and ");
  const texts = {
    none: "/etc/resolv.conf names no name server.",
    silent: `No name server answers: ${servers}.`,
    false: `The name servers give a false address: ${servers}.`,
  };
  return fail("names", "names", {
    text: texts[names.why],
    fix: ["cat /etc/resolv.conf", 'in the profile: "dns:" below "lan:", then build again'],
  });
}

function clockRow({ verdict, probes: { clock } }: Facts): Row {
  const steps = { fix: ["timedatectl timesync-status", "systemctl status systemd-timesyncd"] };
  if (clock.synchronized) return ok("clock", "clock", "set by a time server");
  if (clock.latest !== null && Date.parse(clock.now) < Date.parse(clock.latest) - tolerance) {
    const text = `By the clock it is ${minute(clock.now)}, but ${minute(clock.latest)} has been already: certificates and the history need the right time.`;
    return fail("clock", "clock", { text, ...steps });
  }
  return verdict.linesUp === 0
    ? unknown("clock", "clock", "no line carries that could reach a time server")
    : fail("clock", "clock", { text: "No time server has set the clock since the box has started.", ...steps });
}

/** "2026-11-23 01:00 UTC" */
const minute = (time: string): string => `${time.slice(0, 16).replace("T", " ")} UTC`;

function storageRow({ storage }: Facts): Row {
  const full = [
    isFull(storage.memory) ? "The memory that holds changes until the next start is nearly full." : "",
    isFull(storage.keep) ? "The area for files that must last is nearly full." : "",
  ];
  const trouble = [storage.keepTrouble ?? "", storage.pushTrouble ?? "", ...full].filter((text) => text !== "");
  return trouble.length === 0
    ? ok("storage", "storage", storage.protected ? "the card is protected" : "the card is not protected")
    : fail("storage", "storage", { text: trouble.join(" "), fix: ["bondbox storage", "restart the box"] });
}

const isFull = (space: Space | null): boolean => space !== null && space.total > 0 && space.used >= nearlyFull * space.total;

function striperRow({ state }: Facts, about: About): Row {
  const row = about.check("striper", "striper", "deals by earliest delivery");
  return row.state === "ok" && state.striper === null
    ? unknown("striper", "striper", "bondbox-watchdog has not said how packets are dealt")
    : row;
}

function laneRow({ state }: Facts, about: About): Row {
  const row = about.check("lane", "TCP lane", state.lane?.on ? "on" : "off, the lines are steady");
  return row.state === "ok" && state.lane === null ? unknown("lane", "TCP lane", "bondbox-lane-watch has not said how it is") : row;
}

const ok = (kind: Kind, subject: string, text: string): Row => ({ kind, subject, state: "ok", text, fix: [] });

const fail = (kind: Kind, subject: string, { text, fix }: { text: string; fix: string[] }): Row => ({
  kind,
  subject,
  state: "fail",
  text,
  fix,
});

/** Nobody knows, and that is no failure. */
const unknown = (kind: Kind, subject: string, text: string): Row => ({ kind, subject, state: "skipped", text, fix: [] });

/** What cannot be known because of the check before it, which may itself have been skipped. */
const skipped = (kind: Kind, subject: string, before: Row): Row =>
  unknown(kind, subject, before.state === "fail" ? `because of ${before.subject}` : before.text);

const skippedAfter = (kind: Kind, subject: string, before: Row[]): Row => {
  const failure = firstFailure(before);
  return unknown(kind, subject, failure === null ? "no line carries" : `because of ${failure.subject}`);
};

import type { BoxConfig, LineConfig } from "./config";
import type { Gone, LineState, Reach, State } from "./observe";
import type { Bonding } from "./parse/bonding";
import type { Ailment } from "./parse/striper";
import type { By } from "./taken-out";

/** Something worth reporting; messages/ has a text for each, in every language. */
export type Finding =
  | { code: "bond-missing"; bond: string }
  | { code: "lan-missing"; interface: string; ports: string[] }
  | { code: "lan-unplugged"; interface: string }
  /** line: one that has internet; null: unknown whether any has. */
  | { code: "server-silent"; server: string; keySet: string; line: string | null }
  | { code: "server-closed"; server: string; keySet: string }
  | { code: "route-elsewhere"; bond: string }
  | { code: "route-missing" }
  | { code: "route-dead"; bond: string }
  | { code: "tap-missing"; tap: string }
  | { code: "tap-outside"; tap: string; bond: string }
  | { code: "tap-off"; tap: string }
  | { code: "tunnel-stopped"; line: string; tap: string }
  | { code: "modem-silent"; modem: string }
  | { code: "no-answer"; line: string; mark: number; server: string }
  | { code: "line-dead"; modem: string; mark: number }
  | { code: "line-captive"; modem: string }
  | { code: "tunnel-unheard"; line: string; port: number; server: string }
  | { code: "standby" }
  | { code: "taken-out"; line: string; by: By }
  | { code: "kept-in"; line: string }
  | { code: "status-missing"; line: string }
  | { code: "status-stale"; line: string; age: number }
  | { code: "dealt-in-turn" }
  | { code: "server-unmeasured"; keySet: string }
  /** end: which end of the TCP lane does not answer. */
  | { code: "lane-silent"; end: "box" | "server"; keySet: string }
  | { code: "line-ails"; direction: "down" | "up"; what: Ailment; lane: boolean }
  /** is, planned: kbit/s. */
  | { code: "line-slow"; direction: "down" | "up"; is: number; planned: number }
  /** bytes */
  | { code: "month-used"; used: number; monthly: number }
  | { code: "mtu-differs"; interface: string; is: number; planned: number }
  | { code: "gone"; parts: Gone[] };

/** Where the LAN's traffic leaves the box. */
export type Way =
  | { by: "bond" }
  /** internet: whether that line reaches it; null: unknown. */
  | { by: "line"; line: string; internet: boolean | null }
  | { by: "other"; interface: string; gateway: string | null }
  | { by: "none" };

export interface Verdict {
  linesUp: number;
  lines: LineVerdict[];
  way: Way;
  /** About the whole box, not about one line. */
  findings: Finding[];
}

/** How the box is as a whole. */
export type Condition = "fine" | "degraded" | "down";

/** down: the LAN has no internet, as far as is known. fine: nothing is amiss but what a line's notes say. */
export function conditionOf({ linesUp, lines, way, findings }: Verdict): Condition {
  const reaches = way.by === "bond" ? linesUp > 0 : way.by === "line" ? way.internet !== false : way.by === "other";
  if (!reaches) return "down";
  const complete = way.by === "bond" && findings.length === 0 && lines.every(({ why }) => why === null || why.code === "standby");
  return complete ? "fine" : "degraded";
}

export interface LineVerdict {
  name: string;
  up: boolean;
  /** Why it is down; null: it is up. */
  why: Finding | null;
  /** What else is unusual. */
  notes: Finding[];
}

/** OpenVPN writes its status every 10 s: after three missed times it hangs. s */
const staleAfter = 30;

/** A line that carries less than this part of what the profile says is worth a word. */
const slowBelow = 0.5;

/** From this part of a month's data on, it is worth a word. */
const usedFrom = 0.8;

/** Judges the facts. Pure: the same state always gives the same verdict. */
export function judge(config: BoxConfig, state: State): Verdict {
  const lines = config.lines.map((line, index) => judgeLine(config, line, state.lines[index] ?? unseen, state));
  const linesUp = lines.filter((line) => line.up).length;
  const way = findWay(config, state);
  return { linesUp, lines, way, findings: judgeBox(config, state, lines, way) };
}

function judgeLine(config: BoxConfig, line: LineConfig, seen: LineState, state: State): LineVerdict {
  const why = whyDown(config, line, seen, state.bond, lanTrouble(config, state));
  const notes: Finding[] = [];
  if (seen.tap !== null && isSlave(state.bond, line.tap) && seen.tap.mtu !== config.bond.mtu) {
    notes.push({ code: "mtu-differs", interface: line.tap, is: seen.tap.mtu, planned: config.bond.mtu });
  }
  // A tunnel that is not running writes no status, and is already reported as not running.
  if (seen.tap?.carrier === true) {
    if (seen.tunnel === null) {
      notes.push({ code: "status-missing", line: line.name });
    } else if (seen.tunnel.age > staleAfter) {
      notes.push({ code: "status-stale", line: line.name, age: Math.round(seen.tunnel.age) });
    }
  }
  if (line.monthly !== null && seen.used !== null && seen.used >= usedFrom * line.monthly) {
    notes.push({ code: "month-used", used: seen.used, monthly: line.monthly });
  }
  if (why === null && seen.takenOut !== null && !othersUp(line, state.bond)) {
    notes.push({ code: "kept-in", line: line.name });
  }
  return {
    name: line.name,
    up: why === null,
    why,
    notes: [...notes, ...(why === null ? dealingNotes(line, seen, state.lane?.on === true) : [])],
  };
}

/**
 * What keeps a line that is up from carrying what the profile says.
 * @param lane the TCP lane is on.
 */
function dealingNotes({ rate, steady }: LineConfig, { dealing }: LineState, lane: boolean): Finding[] {
  if (dealing === null) {
    return [];
  }
  const { up, aside, down, ailsDown } = dealing;
  const slow = (direction: "down" | "up", is: number | null): Finding[] => {
    const planned = rate[direction];
    return is !== null && planned !== null && steady[direction] && is < slowBelow * planned
      ? [{ code: "line-slow", direction, is, planned }]
      : [];
  };
  const notes: Finding[] = [];
  // That is what the profile asks for.
  if (aside !== null && aside.ails !== "reserve") {
    notes.push({ code: "line-ails", direction: "up", what: aside, lane });
  } else {
    notes.push(...slow("up", up));
  }
  if (ailsDown !== null) {
    notes.push({ code: "line-ails", direction: "down", what: ailsDown, lane });
  } else {
    notes.push(...slow("down", down));
  }
  return notes;
}

/** The first broken link of the chain, from the box outwards. */
function whyDown(config: BoxConfig, line: LineConfig, seen: LineState, bond: Bonding | null, lan: Finding | null): Finding | null {
  // Nothing works without the port, whatever else is missing because of it.
  if (lan?.code === "lan-missing") {
    return lan;
  }
  if (bond === null) {
    return { code: "bond-missing", bond: config.bond.name };
  }
  if (seen.tap === null) {
    return { code: "tap-missing", tap: line.tap };
  }
  const joined = bond.slaves.find((slave) => slave.interface === line.tap);
  if (joined === undefined) {
    return { code: "tap-outside", tap: line.tap, bond: config.bond.name };
  }
  if (!seen.tap.on) {
    return { code: "tap-off", tap: line.tap };
  }
  if (seen.tap.carrier !== true) {
    return { code: "tunnel-stopped", line: line.name, tap: line.tap };
  }
  if (joined.status === "up") {
    return null;
  }
  if (seen.takenOut !== null) {
    return { code: "taken-out", line: line.name, by: seen.takenOut };
  }
  // A line in reserve receives nothing, so whether it works shows only when it is needed. The first line carries whenever it works.
  if (config.bond.mode === "active-backup" && line !== config.lines[0] && bond.slaves.some((slave) => slave.status === "up")) {
    return { code: "standby" };
  }
  // The tunnel is running, but the server does not answer through it.
  if (lan !== null) {
    return lan;
  }
  return seen.modemAnswers === false ? { code: "modem-silent", modem: line.modem } : beyondModem(config, line, seen.reach);
}

/** Why the server does not answer through a tunnel over a line whose modem is there. */
function beyondModem(config: BoxConfig, { name, modem, mark, port }: LineConfig, reach: Reach | null): Finding {
  const server = config.server.address;
  switch (reach) {
    case "none":
      return { code: "line-dead", modem, mark };
    case "captive":
      return { code: "line-captive", modem };
    case null:
      return { code: "no-answer", line: name, mark, server };
    default:
      return { code: "tunnel-unheard", line: name, port, server };
  }
}

function judgeBox(config: BoxConfig, state: State, lines: LineVerdict[], way: Way): Finding[] {
  const findings: Finding[] = [];
  const bond = config.bond.name;
  const anyUp = lines.some((line) => line.up);
  const lan = lanTrouble(config, state);
  if (lan !== null) {
    findings.push(lan);
  }
  if (state.bond === null) {
    findings.push({ code: "bond-missing", bond });
  }
  const server = serverTrouble(config, state, lines);
  if (server !== null) {
    findings.push(server);
  }
  if (state.bondDevice !== null && state.bondDevice.mtu !== config.bond.mtu) {
    findings.push({ code: "mtu-differs", interface: bond, is: state.bondDevice.mtu, planned: config.bond.mtu });
  }
  const byBond = state.defaults.some((route) => route.interface === bond);
  if (way.by === "none" && !byBond) {
    findings.push({ code: "route-missing" });
  } else if (way.by === "none" || (way.by === "bond" && !anyUp)) {
    findings.push({ code: "route-dead", bond });
  } else if (way.by !== "bond" && anyUp) {
    findings.push({ code: "route-elsewhere", bond });
  }
  if (config.bond.striper && state.striper === false) {
    findings.push({ code: "dealt-in-turn" });
  }
  // A server that deals by earliest delivery says with every stamp what it takes the line for.
  const measured = state.lines.filter((_, index) => lines[index]?.up).map(({ dealing }) => dealing);
  if (measured.length > 0 && measured.every((dealing) => dealing !== null && dealing.down === null)) {
    findings.push({ code: "server-unmeasured", keySet: config.keySet });
  }
  const end = state.lane?.why;
  // Where no line is up, the server's end cannot answer.
  if (end === "box" || (end === "server" && anyUp)) {
    findings.push({ code: "lane-silent", end, keySet: config.keySet });
  }
  if (state.gone.length > 0) {
    findings.push({ code: "gone", parts: state.gone });
  }
  return findings;
}

/** What is wrong with the server, if that is what the lines have in common. A line that has no internet says nothing about the server. */
function serverTrouble(config: BoxConfig, state: State, lines: LineVerdict[]): Finding | null {
  const { keySet } = config;
  const server = config.server.address;
  const beyondBox = ["no-answer", "tunnel-unheard", "line-dead", "line-captive", "modem-silent"];
  if (!lines.every(({ why }) => why !== null && beyondBox.includes(why.code))) {
    return null;
  }
  const online = lines.find(({ why }) => why?.code === "tunnel-unheard");
  if (online !== undefined) {
    return state.lines.some(({ reach }) => reach === "server")
      ? { code: "server-closed", server, keySet }
      : { code: "server-silent", server, keySet, line: online.name };
  }
  const unknown = lines.length > 1 && lines.every(({ why }) => why?.code === "no-answer");
  return unknown ? { code: "server-silent", server, keySet, line: null } : null;
}

function lanTrouble(config: BoxConfig, state: State): Finding | null {
  if (state.lan === null) {
    return { code: "lan-missing", interface: config.lan.interface, ports: state.ports };
  }
  return state.lan.carrier === true ? null : { code: "lan-unplugged", interface: config.lan.interface };
}

function findWay(config: BoxConfig, state: State): Way {
  const route = state.defaults.find((candidate) => !candidate.ignored);
  if (route === undefined) {
    return { by: "none" };
  }
  if (route.interface === config.bond.name) {
    return { by: "bond" };
  }
  const index = config.lines.findIndex((candidate) => candidate.modem === route.gateway);
  const line = config.lines[index];
  if (line === undefined) {
    return { by: "other", interface: route.interface, gateway: route.gateway };
  }
  const seen = state.lines[index] ?? unseen;
  const reachesInternet = seen.reach === null ? null : seen.reach === "server" || seen.reach === "internet";
  return { by: "line", line: line.name, internet: seen.modemAnswers === false ? false : reachesInternet };
}

function othersUp({ tap }: LineConfig, bond: Bonding | null): boolean {
  return bond?.slaves.some((slave) => slave.interface !== tap && slave.status === "up") ?? false;
}

function isSlave(bond: Bonding | null, tap: string): boolean {
  return bond?.slaves.some((slave) => slave.interface === tap) ?? false;
}

const unseen: LineState = {
  tap: null,
  tunnel: null,
  modemAnswers: null,
  reach: null,
  dealing: null,
  measured: null,
  lane: null,
  used: null,
  takenOut: null,
};

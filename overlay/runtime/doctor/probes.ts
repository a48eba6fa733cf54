import { execFile } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BoxConfig } from "../config";
import { readHistory } from "../history";
import { askNames, nameServers } from "../names";
import type { State } from "../observe";
import { parseRoutes, type Route } from "../parse/route";

/** What doctor finds out by itself, since nobody else on the box knows it. */
export interface Probes {
  /** The box has an address in the network of each line's modem. */
  addressed: boolean[];
  /** Whether each line's modem answers; null: it could not be asked. */
  modems: (boolean | null)[];
  names: Names;
  clock: Clock;
}

/** Whether names become addresses: the first name server that gives the right one, or why none does. */
export type Names = { answers: true; server: string } | { answers: false; why: "none" | "silent" | "false"; servers: string[] };

/** now, latest: ISO 8601. latest: a moment that is certainly past. */
export interface Clock {
  synchronized: boolean;
  now: string;
  latest: string | null;
}

/** A public resolver's own name with all its addresses: an answer with another one is false. bondbox-reach asks the same. */
const known = { name: "one.one.one.one", addresses: ["1.1.1.1", "1.0.0.1"] };
/** For a modem, ms. */
const patience = 2000;

/**
 * Asks what the state does not say. It changes nothing, and needs no rights.
 * @param root where /etc, /proc, /run and /var are looked for
 * @param config its lines' modems are asked
 * @param state what is known already is not asked again
 * @returns in the order of box.json where it is by line
 */
export async function probe(root: string, config: BoxConfig, state: State): Promise<Probes> {
  const routes = parseRoutes(read(root, "/proc/net/route"));
  const [modems, names] = await Promise.all([
    Promise.all(config.lines.map(async ({ modem }, index) => state.lines[index]?.modemAnswers ?? answersPing(modem))),
    namesOf(nameServers(root)),
  ]);
  const addressed = config.lines.map(({ modem }) => routes.some((route) => isOn(route, config.lan.interface, modem)));
  return { addressed, modems, names, clock: clockOf(root, state.time) };
}

/** An address of an interface gives it a route to its network. */
function isOn({ interface: name, gateway, destination, mask }: Route, wanted: string, address: string): boolean {
  return name === wanted && gateway === null && mask !== "0.0.0.0" && (number(address) & number(mask)) >>> 0 === number(destination);
}

function number(address: string): number {
  return address.split(".").reduce((sum, byte) => ((sum << 8) | Number(byte)) >>> 0, 0);
}

/** null: there is no program to ask with. */
function answersPing(address: string): Promise<boolean | null> {
  return new Promise((done) => {
    execFile("ping", ["-n", "-c", "1", "-W", "1", address], { timeout: patience }, (error) =>
      done(error === null ? true : typeof error.code === "string" ? null : false),
    );
  });
}

async function namesOf(servers: string[]): Promise<Names> {
  let why: "none" | "silent" | "false" = servers.length === 0 ? "none" : "silent";
  for (const server of servers) {
    const found = await askNames(server, (resolver) => resolver.resolve4(known.name));
    if (found.some((address) => known.addresses.includes(address))) return { answers: true, server };
    if (found.length > 0) why = "false";
  }
  return { answers: false, why, servers };
}

/** A box has no battery: before a time server has answered, its clock goes on from where it was at the last start. */
function clockOf(root: string, now: string): Clock {
  const recorded = readHistory(root).trimEnd().split("\n").at(-1)?.slice(0, 20) ?? "";
  const past = [Date.parse(recorded), savedClock(root)].filter((time) => !Number.isNaN(time));
  return {
    synchronized: existsSync(join(root, "/run/systemd/timesync/synchronized")),
    now,
    latest: past.length === 0 ? null : new Date(Math.max(...past)).toISOString(),
  };
}

/** When systemd-timesyncd last saved the time, ms since 1970; NaN: unknown, or this user may not see it. */
function savedClock(root: string): number {
  try {
    return statSync(join(root, "/var/lib/systemd/timesync/clock")).mtimeMs;
  } catch {
    return Number.NaN;
  }
}

function read(root: string, path: string): string {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return "";
  }
}

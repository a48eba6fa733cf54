import { contains, formatNetwork, isHost, type Network, overlaps, parseAddress, parseNetwork } from "../base/ipv4";
import { profile as texts } from "../errors";
import { type Draftable, formatPath, type Path, type Report } from "../yaml/read";
import type { Route, Written } from "./types";

/** The networks at home, as far as a profile's are right. */
export interface Home {
  lan: Network | null;
  /** Networks behind routers of the LAN, by the key that names them. */
  routed: Map<string, Network>;
}

/** All of them, by the key that names them. */
export function networksOf({ lan, routed }: Home): [key: string, network: Network][] {
  return [...(lan === null ? [] : [["lan.subnet", lan] as [string, Network]]), ...routed];
}

/** The first of them that shares addresses with a network, as its key and as text. */
export function sharing(network: Network, home: Home): [key: string, text: string] | null {
  const [key, other] = networksOf(home).find(([, at]) => overlaps(at, network)) ?? [];
  return key === undefined || other === undefined ? null : [key, formatNetwork(other)];
}

/** Parses a network, which must be written with its first address. Reports a problem and returns null otherwise. */
export function networkAt(text: string | undefined, path: Path, report: Report): Network | null {
  if (text === undefined) return null;
  const parsed = parseNetwork(text);
  if (parseAddress(text.split("/")[0] as string) !== parsed.base) {
    report(path, texts.hostBits(text, formatNetwork(parsed)));
    return null;
  }
  return parsed;
}

/** Networks whose addresses no machine has. */
const unusable = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "169.254.0.0/16"].map(parseNetwork);

export function notOnInternet(address: number): boolean {
  return unusable.some((network) => contains(network, address));
}

/** Whether a host in the LAN can have this address. Reports a problem otherwise. */
export function checkInLan(address: string, lan: Network, path: Path, report: Report, elsewhere = texts.notInLan): boolean {
  const value = parseAddress(address);
  if (isHost(lan, value)) return true;
  report(path, contains(lan, value) ? texts.notHost(address, formatNetwork(lan)) : elsewhere(address, formatNetwork(lan)));
  return false;
}

/** Whether a host in the LAN or behind one of its routers can have this address. Reports a problem otherwise. */
export function checkAtHome(address: string, home: Home, path: Path, report: Report): boolean {
  if (home.lan === null) return true;
  const value = parseAddress(address);
  const [, there] = networksOf(home).find(([, network]) => contains(network, value)) ?? [];
  // Networks of one or two addresses have none for themselves (RFC 3021).
  if (there !== undefined && (isHost(there, value) || there.prefix > 30)) return true;
  report(path, there === undefined ? texts.notAtHome(address, formatNetwork(home.lan)) : texts.notHost(address, formatNetwork(there)));
  return false;
}

type Draft = Draftable<Pick<Written, "lan" | "lines">>;

/**
 * Checks the networks behind routers of the LAN.
 * @returns those that are right.
 */
export function checkRoutes(draft: Draft, lan: Network | null, report: Report): Home {
  const home: Home = { lan, routed: new Map() };
  for (const [i, route] of (draft.lan?.routes ?? []).entries()) {
    if (route === undefined) continue;
    const path = ["lan", "routes", i];
    const network = checkRouted(route, path, home, report);
    if (network !== null) home.routed.set(formatPath([...path, "network"]), network);
    checkVia(route, path, draft, lan, report);
  }
  return home;
}

/** Shorter prefixes would lead a part of the internet home. */
const LEAST_PREFIX = 8;

function checkRouted({ network: text }: Draftable<Route>, parent: Path, home: Home, report: Report): Network | null {
  const path = [...parent, "network"];
  const network = networkAt(text, path, report);
  if (network === null || text === undefined) return null;
  const other = sharing(network, home);
  if (network.prefix < LEAST_PREFIX) report(path, texts.routeSize(text));
  else if (unusable.some((one) => overlaps(one, network))) report(path, texts.notUsable(text, "192.168.20.0/24"));
  else if (other !== null) report(path, texts.routeOverlap(text, ...other));
  else return network;
  return null;
}

function checkVia({ via }: Draftable<Route>, parent: Path, { lan, lines = [] }: Draft, subnet: Network | null, report: Report): void {
  const path = [...parent, "via"];
  if (via === undefined || (subnet !== null && !checkInLan(via, subnet, path, report))) return;
  const modem = lines.findIndex((line) => line?.modem === via);
  if (via === lan?.address) report(path, texts.sameAddress(via, "lan.address, the box"));
  else if (modem >= 0) report(path, texts.sameAddress(via, `${formatPath(["lines", modem])}.modem`));
}

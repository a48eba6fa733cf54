import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BoxConfig, LineConfig } from "./config";
import { parseArp } from "./parse/arp";
import { type Bonding, parseBonding } from "./parse/bonding";
import { type Counters, parseDevices } from "./parse/devices";
import { type LaneState, parseLane, parseMultipath } from "./parse/lane";
import { type Measured, measuredPath, parseMeasured } from "./parse/measured";
import { parseTunnelStatus, type TunnelCounters } from "./parse/openvpn";
import { defaultRoutes, parseRoutes, type Route } from "./parse/route";
import { type Dealing, parseStriper } from "./parse/striper";
import { readText } from "./read";
import { type By, takenOut } from "./taken-out";
import { usageOf } from "./usage";

/** What the box looked like at one moment: facts only, no opinion. null stands for what does not exist. */
export interface State {
  /** Wall clock, ISO 8601. The box has no battery: before its first contact with a time server it may be far off. */
  time: string;
  /** ms of a clock that never jumps. */
  clock: number;
  bond: Bonding | null;
  bondDevice: Device | null;
  lan: Device | null;
  /** Names of the wired ports that the box has, in order; none where the LAN's is there, because then nobody asks. */
  ports: string[];
  /** In the order of box.json. */
  lines: LineState[];
  /** Whether packets go to the line on which they arrive first; null: nobody has said so yet. */
  striper: boolean | null;
  /** The TCP lane; null: the box has none, or nobody has said anything of it yet. */
  lane: Lane | null;
  /** Default routes of the main table; the kernel prefers the first. */
  defaults: DefaultRoute[];
  /** What another program has taken away lately, and bondbox-guard has brought back, by name. */
  gone: Gone[];
}

export interface Lane extends LaneState {
  /** How many connections it has; null: the kernel does not say. */
  connections: number | null;
}

export interface Gone {
  /** As bondbox-guard calls it: firewall, routes, a service. */
  part: string;
  /** How often since the box has started. */
  times: number;
}

export interface LineState {
  tap: Device | null;
  tunnel: Tunnel | null;
  /** null: the box has not asked it recently. */
  modemAnswers: boolean | null;
  /** null: bondbox-fallback has not tried this line recently. */
  reach: Reach | null;
  /** null: packets are dealt in turn. */
  dealing: Dealing | null;
  /** null: nobody measures it, or this program may not see it. */
  measured: Measured | null;
  /** What the TCP lane has brought over it since the bond's start, bytes; null: it has no part over this line. */
  lane: Record<"down" | "up", number> | null;
  /** What it has carried this month, bytes; null: nobody has counted it yet. */
  used: number | null;
  /** Who has taken it out of the bond; null: nobody. */
  takenOut: By | null;
}

/**
 * What bondbox-fallback has found beyond a line's modem: the server, something else of the internet, something that answers every name with
 * an address of its own, or nothing.
 */
export type Reach = (typeof reaches)[number];

const reaches = ["server", "internet", "captive", "none"] as const;

export interface Tunnel {
  /** Time since OpenVPN last wrote its status file, s. */
  age: number;
  /** null: the file was incomplete, because OpenVPN was writing it. */
  counters: TunnelCounters | null;
}

export interface Device extends Counters {
  /** Switched on by the administrator (IFF_UP). */
  on: boolean;
  /** null: the kernel does not say, for example because the device is switched off. */
  carrier: boolean | null;
  /** bytes */
  mtu: number;
}

export interface DefaultRoute extends Route {
  /** The kernel does not use it: its device has no carrier, and ignore_routes_with_linkdown is set. */
  ignored: boolean;
}

/** ARPHRD_ETHER of linux/if_arp.h */
const ethernet = "1";
/** bondbox-fallback tries a line that is down every 30 s at least: what is older than three times that is out of date. s */
const reachLasts = 90;

/** What was gone longer ago is not worth a word. s */
const goneMatters = 86_400;

/** Looks at the box below `root`: /proc, /sys and /run/bondbox. Changes nothing, and a missing file is an answer, not an error. */
export function observe(root: string, config: BoxConfig): State {
  const read: Read = (path) => readText(root + path);
  const device = deviceReader(read);
  const lan = device(config.lan.interface);
  const bonding = read(`/proc/net/bonding/${config.bond.name}`);
  const arp = parseArp(read("/proc/net/arp") ?? "");
  const striper = read("/run/bondbox/striper");
  const time = new Date().toISOString();
  const used = usageOf(root, time);
  const out = takenOut(root);
  const dealing = parseStriper(striper ?? "");
  const now = process.hrtime.bigint();
  const measured = parseMeasured(read(measuredPath) ?? "", config.lines.length, now);
  return {
    time,
    clock: performance.now(),
    bond: bonding === null ? null : parseBonding(bonding),
    bondDevice: device(config.bond.name),
    lan,
    ports: lan === null ? wiredPorts(root, read) : [],
    lines: config.lines.map((line, index) => ({
      tap: device(line.tap),
      tunnel: tunnel(root, read, line),
      modemAnswers: arp.get(line.modem) ?? null,
      reach: reach(root, read, line),
      dealing: dealing[index] ?? null,
      measured: measured[index] ?? null,
      lane: laneBytes(device, line.lane),
      used: used[line.name] ?? null,
      takenOut: out.get(line.name) ?? null,
    })),
    striper: striper === null ? null : dealing.length > 0,
    lane: config.lane ? laneOf(read) : null,
    defaults: defaultRoutes(parseRoutes(read("/proc/net/route") ?? "")).map((route) => ({
      ...route,
      ignored: device(route.interface)?.carrier === false && ignoresDeadDevices(read, route.interface),
    })),
    gone: gone(root, read),
  };
}

type Read = (path: string) => string | null;
type ReadDevice = (name: string) => Device | null;

function laneOf(read: Read): Lane | null {
  const state = parseLane(read("/run/bondbox/lane") ?? "");
  return state === null ? null : { ...state, connections: parseMultipath(read("/proc/net/netstat") ?? "") };
}

function laneBytes(device: ReadDevice, name: string | null): LineState["lane"] {
  const path = name === null ? null : device(name);
  return path === null ? null : { down: path.rxBytes, up: path.txBytes };
}

/** Reads each device once. */
function deviceReader(read: Read): ReadDevice {
  const counters = parseDevices(read("/proc/net/dev") ?? "");
  const known = new Map<string, Device | null>();
  return (name) => {
    const seen = known.get(name) ?? deviceOf(read, name, counters.get(name) ?? uncounted);
    known.set(name, seen);
    return seen;
  };
}

const uncounted: Counters = { rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0 };

function deviceOf(read: Read, name: string, counters: Counters): Device | null {
  const mtu = Number(read(`/sys/class/net/${name}/mtu`));
  if (mtu === 0) {
    return null;
  }
  // The kernel says it only of a device that is on. Source: Linux, net/core/net-sysfs.c, carrier_show
  const carrier = read(`/sys/class/net/${name}/carrier`)?.trim() ?? null;
  return { on: carrier !== null, carrier: carrier === null ? null : carrier === "1", mtu, ...counters };
}

function tunnel(root: string, read: Read, line: LineConfig): Tunnel | null {
  const path = `/run/bondbox/${line.name}.status`;
  const text = read(path);
  if (text === null) {
    return null;
  }
  // The file's own "Updated" line is local time in a format that differs between versions of OpenVPN.
  return { age: ageOf(root, path), counters: parseTunnelStatus(text) };
}

/** s since the file was written */
function ageOf(root: string, path: string): number {
  const written = statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Math.max(0, (Date.now() - written) / 1000);
}

function reach(root: string, read: Read, line: LineConfig): Reach | null {
  const path = `/run/bondbox/${line.name}.reach`;
  // Mostly there is none, and to read what is not there costs more than to read.
  if (!existsSync(join(root, path)) || ageOf(root, path) > reachLasts) return null;
  return reaches.find((word) => word === read(path)?.trim()) ?? null;
}

function gone(root: string, read: Read): Gone[] {
  const folder = "/run/bondbox/gone";
  const parts = existsSync(join(root, folder)) ? readdirSync(join(root, folder)).sort() : [];
  return parts
    .filter((part) => ageOf(root, `${folder}/${part}`) < goneMatters)
    .map((part) => ({ part, times: Number(read(`${folder}/${part}`)?.trim()) || 1 }));
}

/** Ethernet ports of the hardware: neither wireless ones, nor the bond, its taps and what other programs make. */
function wiredPorts(root: string, read: Read): string[] {
  const folder = join(root, "/sys/class/net");
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const has = (name: string, entry: string) => existsSync(join(folder, name, entry));
  return names.filter(
    (name) =>
      read(`/sys/class/net/${name}/type`)?.trim() === ethernet && has(name, "device") && !has(name, "wireless") && !has(name, "phy80211"),
  );
}

/** The kernel takes the stricter of the two settings. Source: Documentation/networking/ip-sysctl.rst, ignore_routes_with_linkdown */
function ignoresDeadDevices(read: Read, name: string): boolean {
  return ["all", name].some((entry) => read(`/proc/sys/net/ipv4/conf/${entry}/ignore_routes_with_linkdown`)?.trim() === "1");
}

import { formatAddress, formatNetwork, netmask, parseNetwork } from "../base/ipv4";
import { pagePort } from "../profile/ports";
import type { Profile } from "../profile/types";
import { targets } from "../targets";
import { boxes } from "../targets/boxes";
import { bondCapacity, bondOf } from "./bond";
import { ipv6Of } from "./ipv6";
import { laneOf } from "./lane";
import { bestMtu, directGoodput, goodput, lineOf, type Path, pathOf } from "./lines";
import { qosOf } from "./qos";
import { bypassOf, firewallOf, forwardOf } from "./traffic";
import { tunnelOf } from "./tunnel";
import type { BondPlan, BoxPlan, Expectation, LinePlan, Plan, Rates, ServerPlan } from "./types";
import { warningsOf } from "./warnings";

/**
 * Derives everything from a profile. Pure: it reads no file and no clock, and uses no randomness.
 * @param name the profile's name.
 */
export function makePlan(profile: Profile, name: string): Plan {
  const bond = bondOf(profile);
  const paths = profile.lines.map((line) => pathOf(line, profile));
  const mtu = bestMtu(paths, profile, bond);
  const figures = paths.map((path) => goodput(path, mtu, profile));
  const carrying = figures.filter((_, index) => profile.lines[index]?.use !== "reserve");
  const lines = profile.lines.map((line, index) => lineOf(line, index, { path: paths[index] as Path, mtu, profile, bond }));
  const parts: Omit<Plan, "lane" | "warnings"> = {
    profile: name,
    language: profile.language,
    hostname: profile.hostname,
    box: boxOf(profile),
    lan: lanOf(profile),
    lines,
    server: serverOf(profile),
    tunnel: tunnelOf(profile, mtu),
    bond,
    routes: { bondMetric: 100, fallbackMetric: 200, deadEndMetric: 9999, serverPriority: 50, protocol: 98 },
    qos: qosOf(profile, lines, bond),
    bypass: profile.bypass.flatMap((rule) => bypassOf(rule, lines)),
    forwards: profile.forwards.map((forward) => forwardOf(forward, profile)),
    firewall: firewallOf(profile.firewall),
    fallback: profile.fallback === "direct",
    ipv6: ipv6Of(profile, mtu),
    icmpRedirects: profile.icmpRedirects,
    sick: profile.sick.takeOut && bond.striper ? { loss: profile.sick.loss / 100, delay: profile.sick.delay } : null,
    page: pageOf(profile),
    notify: notifyOf(profile),
    ssh: profile.ssh.keys.length > 0 ? profile.ssh : null,
    expected: profile.lines.some(({ found }) => found) ? null : expectedOf(carrying, lines, bond, profile.qos),
  };
  const plan = { ...parts, lane: laneOf(profile, parts) };
  return { ...plan, warnings: warningsOf(plan) };
}

function pageOf({ page: { enabled, password, reading } }: Profile): Plan["page"] {
  return enabled ? { port: pagePort, controls: password !== undefined, closed: reading === "password" } : null;
}

function notifyOf({ notify }: Profile): Plan["notify"] {
  if (notify === undefined) return null;
  const { url, command, after } = notify;
  return { url: url !== undefined, command: command !== undefined, after: 60 * after };
}

function boxOf({ box: { target, storage, updates } }: Profile): BoxPlan {
  const { title, release } = boxes[target];
  return { target, title, release, protected: storage === "protected", updates };
}

/**
 * What the box asks for names, through the bond. The modem of a dead line may answer every name with its own page, so one comes last: it is
 * asked when nothing else can be reached. The C library takes no more than three.
 */
const publicResolvers = ["9.9.9.9", "1.1.1.1"];

function lanOf({ lan, lines }: Profile): Plan["lan"] {
  const network = parseNetwork(lan.subnet);
  const subnet = formatNetwork(network);
  return {
    subnet,
    routes: lan.routes,
    networks: [subnet, ...lan.routes.map((route) => route.network)],
    network: formatAddress(network.base),
    netmask: netmask(network),
    prefix: network.prefix,
    address: lan.address,
    interface: lan.interface,
    dns: lan.dns ?? [...publicResolvers, ...lines.slice(0, 1).map(({ modem }) => modem)],
  };
}

function serverOf(profile: Profile): ServerPlan {
  const { address, backups, failover, target, interface: port, updates } = profile.server;
  const { title, init } = targets[target];
  return {
    address,
    backups,
    bundles: [{ address, folder: "server" }, ...backups.map((backup, index) => ({ address: backup, folder: `backup-${index + 1}` }))],
    failover,
    target,
    title,
    systemd: init === "systemd",
    interface: port === "auto" ? null : port,
    updates,
  };
}

/**
 * @param carrying goodput of each line that is not in reserve, kbit/s, not rounded yet.
 */
function expectedOf(carrying: Rates[], lines: LinePlan[], bond: BondPlan, qos: Profile["qos"]): NonNullable<Plan["expected"]> {
  return {
    direct: best(lines.map((line) => directGoodput(line))),
    down: expectation(
      carrying.map(({ down }) => down),
      bond,
      qos,
    ),
    up: expectation(
      carrying.map(({ up }) => up),
      bond,
      qos,
    ),
  };
}

/**
 * @param figures goodput of each line, kbit/s, not rounded yet.
 */
function expectation(figures: number[], bond: BondPlan, { enabled, share }: Profile["qos"]): Expectation {
  const capacity = bondCapacity(figures, bond);
  const ceiling = Math.round(capacity);
  const xor = bond.mode === "balance-xor";
  const oneFlow = xor ? Math.round(Math.min(...figures)) : ceiling;
  const luckyFlow = xor ? Math.round(Math.max(...figures)) : ceiling;
  return { ceiling, oneFlow, luckyFlow, shaped: enabled ? Math.floor(ceiling * share) : ceiling };
}

function best(rates: Rates[]): Rates {
  return { down: Math.max(...rates.map(({ down }) => down)), up: Math.max(...rates.map(({ up }) => up)) };
}

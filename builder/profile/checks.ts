import { type ErrorText, profile as texts } from "../errors";
import { contains, formatNetwork, type Network, parseAddress } from "../base/ipv4";
import { formatNetwork6, parseNetwork6 } from "../base/ipv6";
import { targets } from "../targets";
import { boxes } from "../targets/boxes";
import type { ServerTarget } from "../targets/names";
import { usualSignsOfLife, withoutStriper } from "./dealing";
import { checkAtHome, checkInLan, checkRoutes, type Home, networkAt, networksOf, notOnInternet, sharing } from "./home";
import { checkLane, isLaneDevice } from "./lane";
import { encapsulations, encapsulationsOf } from "./links";
import { isMac } from "./machines";
import { pagePort, portBounds, protocolsOf, tunnelPort } from "./ports";
import { type Draftable, formatPath, type Path, type Report } from "../yaml/read";
import { suggest } from "../base/suggest";
import { kilobits, rangeOf } from "./rates";
import { faultOfSshKey } from "./ssh-keys";
import { usualTunnelNetwork } from "./tunnel-network";
import type { Bypass, Forward, PortSpec, Written, WrittenRate } from "./types";

export type Draft = Draftable<Written>;

/** Checks that the schema cannot express: values that contradict each other. */
export function checkTogether(draft: Draft, report: Report): void {
  const lan = checkLan(draft, report);
  const home = checkRoutes(draft, lan, report);
  const vpn = checkTunnel(draft, home, report);
  checkServer(draft, home, vpn, report);
  checkLines(draft, lan, report);
  checkBond(draft, report);
  checkReserve(draft, report);
  checkLane(draft, vpn, home, report);
  checkBypass(draft, home, report);
  checkForwards(draft, home, report);
  checkIpv6(draft, report);
  checkNetworkLists(draft, report);
  checkPage(draft, report);
  checkNotify(draft, home, report);
  if (draft.hostname !== undefined && ["localhost", "localdomain"].includes(draft.hostname))
    report(["hostname"], texts.reservedHostname(draft.hostname));
  if (draft.ssh?.user !== undefined && systemUsers.has(draft.ssh.user)) report(["ssh", "user"], texts.reservedUser(draft.ssh.user));
  for (const [i, key] of (draft.ssh?.keys ?? []).entries()) {
    const fault = key === undefined ? null : faultOfSshKey(key);
    if (fault !== null) report(["ssh", "keys", i], texts.sshKeyDamaged(fault));
  }
}

const systemUsers = new Set(
  [
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "gnats",
  ].concat(["nobody", "messagebus", "sshd", "syslog", "avahi", "polkitd", "openvpn", "ntp", "sudo", "adm"]),
);

function checkLan(draft: Draft, report: Report): Network | null {
  const lan = networkAt(draft.lan?.subnet, ["lan", "subnet"], report);
  if (lan !== null && (lan.prefix < 8 || lan.prefix > 29)) {
    report(["lan", "subnet"], texts.lanSize(formatNetwork(lan)));
    return null;
  }
  if (lan !== null && notOnInternet(lan.base)) report(["lan", "subnet"], texts.notUsable(formatNetwork(lan), "192.168.1.0/24"));
  const address = draft.lan?.address;
  if (lan !== null && address !== undefined) checkInLan(address, lan, ["lan", "address"], report);
  const name = draft.lan?.interface;
  if (name !== undefined) checkPort(name, draft, report);
  return lan;
}

/** Interfaces that are no port for a cable, by how Linux names them. */
const notWired: [RegExp, string][] = [
  [/^(wlan|wl|ath)/, "Wi-Fi"],
  [/^(ww|usb-wwan)/, "a mobile modem"],
  [/^(wg|tun|ppp|vpn|ipsec|tailscale|zt)/, "a tunnel"],
  [/^(br-?|virbr|docker|veth|lxc|vmbr)/, "a bridge"],
  [/\.\d+$/, "a VLAN of a port"],
];

function checkPort(name: string, draft: Draft, report: Report): void {
  const kind = notWired.find(([pattern]) => pattern.test(name))?.[1];
  if (reservedInterface(name, draft)) report(["lan", "interface"], texts.reservedInterface(name));
  else if (kind !== undefined) report(["lan", "interface"], texts.notWired(name, kind));
}

function reservedInterface(name: string, { bond, tunnel }: Draft): boolean {
  return /^(lo|all|default|auto)$/.test(name) || name === bond?.name || isTap(name, tunnel?.tap) || isLaneDevice(name);
}

const isTap = (name: string, tap: string | undefined): boolean =>
  tap !== undefined && name.startsWith(tap) && /^\d*$/.test(name.slice(tap.length));

function checkTunnel(draft: Draft, home: Home, report: Report): Network | null {
  const path = ["tunnel", "network"];
  const free = usualTunnelNetwork(networksOf(home).map(([, network]) => network));
  // A key stays in the draft even if its value was wrong.
  const written = draft.tunnel !== undefined && "network" in draft.tunnel;
  const vpn = networkAt(written ? draft.tunnel?.network : free, path, report);
  if (vpn !== null) {
    const text = formatNetwork(vpn);
    const other = sharing(vpn, home);
    if (vpn.prefix < 16 || vpn.prefix > 30) report(path, texts.tunnelSize(text));
    else if (other !== null) report(path, texts.overlap(text, ...other, free));
    else if (notOnInternet(vpn.base)) report(path, texts.notUsable(text, free));
  }
  const tap = draft.tunnel?.tap;
  if (tap !== undefined && isLaneDevice(`${tap}0`)) report(["tunnel", "tap"], texts.takenName(tap, "the TCP lane's devices", "tap"));
  checkTunnelPorts(draft, report);
  checkStaticKeys(draft, report);
  checkCipher(draft, report);
  const { interval = usualSignsOfLife(draft).ping, timeout } = draft.tunnel?.keepalive ?? {};
  if (timeout !== undefined && timeout < 2 * interval) report(["tunnel", "keepalive"], texts.keepalive(interval, timeout));
  return vpn;
}

/** OpenVPN 2.8 is announced to drop static keys: see docs/keys.md#static-keys. */
function checkStaticKeys({ server, box }: Draft, report: Report): void {
  if (server?.target === undefined || box?.target === undefined) return;
  const { title, openvpn } = targets[server.target];
  const boxOs = boxes[box.target];
  const [major = 0, minor = 0] = boxOs.openvpn.version.split(".").map(Number);
  if (openvpn.tunnel === "static-key" && (major > 2 || minor >= 8))
    report(["server", "target"], texts.noStaticKeys(title, boxOs.title, boxOs.openvpn.version));
}

/** Reports ciphers that the server's OpenVPN does not have. */
function checkCipher({ server, tunnel }: Draft, report: Report): void {
  if (server?.target === undefined) return;
  const { title, openvpn } = targets[server.target];
  const { cipher, auth } = tunnel ?? {};
  if (cipher !== undefined && cipher !== "auto" && !openvpn.ciphers.includes(cipher))
    report(["tunnel", "cipher"], texts.cipherOfTarget(cipher, title, openvpn.ciphers));
  if (auth !== undefined && openvpn.tunnel === "tls") report(["tunnel", "auth"], texts.authWithTls(title));
}

/** The 1280 bytes that IPv6 requires of every link (RFC 8200), plus the 66 bytes of a TLS tunnel. */
const LEAST_MTU = 1346;

function checkIpv6({ ipv6, server, lines = [] }: Draft, report: Report): void {
  if (ipv6 === undefined || server?.target === undefined) return;
  const { prefix, target } = server;
  const { title, init } = targets[target];
  if (prefix !== undefined) {
    network6At(prefix, ["server", "prefix"], texts.prefix, report);
    if (ipv6 === "block") report(["server", "prefix"], texts.prefixWithoutTunnel());
  }
  if (ipv6 !== "tunnel") return;
  if (init !== "systemd") report(["ipv6"], texts.tunnelNeedsModern(title));
  else if (!("prefix" in server)) report(["ipv6"], texts.tunnelWithoutPrefix());
  for (const [i, line] of lines.entries())
    if (line?.mtu !== undefined && line.mtu < LEAST_MTU) report(["lines", i, "mtu"], texts.mtuTooSmallForIpv6(line.mtu, LEAST_MTU));
  if (server.mtu !== undefined && server.mtu < LEAST_MTU) report(["server", "mtu"], texts.mtuTooSmallForIpv6(server.mtu, LEAST_MTU));
}

/** Reports an IPv6 network that is none, or that is not written by its first address. */
function network6At(text: string, path: Path, fault: (text: string) => ErrorText, report: Report): void {
  const network = parseNetwork6(text);
  if (network === null) report(path, fault(text));
  else if (parseNetwork6(`${text.split("/")[0]}/128`)?.base !== network.base) report(path, texts.hostBits(text, formatNetwork6(network)));
}

const services: Record<number, string> = { 53: "DNS", 67: "DHCP", 68: "DHCP", 123: "the time service" };

function checkTunnelPorts(draft: Draft, report: Report): void {
  const first = draft.tunnel?.firstPort;
  const lines = draft.lines ?? [];
  if (first === undefined || lines.length === 0) return;
  const last = tunnelPort(first, lines.length - 1);
  if (last > 65535) report(["tunnel", "firstPort"], texts.portsRunOut(last, lines.length));
  for (const [i, line] of lines.entries()) {
    const service = services[tunnelPort(first, i)];
    if (service !== undefined) report(["tunnel", "firstPort"], texts.tunnelOnPort(tunnelPort(first, i), line?.name ?? `${i + 1}`, service));
  }
}

function checkServer(draft: Draft, home: Home, vpn: Network | null, report: Report): void {
  const main = draft.server?.address;
  const entries: [Path, string | undefined][] = [
    [["server", "address"], main],
    ...(draft.server?.backups ?? []).map((address, i): [Path, string | undefined] => [["server", "backups", i], address]),
  ];
  const seen = new Map<string, string>();
  for (const [path, address] of entries) {
    if (address === undefined) continue;
    const value = parseAddress(address);
    const around = sharing({ base: value, prefix: 32 }, home);
    if (notOnInternet(value)) report(path, texts.notPublic(address));
    else if (around !== null) report(path, texts.inside(address, ...around));
    else if (vpn !== null && contains(vpn, value)) report(path, texts.inside(address, "tunnel.network", formatNetwork(vpn)));
    const other = seen.get(address);
    if (other !== undefined) report(path, texts.sameAddress(address, other));
    seen.set(address, formatPath(path));
  }
  const name = draft.server?.interface;
  if (name !== undefined && name !== "auto" && reservedInterface(name, draft))
    report(["server", "interface"], texts.reservedInterface(name));
}

function checkLines(draft: Draft, lan: Network | null, report: Report): void {
  const names = new Map<string, string>();
  const addresses = new Map<string, string>();
  if (draft.lan?.address !== undefined) addresses.set(draft.lan.address, "lan.address, the box");
  for (const [i, line] of (draft.lines ?? []).entries()) {
    const path: Path = ["lines", i];
    if (line?.name !== undefined) {
      const other = names.get(line.name);
      if (other !== undefined) report([...path, "name"], texts.sameName(line.name, other));
      else names.set(line.name, formatPath(path));
    }
    if (line?.modem !== undefined && (lan === null || checkInLan(line.modem, lan, [...path, "modem"], report, texts.modemElsewhere))) {
      const other = addresses.get(line.modem);
      const same = other?.endsWith(".modem") ? texts.sameModem : texts.sameAddress;
      if (other !== undefined) report([...path, "modem"], same(line.modem, other));
      else addresses.set(line.modem, `${formatPath(path)}.modem`);
    }
    for (const key of ["down", "up"] as const) checkRate(line?.[key], [...path, key], withoutStriper(draft), report);
    if (line?.encapsulation !== undefined && line.link !== undefined && encapsulations[line.encapsulation]?.link !== line.link) {
      report([...path, "encapsulation"], texts.encapsulation(line.encapsulation, line.link, encapsulationsOf(line.link)));
    }
  }
}

function checkBond(draft: Draft, report: Report): void {
  const { name, mode, hash, arpInterval = usualSignsOfLife(draft).arpInterval } = draft.bond ?? {};
  const other =
    name === undefined
      ? undefined
      : /^(lo|all|default)$/.test(name)
        ? "a part of the kernel"
        : isTap(name, draft.tunnel?.tap)
          ? "a tunnel's device"
          : isLaneDevice(name)
            ? "a device of the TCP lane"
            : undefined;
  if (name !== undefined && other !== undefined) report(["bond", "name"], texts.takenName(name, other));
  if (mode !== undefined && mode !== "balance-xor" && hash !== undefined) report(["bond", "hash"], texts.hashWithoutXor(mode));
  // The kernel's monitor brings a line up when an answer is younger than 1.5 intervals. See docs/data-path.md#arp-monitoring.
  const slow = (draft.lines ?? []).filter((line) => (line?.rtt ?? 0) >= 1.5 * arpInterval).sort((a, b) => (b?.rtt ?? 0) - (a?.rtt ?? 0))[0];
  if (slow?.rtt !== undefined) report(["bond", "arpInterval"], texts.arpTooFast(arpInterval, slow.name ?? "?", slow.rtt));
}

function checkRate(rate: Draftable<WrittenRate> | undefined, path: Path, unfollowed: string | undefined, report: Report): void {
  if (rate === "auto") return unfollowed === undefined ? undefined : report(path, texts.autoWithoutStriper(unfollowed));
  const tooBig = (one: number | string | undefined): boolean => typeof one === "string" && (kilobits(one) < 1 || kilobits(one) > 1e7);
  if (typeof rate !== "object") return tooBig(rate) ? report(path, texts.rateSize(String(rate))) : undefined;
  const { min, max } = rate;
  const wrong = (["min", "max"] as const).filter((key) => tooBig(rate[key]));
  for (const key of wrong) report([...path, key], texts.rateSize(String(rate[key])));
  if (min === undefined || max === undefined || wrong.length > 0) return;
  const range = rangeOf({ min, max });
  if ((range.min ?? 0) > range.max) report([...path, "min"], texts.rateOrder(String(min), String(max)));
  else if (unfollowed !== undefined) report(path, texts.rangeWithoutStriper(unfollowed));
}

/** Reports lines in reserve that nothing would hold there. */
function checkReserve(draft: Draft, report: Report): void {
  const { lines = [] } = draft;
  const reserve = [...lines.entries()].filter(([, line]) => line?.use !== undefined && line.use !== "always");
  const why = withoutStriper(draft);
  for (const [i] of reserve) if (why !== undefined) report(["lines", i, "use"], texts.reserveWithoutStriper(why));
  if (why === undefined && reserve.length === lines.length && lines.length > 0) report(["lines", 0, "use"], texts.allInReserve());
}

/** First and last port of a port or range. Reports a problem and returns null if they are none. */
function ports(spec: PortSpec | undefined, path: Path, report: Report): [low: number, high: number] | null {
  if (spec === undefined) return null;
  const [low, high] = portBounds(spec);
  if (low <= high && high <= 65535) return [low, high];
  report(path, texts.portOrder(String(spec)));
  return null;
}

function checkPortList(list: (PortSpec | undefined)[] | undefined, path: Path, report: Report): void {
  for (const [i, spec] of (list ?? []).entries()) ports(spec, [...path, i], report);
}

function checkBypass(draft: Draft, home: Home, report: Report): void {
  const lines = (draft.lines ?? []).flatMap((line) => (line?.name === undefined ? [] : [line.name]));
  const names = new Map<string, string>();
  for (const [i, rule] of (draft.bypass ?? []).entries()) {
    if (rule === undefined) continue;
    const path: Path = ["bypass", i];
    checkBypassRule(rule, path, report);
    checkBypassHosts(rule, path, draft, home, report);
    if (rule.line !== undefined && !lines.includes(rule.line)) {
      if (lines.length > 0 && lines.length === draft.lines?.length)
        report([...path, "line"], texts.noSuchLine(rule.line, suggest(rule.line, lines), lines));
    }
    if (rule.name !== undefined) {
      const other = names.get(rule.name);
      if (other !== undefined) report([...path, "name"], texts.sameName(rule.name, other));
      else names.set(rule.name, formatPath(path));
    }
    for (const [j, text] of (rule.networks ?? []).entries()) {
      const parsed = networkAt(text, [...path, "networks", j], report);
      const other = parsed === null || parsed.prefix === 0 ? null : sharing(parsed, home);
      if (other !== null) report([...path, "networks", j], texts.bypassLan(text as string, ...other));
    }
  }
}

function checkBypassRule(rule: Draftable<Bypass>, path: Path, report: Report): void {
  checkPortList(rule.ports, [...path, "ports"], report);
  // A key stays in the draft even if its value was wrong.
  const hasPorts = "ports" in rule && rule.ports?.length !== 0;
  if (!hasPorts && !("networks" in rule) && !("hosts" in rule)) report(path, texts.emptyBypass());
  else if (!hasPorts && rule.protocol !== undefined && rule.protocol !== "both")
    report([...path, "protocol"], texts.protocolWithoutPorts(rule.protocol));
}

function checkBypassHosts({ hosts = [] }: Draftable<Bypass>, path: Path, draft: Draft, home: Home, report: Report): void {
  const modems = modemsOf(draft);
  for (const [i, host] of hosts.entries()) {
    if (host === undefined || isMac(host)) continue;
    const at = [...path, "hosts", i];
    const modem = modems.get(host);
    if (!checkAtHome(host, home, at, report)) continue;
    if (modem !== undefined) report(at, texts.bypassOfModem(host, modem));
    else if (host === draft.lan?.address) report(at, texts.bypassOfBox(host));
    // Behind a router of the LAN there is no IPv6 from the box.
    else if (draft.ipv6 === "tunnel" && (home.lan === null || contains(home.lan, parseAddress(host))))
      report(at, texts.bypassWithIpv6(host));
  }
}

/** Names of lines by their modems. */
function modemsOf({ lines = [] }: Draft): Map<string, string> {
  return new Map(lines.flatMap((line): [string, string][] => (line?.modem === undefined ? [] : [[line.modem, line.name ?? "?"]])));
}

function checkForwards(draft: Draft, home: Home, report: Report): void {
  const first = draft.tunnel?.firstPort;
  const tunnels = new Map(
    (draft.lines ?? []).map((line, i) => [first === undefined ? -1 - i : tunnelPort(first, i), line?.name ?? `${i + 1}`]),
  );
  const modems = modemsOf(draft);
  const taken: Taken[] = [];
  for (const [i, forward] of (draft.forwards ?? []).entries()) {
    if (forward === undefined) continue;
    const path: Path = ["forwards", i];
    checkForwardPort(forward, path, { tunnels, taken }, report);
    checkHostPort(forward, path, draft.server?.target, report);
    if (draft.page?.enabled === true && forward.host === draft.lan?.address) checkPagePort(forward, path, report);
    if (forward.host === undefined || !checkAtHome(forward.host, home, [...path, "host"], report)) continue;
    const modem = modems.get(forward.host);
    if (modem !== undefined) report([...path, "host"], texts.forwardToModem(forward.host, modem));
  }
}

/** Ports of the server that a forward has. */
interface Taken {
  protocol: "tcp" | "udp";
  low: number;
  high: number;
  /** Such as forwards[0]. */
  by: string;
}

function checkForwardPort(
  forward: Draftable<Forward>,
  path: Path,
  used: { tunnels: Map<number, string>; taken: Taken[] },
  report: Report,
): void {
  const { port, protocol } = forward;
  const bounds = ports(port, [...path, "port"], report);
  if (bounds === null || protocol === undefined) return;
  const [low, high] = bounds;
  const range = low === high ? null : `${low}-${high}`;
  // A tunnel is UDP: the same port of TCP is free for a forward, such as 443.
  const tunnel = protocol === "tcp" ? undefined : [...used.tunnels].find(([taken]) => taken >= low && taken <= high);
  if (tunnel !== undefined) report([...path, "port"], range === null ? texts.tunnelPort(...tunnel) : texts.tunnelInRange(range, ...tunnel));
  if (low <= 22 && high >= 22 && protocol !== "udp") report([...path, "port"], range === null ? texts.sshPort() : texts.sshInRange(range));
  const others = protocolsOf(protocol).flatMap((one) => used.taken.filter((other) => other.protocol === one));
  const other = others.find((other) => other.low <= high && low <= other.high);
  if (other !== undefined) report([...path, "port"], texts.samePort(Math.max(low, other.low), other.protocol.toUpperCase(), other.by));
  else used.taken.push(...protocolsOf(protocol).map((one) => ({ protocol: one, low, high, by: formatPath(path) })));
}

function checkPagePort({ port, hostPort = port, protocol }: Draftable<Forward>, path: Path, report: Report): void {
  const key = hostPort === port ? "port" : "hostPort";
  const bounds = hostPort === undefined || protocol === "udp" ? null : portBounds(hostPort);
  if (bounds !== null && bounds[0] <= pagePort && pagePort <= bounds[1]) report([...path, key], texts.pagePort(pagePort));
}

function checkPage({ page }: Draft, report: Report): void {
  // A key stays in the draft even if its value was wrong.
  const password = page !== undefined && "password" in page;
  if (password && page.enabled === false) report(["page", "password"], texts.passwordWithoutPage());
  if (!password && page?.reading === "password") report(["page", "reading"], texts.closedWithoutPassword());
}

function checkNotify({ notify }: Draft, home: Home, report: Report): void {
  if (notify === undefined) return;
  if (notify.url !== undefined && !canBeCalled(notify.url)) report(["notify", "url"], texts.notifyUrl());
  else if (notify.url !== undefined && !staysHome(new URL(notify.url), home)) report(["notify", "url"], texts.notifyInTheClear());
  if (!("url" in notify) && !("command" in notify)) report(["notify"], texts.notifyNobody());
}

/** The standard allows port 0, at which nobody can be reached. */
function canBeCalled(url: string): boolean {
  return URL.canParse(url) && new URL(url).port !== "0";
}

/** What is sent in the clear may not leave the home. */
function staysHome({ protocol, hostname }: URL, home: Home): boolean {
  if (protocol === "https:") return true;
  return /^[\d.]+$/.test(hostname) && sharing({ base: parseAddress(hostname), prefix: 32 }, home) !== null;
}

function checkHostPort({ port, hostPort }: Draftable<Forward>, path: Path, target: ServerTarget | undefined, report: Report): void {
  const host = ports(hostPort, [...path, "hostPort"], report);
  if (host === null || port === undefined || hostPort === undefined) return;
  const [[low, high], [hostLow, hostHigh]] = [portBounds(port), host];
  if (high - low !== hostHigh - hostLow) report([...path, "hostPort"], texts.forwardLength(String(port), String(hostPort)));
  else if (low !== high && low !== hostLow && target !== undefined && targets[target].rangesStay)
    report([...path, "hostPort"], texts.rangesStay(String(hostPort), targets[target].title));
}

function checkNetworkLists(draft: Draft, report: Report): void {
  for (const [i, text] of (draft.firewall?.tunnelSources ?? []).entries()) networkAt(text, ["firewall", "tunnelSources", i], report);
  for (const [i, text] of (draft.firewall?.reach ?? []).entries()) checkReach(text, draft.ipv6, ["firewall", "reach", i], report);
  for (const [i, text] of (draft.qos?.priority?.hosts ?? []).entries()) networkAt(text, ["qos", "priority", "hosts", i], report);
  checkPortList(draft.qos?.priority?.ports, ["qos", "priority", "ports"], report);
  checkPortList(draft.qos?.bulk?.ports, ["qos", "bulk", "ports"], report);
}

function checkReach(text: string | undefined, ipv6: Draft["ipv6"], path: Path, report: Report): void {
  if (text === undefined || !text.includes(":")) networkAt(text, path, report);
  else if (ipv6 === "block") report(path, texts.reachWithoutIpv6(text));
  else network6At(text.includes("/") ? text : `${text}/128`, path, () => texts.network4or6(text), report);
}

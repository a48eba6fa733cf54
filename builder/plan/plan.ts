import { formatAddress, formatNetwork, netmask, parseAddress, parseNetwork } from "../ipv4";
import { portBounds, protocolsOf, tunnelPort } from "../profile/ports";
import { linkOf } from "../profile/links";
import type { Auth, Bypass, Cipher, Line, PortSpec, Profile } from "../profile/types";
import { targets } from "../targets";
import { boxes } from "../targets/boxes";
import { IPV6_MTU, ipv6Of } from "./ipv6";
import { efficiency, type Envelope, maxInnerMtu, meanTunnelOverhead, outerSize } from "./sizes";
import type {
  BondPlan,
  BoxPlan,
  BypassPlan,
  Expectation,
  ForwardPlan,
  Framing,
  LinePlan,
  Plan,
  QosPlan,
  Rates,
  ServerPlan,
  ShaperPlan,
  TlsPlan,
  TunnelPlan,
  WatchdogPlan,
} from "./types";
import { warningsOf } from "./warnings";

/** A line's link as the formulas need it, before the tunnel's MTU is known. */
type Path = Pick<LinePlan, "link" | "encapsulation" | "linkOverhead" | "linkMpu" | "mtu" | "rateKind" | "rate" | "maxInnerMtu">;

/** Derives everything from a profile. Pure: no file, no clock, no randomness. @param name of the profile. */
export function makePlan(profile: Profile, name: string): Plan {
  const bond = bondOf(profile);
  const paths = profile.lines.map((line) => pathOf(line, profile));
  const mtu = bestMtu(paths, profile, bond);
  const figures = paths.map((path) => goodput(path, mtu, profile));
  const lines = profile.lines.map((line, index) => lineOf(line, index, { path: paths[index] as Path, mtu, profile, bond }));
  const plan: Omit<Plan, "warnings"> = {
    profile: name,
    hostname: profile.hostname,
    box: boxOf(profile),
    lan: lanOf(profile),
    lines,
    server: serverOf(profile),
    tunnel: tunnelOf(profile, mtu),
    bond,
    routes: { bondMetric: 100, fallbackMetric: 200, deadEndMetric: 9999 },
    qos: qosOf(profile, lines, bond),
    bypass: profile.bypass.flatMap((rule) => bypassOf(rule, lines)),
    forwards: profile.forwards.map((forward) => forwardOf(forward, profile)),
    firewall: profile.firewall,
    fallback: profile.fallback === "direct",
    ipv6: ipv6Of(profile, mtu),
    icmpRedirects: profile.icmpRedirects,
    ssh: profile.ssh.keys.length > 0 ? profile.ssh : null,
    expected: {
      direct: best(lines.map((line) => directGoodput(line))),
      down: expectation(
        figures.map(({ down }) => down),
        bond,
        profile.qos,
      ),
      up: expectation(
        figures.map(({ up }) => up),
        bond,
        profile.qos,
      ),
    },
  };
  return { ...plan, warnings: warningsOf(plan) };
}

function boxOf({ box: { target, storage } }: Profile): BoxPlan {
  const { title, release, starter } = boxes[target];
  return { target, title, release, cloudInit: starter === "cloud-init", protected: storage === "protected" };
}

function lanOf({ lan, lines }: Profile): Plan["lan"] {
  const network = parseNetwork(lan.subnet);
  return {
    subnet: formatNetwork(network),
    network: formatAddress(network.base),
    netmask: netmask(network),
    prefix: network.prefix,
    address: lan.address,
    interface: lan.interface,
    dns: lan.dns ?? lines.slice(0, 3).map(({ modem }) => modem),
  };
}

function bondOf(profile: Profile): BondPlan {
  const { bond } = profile;
  return {
    name: "bond0",
    mode: bond.mode,
    // layer2 would put all traffic on one line: between two machines the MAC addresses never differ.
    hash: bond.mode === "balance-xor" ? (bond.hash ?? "layer3+4") : null,
    arpInterval: bond.arpInterval,
    detectMs: 2.5 * bond.arpInterval,
    watchdog: watchdogOf(profile),
  };
}

/** More packets than ever come between two looks. */
const NEVER = 1_000_000_000;

/** As patient as the kernel's own monitor, whose probes it listens for; under load, where balance-rr deals evenly, much faster. */
function watchdogOf({ lines, bond: { mode, arpInterval } }: Profile): WatchdogPlan {
  return {
    every: Number(Math.max(0.1, arpInterval / 1500).toFixed(2)),
    everyUnderLoad: 0.05,
    dealt: mode === "balance-rr" && lines.length > 1 ? 2 * (lines.length - 1) : NEVER,
    missed: 3,
    carriedMs: 400,
    carries: 3,
    silentMs: Math.round(2.5 * arpInterval),
    settleMs: 2 * arpInterval,
    relapseMs: 60_000,
    holdMs: 5000,
    longestHoldMs: 60_000,
    blindMs: 10_000,
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
    watched: backups.length > 0 || isTls(profile),
    target,
    title,
    systemd: init === "systemd",
    interface: port === "auto" ? null : port,
    updates,
  };
}

/** AES where it has instructions for it, else ChaCha20, is the box's own choice at each start; where both ends must be told, ChaCha20, which no processor does slowly. */
function tlsOf({ tunnel: { cipher }, server: { target } }: Profile): TlsPlan {
  const { ciphers, negotiates, peer } = targets[target].openvpn;
  const chosen = cipher !== "auto" ? cipher : negotiates ? null : "CHACHA20-POLY1305";
  return { ciphers: chosen ?? ciphers.join(":"), cipher: chosen, told: !negotiates, byFingerprint: peer === "fingerprint" };
}

function staticKeyOf({ tunnel: { cipher, auth }, server: { target } }: Profile): NonNullable<TunnelPlan["staticKey"]> {
  const best = targets[target].openvpn.ciphers[0] as Cipher;
  return { cipher: cipher === "auto" ? best : cipher, auth: auth ?? DEFAULT_AUTH };
}

const DEFAULT_AUTH: Auth = "SHA1";

function isTls({ server: { target } }: Profile): boolean {
  return targets[target].openvpn.tunnel === "tls";
}

function envelopeOf(profile: Profile): Envelope {
  return isTls(profile) ? { kind: "aead" } : { kind: "cbc", auth: staticKeyOf(profile).auth };
}

function tunnelOf(profile: Profile, mtu: number): TunnelPlan {
  const { tunnel } = profile;
  const network = parseNetwork(tunnel.network);
  return {
    subnet: formatNetwork(network),
    prefix: network.prefix,
    netmask: netmask(network),
    serverAddress: formatAddress(network.base + 1),
    boxAddress: formatAddress(network.base + 2),
    tls: isTls(profile) ? tlsOf(profile) : null,
    staticKey: isTls(profile) ? null : staticKeyOf(profile),
    keepalive: tunnel.keepalive,
    replayWindow: { packets: 512, seconds: 15 },
    queueLength: 1000,
    mtu,
    mss: mtu - 40,
  };
}

function pathOf(line: Line, profile: Profile): Path {
  const link = linkOf(line);
  return {
    link: line.link,
    encapsulation: link.name,
    linkOverhead: link.overhead,
    linkMpu: link.mpu,
    mtu: link.mtu,
    rateKind: line.rate,
    rate: { down: line.down, up: line.up },
    maxInnerMtu: maxInnerMtu(link.mtu, envelopeOf(profile)),
  };
}

/** TCP payload of one flow through the tunnel of a line, kbit/s. Source: facts/qos-and-bonding.md 6.3. */
function goodput(path: Path, mtu: number, profile: Profile): Rates {
  const part = efficiency(mtu, outerSize(mtu, envelopeOf(profile)), path);
  return { down: path.rate.down * part, up: path.rate.up * part };
}

/** The same without a tunnel. */
function directGoodput(line: LinePlan): Rates {
  const part = efficiency(line.mtu, line.mtu, line);
  return { down: Math.round(line.rate.down * part), up: Math.round(line.rate.up * part) };
}

function best(rates: Rates[]): Rates {
  return { down: Math.max(...rates.map(({ down }) => down)), up: Math.max(...rates.map(({ up }) => up)) };
}

/** Below the least of all lines' largest MTU, the one that carries most: on ATM a smaller packet can fill its cells better. Source: facts/qos-and-bonding.md 6.4. */
function bestMtu(paths: Path[], profile: Profile, bond: BondPlan): number {
  const largest = Math.min(...paths.map((path) => path.maxInnerMtu));
  // Two ATM cells and a cipher block less never gain: the search may end there.
  const smallest = Math.max(largest - 128, profile.ipv6 === "tunnel" ? IPV6_MTU : 128);
  let chosen = largest;
  let most = 0;
  for (let mtu = largest; mtu >= smallest; mtu--) {
    const carried = bondCapacity(
      paths.map((path) => goodput(path, mtu, profile).down),
      bond,
    );
    if (carried > most * (1 + 1e-9)) [chosen, most] = [mtu, carried];
  }
  return chosen;
}

/** What the bond carries when its lines carry these figures. balance-rr and broadcast are bound by the slowest line. */
export function bondCapacity(lines: number[], { mode }: Pick<BondPlan, "mode">): number {
  switch (mode) {
    case "balance-rr":
      return lines.length * Math.min(...lines);
    case "balance-xor":
      return lines.reduce((sum, line) => sum + line, 0);
    case "active-backup":
      return lines[0] ?? 0;
    case "broadcast":
      return Math.min(...lines);
  }
}

/** @param figures goodput of each line, not rounded yet. */
function expectation(figures: number[], bond: BondPlan, { enabled, share }: Profile["qos"]): Expectation {
  const capacity = bondCapacity(figures, bond);
  const ceiling = Math.round(capacity);
  const oneFlow = bond.mode === "balance-xor" ? Math.round(Math.max(...figures)) : ceiling;
  return { ceiling, oneFlow, shaped: enabled ? Math.floor(ceiling * share) : ceiling };
}

interface LineContext {
  path: Path;
  mtu: number;
  profile: Profile;
  bond: BondPlan;
}

function lineOf(line: Line, index: number, { path, mtu, profile, bond }: LineContext): LinePlan {
  const figures = goodput(path, mtu, profile);
  const mark = 101 + index;
  return {
    ...path,
    index,
    name: line.name,
    modem: line.modem,
    mark,
    table: mark,
    rulePriority: 1000 + mark,
    tap: `tap${index}`,
    port: tunnelPort(profile.tunnel.firstPort, index),
    rttMs: line.rtt ?? null,
    outerSize: outerSize(mtu, envelopeOf(profile)),
    tunnelOverhead: meanTunnelOverhead(envelopeOf(profile)),
    framing: framingOf(path, profile),
    goodput: { down: Math.max(1, Math.round(figures.down)), up: Math.max(1, Math.round(figures.up)) },
    shaped: { down: share(line.down, profile), up: share(line.up, profile) },
    equalizeUs: equalize(line, profile, bond),
  };
}

function framingOf(path: Path, profile: Profile): Framing {
  const tunnelBytes = meanTunnelOverhead(envelopeOf(profile));
  // A rate that counts IP packets already holds the link's share.
  return path.rateKind === "ip"
    ? { link: "ethernet", overhead: tunnelBytes, mpu: 0 }
    : { link: path.link, overhead: tunnelBytes + path.linkOverhead, mpu: path.linkMpu };
}

function share(rate: number, { qos }: Profile): number {
  return Math.max(1, Math.floor(rate * qos.share));
}

/** Delay that makes the line's way down as long as the slowest one's, microseconds. Worth it from 5 to 60 ms. Source: facts/qos-and-bonding.md 8.0 rule 3. */
function equalize(line: Line, { lines, qos }: Profile, { mode }: BondPlan): number {
  const times = lines.map(({ rtt }) => rtt);
  if (mode !== "balance-rr" || !qos.enabled || times.some((rtt) => rtt === undefined)) return 0;
  const oneWay = (Math.max(...(times as number[])) - (line.rtt as number)) / 2;
  return oneWay >= 5 && oneWay <= 60 ? Math.round(oneWay * 1000) : 0;
}

/** Below this a full packet takes longer than 3 ms and each line needs a queue of its own, kbit/s. Source: facts/qos-and-bonding.md 1, finding 5. */
const PER_TAP_BELOW = 5000;

function qosOf({ qos }: Profile, lines: LinePlan[], bond: BondPlan): QosPlan {
  const slowest = lines.reduce((a, b) => (b.goodput.down < a.goodput.down ? b : a));
  return {
    enabled: qos.enabled,
    share: qos.share,
    priority: { ports: portGroups(qos.priority.ports), hosts: qos.priority.hosts },
    bulk: { ports: portGroups(qos.bulk.ports) },
    framing: slowest.framing,
    down: { where: "bond", total: bondShaper(lines, bond, "down") },
    up: upShaper(lines, bond),
  };
}

function upShaper(lines: LinePlan[], bond: BondPlan): ShaperPlan {
  const perTap = lines.some(({ rate }) => rate.up < PER_TAP_BELOW);
  return perTap
    ? { where: "tap", total: lines.reduce((sum, { shaped }) => sum + shaped.up, 0) }
    : { where: "bond", total: bondShaper(lines, bond, "up") };
}

/** The bond's rate in the units of the line that is the limit, so that its overhead is counted right. */
function bondShaper(lines: LinePlan[], bond: BondPlan, direction: keyof Rates): number {
  const slowest = lines.reduce((a, b) => (b.goodput[direction] < a.goodput[direction] ? b : a));
  const capacity = bondCapacity(
    lines.map((line) => line.goodput[direction]),
    bond,
  );
  return Math.floor((slowest.shaped[direction] * capacity) / slowest.goodput[direction]);
}

/** iptables' multiport takes 15 ports a rule, a range counts for two. */
const MULTIPORT = 15;

/** Ports in iptables' words, in lists that fit one rule. */
export function portGroups(ports: PortSpec[]): string[] {
  const groups: { words: string[]; used: number }[] = [];
  for (const spec of ports) {
    const [low, high] = portBounds(spec);
    const [word, cost] = low === high ? [`${low}`, 1] : [`${low}:${high}`, 2];
    const last = groups.at(-1);
    if (last !== undefined && last.used + cost <= MULTIPORT) {
      last.words.push(word);
      last.used += cost;
    } else groups.push({ words: [word], used: cost });
  }
  return groups.map(({ words }) => words.join(","));
}

function bypassOf(rule: Bypass, lines: LinePlan[]): BypassPlan[] {
  const line = lines.find(({ name }) => name === rule.line) as LinePlan;
  // "Everywhere" is everywhere but the LAN, as for a rule without networks.
  const networks = rule.networks?.map((network) => (parseNetwork(network).prefix === 0 ? null : network)) ?? [null];
  const ports = rule.ports === undefined || rule.ports.length === 0 ? [null] : portGroups(rule.ports);
  const protocols = ports[0] === null ? [null] : protocolsOf(rule.protocol);
  return networks.flatMap((network) =>
    protocols.flatMap((protocol) =>
      ports.map((list) => ({ name: rule.name, line: line.name, mark: line.mark, protocol, ports: list, network })),
    ),
  );
}

function forwardOf({ port, protocol, host, hostPort }: Profile["forwards"][number], { lan }: Profile): ForwardPlan {
  return {
    port,
    protocols: protocolsOf(protocol),
    host,
    hostPort: hostPort ?? port,
    toBox: parseAddress(host) === parseAddress(lan.address),
  };
}

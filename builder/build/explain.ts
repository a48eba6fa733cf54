import { table, wrap } from "../base/format";
import { idleMonth } from "../plan/idle";
import type { Expectation, LanePlan, LinePlan, Plan, Rates } from "../plan/types";

/** The plan as tables that a person reads, at most 100 columns. */
export function explain(plan: Plan): string {
  return [
    `Profile ${plan.profile}: ${plan.lines.length} line${plan.lines.length > 1 ? "s" : ""}, ${plan.bond.dealing}, server ${plan.server.address} (${plan.server.target})`,
    section("Lines", table([header, ...plan.lines.map(lineRow)])),
    section("Line, continued", table([secondHeader, ...plan.lines.map(secondRow)])),
    section("Tunnel and bond", pairs(tunnelPairs(plan))),
    ...(plan.expected
      ? [section("What one may expect (computed, TCP payload, kbit/s)", table(expectedRows(plan.expected)))]
      : [
          section(
            "What one may expect",
            "The sum of the lines: how much that is, is found by use, since the profile does not have all rates.",
          ),
        ]),
    ...(plan.qos.enabled ? [section("Shaping (kbit/s in the units of the line)", pairs(shapingPairs(plan)))] : []),
    ...(plan.bypass.length > 0 ? [section("Bypass", table([["name", "line", "what"], ...plan.bypass.map(bypassRow)]))] : []),
    ...(plan.forwards.length > 0 ? [section("Forwards", table([["server", "LAN host"], ...plan.forwards.map(forwardRow)]))] : []),
    ...(plan.warnings.length > 0 ? [section("Warnings", plan.warnings.map(({ text }) => wrap(text)).join("\n"))] : []),
  ].join("\n\n");
}

const header = ["line", "modem", "down/up", "link", "MTU", "RTT", "tap", "port"];

function lineRow(line: LinePlan): string[] {
  const { name, modem, rate, least, found, rateKind, encapsulation, linkOverhead, mtu, rttMs, tap, port } = line;
  return [
    name,
    modem,
    `${found.down ? "auto" : span(least.down, rate.down)}/${found.up ? "auto" : span(least.up, rate.up)} ${rateKind}`,
    `${encapsulation} +${linkOverhead}`,
    `${mtu}`,
    rttMs === null ? "-" : `${rttMs} ms`,
    tap,
    `${port}`,
  ];
}

const span = (least: number | undefined, most: number): string => (least === undefined ? `${most}` : `${least}-${most}`);

const secondHeader = ["line", "mark, table", "largest MTU", "full packet", "alone, down/up", "shaped, down/up", "held back"];

function secondRow({ name, mark, maxInnerMtu, outerSize, goodput, shaped, equalizeUs, found }: LinePlan): string[] {
  // What is supposed of a rate that is found says nothing of the line.
  const known = ({ down, up }: Rates): string => `${found.down ? "auto" : down}/${found.up ? "auto" : up}`;
  return [name, `${mark}`, `${maxInnerMtu}`, `${outerSize} B`, known(goodput), known(shaped), `${equalizeUs / 1000} ms`];
}

function tunnelPairs(plan: Plan): [string, string][] {
  const { tunnel, bond, lane, lan, lines, ipv6, page, sick, notify, fallback, server } = plan;
  const heldBack = (use: LinePlan["use"], until: string): [string, string][] => {
    const names = lines.filter((line) => line.use === use).map(({ name }) => name);
    return names.length > 0 ? [[use === "spare" ? "spared" : "in reserve", `${names.join(", ")}: only probes ${until}`]] : [];
  };
  return [
    ["inner addresses", `server ${tunnel.serverAddress}, box ${tunnel.boxAddress}, network ${tunnel.subnet}`],
    ["cipher", cipherText(tunnel)],
    ["MTU, MSS", `${tunnel.mtu}, ${tunnel.mss}`],
    ["dead line left after", `${bond.detectMs} ms (ARP every ${bond.arpInterval} ms, on both ends)${quick(plan)}`],
    ...heldBack("spare", "until the others are full"),
    ...heldBack("reserve", "while another line works"),
    ...(lane === null ? [] : [["TCP lane", laneText(lane)] as [string, string]]),
    ...lines.flatMap((line): [string, string][] =>
      line.monthly === null ? [] : [[`${line.name}, monthly`, monthlyText(line.monthly, line, plan)]],
    ),
    ["LAN", `${lan.subnet}, gateway ${lan.address} on ${lan.interface}`],
    ...lan.routes.map(({ network, via }): [string, string] => ["behind a router", `${network}, by ${via}, whose gateway is the box`]),
    ["IPv6", ipv6.tunnel ? `${ipv6.tunnel.lan} through the bond` : "none in the LAN: what modems announce is taken back"],
    ["sick line taken out", sick ? `when it loses ${100 * sick.loss} % or its round trip is ${sick.delay} ms for 10 s` : "never"],
    ["status page", page ? `http://${lan.address}/, for the LAN alone${pageText(page)}` : "none"],
    ...(notify === null ? [] : [["notified", notifyText(notify)] as [string, string]]),
    ["server gone", fallback ? "straight out over the first line that works" : "no way out until it is back"],
    ...backupPairs(server),
  ];
}

function pageText({ controls, closed }: NonNullable<Plan["page"]>): string {
  if (closed) return "; the password for all";
  return controls ? "; the password for its controls" : ", without controls";
}

function notifyText({ url, command, after }: NonNullable<Plan["notify"]>): string {
  const whom = [url ? "the URL" : "", command ? "the command" : ""].filter((name) => name !== "").join(" and ");
  return `${whom}, of what is down for ${after / 60} min`;
}

function laneText({ always, paths, refusesQuic }: LanePlan): string {
  const when = always ? "always" : "while lines jump or lose packets";
  const refused = refusesQuic ? "; QUIC refused" : "";
  return `${when}: TCP in one part per line (${paths.map(({ line }) => line).join(", ")})${refused}`;
}

function monthlyText(monthly: number, line: LinePlan, plan: Plan): string {
  const idle = plan.bond.striper ? `; idle it needs ${(idleMonth(line, plan) / 1e9).toFixed(1)} of them (bond.arpInterval)` : "";
  return `${monthly / 1e9} GB, counted${idle}`;
}

function cipherText({ tls, staticKey }: Plan["tunnel"]): string {
  if (staticKey) return `${staticKey.cipher}, ${staticKey.auth}, one static key per tunnel`;
  return `${tls?.cipher ?? "AES-256-GCM where the box has instructions for AES, else ChaCha20"}; TLS, each end knows the other's certificate`;
}

function backupPairs({ backups, failover: { after, back } }: Plan["server"]): [string, string][] {
  if (backups.length === 0) return [];
  const returns = back > 0 ? `back when the first has answered for ${back} s` : "back only when that one fails, too";
  return [["backup servers", `${backups.join(", ")}: the next after ${after} s without a tunnel, ${returns}`]];
}

/** Under load, the packets of the others show it sooner. */
function quick({ lines, bond: { striper, watchdog } }: Plan): string {
  const { load, missedMs, everyUnderLoad } = watchdog;
  if (striper) return lines.length > 1 ? ", under load avoided at once" : "";
  return load < 1e6 ? `, under load ${missedMs + 2 * everyUnderLoad * 1000} ms` : "";
}

function expectedRows({ direct, down, up }: NonNullable<Plan["expected"]>): string[][] {
  return [
    ["", "down", "up"],
    ["best line alone, no tunnel", `${direct.down}`, `${direct.up}`],
    ["bond, one connection", oneFlow(down), oneFlow(up)],
    ["bond, all connections", `${down.ceiling}`, `${up.ceiling}`],
    ["bond, shaped", `${down.shaped}`, `${up.shaped}`],
  ];
}

/** With balance-xor, chance decides which line a connection gets. */
function oneFlow({ oneFlow, luckyFlow }: Expectation): string {
  return oneFlow === luckyFlow ? `${oneFlow}` : `${oneFlow} to ${luckyFlow}`;
}

function shapingPairs({ qos, expected }: Plan): [string, string][] {
  const where = { bond: "on bond0", tap: "per tap" };
  const first = expected === null ? ", until the rates are found" : "";
  return [
    ["down", `${qos.down.total} on the server, ${where[qos.down.where]}${first}`],
    ["up", `${qos.up.total} on the box, ${where[qos.up.where]}${first}`],
    ["overhead", `${qos.framing.overhead} bytes per packet, ${qos.framing.link}`],
    ["share of the rate", `${qos.share}`],
  ];
}

function bypassRow({ name, line, protocol, ports, network, host, mac }: Plan["bypass"][number]): string[] {
  const machine = host ?? mac;
  return [name, line, [protocol, ports, network && `to ${network}`, machine && `from ${machine}`].filter(Boolean).join(" ")];
}

function forwardRow({ port, protocols, host, hostPort, toBox }: Plan["forwards"][number]): string[] {
  return [`${protocols.join("+")} ${port}`, `${host}:${hostPort}${toBox ? " (the box)" : ""}`];
}

function section(title: string, body: string): string {
  return `${title}\n${body.replace(/^/gm, "  ")}`;
}

function pairs(rows: [string, string][]): string {
  return table(rows.map(([name, value]) => [name, value]));
}

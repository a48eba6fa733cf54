import { formatAddress, formatNetwork, parseNetwork, size } from "../base/ipv4";
import { type Network6, parseNetwork6 } from "../base/ipv6";
import { withoutLane } from "../profile/lane";
import { laneNetwork } from "../profile/tunnel-network";
import type { Profile } from "../profile/types";
import type { LanePath, LanePlan, LinePlan, Plan } from "./types";

/** Bytes of a VLAN tag, which each packet has in addition. */
const TAG = 4;
/** Numbers that nothing else has. Marks, tables and priorities are below those of the lines and of refused IPv6. */
const numbers = { port: 5555, probePort: 5556, mark: 98, table: 97, priority: 1097 };

/** The TCP lane; null: the profile has none, or none is possible. */
export function laneOf(profile: Profile, plan: Pick<Plan, "lines" | "tunnel" | "lan" | "server" | "firewall" | "ipv6">): LanePlan | null {
  if (profile.tcpLane === "off" || withoutLane(profile) !== undefined) return null;
  const elsewhere = [...plan.lan.networks, ...plan.server.bundles.map(({ address }) => address)].map(parseNetwork);
  const network = laneNetwork(parseNetwork(plan.tunnel.subnet), elsewhere);
  if (network === null) return null;
  return {
    always: profile.tcpLane === "on",
    refusesQuic: profile.quic === "lane",
    network: formatNetwork(network),
    serverAddress: formatAddress(network.base + 1),
    paths: pathsOf(plan.lines, network.base + 2),
    mtu: plan.tunnel.mtu - TAG,
    ...numbers,
    ...apartOf(plan, formatNetwork(network)),
  };
}

/** @param first the box's address on the first line. */
function pathsOf(lines: LinePlan[], first: number): LanePath[] {
  return lines
    .filter(({ use }) => use !== "reserve")
    .sort((a, b) => a.delayUs - b.delayUs || a.index - b.index)
    .map(({ name, tap, index }) => ({
      line: name,
      tap,
      vlan: 101 + index,
      device: `lane${index}`,
      boxAddress: formatAddress(first + index),
      index,
    }));
}

/** Addresses that no machine on the internet has: this network's, the machine's own, and groups. */
const nowhere = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"];
const nowhere6 = ["::/127", "ff00::/8"];

function apartOf({ lan, tunnel, firewall, ipv6 }: Parameters<typeof laneOf>[1], network: string): Pick<LanePlan, "apart" | "apart6"> {
  const ipv4 = [...lan.networks, tunnel.subnet, network, ...nowhere, ...firewall.closed.split(",")];
  return {
    apart: outermost(ipv4, rangeOf),
    apart6: ipv6.tunnel === null ? [] : outermost([ipv6.tunnel.lan, ...nowhere6, ...firewall.closed6.split(",")], rangeOf6),
  };
}

/** First and last address. */
interface Range {
  first: bigint;
  last: bigint;
}

function rangeOf(text: string): Range {
  const network = parseNetwork(text);
  return { first: BigInt(network.base), last: BigInt(network.base + size(network) - 1) };
}

function rangeOf6(text: string): Range {
  const { base, prefix } = parseNetwork6(text) as Network6;
  return { first: base, last: base + 2n ** BigInt(128 - prefix) - 1n };
}

/** Networks without those that lie inside another one, which nftables refuses in one set, by their addresses. */
function outermost(texts: string[], range: (text: string) => Range): string[] {
  const networks = texts.map((text) => ({ text, ...range(text) }));
  // Of two that begin together, the larger comes first.
  const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
  networks.sort((a, b) => compare(a.first, b.first) || compare(b.last, a.last));
  const kept: typeof networks = [];
  for (const network of networks) if (network.last > (kept.at(-1)?.last ?? -1n)) kept.push(network);
  return kept.map(({ text }) => text);
}

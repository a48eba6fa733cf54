import { contains, formatAddress, formatNetwork, parseNetwork } from "../base/ipv4";
import { withoutLane } from "../profile/lane";
import { laneNetwork } from "../profile/tunnel-network";
import type { Profile } from "../profile/types";
import type { LaneBuffers, LanePath, LanePlan, LinePlan, Plan, Rates } from "./types";

/** Bytes of a VLAN tag, which each packet has in addition. */
const TAG = 4;
/** Numbers that nothing else has. Marks, tables and priorities are below those of the lines and of refused IPv6. */
const numbers = { port: 5555, probePort: 5556, mark: 98, table: 97, priority: 1097 };

/** The TCP lane; null: the profile has none, or none is possible. */
export function laneOf(profile: Profile, plan: Pick<Plan, "lines" | "tunnel" | "lan" | "server" | "firewall">): LanePlan | null {
  if (profile.tcpLane === "off" || withoutLane(profile) !== undefined) return null;
  const elsewhere = [...plan.lan.networks, ...plan.server.bundles.map(({ address }) => address)].map(parseNetwork);
  const network = laneNetwork(parseNetwork(plan.tunnel.subnet), elsewhere);
  if (network === null) return null;
  return {
    always: profile.tcpLane === "on",
    untried: plan.lines.some(({ use, least }) => use !== "reserve" && (least.down ?? least.up) !== undefined),
    most: mostOf(plan.lines),
    buffers: { down: buffersOf(plan.lines, "down"), up: buffersOf(plan.lines, "up") },
    refusesQuic: profile.quic !== "bond",
    network: formatNetwork(network),
    serverAddress: formatAddress(network.base + 1),
    paths: pathsOf(plan.lines, network.base + 2),
    mtu: plan.tunnel.mtu - TAG,
    ...numbers,
    apart: outermost([...plan.lan.networks, plan.tunnel.subnet, formatNetwork(network), ...nowhere, ...plan.firewall.closed.split(",")]),
  };
}

/** What BBR keeps under way on each part of a connection at least, however slow it is, bytes: four packets. */
const LEAST_WINDOW = 4 * 1500;
/** So long the slowest line may take for all of that, s. */
const LONGEST_QUEUE = 0.3;
/** A page's worth of connections, however slow the lines are. */
const LEAST_BUSY = 8;

/** Round-trip time of a line of which the profile does not say it, ms: where the lane helps, they are long. */
const USUAL_RTT = 60;
/** Rates of a line of which the profile does not say them, kbit/s. */
const USUAL_RATES: Rates = { down: 50_000, up: 20_000 };
/** So long what is sent to the other end may wait: for acknowledgements, and for a slower part, ms. Lines that are far jump by more, too. */
const SEND_MS = (rtt: number): number => Math.max(40, 3 * rtt - 35);
/** So long what has come from outside may wait. The kernel makes of it a window that keeps a host busy that is some 100 ms away. */
const RECEIVE_MS = 65;
/** Bursts of 64 KB go out whole. */
const LEAST_BUFFER = 131_072;
/** More the kernel gives no program (net.core.rmem_max), but by itself it does. */
const MOST_RECEIVE = 212_992;

/**
 * Buffers that hold a time's worth of what the lines carry together, so that a byte is as old on slow lines as on fast ones. Larger ones
 * make it older, smaller ones starve the faster line while it waits for the slower one (docs/lane.md, "Congestion control and buffers").
 */
function buffersOf(lines: LinePlan[], direction: keyof Rates): LaneBuffers {
  const carrying = lines.filter(({ use }) => use !== "reserve");
  const sum = carrying.reduce((all, { rate, found }) => all + (found[direction] ? USUAL_RATES[direction] : rate[direction]), 0);
  const bytes = (ms: number): number => Math.max(LEAST_BUFFER, Math.round((sum * ms) / 8));
  const rtt = Math.max(...carrying.map(({ rttMs }) => rttMs ?? USUAL_RTT));
  const receive = bytes(RECEIVE_MS);
  return { send: bytes(SEND_MS(rtt)), receive: receive > MOST_RECEIVE ? null : receive };
}

/** How many connections may send at once. With more, each part would be slower than BBR can be, and what does not fit is lost and sent again. */
function mostOf(lines: LinePlan[]): number {
  const slowest = Math.min(...lines.filter(({ use }) => use !== "reserve").flatMap(({ rate }) => [rate.down, rate.up]));
  return Math.max(LEAST_BUSY, Math.floor((LONGEST_QUEUE * slowest * 1000) / 8 / LEAST_WINDOW));
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

/** Networks without those that lie inside another one, which nftables refuses in one set, by their addresses. */
function outermost(texts: string[]): string[] {
  const networks = texts.map((text) => ({ text, ...parseNetwork(text) }));
  // Of two that begin together, the larger comes first.
  networks.sort((a, b) => a.base - b.base || a.prefix - b.prefix);
  const kept: typeof networks = [];
  for (const network of networks) {
    const last = kept.at(-1);
    if (last === undefined || !contains(last, network.base)) kept.push(network);
  }
  return kept.map(({ text }) => text);
}

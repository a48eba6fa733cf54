import { portBounds } from "../profile/ports";
import type { PortSpec, Profile } from "../profile/types";
import { bondCapacity } from "./bond";
import type { BondPlan, LinePlan, QosPlan, Rates, ShaperPlan } from "./types";

/** Uplinks below this many kbit/s need a queue per line: a full packet takes longer than 3 ms. See docs/shaping.md#uplink-per-tap. */
const PER_TAP_BELOW = 5000;

export function qosOf({ qos }: Profile, lines: LinePlan[], bond: BondPlan): QosPlan {
  const slowest = lines.reduce((a, b) => (b.goodput.down < a.goodput.down ? b : a));
  return {
    enabled: qos.enabled,
    share: qos.share,
    priority: { ports: portGroups(qos.priority.ports), hosts: qos.priority.hosts },
    bulk: { ports: portGroups(qos.bulk.ports) },
    framing: slowest.framing,
    down: shaperOf(lines, bond, "down"),
    up: shaperOf(lines, bond, "up"),
  };
}

function shaperOf(lines: LinePlan[], bond: BondPlan, direction: keyof Rates): ShaperPlan {
  // The striper knows what each line has in its queue, and needs one order of packets before it.
  const slow = !bond.striper && direction === "up" && lines.some(({ rate }) => rate.up < PER_TAP_BELOW);
  // Where flows stay on one line, a shaper of the sum would let each line's queue fill.
  return slow || bond.mode === "balance-xor"
    ? { where: "tap", total: lines.reduce((sum, { shaped }) => sum + shaped[direction], 0) }
    : { where: "bond", total: bondShaper(lines, bond, direction) };
}

/** The bond's rate in the units of the limiting line, so that its overhead is counted correctly. */
function bondShaper(lines: LinePlan[], bond: BondPlan, direction: keyof Rates): number {
  const slowest = lines.reduce((a, b) => (b.goodput[direction] < a.goodput[direction] ? b : a));
  const capacity = bondCapacity(
    lines.map((line) => line.goodput[direction]),
    bond,
  );
  return Math.floor((slowest.shaped[direction] * capacity) / slowest.goodput[direction]);
}

/** The multiport match takes 15 ports per rule; a range counts as two. Source: iptables-extensions(8). */
const MULTIPORT = 15;

/** A port or a range in iptables' syntax. */
export function inIptables(low: number, high: number): string {
  return low === high ? `${low}` : `${low}:${high}`;
}

/** Ports in iptables' syntax, in lists that fit into one rule. */
export function portGroups(ports: PortSpec[]): string[] {
  const groups: { words: string[]; used: number }[] = [];
  for (const spec of ports) {
    const [low, high] = portBounds(spec);
    const [word, cost] = [inIptables(low, high), low === high ? 1 : 2];
    const last = groups.at(-1);
    if (last !== undefined && last.used + cost <= MULTIPORT) {
      last.words.push(word);
      last.used += cost;
    } else groups.push({ words: [word], used: cost });
  }
  return groups.map(({ words }) => words.join(","));
}

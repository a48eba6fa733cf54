import { targets } from "../targets";
import type { Plan, Warning } from "./types";

/** What a person should know before relying on this plan. */
export function warningsOf(plan: Omit<Plan, "warnings">): Warning[] {
  return [...rateSpread(plan), ...rttSpread(plan), ...oldServer(plan)];
}

/** Above this ratio of rates one flow over the bond is slower than over the faster line alone. See docs/data-path.md#unequal-lines. */
const RATE_SPREAD = 1.8;

function rateSpread({ lines, bond, expected }: Omit<Plan, "warnings">): Warning[] {
  if (bond.mode !== "balance-rr" || lines.length < 2) return [];
  return (["down", "up"] as const).flatMap((direction) => {
    const sorted = [...lines].sort((a, b) => a.goodput[direction] - b.goodput[direction]);
    const [slow, fast] = [sorted[0], sorted.at(-1)];
    if (slow === undefined || fast === undefined || fast.goodput[direction] <= RATE_SPREAD * slow.goodput[direction]) return [];
    const ratio = (fast.goodput[direction] / slow.goodput[direction]).toFixed(1);
    const text =
      `The lines differ by a factor of ${ratio} ${direction}stream; balance-rr gives ${lines.length} x the slowest (${slow.name}): ` +
      `${expected[direction].ceiling} kbit/s, where ${fast.name} alone carries ${fast.goodput[direction]}. ` +
      "Consider bond.mode balance-xor (each connection on one line) or active-backup.";
    return [{ code: "rate-spread" as const, text }];
  });
}

/** TCP no longer absorbs a larger difference between the lines, ms. See docs/data-path.md#tcp-and-reordering. */
const RTT_SPREAD = 50;

function rttSpread({ lines, bond }: Omit<Plan, "warnings">): Warning[] {
  const times = lines.flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs]));
  const spread = Math.max(...times) - Math.min(...times);
  if (bond.mode !== "balance-rr" || times.length < 2 || spread <= RTT_SPREAD) return [];
  return [
    {
      code: "rtt-spread",
      text: `The round-trip times differ by ${Number(spread.toFixed(1))} ms: reordering will slow down single connections. Consider bond.mode balance-xor.`,
    },
  ];
}

function oldServer({ server }: Omit<Plan, "warnings">): Warning[] {
  if (targets[server.target].openvpn.tunnel !== "static-key") return [];
  return [
    {
      code: "static-key",
      text: "ubuntu-14.04 uses static keys without forward secrecy: whoever steals a key can decrypt recorded traffic. Standard support for this system ended in April 2019.",
    },
  ];
}

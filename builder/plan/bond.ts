import type { Profile } from "../profile/types";
import { targets } from "../targets";
import type { BondPlan, ReconnectPlan, WatchdogPlan } from "./types";

export function bondOf(profile: Profile): BondPlan {
  const { bond } = profile;
  const striper = isStriped(profile);
  const mode = bond.mode === "auto" ? "balance-rr" : bond.mode;
  // layer2 would put all traffic on one line: between two machines the MAC addresses are always the same.
  const hash = mode === "balance-xor" ? (bond.hash ?? "layer3+4") : null;
  return {
    name: bond.name,
    mode,
    striper,
    dealing: striper ? "earliest delivery" : hash === null ? mode : `${mode} by ${hash}`,
    hash,
    primary: bond.mode === "active-backup" && profile.lines.length > 1 ? `${profile.tunnel.tap}0` : null,
    arpInterval: bond.arpInterval,
    // Where one line carries at a time, the next one is looked for only then.
    detectMs: (bond.mode === "active-backup" ? 7 : 2.5) * bond.arpInterval,
    silenceMs: Math.round(2.5 * bond.arpInterval) + 50,
    watchdog: watchdogOf(profile, striper, mode === "balance-rr" && !striper),
    reconnect: reconnectOf(profile),
  };
}

/** Whether each packet goes to the line on which it arrives first, which both ends' kernels can; it also follows the rate of a single one. See docs/striper.md. */
function isStriped({ bond: { mode }, lines, server: { target } }: Profile): boolean {
  const wanted = lines.length > 1 || lines.some(({ least, found }) => least ?? found);
  return mode === "auto" && wanted && targets[target].striper;
}

/** More packets than can arrive between two looks: the rule is off. */
const NEVER = 1_000_000_000;

/** As patient as the kernel's ARP monitor, whose probes it listens for. Under load, where packets are dealt evenly, it is much faster. */
function watchdogOf({ lines, bond: { arpInterval } }: Profile, striper: boolean, evenly: boolean): WatchdogPlan {
  const load = evenly && lines.length > 1 ? 2 * (lines.length - 1) : NEVER;
  return {
    // The shaper goes by what it sees of the rates, however seldom the monitor probes.
    every: Number(Math.min(striper ? 0.2 : Infinity, Math.max(0.1, arpInterval / 1500)).toFixed(2)),
    everyUnderLoad: 0.05,
    load,
    missed: Math.min(3 * load, NEVER),
    missedMs: 100,
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

/** Slower than every sign of life: the monitor's probes, or OpenVPN's pings, which its status file shows up to 1 s later. */
function reconnectOf({ bond: { mode, arpInterval }, tunnel: { keepalive } }: Profile): ReconnectPlan {
  const probed = mode !== "active-backup";
  const alive = probed ? arpInterval : 1000 * (keepalive.interval + 1);
  return {
    probed,
    silentMs: Math.round(Math.max(750, 2.5 * alive)),
    answeredMs: Math.round(Math.max(700, 2 * alive)),
    deafMs: 8000 + Math.round(2.5 * alive),
    firstPauseMs: 4000,
    longestPauseMs: 60_000,
  };
}

/**
 * What the bond carries in total. The slowest line limits balance-rr, unless the striper deals, and broadcast.
 * @param lines what each line carries, in any one unit.
 */
export function bondCapacity(lines: number[], { mode, striper }: Pick<BondPlan, "mode" | "striper">): number {
  if (striper) return lines.reduce((sum, line) => sum + line, 0);
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

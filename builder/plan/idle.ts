import type { LinePlan, Plan } from "./types";

/** Days of 24 hours, s. */
const MONTH = 30 * 86_400;
/** The striper lets one ARP frame of the monitor through in so long, and makes stamps of the others, s. Source: overlay/bpf/striper.c, ASKS. */
const ASKS = 2.5;
/** Frames with Ethernet header, bytes. A stamp that is made of an ARP frame is as short as the kernel allows. */
const ARP = 42;
const STAMP = 40;

/**
 * What a line carries in a month while nothing else is sent: probes and their answers, from both ends. OpenVPN pings only where
 * nothing was sent for longer.
 * @param line one of the plan's, dealt by earliest delivery
 * @param plan with its bond and tunnel
 * @returns bytes of IP packets on the line, both directions
 */
export function idleMonth({ outerSize }: LinePlan, { bond, tunnel }: Pick<Plan, "bond" | "tunnel">): number {
  const every = bond.arpInterval / 1000;
  const asks = Math.ceil(ASKS / every) * every;
  const onLine = (frame: number): number => frame + outerSize - tunnel.mtu - 14;
  const perSecond = (2 * onLine(ARP)) / asks + (1 / every - 1 / asks) * onLine(STAMP);
  return 2 * MONTH * perSecond;
}

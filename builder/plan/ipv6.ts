import { formatAddress6, formatNetwork6, parseNetwork6 } from "../base/ipv6";
import type { Profile } from "../profile/types";
import { bypassedMacs } from "./traffic";
import type { Ipv6Plan, Ipv6Refused } from "./types";

/** The box's host part in the LAN's IPv6 network. Providers give ::1 and the like to the server itself. */
const BOX = 0xb0b0n;
const IPV6_TCP = 60;
/** Smallest MTU that IPv6 allows, bytes (RFC 8200, section 5). The profile's checks make sure that every tunnel carries it. */
export const IPV6_MTU = 1280;
/** Numbers below those of the lines, which start at 101. */
const refused: Ipv6Refused = { mark: 99, priority: 1098, table: 98, answerPriority: 1099, answerTable: 99 };

/**
 * @param mtu the bond's MTU, bytes.
 */
export function ipv6Of({ ipv6, server: { prefix }, bypass }: Profile, mtu: number): Ipv6Plan {
  const network = prefix === undefined ? null : parseNetwork6(prefix);
  if (ipv6 === "block" || network === null) return { tunnel: null, refused };
  // Hosts configure their own addresses only in a /64 (RFC 4862), so a larger network is cut to its first /64.
  const lan = { base: network.base, prefix: 64 };
  return {
    tunnel: {
      lan: formatNetwork6(lan),
      boxLan: `${formatAddress6(lan.base + BOX)}/64`,
      serverAddress: "fe80::1",
      boxAddress: "fe80::2",
      mss: mtu - IPV6_TCP,
      refusedMacs: bypassedMacs({ bypass }),
    },
    refused,
  };
}

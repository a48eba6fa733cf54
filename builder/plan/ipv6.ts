import { formatAddress6, formatNetwork6, parseNetwork6 } from "../base/ipv6";
import type { Profile } from "../profile/types";
import type { Ipv6Plan, Ipv6Refused } from "./types";

/** The box's place in the LAN's IPv6 network: none that a provider gives to a server itself. */
const BOX = 0xb0b0n;
const IPV6_TCP = 60;
/** What every link must carry whole, bytes. The profile's check sees to it that every line's tunnel can. */
export const IPV6_MTU = 1280;
/** Below the lines' own, which begin at 101. */
const refused: Ipv6Refused = { mark: 99, priority: 1098, table: 98, answerPriority: 1099, answerTable: 99 };

/** @param mtu of the bond, bytes. */
export function ipv6Of({ ipv6, server: { prefix } }: Profile, mtu: number): Ipv6Plan {
  const network = prefix === undefined ? null : parseNetwork6(prefix);
  if (ipv6 === "block" || network === null) return { tunnel: null, refused };
  // Machines choose their own addresses in a /64 only: of a larger network the first is taken.
  const lan = { base: network.base, prefix: 64 };
  return {
    tunnel: {
      lan: formatNetwork6(lan),
      boxLan: `${formatAddress6(lan.base + BOX)}/64`,
      serverAddress: "fe80::1",
      boxAddress: "fe80::2",
      mss: mtu - IPV6_TCP,
    },
    refused,
  };
}

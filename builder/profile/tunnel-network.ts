import { type Network, overlaps, parseNetwork } from "../base/ipv4";

/**
 * Networks for the bond, preferred first: a LAN of /8 or smaller leaves one of them free. The second is for a LAN in 172.16.0.0/12, of
 * which clouds use the rest (172.31.0.0/16 is the default network of Amazon's), as they do 10.0.0.0/8.
 */
const [USUAL, OTHER] = ["172.16.16.0/30", "192.168.16.0/30"];

/**
 * The network of the bond if the profile does not name one: a fixed one, so that it does not change with the profile, unless the LAN is there.
 * @param lan null if it is not known.
 */
export function usualTunnelNetwork(lan: Network | null): string {
  return lan !== null && overlaps(parseNetwork(USUAL), lan) ? OTHER : USUAL;
}

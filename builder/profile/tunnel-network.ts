import { type Network, overlaps, parseNetwork } from "../base/ipv4";

/**
 * Networks for the bond, preferred first: a LAN of /8 or smaller leaves one of the first two free. The second is for a LAN in 172.16.0.0/12,
 * of which clouds use the rest (172.31.0.0/16 is the default network of Amazon's), as they do 10.0.0.0/8. The others are for homes with
 * several networks.
 */
const usual = ["172.16.16.0/30", "192.168.16.0/30", "10.16.16.0/30", "100.64.16.0/30"] as const;

/**
 * The network of the bond if the profile does not name one: a fixed one, so that it does not change with the profile, unless a network at
 * home is there.
 * @param home the networks at home, as far as they are known.
 */
export function usualTunnelNetwork(home: Network[]): string {
  return usual.find((text) => !home.some((network) => overlaps(parseNetwork(text), network))) ?? usual[0];
}

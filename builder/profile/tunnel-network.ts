import { type Network, overlaps, parseNetwork, size } from "../base/ipv4";
import { notOnInternet } from "./home";

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
  return usual.find((text) => isFree(parseNetwork(text), home)) ?? usual[0];
}

const isFree = (one: Network, taken: Network[]): boolean => !taken.some((other) => overlaps(one, other));

/** Addresses of a /24. */
const STEP = 256;

/** The first /28 of the /24 after that in which a network ends. */
function after(network: Network): Network {
  const next = (Math.floor((network.base + size(network) - 1) / STEP) + 1) * STEP;
  return { base: next % 2 ** 32, prefix: 28 };
}

/**
 * The network of the TCP lane: after the tunnel's, or after one that the tunnel would have elsewhere.
 * @param tunnel the bond's network.
 * @param taken networks that it must not overlap: at home, and the servers.
 * @returns null if none of these is free.
 */
export function laneNetwork(tunnel: Network, taken: Network[]): Network | null {
  const candidates = [tunnel, ...usual.map(parseNetwork)].map(after);
  return candidates.find((one) => !notOnInternet(one.base) && isFree(one, [tunnel, ...taken])) ?? null;
}

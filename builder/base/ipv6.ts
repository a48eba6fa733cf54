import { isIPv6 } from "node:net";

/** IPv6 networks; addresses are 128-bit numbers. */
export interface Network6 {
  base: bigint;
  prefix: number;
}

/** Parses "2001:db8::/48"; host bits are kept out. @returns null where it is none. */
export function parseNetwork6(text: string): Network6 | null {
  const [address = "", length = ""] = text.split("/");
  // Node takes zones ("%eth0") and IPv4 at the end, too: neither is a network's.
  if (!isIPv6(address) || !/^[0-9a-f:]+$/i.test(address) || !/^\d{1,3}$/.test(length) || Number(length) > 128) return null;
  const prefix = Number(length);
  const below = BigInt(128 - prefix);
  return { base: (parseAddress6(address) >> below) << below, prefix };
}

function parseAddress6(text: string): bigint {
  const [head = [], tail] = text.split("::").map((part) => part.split(":").filter((group) => group !== ""));
  const groups = tail === undefined ? head : [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
  return groups.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}

/** In the short form of RFC 5952. */
export function formatAddress6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((address >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

export function formatNetwork6({ base, prefix }: Network6): string {
  return `${formatAddress6(base)}/${prefix}`;
}

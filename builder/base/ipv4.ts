/** IPv4 addresses as unsigned 32-bit numbers. Inputs are checked by the schema's patterns before they come here. */

export interface Network {
  /** First address of the network. */
  base: number;
  prefix: number;
}

export function parseAddress(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** Size of a network in addresses. */
export function size(network: Network): number {
  return 2 ** (32 - network.prefix);
}

/** Parses "a.b.c.d/prefix", or a single address as /32. Host bits are dropped. */
export function parseNetwork(text: string): Network {
  const [address = "", prefixText = "32"] = text.split("/");
  const prefix = Number(prefixText);
  const network = { base: 0, prefix };
  const step = size(network);
  network.base = Math.floor(parseAddress(address) / step) * step;
  return network;
}

export function formatNetwork(network: Network): string {
  return `${formatAddress(network.base)}/${network.prefix}`;
}

export function netmask(network: Network): string {
  return formatAddress(2 ** 32 - size(network));
}

export function contains(network: Network, address: number): boolean {
  return address >= network.base && address < network.base + size(network);
}

export function overlaps(a: Network, b: Network): boolean {
  return contains(a, b.base) || contains(b, a.base);
}

/** Whether a host may have this address: neither the network's own nor its broadcast address. */
export function isHost(network: Network, address: number): boolean {
  return contains(network, address) && address !== network.base && address !== network.base + size(network) - 1;
}

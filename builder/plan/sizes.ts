import type { Auth } from "../targets/names";
import type { LinkLayer } from "../profile/types";

// The formulas were compared with packet captures, to the byte: docs/mtu.md.

/** How a tunnel wraps a packet: CBC pads and adds an HMAC; an AEAD cipher over TLS adds a constant number of bytes. */
export type Envelope = { kind: "cbc"; auth: Auth } | { kind: "aead" };

/** Bytes of the HMAC of an OpenVPN packet. */
export const hmacSize: Record<Auth, number> = { SHA1: 20, SHA256: 32, SHA512: 64 };

const ETHERNET = 14;
const LONG_PACKET_ID = 8;
const CBC_BLOCK = 16;
const UDP_IP = 28;
/** Header with peer ID, packet ID and tag of an AEAD packet. OpenVPN 2.7 at both ends uses 28 bytes. */
const AEAD = 24;

/**
 * Outer size of an inner IP packet in a tap tunnel.
 * @param inner the inner IP packet, bytes.
 * @param envelope how the tunnel wraps it.
 * @returns the outer IPv4 packet, bytes.
 */
export function outerSize(inner: number, envelope: Envelope): number {
  if (envelope.kind === "aead") return ETHERNET + inner + AEAD + UDP_IP;
  const padded = CBC_BLOCK * Math.ceil((ETHERNET + inner + LONG_PACKET_ID + 1) / CBC_BLOCK);
  return hmacSize[envelope.auth] + CBC_BLOCK + padded + UDP_IP;
}

/**
 * What the tunnel adds to a packet on average over all sizes. With CBC, single packets differ by their padding.
 * @param envelope how the tunnel wraps a packet.
 * @returns bytes.
 */
export function meanTunnelOverhead(envelope: Envelope): number {
  if (envelope.kind === "aead") return ETHERNET + AEAD + UDP_IP;
  return hmacSize[envelope.auth] + CBC_BLOCK + ETHERNET + LONG_PACKET_ID + CBC_BLOCK / 2 + UDP_IP;
}

/**
 * Largest inner MTU that needs no fragmentation.
 * @param pathMtu largest outer IP packet of the line, bytes.
 * @param envelope how the tunnel wraps a packet.
 * @returns bytes.
 */
export function maxInnerMtu(pathMtu: number, envelope: Envelope): number {
  if (envelope.kind === "aead") return pathMtu - UDP_IP - AEAD - ETHERNET;
  const padded = CBC_BLOCK * Math.floor((pathMtu - UDP_IP - hmacSize[envelope.auth] - CBC_BLOCK) / CBC_BLOCK);
  return padded - 1 - LONG_PACKET_ID - ETHERNET;
}

/**
 * Sizes of the IP fragments of a packet (RFC 791).
 * @param outer the packet, bytes.
 * @param mtu largest IP packet of the line, bytes.
 * @returns bytes each.
 */
export function fragments(outer: number, mtu: number): number[] {
  if (outer <= mtu) return [outer];
  const part = Math.floor((mtu - 20) / 8) * 8;
  const sizes: number[] = [];
  let left = outer - 20;
  for (; left > mtu - 20; left -= part) sizes.push(part + 20);
  return [...sizes, left + 20];
}

export interface LinkFrame {
  link: LinkLayer;
  rateKind: "sync" | "ip";
  /** Bytes per packet. */
  linkOverhead: number;
  linkMpu: number;
}

/**
 * Bytes on the line for an IP packet: ATM sends cells of 53 bytes with 48 of payload, PTM adds a byte per 64.
 * @param size the IP packet, bytes.
 * @param frame the line's link layer.
 * @returns bytes at the line's rate.
 */
export function wireBytes(size: number, frame: LinkFrame): number {
  if (frame.rateKind === "ip") return size;
  const framed = Math.max(size + frame.linkOverhead, frame.linkMpu);
  switch (frame.link) {
    case "atm":
      return 53 * Math.ceil(framed / 48);
    case "ptm":
      return framed + Math.ceil(framed / 64);
    case "ethernet":
      return framed;
  }
}

const TCP_IP = 40;
const TIMESTAMPS = 12;

/**
 * Share of a line's rate that is TCP payload, for full packets with timestamps (RFC 7323).
 * @param innerMtu the inner IP packet, bytes.
 * @param outer the outer IP packet, bytes.
 * @param frame the line's link layer and MTU.
 * @returns 0 to 1.
 */
export function efficiency(innerMtu: number, outer: number, frame: LinkFrame & { mtu: number }): number {
  const wire = fragments(outer, frame.mtu).reduce((sum, part) => sum + wireBytes(part, frame), 0);
  return (innerMtu - TCP_IP - TIMESTAMPS) / wire;
}

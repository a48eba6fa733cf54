import type { Auth, LinkLayer } from "../profile/types";

/** Source of all formulas here: docs/mtu.md, which agrees with captured packets to the byte. */

/** What a tunnel puts around a packet: CBC pads and adds an HMAC; an AEAD cipher over TLS always adds the same. */
export type Envelope = { kind: "cbc"; auth: Auth } | { kind: "aead" };

/** Bytes of an OpenVPN packet's HMAC. */
export const hmacSize: Record<Auth, number> = { SHA1: 20, SHA256: 32, SHA512: 64 };

const ETHERNET = 14;
const LONG_PACKET_ID = 8;
const CBC_BLOCK = 16;
const UDP_IP = 28;
/** Header with peer id, packet id and tag of an AEAD packet. With OpenVPN 2.7 at both ends it is 28, with 2.5 at one 21. */
const AEAD = 24;

/** Size on the line of an inner IP packet in a tap tunnel. @param inner bytes, IP. @returns bytes, outer IPv4 packet. */
export function outerSize(inner: number, envelope: Envelope): number {
  if (envelope.kind === "aead") return ETHERNET + inner + AEAD + UDP_IP;
  const padded = CBC_BLOCK * Math.ceil((ETHERNET + inner + LONG_PACKET_ID + 1) / CBC_BLOCK);
  return hmacSize[envelope.auth] + CBC_BLOCK + padded + UDP_IP;
}

/** What the tunnel adds to a packet on average over all sizes; with CBC single packets differ by the padding. @returns bytes. */
export function meanTunnelOverhead(envelope: Envelope): number {
  if (envelope.kind === "aead") return ETHERNET + AEAD + UDP_IP;
  return hmacSize[envelope.auth] + CBC_BLOCK + ETHERNET + LONG_PACKET_ID + CBC_BLOCK / 2 + UDP_IP;
}

/** Largest inner MTU that is not fragmented. @param pathMtu bytes, IP. */
export function maxInnerMtu(pathMtu: number, envelope: Envelope): number {
  if (envelope.kind === "aead") return pathMtu - UDP_IP - AEAD - ETHERNET;
  const padded = CBC_BLOCK * Math.floor((pathMtu - UDP_IP - hmacSize[envelope.auth] - CBC_BLOCK) / CBC_BLOCK);
  return padded - 1 - LONG_PACKET_ID - ETHERNET;
}

/** Sizes of the IP fragments that a packet becomes. @param outer bytes, IP. @param mtu bytes, IP. */
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
  /** bytes per packet */
  linkOverhead: number;
  linkMpu: number;
}

/** What a line counts for an IP packet: ATM cells of 53 for 48 bytes, PTM one byte more per 64. @param size bytes, IP. @returns bytes at the line's rate. */
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

/** Part of a line's rate that is TCP payload, full packets with timestamps. @param innerMtu bytes. @param outer bytes, IP. */
export function efficiency(innerMtu: number, outer: number, frame: LinkFrame & { mtu: number }): number {
  const wire = fragments(outer, frame.mtu).reduce((sum, part) => sum + wireBytes(part, frame), 0);
  return (innerMtu - TCP_IP - TIMESTAMPS) / wire;
}

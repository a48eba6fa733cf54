import type { PortSpec, Protocol } from "./types";

/**
 * UDP port of a line's tunnel. Every second port is used: 1194, 1196 and so on.
 * @param firstPort of the first line.
 * @param index of the line, from 0.
 */
export function tunnelPort(firstPort: number, index: number): number {
  return firstPort + 2 * index;
}

/** TCP port of the box's status page. */
export const pagePort = 80;

/** First and last port of a port or range. */
export function portBounds(spec: PortSpec): [number, number] {
  const [low = 0, high = low] = String(spec).split("-").map(Number);
  return [low, high];
}

/** The protocols that a profile's value stands for. */
export function protocolsOf(protocol: Protocol): ("tcp" | "udp")[] {
  return protocol === "both" ? ["tcp", "udp"] : [protocol];
}

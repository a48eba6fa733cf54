import type { PortSpec, Protocol } from "./types";

/** UDP port of a line's tunnel: every second one, as in the guide. @param index 0-based. */
export function tunnelPort(firstPort: number, index: number): number {
  return firstPort + 2 * index;
}

/** First and last port of a port or range. */
export function portBounds(spec: PortSpec): [number, number] {
  const [low = 0, high = low] = String(spec).split("-").map(Number);
  return [low, high];
}

/** The protocols behind a profile's word. */
export function protocolsOf(protocol: Protocol): ("tcp" | "udp")[] {
  return protocol === "both" ? ["tcp", "udp"] : [protocol];
}

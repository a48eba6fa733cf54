/** Counters of one OpenVPN process, bytes. They begin again at 0 whenever it restarts itself after a silence. */
export interface TunnelCounters {
  /** When OpenVPN wrote them, in its own words: the format differs between versions. */
  updated: string;
  /** From the kernel's tap into the tunnel. */
  tapRead: number;
  /** Out of the tunnel to the kernel's tap. */
  tapWrite: number;
  /** All that came from the network, also what could not be decrypted. */
  linkRead: number;
  linkWrite: number;
  /** The part of linkRead that carried our key. */
  authRead: number;
}

/** Reads the file of `status FILE` in point-to-point mode; null while OpenVPN is just writing it. Source: OpenVPN src/openvpn/sig.c */
export function parseTunnelStatus(text: string): TunnelCounters | null {
  const values = new Map<string, string>();
  const lines = text.split("\n").map((line) => line.trim());
  for (const line of lines) {
    const comma = line.indexOf(",");
    if (comma > 0) {
      values.set(line.slice(0, comma), line.slice(comma + 1));
    }
  }
  if (lines[0] !== "OpenVPN STATISTICS" || !lines.includes("END")) {
    return null;
  }
  const number = (key: string) => Number.parseInt(values.get(key) ?? "0", 10) || 0;
  return {
    updated: values.get("Updated") ?? "",
    tapRead: number("TUN/TAP read bytes"),
    tapWrite: number("TUN/TAP write bytes"),
    linkRead: number("TCP/UDP read bytes"),
    linkWrite: number("TCP/UDP write bytes"),
    authRead: number("Auth read bytes"),
  };
}

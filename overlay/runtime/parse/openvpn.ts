/** Counters of one OpenVPN process, bytes. They start again at 0 whenever it restarts itself after a silence. */
export interface TunnelCounters {
  /** When OpenVPN wrote them, as it prints it: the format differs between versions. */
  updated: string;
  /** Read from the tap, sent into the tunnel. */
  tapRead: number;
  /** Received through the tunnel, written to the tap. */
  tapWrite: number;
  /** Everything that came from the network, including what could not be decrypted. */
  linkRead: number;
  linkWrite: number;
  /** The part of linkRead that was authentic. */
  authRead: number;
}

/** Reads the file of `status FILE` in point-to-point mode; null while OpenVPN is writing it. Source: OpenVPN src/openvpn/sig.c */
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

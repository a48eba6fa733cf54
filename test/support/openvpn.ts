/** Options that OpenVPN 2.3.2 does not know, and stops at. Source: facts/server.md 3.2. */
const notIn232 = new Set(
  `allow-compression allow-deprecated-insecure-static-crypto bind-dev compress data-ciphers data-ciphers-fallback disable-dco
  ignore-unknown-option ncp-ciphers ncp-disable peer-fingerprint pull-filter setenv-safe tls-crypt tls-crypt-v2 tls-version-max
  tls-version-min`.split(/\s+/),
);

/** The options of an OpenVPN file with their parameters. */
export function openvpnOptions(text: string): Map<string, string> {
  const lines = text.split("\n").filter((line) => !/^\s*([#;]|$)/.test(line));
  return new Map(lines.map((line) => [line.split(" ")[0] ?? "", line.split(" ").slice(1).join(" ")]));
}

/** Options of a server's file that OpenVPN 2.3.2 would stop at. */
export function unknownIn232(text: string): string[] {
  const options = openvpnOptions(text);
  // udp4 came with 2.4.
  const proto = options.get("proto") === "udp" ? [] : [`proto ${options.get("proto")}`];
  return [...[...options.keys()].filter((option) => notIn232.has(option)), ...proto];
}

/** One end of a tunnel. */
export interface TunnelEnd {
  conf: string;
  key: string;
}

/** Where the two ends of a tunnel do not fit; empty for nowhere. */
export function disagreements(box: TunnelEnd, server: TunnelEnd): string[] {
  const [a, b] = [openvpnOptions(box.conf), openvpnOptions(server.conf)];
  const same = ["cipher", "auth", "tun-mtu", "keepalive", "replay-window", "mssfix", "mode", "dev-type", "comp-lzo", "fragment"];
  const differ = same.filter((option) => a.get(option) !== b.get(option));
  return [
    ...differ,
    ...(box.key === server.key ? [] : ["key"]),
    ...(a.get("remote")?.split(" ")[1] === b.get("port") ? [] : ["port"]),
    ...(a.get("secret")?.endsWith(" 1") && b.get("secret")?.endsWith(" 0") ? [] : ["direction"]),
  ];
}

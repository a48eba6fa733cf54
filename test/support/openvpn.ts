import { X509Certificate } from "node:crypto";

/** Options that OpenVPN 2.3.2 does not know, and stops at. Source: docs/server.md#openvpn-versions. */
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
  /** The text of a file that conf names. */
  file: (path: string) => string;
}

/** Where the two ends of a tunnel do not fit; empty for nowhere. */
export function disagreements(box: TunnelEnd, server: TunnelEnd): string[] {
  const [a, b] = [openvpnOptions(box.conf), openvpnOptions(server.conf)];
  const same = ["tun-mtu", "keepalive", "replay-window", "mssfix", "dev-type", "comp-lzo", "fragment"];
  const port = a.get("rport") !== undefined && a.get("rport") === (b.get("lport") ?? b.get("port"));
  const differ = same.filter((option) => a.get(option) !== b.get(option));
  return [...differ, ...(port ? [] : ["port"]), ...(a.has("secret") || b.has("secret") ? staticFaults : tlsFaults)([box, a], [server, b])];
}

type End = [end: TunnelEnd, options: Map<string, string>];

function staticFaults([box, a]: End, [server, b]: End): string[] {
  const differ = ["cipher", "auth"].filter((option) => a.get(option) !== b.get(option));
  const key = ({ file }: TunnelEnd, secret = "") => (secret === "" ? null : file(secret.split(" ")[0] ?? ""));
  const keys = [key(box, a.get("secret")), key(server, b.get("secret"))];
  return [
    ...differ,
    ...(keys[0] !== null && keys[0] === keys[1] ? [] : ["key"]),
    ...(a.get("mode") === "p2p" && b.get("mode") === "p2p" ? [] : ["mode"]),
    ...(a.get("secret")?.endsWith(" 1") && b.get("secret")?.endsWith(" 0") ? [] : ["direction"]),
  ];
}

function tlsFaults([box, a]: End, [server, b]: End): string[] {
  const text = ({ file }: TunnelEnd, path: string | undefined): string => (path === undefined ? "" : file(path));
  const crypt = [text(box, a.get("tls-crypt")), text(server, b.get("tls-crypt"))];
  const [own, peers] = [text(box, a.get("cert")), text(server, b.get("cert"))];
  const list = (options: Map<string, string>): string[] => options.get("data-ciphers")?.split(":") ?? [];
  // Without the word the program chooses, see bondbox-tunnel.
  const used = a.has("data-ciphers") ? list(a) : ["AES-256-GCM", "CHACHA20-POLY1305"];
  return [
    ...(a.has("tls-client") && a.get("mode") === "p2p" && a.has("pull") && b.has("tls-server") && b.get("mode") === "server"
      ? []
      : ["roles"]),
    ...(crypt[0] !== "" && crypt[0] === crypt[1] ? [] : ["tls-crypt"]),
    ...(a.get("tls-version-min") === b.get("tls-version-min") ? [] : ["tls-version-min"]),
    ...(a.get("key") === a.get("cert") && hasKey(own) && b.get("key") === b.get("cert") && hasKey(peers) ? [] : ["own key"]),
    ...(a.get("peer-fingerprint") === fingerprint(peers) ? [] : ["the box's peer"]),
    ...(knows([server, b], own) ? [] : ["the server's peer"]),
    ...(used.length > 0 && used.every((cipher) => list(b).includes(cipher)) ? [] : ["cipher"]),
  ];
}

/** By its fingerprint, or by the certificate itself. */
function knows([server, options]: End, peer: string): boolean {
  const [hash, ca] = [options.get("peer-fingerprint"), options.get("ca")];
  if ((hash === undefined) === (ca === undefined)) return false;
  return ca === undefined ? hash === fingerprint(peer) : fingerprint(server.file(ca)) === fingerprint(peer) && !hasKey(server.file(ca));
}

function hasKey(pem: string): boolean {
  return pem.includes("-----BEGIN PRIVATE KEY-----");
}

/** Of the certificate in a text; "" where there is none. */
function fingerprint(pem: string): string {
  return pem.includes("-----BEGIN CERTIFICATE-----") ? new X509Certificate(pem).fingerprint256 : "";
}

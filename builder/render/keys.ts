import type { TunnelKeys } from "../keys/keys";
import { type FileEntry, file } from "./tree";

export type Half = "box" | "server";

/**
 * Files with the secrets of a half.
 * @param keys of each line.
 * @param half whose files.
 * @param options.folder absolute path of the folder on the target.
 * @param options.whole add the other end's certificate, for an OpenVPN that knows no fingerprints.
 */
export function keyFiles(keys: Map<string, TunnelKeys>, half: Half, { folder, whole }: { folder: string; whole: boolean }): FileEntry[] {
  return [...keys].flatMap(([line, tunnel]) => {
    const own = (ending: string, text: string): FileEntry => file(`${folder}/${line}.${ending}`, text);
    if (tunnel.kind === "static-key") return [own("key", tunnel.key)];
    const peer = whole ? [own("peer.crt", tunnel[peerOf(half)].certificate)] : [];
    return [own("key", tunnel[half].pem), own("crypt.key", usedHalf(tunnel.crypt)), ...peer];
  });
}

/**
 * Empties the half of a tls-crypt key that OpenVPN does not use: of each 64 bytes for AES-256 or HMAC-SHA256 it takes the first 32, and
 * user-data has to be small. Source: https://github.com/OpenVPN/openvpn/blob/master/doc/tls-crypt-v2.txt, "Client-specific tls-crypt keys".
 * @param key a static key file, four lines for each 64 bytes.
 */
export function usedHalf(key: string): string {
  return key.replace(/((?:[0-9a-f]{32}\n){2})(?:[0-9a-f]{32}\n){2}/g, `$1${`${"0".repeat(32)}\n`.repeat(2)}`);
}

/** The fingerprint by which a half identifies the other end; "" for tunnels with a static key. */
export function peerFingerprint(tunnel: TunnelKeys | undefined, half: Half): string {
  return tunnel?.kind === "tls" ? tunnel[peerOf(half)].fingerprint : "";
}

function peerOf(half: Half): Half {
  return half === "box" ? "server" : "box";
}

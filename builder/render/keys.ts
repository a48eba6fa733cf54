import type { TunnelKeys } from "../keys/keys";
import { type FileEntry, file } from "./tree";

export type Half = "box" | "server";

/** Files with the secrets of a half. @param folder of its tunnels. @param whole the other end's certificate, too, where a fingerprint does not do. */
export function keyFiles(keys: Map<string, TunnelKeys>, half: Half, { folder, whole }: { folder: string; whole: boolean }): FileEntry[] {
  return [...keys].flatMap(([line, tunnel]) => {
    const own = (ending: string, text: string): FileEntry => file(`${folder}/${line}.${ending}`, text);
    if (tunnel.kind === "static-key") return [own("key", tunnel.key)];
    const peer = whole ? [own("peer.crt", tunnel[peerOf(half)].certificate)] : [];
    return [own("key", tunnel[half].pem), own("crypt.key", tunnel.crypt), ...peer];
  });
}

/** How the other end of a tunnel is known; "" where it is by a shared key. */
export function peerFingerprint(tunnel: TunnelKeys | undefined, half: Half): string {
  return tunnel?.kind === "tls" ? tunnel[peerOf(half)].fingerprint : "";
}

function peerOf(half: Half): Half {
  return half === "box" ? "server" : "box";
}

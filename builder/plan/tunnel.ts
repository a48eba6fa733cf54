import { formatAddress, formatNetwork, netmask, parseNetwork } from "../base/ipv4";
import type { Profile } from "../profile/types";
import { targets } from "../targets";
import type { Auth, Cipher } from "../targets/names";
import { type Envelope, outerSize } from "./sizes";
import type { TlsPlan, TunnelPlan } from "./types";

/** Without a cipher in the profile, the box chooses when a tunnel starts: AES if its processor has instructions for it, otherwise ChaCha20. */
function tlsOf({ tunnel: { cipher }, server: { target } }: Profile): TlsPlan {
  const { ciphers, peer } = targets[target].openvpn;
  const chosen = cipher === "auto" ? null : cipher;
  return { ciphers: chosen ?? ciphers.join(":"), cipher: chosen, byFingerprint: peer === "fingerprint" };
}

function staticKeyOf({ tunnel: { cipher, auth }, server: { target } }: Profile): NonNullable<TunnelPlan["staticKey"]> {
  const best = targets[target].openvpn.ciphers[0] as Cipher;
  return { cipher: cipher === "auto" ? best : cipher, auth: auth ?? DEFAULT_AUTH };
}

const DEFAULT_AUTH: Auth = "SHA1";

function isTls({ server: { target } }: Profile): boolean {
  return targets[target].openvpn.tunnel === "tls";
}

export function envelopeOf(profile: Profile): Envelope {
  return isTls(profile) ? { kind: "aead" } : { kind: "cbc", auth: staticKeyOf(profile).auth };
}

export function tunnelOf(profile: Profile, mtu: number): TunnelPlan {
  const { tunnel } = profile;
  const network = parseNetwork(tunnel.network);
  return {
    subnet: formatNetwork(network),
    prefix: network.prefix,
    netmask: netmask(network),
    serverAddress: formatAddress(network.base + 1),
    boxAddress: formatAddress(network.base + 2),
    tls: isTls(profile) ? tlsOf(profile) : null,
    staticKey: isTls(profile) ? null : staticKeyOf(profile),
    keepalive: tunnel.keepalive,
    replayWindow: { packets: 512, seconds: 15 },
    queueLength: 1000,
    mtu,
    mss: mtu - 40,
    outerSize: outerSize(mtu, envelopeOf(profile)),
  };
}

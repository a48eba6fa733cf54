import type { Cipher, ServerTarget } from "../profile/types";

/** What one operating system of the server can do. The plan and the templates ask this, never the name. */
export interface Target {
  name: ServerTarget;
  /** As a person calls it. */
  title: string;
  /** What starts and stops things. Also the frame of install.sh: overlay/install/<init>.shell.hbs. */
  init: "systemd" | "ifupdown";
  /** Folders of overlay/ with its files, what is common first. */
  layers: string[];
  openvpn: OpenVpn;
  /** Clouds whose user-data its cloud-init reads; null: all that are known. */
  clouds: string[] | null;
}

/** What its OpenVPN can do. Source: docs/server.md#openvpn-versions. */
export interface OpenVpn {
  /** tls: keys made anew every hour, so a stolen one opens no recorded traffic. static-key: what OpenVPN before 2.3.7 has in common with today's. */
  tunnel: "tls" | "static-key";
  /** How it knows the box: by its certificate's fingerprint, or, before 2.6, by the certificate itself in the place of an authority's. */
  peer: "fingerprint" | "certificate";
  /** Both ends agree on a cipher (2.6); else both must be told the same one. */
  negotiates: boolean;
  /** What tunnel.cipher may be, the preferred first. */
  ciphers: Cipher[];
}

export const tlsCiphers: Cipher[] = ["AES-256-GCM", "CHACHA20-POLY1305", "AES-128-GCM"];
export const staticCiphers: Cipher[] = ["AES-256-CBC", "AES-192-CBC", "AES-128-CBC"];

/** OpenVPN 2.6, which Debian 12 and 13 and Ubuntu 24.04 have in common. */
export const openVpn26: OpenVpn = { tunnel: "tls", peer: "fingerprint", negotiates: true, ciphers: tlsCiphers };

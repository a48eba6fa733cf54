import type { Cipher, ServerTarget } from "./names";

/** What a server's operating system can do. The plan and the templates ask for these properties, never for the name. */
export interface Target {
  name: ServerTarget;
  /** Name for people. */
  title: string;
  /** Its init system. Also selects the frame of install.sh: overlay/install/<init>.shell.hbs. */
  init: "systemd" | "ifupdown";
  /** Folders of overlay/ with its files, common ones first. */
  layers: string[];
  openvpn: OpenVpn;
  /** Its kernel and its tc take the striper. See docs/striper.md#kernels. */
  striper: boolean;
  /** What runs its cloud-init, so what is there at the first boot. Python 3 reads base85, which is shorter than base64. See docs/server.md#user-data. */
  cloudInit: "python3" | "python2";
  /** Clouds whose user-data its cloud-init reads; null: all known ones. */
  clouds: string[] | null;
  /** Its kernel cannot forward a range of ports to another range: that came with Linux 4.18. */
  rangesStay?: true;
}

/** What its OpenVPN can do. See docs/server.md#openvpn-versions. */
export interface OpenVpn {
  /** tls: session keys are renewed every hour, so a stolen key decrypts no recorded traffic. static-key: all that OpenVPN 2.3.2 shares with current versions. */
  tunnel: "tls" | "static-key";
  /** How it identifies the box: by its certificate's fingerprint or, before 2.6, by the certificate itself, given as the authority's. */
  peer: "fingerprint" | "certificate";
  /** Allowed values of tunnel.cipher, preferred first. */
  ciphers: Cipher[];
}

export const tlsCiphers: Cipher[] = ["AES-256-GCM", "CHACHA20-POLY1305", "AES-128-GCM"];
export const staticCiphers: Cipher[] = ["AES-256-CBC", "AES-192-CBC", "AES-128-CBC"];

/** OpenVPN 2.6, which Debian 12 and 13 and Ubuntu 24.04 have in common, and later. */
export const openVpn26: OpenVpn = { tunnel: "tls", peer: "fingerprint", ciphers: tlsCiphers };

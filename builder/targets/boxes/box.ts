import type { BoxTarget } from "../names";

/** One release of Raspberry Pi OS Lite (64-bit) for the box's card. The builder asks for these properties, never for the name. */
export interface BoxOs {
  name: BoxTarget;
  /** Name for people. */
  title: string;
  /** The Debian release it is based on, whose archive has its packages. */
  release: "trixie" | "bookworm";
  /** Folders of overlay/ with its files, common ones first. */
  layers: string[];
  /** Its OpenVPN, and until when it has security updates: year and month. A server with static keys needs less than 2.8. */
  openvpn: { version: string; until: string };
  /** What starts bondbox-setup on the first boot of a card that another program has written. See docs/card.md#first-boot. */
  starter: "cloud-init" | "firstrun";
  /** The image that the builder downloads unless another is given. */
  image: PinnedImage;
}

/** A published image. */
export interface PinnedImage {
  file: string;
  url: string;
  /** Of the published file. */
  sha256: string;
}

/**
 * Debian packages that the box needs in addition to Raspberry Pi OS Lite.
 * @param lane the plan's TCP lane; null: it has none.
 */
export function packagesOfBox({ lane }: { lane: object | null }): string[] {
  return ["openvpn", "iptables", "ethtool", "nodejs", ...(lane === null ? [] : ["haproxy", "mptcpize", "nftables"])];
}

import type { BoxTarget } from "../../profile/types";

/** What one Raspberry Pi OS Lite (64 bit) of the box's card is. The builder asks this, never the name. */
export interface BoxOs {
  name: BoxTarget;
  /** As a person calls it. */
  title: string;
  /** The Debian release that it is made of, and whose archive has its packages. */
  release: "trixie" | "bookworm";
  /** What starts our setup on the first boot of a card that another program has written. Source: docs/card.md#first-boot. */
  starter: "cloud-init" | "firstrun";
  /** The image that the builder fetches when none is given. */
  image: PinnedImage;
}

/** A published image. */
export interface PinnedImage {
  file: string;
  url: string;
  /** Of the file as it is published. */
  sha256: string;
}

/** Debian packages that the box's half needs beside any Raspberry Pi OS Lite. */
export const packagesOfBox = ["openvpn", "iptables", "ethtool", "nodejs"];

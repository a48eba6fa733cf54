import type { BoxOs } from "./box";

export const raspiosTrixie: BoxOs = {
  name: "raspios-trixie",
  title: "Raspberry Pi OS Lite (64-bit), trixie, of 2025-11-24 or later",
  release: "trixie",
  layers: ["systemd", "systemd-254", "box"],
  // End of Debian's long-term support: https://wiki.debian.org/LTS
  openvpn: { version: "2.6", until: "2030-06" },
  starter: "cloud-init",
  // Source of the sha256: two public build recipes that agree.
  image: {
    file: "2026-10-06-raspios-trixie-arm64-lite.img.xz",
    url: "https://downloads.raspberrypi.com/raspios_lite_arm64/images/raspios_lite_arm64-2026-10-06/2026-10-06-raspios-trixie-arm64-lite.img.xz",
    sha256: "483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843",
  },
};

import type { BoxOs } from "./box";

export const raspiosTrixie: BoxOs = {
  name: "raspios-trixie",
  title: "Raspberry Pi OS Lite (64-bit), trixie, of 2025-11-24 or later",
  release: "trixie",
  layers: ["systemd", "systemd-254", "box"],
  // End of Debian's long-term support: https://wiki.debian.org/LTS
  openvpn: { version: "2.6", until: "2030-06" },
  starter: "cloud-init",
  // Source of the sha256: the .sha256 file that is published beside the image.
  image: {
    file: "2026-06-18-raspios-trixie-arm64-lite.img.xz",
    url: "https://downloads.raspberrypi.com/raspios_lite_arm64/images/raspios_lite_arm64-2026-06-19/2026-06-18-raspios-trixie-arm64-lite.img.xz",
    sha256: "acff736ca7945e3b305f07cda4abdb870910e12634991da69783611756e381b3",
  },
};

import type { BoxOs } from "./box";

export const raspiosBookworm: BoxOs = {
  name: "raspios-bookworm",
  title: "Raspberry Pi OS Lite (64-bit), bookworm (Legacy)",
  release: "bookworm",
  layers: ["systemd", "box"],
  // End of Debian's long-term support: https://wiki.debian.org/LTS
  openvpn: { version: "2.6", until: "2028-06" },
  starter: "firstrun",
  // Source of the sha256: several public build recipes that agree.
  image: {
    file: "2025-05-13-raspios-bookworm-arm64-lite.img.xz",
    url: "https://downloads.raspberrypi.com/raspios_lite_arm64/images/raspios_lite_arm64-2025-05-13/2025-05-13-raspios-bookworm-arm64-lite.img.xz",
    sha256: "62d025b9bc7ca0e1facfec74ae56ac13978b6745c58177f081d39fbb8041ed45",
  },
};

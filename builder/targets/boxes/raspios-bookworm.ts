import type { BoxOs } from "./box";

export const raspiosBookworm: BoxOs = {
  name: "raspios-bookworm",
  title: "Raspberry Pi OS Lite (64-bit), bookworm (Legacy)",
  release: "bookworm",
  layers: ["systemd", "box"],
  // End of Debian's long-term support: https://wiki.debian.org/LTS
  openvpn: { version: "2.6", until: "2028-06" },
  starter: "firstrun",
  // Source of the sha256: a public project's record of the .sha256 file beside the image.
  image: {
    file: "2026-10-06-raspios-bookworm-arm64-lite.img.xz",
    url: "https://downloads.raspberrypi.com/raspios_oldstable_lite_arm64/images/raspios_oldstable_lite_arm64-2026-10-06/2026-10-06-raspios-bookworm-arm64-lite.img.xz",
    sha256: "9e938c5a6981c3f498b3b564c527f3e1fd58ef20bbf703be0eea748384a6c1af",
  },
};

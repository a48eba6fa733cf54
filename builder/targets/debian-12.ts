import { openVpn26, type Target } from "./target";

export const debian12: Target = {
  name: "debian-12",
  title: "Debian 12 (bookworm)",
  init: "systemd",
  layers: ["systemd", "server/common", "server/systemd"],
  openvpn: openVpn26,
  striper: true,
  cloudInit: "python3",
  clouds: null,
};

import { openVpn26, type Target } from "./target";

export const debian13: Target = {
  name: "debian-13",
  title: "Debian 13 (trixie)",
  init: "systemd",
  layers: ["systemd", "systemd-254", "server/common", "server/systemd"],
  openvpn: openVpn26,
  striper: true,
  cloudInit: "python3",
  clouds: null,
};

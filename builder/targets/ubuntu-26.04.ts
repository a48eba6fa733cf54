import { openVpn26, type Target } from "./target";

export const ubuntu2604: Target = {
  name: "ubuntu-26.04",
  title: "Ubuntu 26.04",
  init: "systemd",
  layers: ["systemd", "systemd-254", "server/common", "server/systemd", "server/ubuntu"],
  // OpenVPN 2.7, which takes what 2.6 takes.
  openvpn: openVpn26,
  striper: true,
  cloudInit: "python3",
  clouds: null,
};

import { openVpn26, type Target } from "./target";

export const ubuntu2404: Target = {
  name: "ubuntu-24.04",
  title: "Ubuntu 24.04",
  init: "systemd",
  layers: ["systemd", "systemd-254", "server/common", "server/systemd", "server/ubuntu"],
  openvpn: openVpn26,
  striper: true,
  cloudInit: "python3",
  clouds: null,
};

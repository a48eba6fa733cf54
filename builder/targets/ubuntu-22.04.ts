import { type Target, tlsCiphers } from "./target";

export const ubuntu2204: Target = {
  name: "ubuntu-22.04",
  title: "Ubuntu 22.04",
  init: "systemd",
  layers: ["systemd", "server/common", "server/systemd", "server/ubuntu"],
  // OpenVPN 2.5.
  openvpn: { tunnel: "tls", peer: "certificate", ciphers: tlsCiphers },
  striper: true,
  cloudInit: "python3",
  clouds: null,
};

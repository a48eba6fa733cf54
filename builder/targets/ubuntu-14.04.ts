import { staticCiphers, type Target } from "./target";

export const ubuntu1404: Target = {
  name: "ubuntu-14.04",
  title: "Ubuntu 14.04",
  init: "ifupdown",
  layers: ["server/common", "server/ubuntu-14.04"],
  // OpenVPN 2.3.2.
  openvpn: { tunnel: "static-key", peer: "certificate", ciphers: staticCiphers },
  striper: false,
  rangesStay: true,
  cloudInit: "python2",
  clouds: ["EC2", "OpenStack", "Azure", "GCE", "CloudStack", "NoCloud", "ConfigDrive"],
};

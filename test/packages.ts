import type { Release } from "./support/releases";

/** Debian packages that the tests need, by what they are for. */
export const installed: Record<string, string> = {
  openvpn: "tunnels between namespaces",
  iptables: "rules, nft and legacy",
  iproute2: "network namespaces, tc",
  "iputils-ping": "packets through the tunnels",
  tcpdump: "what goes over a wire",
  ethtool: "offloads",
  kmod: "modules",
  procps: "sysctl",
  openssl: "certificates, as OpenVPN reads them",
  bash: "scripts that need its arrays",
  shellcheck: "every script",
  dash: "every script, as Ubuntu's sh",
  systemd: "systemd-analyze",
  "libxml2-utils": "xmllint",
  e2fsprogs: "file systems of cards",
  dosfstools: "boot partitions of cards",
  mtools: "what is on them",
  "user-mode-linux": "a kernel with bonding and all queueing disciplines",
  // What cloud-init's own modules import.
  "python3-yaml": "cloud-init",
  "python3-jsonschema": "cloud-init",
  "python3-jsonpatch": "cloud-init",
  "python3-configobj": "cloud-init",
  "python3-jinja2": "cloud-init",
  "python3-oauthlib": "cloud-init",
  "python3-requests": "cloud-init",
};

/** Packages that are unpacked beside the system instead of installed: they would take over its network or its next boot. */
export const unpacked = ["ifupdown", "ifenslave", "cloud-init", "radvd", "ufw"];

/** Debian's releases whose OpenVPN is unpacked beside the system: each version that a box or a server of today may have. */
export const releases: Release[] = ["bullseye", "bookworm", "trixie", "sid"];

/** Debian packages that the lab needs on the host. What runs inside comes from test/lab/base.ts. */
export const lab: Record<string, string> = {
  "qemu-system-x86": "the emulated machine",
  mmdebstrap: "its root file system",
  e2fsprogs: "mke2fs",
  cpio: "the first files",
  "xz-utils": "its modules",
  "debian-archive-keyring": "the archive's signatures",
};

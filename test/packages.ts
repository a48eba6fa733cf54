import type { Release } from "./support/releases";

/** Debian packages that the tests need, by what they are for. */
export const installed: Record<string, string> = {
  openvpn: "tunnels between namespaces",
  iptables: "rules, nft and legacy",
  conntrack: "what the kernel remembers of flows",
  nftables: "rules of other programs; the TCP lane",
  haproxy: "the TCP lane",
  mptcpize: "the TCP lane's parts",
  iproute2: "network namespaces, tc",
  "iputils-ping": "packets through the tunnels",
  tcpdump: "what goes over a wire",
  ethtool: "offloads",
  kmod: "modules",
  procps: "sysctl",
  "clang-19": "the striper's compiler",
  "llvm-19": "the striper, without what debuggers want",
  "libbpf-dev": "what the striper includes",
  bpftool: "the striper, linked",
  "openssh-server": "the halves that push logs in on",
  "openssh-client": "push; host keys, as OpenSSH reads them",
  socat: "a way to a half by a command of one's own",
  openssl: "certificates, as OpenVPN reads them",
  bash: "scripts that need its arrays",
  shellcheck: "every script",
  dash: "every script, as Ubuntu's sh",
  systemd: "systemd-analyze",
  "libxml2-utils": "xmllint",
  mtools: "boot partitions of images",
  dosfstools: "boot partitions of images",
  e2fsprogs: "root file systems of images",
  fdisk: "sfdisk",
  "xz-utils": "the striper, compressed; packed images",
  zstd: "packed images",
  gzip: "packed images",
  zip: "packed images",
  unzip: "packed images",
  "bmap-tools": "block maps, as others read and make them",
  "debian-archive-keyring": "the signatures of the card's packages",
  dmsetup: "drives with faults",
  bsdutils: "a terminal for a program (script)",
  chromium: "the status page, as a browser shows it",
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
export const unpacked = ["ifupdown", "ifenslave", "cloud-init", "radvd", "ufw", "prometheus"];

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

/** Debian packages that make the boot tests' stand-in for Raspberry Pi OS (scripts/make-base). */
export const base: Record<string, string> = {
  mmdebstrap: "its root file system",
  "qemu-user-static": "programs for arm64, while it is made",
  e2fsprogs: "mke2fs",
  dosfstools: "mkfs.vfat",
  mtools: "files of a FAT partition",
  fdisk: "sfdisk",
  "debian-archive-keyring": "the archive's signatures",
};

/** Debian packages that the boot tests need on the host; the lab's machine holds the server and the lines. */
export const boot: Record<string, string> = {
  ...base,
  ...lab,
  "qemu-system-arm": "the emulated box",
};

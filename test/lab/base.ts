import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../builder/machine/host";
import { withLock } from "../../builder/machine/lock";
import { freeBytes, keepNewest } from "../support/kept";
import { runAside } from "../support/programs";
import { backportsOf, candidatesOf, sourcesOf } from "./archive";
import { LabError } from "./errors";
import { type System, systemName } from "./target";

/** What the emulated machine starts from: Debian's root file system, kernel and first files. */
export interface Base {
  system: System;
  image: string;
  kernel: string;
  initrd: string;
  /** Packages that the report names, with their versions. */
  versions: Record<string, string>;
}

const KERNEL = "linux-image-cloud-amd64";

/** In the image, by what they are for. */
const packages: Record<string, string> = {
  [KERNEL]: "the kernel, with bonding, CAKE, netem and memory devices",
  "busybox-static": "the first process",
  "systemd-sysv": "box and server",
  "systemd-container": "systemd-nspawn, which keeps them apart",
  dbus: "their system bus",
  udev: "box and server",
  kmod: "modules",
  iproute2: "networks, tc",
  "iputils-ping": "latency; the box's fallback",
  iptables: "the firewalls",
  conntrack: "forwards to senders that do not pause",
  ethtool: "offloads; the shaper",
  procps: "sysctl",
  sudo: "its rules are part of both halves",
  openvpn: "the tunnels",
  haproxy: "the TCP lane, ...",
  mptcpize: "... whose parts have a connection each, ...",
  nftables: "... and what it takes",
  "openssh-server": "both machines have one",
  nodejs: "the runtime on the box; the lab's own agent",
  "network-manager": "the box, as on Raspberry Pi OS",
  ifupdown: "the server's network, as on Ubuntu 14.04",
  ifenslave: "the server's bond, as on Ubuntu 14.04",
  "cloud-init": "the server's user-data",
  iperf3: "TCP flows",
  "ngtcp2-client": "downloads over QUIC, ...",
  "ngtcp2-server": "... and where they come from",
  socat: "fresh connections",
  tcpdump: "what passes a wire",
  tcpreplay: "packets a second time",
  nmap: "the scan",
  "nginx-light": "services that people use through the lane: pages and uploads, ...",
  "dovecot-imapd": "... mail that is pushed, ...",
  "python3-aiosmtpd": "... mail that is sent, ...",
  "python3-websockets": "... what says something at any time from either side, ...",
  vsftpd: "... files over two connections, ...",
  curl: "... and what asks for them",
  radvd: "a modem that is an IPv6 router",
  "unattended-upgrades": "the server's security updates",
};

/** How long another one may be at it, ms. */
const patience = 1_800_000;

/** Room for the image and its making, bytes. */
const room = 3e9;

const hook = `set -eu
cd "$BONDBOX_LAB_OUT"
rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*
for unit in ngtcp2d haproxy nginx vsftpd dovecot; do rm -f "$1"/etc/systemd/system/*.wants/"$unit".*; done
cp "$1"/boot/vmlinuz-* vmlinuz
chroot "$1" dpkg-query -W >versions
unshare --mount sh -euc '
  mount --bind "$1" /mnt
  mke2fs -q -t ext4 -b 4096 -O ^has_journal,^metadata_csum,^64bit -m 0 -d /mnt root.img 1G
  mkdir -p first/bin first/modules first/proc first/sys first/dev first/rom first/mem
  cp /mnt/bin/busybox first/bin/
  for module in drivers/nvdimm/libnvdimm drivers/acpi/nfit/nfit drivers/nvdimm/nd_btt drivers/nvdimm/nd_pmem fs/overlayfs/overlay; do
    cp /mnt/lib/modules/*/kernel/$module.ko* first/modules/
  done
  # Packed since trixie, and the first process cannot unpack them.
  find first/modules -name "*.xz" -exec xz -d {} +
' sh "$1"
cp "$BONDBOX_LAB_INIT" first/init
chmod 755 first/init
(cd first && find . | cpio --quiet -o -H newc) | gzip -1 >initrd
rm -rf first
`;

/**
 * Makes the base of a system once and keeps it by its content: the recipe, and the versions that Debian has today. Debian packages only,
 * from the archive that this machine's own apt uses; Debian's keyring checks the signatures.
 * @throws LabError when it cannot be made.
 */
export function makeBase(init: string, system: System, log: (text: string) => void): Promise<Base> {
  const cache = join(cacheFolder("lab"), systemName(system));
  mkdirSync(cache, { recursive: true });
  // Several tests may ask for it at once, and apt's lists are theirs together.
  return withLock(join(cache, "base"), () => baseIn(cache, init, system, log), patience);
}

async function baseIn(cache: string, init: string, system: System, log: (text: string) => void): Promise<Base> {
  const { release, newestKernel } = system;
  const sources = await sourcesOf(release);
  const backports = newestKernel ? await backportsOf(release) : [];
  const candidates = await candidatesOf([...Object.keys(packages), "libc6"], sources, join(cache, "apt"));
  // Alone, or apt would prefer the release's own.
  if (newestKernel) candidates.push(...(await candidatesOf([KERNEL], backports, join(cache, "apt-backports"))));
  const hash = createHash("sha256").update(JSON.stringify([packages, hook, readFileSync(init, "utf8"), candidates]));
  const folder = join(cache, hash.digest("hex").slice(0, 20));
  if (!existsSync(folder)) {
    if (freeBytes(cache) < room) throw LabError.noRoom(cache, freeBytes(cache), room);
    log(`making the root file system of Debian ${systemName(system)} (once; some minutes) in ${cache}`);
    // apt takes what comes with a kernel from where the kernel is (apt-get(8), "install"). Newer kernels would rather have dracut, and the
    // root file system should be the same but for the kernel.
    const kernel = newestKernel ? [`${KERNEL}/${release}-backports`, "initramfs-tools"] : [KERNEL];
    const wanted = [...kernel, ...Object.keys(packages).filter((name) => name !== KERNEL)];
    await build({ release, cache, folder, init, wanted, sources: [...sources, ...backports] });
    // They are large, and made again at need.
    keepNewest(cache, /^[0-9a-f]{20}$/, 2);
  }
  utimesSync(folder, new Date(), new Date());
  const file = (name: string): string => join(folder, name);
  return { system, image: file("root.img"), kernel: file("vmlinuz"), initrd: file("initrd"), versions: versionsIn(folder) };
}

interface Making {
  release: System["release"];
  cache: string;
  folder: string;
  init: string;
  wanted: string[];
  /** Rows of its sources.list. */
  sources: string[];
}

async function build({ release, cache, folder, init, wanted, sources }: Making): Promise<void> {
  const work = mkdtempSync(join(cache, "making-"));
  try {
    const options = ["--variant=apt", `--include=${wanted.join(",")}`, '--aptopt=APT::Install-Recommends "false"'];
    const less = ["doc", "man", "locale"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
    // The hook's text is one word of its shell.
    const hooked = `--customize-hook=sh -c '${hook.replaceAll("'", "'\\''")}' hook "$1"`;
    // The archive's rows go through standard input, and the tests go on meanwhile.
    const { status, stderr } = await runAside("mmdebstrap", [...options, ...less, hooked, release, "/dev/null", "-"], {
      input: `${sources.join("\n")}\n`,
      env: { BONDBOX_LAB_OUT: work, BONDBOX_LAB_INIT: init, SOURCE_DATE_EPOCH: "1767225600" },
    });
    if (status !== 0) throw LabError.baseFailed(stderr);
    renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function versionsIn(folder: string): Record<string, string> {
  const all = readFileSync(join(folder, "versions"), "utf8").split("\n");
  const found = all.map((row) => row.split("\t")).filter(([name = ""]) => name in packages || /^linux-image-\d/.test(name));
  return Object.fromEntries(found.map(([name = "", version = ""]) => [name.split(":")[0], version]));
}

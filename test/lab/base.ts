import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, utimesSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { LabError } from "./errors";

/** What the emulated machine starts from: Debian's root file system, kernel and first files. */
export interface Base {
  image: string;
  kernel: string;
  initrd: string;
  /** Packages that the report names, with their versions. */
  versions: Record<string, string>;
}

/** The release that stands in for both halves' systems. */
export const release = "bookworm";

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
  ethtool: "offloads; the shaper",
  procps: "sysctl",
  sudo: "its rules are part of both halves",
  openvpn: "the tunnels",
  "openssh-server": "both machines have one",
  nodejs: "the runtime on the box; the lab's own agent",
  "network-manager": "the box, as on Raspberry Pi OS",
  ifupdown: "the server's network, as on Ubuntu 14.04",
  ifenslave: "the server's bond, as on Ubuntu 14.04",
  "cloud-init": "the server's user-data",
  iperf3: "TCP flows",
  socat: "fresh connections",
  tcpdump: "what passes a wire",
  tcpreplay: "packets a second time",
  nmap: "the scan",
};

/** Room for the image and its making, bytes. */
const room = 3e9;

const hook = `set -eu
cd "$BONDBOX_LAB_OUT"
rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*
cp "$1"/boot/vmlinuz-* vmlinuz
chroot "$1" dpkg-query -W >versions
unshare --mount sh -euc '
  mount --bind "$1" /mnt
  mke2fs -q -t ext4 -b 4096 -O ^has_journal,^metadata_csum,^64bit -m 0 -d /mnt root.img 1G
  mkdir -p first/bin first/modules first/proc first/sys first/dev first/rom first/mem
  cp /mnt/bin/busybox first/bin/
  for module in drivers/nvdimm/libnvdimm drivers/acpi/nfit/nfit drivers/nvdimm/nd_btt drivers/nvdimm/nd_pmem fs/overlayfs/overlay; do
    cp /mnt/lib/modules/*/kernel/$module.ko first/modules/
  done
' sh "$1"
cp "$BONDBOX_LAB_INIT" first/init
chmod 755 first/init
(cd first && find . | cpio --quiet -o -H newc) | gzip -1 >initrd
rm -rf first
`;

/**
 * Makes the base once and keeps it by its content: the recipe, and the versions that Debian has today. Debian packages only, through
 * this machine's own apt sources, which check the signatures.
 * @throws LabError when it cannot be made.
 */
export function makeBase(init: string, tell: (text: string) => void): Base {
  const wanted = Object.keys(packages);
  const candidates = candidatesOf([...wanted, "libc6"]);
  const hash = createHash("sha256").update(JSON.stringify([packages, hook, readFileSync(init, "utf8"), candidates]));
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "bondbox", "lab");
  const folder = join(cache, hash.digest("hex").slice(0, 20));
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    checkRoom(cache);
    tell(`making the root file system of the lab (once; about a minute) in ${cache}`);
    build(cache, folder, init, wanted);
    keepNewest(cache);
  }
  utimesSync(folder, new Date(), new Date());
  return { image: join(folder, "root.img"), kernel: join(folder, "vmlinuz"), initrd: join(folder, "initrd"), versions: versionsIn(folder) };
}

/** Versions that apt would install today. @throws LabError that names the packages apt does not know. */
function candidatesOf(names: string[]): string[] {
  const look = (): Map<string, string> => {
    const policy = command("apt-cache", ["policy", ...names], "the package lists could not be read");
    const found = [...policy.matchAll(/^(\S+):\n(?: {2}Installed: .*\n)? {2}Candidate: (?!\(none\))(.*)$/gm)];
    return new Map(found.map(([, name = "", version = ""]) => [name, version]));
  };
  let found = look();
  // A machine whose lists were never read, or are older than the recipe.
  if (found.size < names.length && spawnSync("apt-get", ["-qq", "update"]).status === 0) found = look();
  const unknown = names.filter((name) => !found.has(name));
  if (unknown.length > 0) throw LabError.unknownPackages(unknown);
  return names.map((name) => found.get(name) as string);
}

function build(cache: string, folder: string, init: string, wanted: string[]): void {
  const work = mkdtempSync(join(cache, "making-"));
  try {
    const options = ["--variant=apt", `--include=${wanted.join(",")}`, '--aptopt=APT::Install-Recommends "false"'];
    const less = ["doc", "man", "locale"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
    // The hook's text is one word of its shell.
    const hooked = `--customize-hook=sh -c '${hook.replaceAll("'", "'\\''")}' hook "$1"`;
    const { status, stderr, error } = spawnSync("mmdebstrap", [...options, ...less, hooked, release, "/dev/null", "-"], {
      input: sources(),
      encoding: "utf8",
      env: { ...process.env, BONDBOX_LAB_OUT: work, BONDBOX_LAB_INIT: init, SOURCE_DATE_EPOCH: "1767225600" },
      stdio: ["pipe", "ignore", "pipe"],
      maxBuffer: 64 << 20,
    });
    if (error || status !== 0) throw LabError.baseFailed(stderr ?? String(error));
    // Another lab may have made the same meanwhile.
    if (!existsSync(folder)) renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Debian's archives as this machine's apt knows them. */
function sources(): string {
  const format = "$(CREATED_BY)|$(ORIGIN)|$(CODENAME)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)";
  const rows = command("apt-get", ["indextargets", "--format", format], "apt's sources could not be read")
    .split("\n")
    .map((row) => row.split("|"))
    .filter(([by, origin, codename]) => by === "Packages" && origin === "Debian" && codename?.split("-")[0] === release)
    .map(([, , , row]) => row);
  if (rows.length === 0) throw LabError.noSources(release);
  return `${[...new Set(rows)].join("\n")}\n`;
}

/** Older images go: they are large, and made again at need. */
function keepNewest(cache: string): void {
  const kept = readdirSync(cache, { withFileTypes: true }).filter((entry) => entry.isDirectory() && /^[0-9a-f]{20}$/.test(entry.name));
  const byAge = kept.map(({ name }) => ({ name, age: statMtime(join(cache, name)) })).sort((a, b) => b.age - a.age);
  for (const { name } of byAge.slice(2)) rmSync(join(cache, name), { recursive: true, force: true });
}

function statMtime(path: string): number {
  return Number(command("stat", ["-c", "%Y", path], "a cached image could not be read"));
}

function checkRoom(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < room) throw LabError.noRoom(folder, bavail * bsize, room);
}

function versionsIn(folder: string): Record<string, string> {
  const all = readFileSync(join(folder, "versions"), "utf8").split("\n");
  const found = all.map((row) => row.split("\t")).filter(([name = ""]) => name in packages || /^linux-image-\d/.test(name));
  return Object.fromEntries(found.map(([name = "", version = ""]) => [name.split(":")[0], version]));
}

function command(program: string, args: string[], complaint: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 64 << 20,
    env: { ...process.env, LC_ALL: "C" },
  });
  if (error || status !== 0) throw new LabError(complaint, (error?.message ?? stderr).trim());
  return stdout;
}

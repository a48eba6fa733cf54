import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { cacheFolder } from "../../builder/machine/host";
import { candidatesOf, sourcesOf } from "../lab/archive";
import { freeBytes, keepNewest } from "../support/kept";
import { BootError } from "./errors";
import { Phases } from "./phases";

export const releases = ["bookworm", "trixie"] as const;
export type Release = (typeof releases)[number];

/** A stand-in for Raspberry Pi OS Lite (64 bit), and what QEMU boots it with. */
export interface Base {
  release: Release;
  /** MBR, bootfs, rootfs. */
  image: string;
  /** Copies of those on the image: QEMU is the boot loader, and cannot read them from the card. */
  kernel: string;
  initrd: string;
}

const KERNEL = "linux-image-arm64";

/** Packages of the image. Raspberry Pi OS Lite has about 520; these are the ones that the box, its first boot or the tests use. */
const common = [
  ...["initramfs-tools", "busybox", "zstd", "systemd-sysv", "libpam-systemd", "systemd-timesyncd", "udev", "dbus", "kmod"],
  ...["e2fsprogs", "dosfstools", "fdisk", "parted", "ca-certificates", "cron", "logrotate", "less", "python3", "sudo", "polkitd"],
  ...["network-manager", "wpasupplicant", "dnsmasq-base", "avahi-daemon", "openssh-server", "nftables", "rfkill", "ethtool"],
  ...["iproute2", "iputils-ping", "procps", "adduser", "netbase", "tzdata", "nano", "whiptail", "init", "cpio", "apt-utils"],
];
const packages: Record<Release, string[]> = {
  bookworm: common,
  trixie: [...common, "cloud-init", "netplan.io"],
};

/** As in the file issue.txt of the real image. */
const dates: Record<Release, string> = { bookworm: "2026-06-18", trixie: "2026-06-18" };

/** Files of packages that are left out because nothing in the tests reads them, as patterns of paths. */
const unwantedFiles = ["doc", "man", "locale", "info"].map((folder) => `/usr/share/${folder}/*`);
/** Kernel modules that are left out because no emulated box has such hardware. */
const unwantedModules = [
  ...["sound", "drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/staging", "drivers/scsi", "drivers/iio", "drivers/isdn"],
  ...["drivers/net/wireless", "drivers/net/ethernet"],
].map((folder) => `*/lib/modules/*/kernel/${folder}/*`);

/** Free bytes that making an image needs. */
const room = 5e9;
/** 2026-01-01: no file of the image is newer. */
const epoch = "1767225600";

/**
 * Makes the stand-in once, and keeps it under a hash of its recipe and of the versions that Debian has today. It holds only Debian's
 * packages, from the archive that this computer's own apt uses.
 * @param sources the folder test/boot/base
 * @param log gets a line when the stand-in has to be made, and a table of where the time went
 * @throws BootError, LabError when it cannot be made.
 */
export async function makeBase(sources: string, release: Release, log: (text: string) => void): Promise<Base> {
  const cache = join(cacheFolder("bases-made"), `raspios-${release}`);
  mkdirSync(cache, { recursive: true });
  const archive = await sourcesOf(release);
  const wanted = packages[release];
  const candidates = await candidatesOf([...wanted, KERNEL, "libc6"], archive, join(cache, "apt"), "arm64");
  // These files go into the first process's file system, which is made right after the packages.
  const early = ["every", release].flatMap((folder) => filesIn(join(sources, "files", folder, "etc/initramfs-tools")));
  const recipe = readFileSync(join(sources, "install.sh"), "utf8");
  const installed = join(cache, `${idOf([wanted, unwantedFiles, unwantedModules, epoch, early, recipe, candidates])}.tar`);
  const id = idOf([installed, dates[release], filesIn(sources)]);
  const folder = join(cache, id);
  if (!existsSync(folder)) {
    if (freeBytes(cache) < room) throw BootError.noRoom(cache, freeBytes(cache), room);
    provideEmulation();
    const making = { release, cache, sources, archive, diskId: id.slice(0, 8) };
    log(`making the stand-in for Raspberry Pi OS ${release} (once; some minutes) in ${cache}`);
    const phases = new Phases();
    if (!existsSync(installed)) phases.during("packages", () => install(making, installed));
    phases.during("image", () => shape(making, installed, folder));
    for (const row of phases.table()) log(row);
    // They are large, and can be made again.
    keepNewest(cache, /^[0-9a-f]{20}$/, 2);
    keepNewest(cache, /^[0-9a-f]{20}\.tar$/, 1);
  }
  for (const path of [installed, folder]) if (existsSync(path)) utimesSync(path, new Date(), new Date());
  return { release, image: join(folder, "base.img"), kernel: join(folder, "vmlinuz"), initrd: join(folder, "initrd") };
}

function idOf(parts: unknown): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 20);
}

/** Names and texts of all files below a folder, sorted. */
function filesIn(folder: string): [path: string, text: string][] {
  if (!existsSync(folder)) return [];
  const paths = (readdirSync(folder, { recursive: true }) as string[]).sort().filter((path) => statSync(join(folder, path)).isFile());
  return paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]);
}

interface Making {
  release: Release;
  cache: string;
  sources: string;
  /** Lines of its sources.list. */
  archive: string[];
  diskId: string;
}

/**
 * Installs Debian with the packages, as a tar for arm64. The packages are installed for this computer's own architecture, so that their
 * maintainer scripts run at full speed; then install.sh puts the files of their arm64 versions in place. With emulated scripts, making
 * the stand-in took 14 minutes.
 */
function install(making: Making, tar: string): void {
  const { release, cache, sources, archive } = making;
  const work = mkdtempSync(join(cache, "making-"));
  try {
    const args = [
      ...[`--architectures=${nativeArchitecture()},arm64`, "--variant=apt", `--include=${packages[release].join(",")}`],
      ...['--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io"],
      // The option --dpkgopt would do the same, but starts a filter in Python for every package.
      '--setup-hook=set -f; mkdir -p "$1/etc/dpkg/dpkg.cfg.d"; for path in $UNWANTED; do echo "path-exclude=$path"; done >"$1/etc/dpkg/dpkg.cfg.d/unwanted"',
      ...[`--customize-hook=sh "$BONDBOX_INSTALL" "$1"`, release, join(work, "root.tar"), "-"],
    ];
    const env = {
      ...{ BONDBOX_INSTALL: join(sources, "install.sh"), KERNEL },
      ...{ UNWANTED: unwantedFiles.join(" "), UNWANTED_MODULES: unwantedModules.join(" ") },
    };
    run("mmdebstrap", args, making, { input: `${archive.join("\n")}\n`, env });
    renameSync(join(work, "root.tar"), tar);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @returns Debian's name of the architecture that this computer's packages are for, such as amd64 */
function nativeArchitecture(): string {
  return spawnSync("dpkg", ["--print-architecture"], { encoding: "utf8" }).stdout.trim();
}

/** Makes an image in the shape of Raspberry Pi OS from the installed packages. */
function shape(making: Making, tar: string, folder: string): void {
  const work = mkdtempSync(join(making.cache, "making-"));
  try {
    // Without root, a user namespace of its own.
    const apart = ["--mount", "--pid", "--fork", ...(process.getuid?.() === 0 ? [] : ["--map-auto", "--map-root-user"])];
    run("unshare", [...apart, "sh", join(making.sources, "image.sh"), join(work, "root"), tar], making, { env: { OUT: work } });
    // Another run may have made the same one meanwhile.
    if (!existsSync(folder)) renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Runs a long program to its end; what it prints goes to a log. @throws BootError with the last lines of the log. */
function run(
  program: string,
  args: string[],
  making: Making,
  { input = "", env = {} }: { input?: string; env?: Record<string, string> },
): void {
  const { release, sources, diskId, cache } = making;
  const log = join(cache, `${basename(program)}.log`);
  const fd = openSync(log, "w");
  const { status, error } = spawnSync(program, args, {
    input,
    env: {
      ...process.env,
      ...{ RELEASE: release, FILES: join(sources, "files"), DISK_ID: diskId, DATE: dates[release] },
      ...{ SOURCE_DATE_EPOCH: epoch, LC_ALL: "C.UTF-8", DEBIAN_FRONTEND: "noninteractive", ...env },
    },
    stdio: ["pipe", fd, fd],
  });
  closeSync(fd);
  if (error || status !== 0) throw BootError.baseFailed(error ? String(error) : readFileSync(log, "utf8"), log);
}

const binfmt = "/proc/sys/fs/binfmt_misc";

/** Makes the kernel run programs for arm64 in QEMU, where systemd has not done so (in a container, in CI). @throws BootError */
function provideEmulation(): void {
  if (existsSync(`${binfmt}/qemu-aarch64`)) return;
  const handler = ["/usr/lib/binfmt.d/qemu-aarch64.conf", "/usr/lib/binfmt.d/qemu-aarch64-static.conf"].find((path) => existsSync(path));
  if (handler === undefined) throw BootError.noEmulation("QEMU's handler is not installed");
  if (!existsSync(`${binfmt}/register`)) spawnSync("mount", ["-t", "binfmt_misc", "binfmt_misc", binfmt]);
  try {
    writeFileSync(`${binfmt}/register`, readFileSync(handler));
  } catch (error) {
    throw BootError.noEmulation((error as Error).message);
  }
}

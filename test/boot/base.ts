import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../builder/machine/host";
import { candidatesOf, sourcesOf } from "../lab/archive";
import { BootError } from "./errors";

export const releases = ["bookworm", "trixie"] as const;
export type Release = (typeof releases)[number];

/** A stand-in for Raspberry Pi OS Lite (64 bit), and what QEMU starts it with. */
export interface Base {
  release: Release;
  /** MBR, bootfs, rootfs. */
  image: string;
  /** Those that are on the image, too: QEMU is the boot loader, and takes them from outside. */
  kernel: string;
  initrd: string;
}

const KERNEL = "linux-image-arm64";

/** In the image. Raspberry Pi OS Lite has about 520; of these the box, its first boot or the tests meet something. */
const common = [
  ...[KERNEL, "initramfs-tools", "busybox", "zstd", "systemd-sysv", "libpam-systemd", "systemd-timesyncd", "udev", "dbus", "kmod"],
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

/** Left out, to be smaller: nothing in the tests has such hardware. Paths of packages. */
const unwanted = [
  ...["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"],
  ...["sound", "drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/staging", "drivers/scsi", "drivers/iio", "drivers/isdn"].map(
    (folder) => `*/lib/modules/*/kernel/${folder}/*`,
  ),
  ...["wireless", "ethernet"].map((folder) => `*/lib/modules/*/kernel/drivers/net/${folder}/*`),
];

/** For an image and its making, bytes. */
const room = 5e9;
/** 2026-01-01: no file of the image is younger. */
const epoch = "1767225600";

/**
 * Makes the stand-in once and keeps it by its content: the recipe, and the versions that Debian has today. Debian's packages only, from the
 * archive that this machine's own apt uses; foreign programs run by QEMU's user emulation.
 * @param sources test/boot/base
 * @throws BootError, LabError when it cannot be made.
 */
export async function makeBase(sources: string, release: Release, tell: (text: string) => void): Promise<Base> {
  const cache = join(cacheFolder("bases-made"), `raspios-${release}`);
  mkdirSync(cache, { recursive: true });
  const archive = await sourcesOf(release);
  const wanted = packages[release];
  const candidates = await candidatesOf([...wanted, "libc6"], archive, join(cache, "apt"), "arm64");
  // What is laid before the packages are installed has the longest work after it.
  const early = ["every", release].flatMap((folder) => filesIn(join(sources, "files", folder, "etc/initramfs-tools")));
  const installed = join(cache, `${idOf([wanted, unwanted, epoch, early, candidates])}.tar`);
  const id = idOf([installed, dates[release], filesIn(sources)]);
  const folder = join(cache, id);
  if (!existsSync(folder)) {
    checkRoom(cache);
    provideEmulation();
    const making = { release, cache, sources, archive, diskId: id.slice(0, 8) };
    tell(`making the stand-in for Raspberry Pi OS ${release} (once; ten minutes or more) in ${cache}`);
    if (!existsSync(installed)) install(making, installed);
    shape(making, installed, folder);
    keepNewest(cache);
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
  /** Rows of its sources.list. */
  archive: string[];
  diskId: string;
}

/** The long part: Debian with the packages, as a tar. */
function install(making: Making, tar: string): void {
  const { release, cache, sources, archive } = making;
  const work = mkdtempSync(join(cache, "making-"));
  try {
    const args = [
      ...["--architectures=arm64", "--variant=apt", `--include=${packages[release].join(",")}`],
      ...['--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io"],
      ...unwanted.map((path) => `--dpkgopt=path-exclude=${path}`),
      ...[`--essential-hook=sh "$BONDBOX_RECIPE" early "$1"`, release, join(work, "root.tar"), "-"],
    ];
    run("mmdebstrap", args, making, { input: `${archive.join("\n")}\n`, env: { BONDBOX_RECIPE: join(sources, "recipe.sh") } });
    renameSync(join(work, "root.tar"), tar);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** From there to an image in the shape of a Raspberry Pi OS. */
function shape(making: Making, tar: string, folder: string): void {
  const work = mkdtempSync(join(making.cache, "making-"));
  try {
    // A root of its own where this one is none.
    const apart = ["--mount", "--pid", "--fork", ...(process.getuid?.() === 0 ? [] : ["--map-auto", "--map-root-user"])];
    run("unshare", [...apart, "sh", join(making.sources, "recipe.sh"), "late", join(work, "root"), tar], making, { env: { OUT: work } });
    // Another run may have made the same meanwhile.
    if (!existsSync(folder)) renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Runs a long program to its end. @throws BootError with what it said. */
function run(
  program: string,
  args: string[],
  making: Making,
  { input = "", env = {} }: { input?: string; env?: Record<string, string> },
): void {
  const { release, sources, diskId, cache } = making;
  const { status, stderr, error } = spawnSync(program, args, {
    input,
    encoding: "utf8",
    env: {
      ...process.env,
      ...{ RELEASE: release, FILES: join(sources, "files"), DISK_ID: diskId, DATE: dates[release] },
      ...{ SOURCE_DATE_EPOCH: epoch, LC_ALL: "C.UTF-8", ...env },
    },
    stdio: ["pipe", "ignore", "pipe"],
    maxBuffer: 256 << 20,
  });
  if (!error && status === 0) return;
  const log = join(cache, "failed.log");
  writeFileSync(log, stderr ?? String(error));
  throw BootError.baseFailed(stderr ?? String(error), log);
}

const binfmt = "/proc/sys/fs/binfmt_misc";

/** The kernel gives programs for arm64 to QEMU. Where systemd has not seen to that (a container, CI), this does. @throws BootError */
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

/** Older images of the release go: they are large, and made again at need. */
function keepNewest(cache: string): void {
  for (const [kind, many] of [
    [/^[0-9a-f]{20}$/, 2],
    [/^[0-9a-f]{20}\.tar$/, 1],
  ] as const) {
    const kept = readdirSync(cache).filter((name) => kind.test(name));
    const byAge = kept.map((name) => ({ name, age: statSync(join(cache, name)).mtimeMs })).sort((a, b) => b.age - a.age);
    for (const { name } of byAge.slice(many)) rmSync(join(cache, name), { recursive: true, force: true });
  }
}

function checkRoom(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < room) throw BootError.noRoom(folder, bavail * bsize, room);
}

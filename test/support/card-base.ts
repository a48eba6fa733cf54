import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "./programs";

/** How an image differs from a Raspberry Pi OS Lite (64-bit), trixie, as it is published. */
export interface BaseShape {
  release?: string;
  architecture?: string;
  /** Installed besides the usual. */
  packages?: string[];
  /** Not installed although usual. */
  without?: string[];
  /** Of the boot partition; undefined leaves one out that is usual. */
  bootFiles?: Record<string, string | undefined>;
  /** Whether it is Raspberry Pi OS at all. */
  issue?: string | null;
  labels?: { boot?: string; root?: string };
  /** Options of mke2fs. */
  ext4?: string[];
  /** MiB. */
  bootSize?: number;
  rootSize?: number;
  /** The partition table, as sfdisk reads it; the two partitions stay where they are. */
  table?: string;
  /** Further files of the root file system, by absolute path. */
  files?: Record<string, string | Buffer>;
}

const MIB = 1 << 20;
const GAP = 8;

/** Makes a small image in the shape of a Raspberry Pi OS Lite: partitions, labels, features, what tells the system. */
export function makeBase(file: string, shape: BaseShape = {}): string {
  const { bootSize = 64, rootSize = 120, labels = {} } = shape;
  writeFileSync(file, "");
  truncateSync(file, (GAP + bootSize + rootSize) * MIB);
  const table =
    shape.table ??
    `label: dos\nlabel-id: 0x5ca1ab1e\nunit: sectors\n${GAP * 2048},${bootSize * 2048},c\n${(GAP + bootSize) * 2048},${rootSize * 2048},83\n`;
  must("sfdisk", ["--quiet", file], { input: table });
  const fat = ["-F", "32", "-s", "1", "-i", "5ca1ab1e", "-n", labels.boot ?? "bootfs", "--offset", String(GAP * 2048)];
  must("mkfs.fat", [...fat, file, String(bootSize * 1024)]);
  for (const [name, text] of Object.entries({ ...bootFiles(shape), ...shape.bootFiles }))
    if (text !== undefined) must("mcopy", ["-i", `${file}@@${GAP}M`, "-", `::${name}`], { input: text });
  const tree = `${file}.tree`;
  layTree(tree, shape);
  // As pi-gen makes them, and with what today's mke2fs adds.
  const features = ["-O", "^64bit,^huge_file,metadata_csum", "-U", "5ca1ab1e-0000-4000-8000-000000000000"];
  const options = [...features, "-E", `hash_seed=5ca1ab1e-0000-4000-8000-000000000001,offset=${(GAP + bootSize) * MIB}`];
  must("mke2fs", [
    "-q",
    "-F",
    "-t",
    "ext4",
    "-b",
    "4096",
    "-L",
    labels.root ?? "rootfs",
    ...options,
    ...(shape.ext4 ?? []),
    "-d",
    tree,
    file,
    `${rootSize}M`,
  ]);
  rmSync(tree, { recursive: true });
  return file;
}

function must(program: string, args: string[], options: Parameters<typeof run>[2] = {}): void {
  const env = { SOURCE_DATE_EPOCH: "1781740800", E2FSPROGS_FAKE_TIME: "1781740800", TZ: "UTC", MTOOLSRC: "/dev/null" };
  const { status, output } = run(program, args, { ...options, env });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${output}`);
}

function bootFiles({ release = "trixie" }: BaseShape): Record<string, string> {
  const cloudInit =
    release === "trixie" ? { "user-data": "#cloud-config\n", "meta-data": "instance_id: rpios-image\n", "network-config": "" } : {};
  return {
    "cmdline.txt": "console=serial0,115200 console=tty1 root=PARTUUID=5ca1ab1e-02 rootfstype=ext4 fsck.repair=yes rootwait resize\n",
    "config.txt": "arm_64bit=1\n",
    "kernel8.img": "a kernel".repeat(10_000),
    ...cloudInit,
  };
}

const usual = ["dpkg", "libc6", "raspberrypi-sys-mods", "network-manager", "cloud-init"];

function layTree(
  tree: string,
  { release = "trixie", architecture = "arm64", packages = [], without = [], issue, files = {} }: BaseShape,
): void {
  const names = [...usual, ...packages].filter((name) => !without.includes(name));
  const status = names.map((name) => `Package: ${name}\nStatus: install ok installed\nArchitecture: ${architecture}\nVersion: 1\n`);
  const all: Record<string, string | Buffer> = {
    "/usr/lib/os-release": `PRETTY_NAME="Debian GNU/Linux (${release})"\nVERSION_CODENAME=${release}\nID=debian\n`,
    "/var/lib/dpkg/status": `${status.join("\n")}\nPackage: xserver-xorg\nStatus: deinstall ok config-files\nArchitecture: ${architecture}\n`,
    "/etc/systemd/system/multi-user.target.wants/.keep": "",
    "/usr/lib/systemd/system/.keep": "",
    // A file of zeros that are really there: no free space, and a card must get them.
    "/var/zeros": Buffer.alloc(MIB),
    "/etc/hostname": "raspberrypi\n",
    ...(issue === null ? {} : { "/etc/rpi-issue": issue ?? "Raspberry Pi reference 2026-06-18\nGenerated using pi-gen, stage2\n" }),
    ...files,
  };
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  // Merged /usr: nothing can be written through these by their names.
  for (const name of ["bin", "lib", "sbin"]) {
    mkdirSync(join(tree, "usr", name), { recursive: true });
    symlinkSync(`usr/${name}`, join(tree, name));
  }
  symlinkSync("../usr/lib/os-release", join(tree, "etc/os-release"));
}

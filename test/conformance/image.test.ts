import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EnvironmentError, UsageError } from "../../builder/errors";
import { type MadeImage, makeImage } from "../../builder/pack/image";
import { readBase } from "../../builder/pack/image/base";
import { freeBlocks } from "../../builder/pack/image/blocks";
import { withFile } from "../../builder/disk/file";
import type { Artefact } from "../../builder/render/tree";
import { complete, type Entry, file, link } from "../../builder/render/tree";
import { boxes } from "../../builder/targets/boxes";
import type { BoxTarget } from "../../builder/targets/names";
import { type BaseShape, makeBase } from "../support/card-base";
import { inNamespace, run } from "../support/programs";
import { sha256, temporaryFolder } from "../support/trees";

const MIB = 1 << 20;
/** Where makeBase puts the two file systems. */
const BOOT = 8 * MIB;
const ROOT = 72 * MIB;

const work = mkdtempSync(join(realpathSync(tmpdir()), "bondbox-image-"));
const cache = join(work, "cache");
const base = join(work, "base.img");

afterAll(() => rmSync(work, { recursive: true, force: true }));

const SECRET = "PLANTED-SECRET-0123456789abcdef";

const root: Entry[] = complete([
  // Through a link of the merged /usr, and to a folder that the base lacks.
  file("/lib/systemd/system/bondbox-setup.service", "[Unit]\nDescription=setup\n"),
  link("/etc/systemd/system/multi-user.target.wants/bondbox-setup.service", "/usr/lib/systemd/system/bondbox-setup.service"),
  { kind: "directory", path: "/var/lib/bondbox", mode: 0o700, owner: "root", group: "root" },
  { kind: "directory", path: "/var/lib/bondbox/card", mode: 0o700, owner: "root", group: "root" },
  { ...file("/var/lib/bondbox/card/setup", "#!/bin/sh\n"), mode: 0o700 },
  { ...file("/var/lib/bondbox/card/overlay.tar", Buffer.concat([Buffer.from(SECRET), Buffer.alloc(5 * MIB, "tar")])), mode: 0o600 },
  { ...file("/var/lib/bondbox/card/packages/a+b_1%3a2.0~rc1_arm64.deb", Buffer.alloc(100_000)), mode: 0o600 },
  file("/var/lib/bondbox/card/empty", ""),
  file('/etc/bondbox/we"ird na\\me é', "quoted\n"),
  file("/etc/hostname", "replaced\n"),
  file("/etc/os-release", "a file in the place of a link\n"),
  link("/etc/rpi-issue", "/a/link/in/the/place/of/a/file"),
  link("/etc/bondbox/long", `/${"long/".repeat(40)}target`),
]);

const boot: Artefact[] = [
  { path: "bondbox-status.txt", mode: 0o644, content: "not booted yet\n" },
  { path: "bondbox/packages/want", mode: 0o644, content: "openvpn 2.6.14-1 arm64\n" },
  { path: "bondbox/id", mode: 0o644, content: Buffer.from("0123456789abcdef\n") },
  { path: "config.txt", mode: 0o644, content: "replaced=1\n" },
];

function make(from: string, folder: string, change: Partial<Parameters<typeof makeImage>[0]> = {}): Promise<MadeImage> {
  const out = join(folder, "home.img");
  return makeImage({
    base: from,
    out,
    place: "/dist/home/home.img",
    name: "home",
    box: boxes["raspios-trixie"],
    boot,
    root,
    cache,
    log: () => {},
    ...change,
  });
}

/** What debugfs says. */
function ext4(image: string, request: string): string {
  const { stderr, stdout } = run("debugfs", ["-R", request, `${image}?offset=${ROOT}`]);
  expect(stderr).toMatch(/^debugfs [0-9.]+ \(.*\)\n$/);
  return stdout;
}

function part(image: string, start: number, end: number): Buffer {
  const bytes = Buffer.alloc(end - start);
  const open = openSync(image, "r");
  readSync(open, bytes, 0, bytes.length, start);
  closeSync(open);
  return bytes;
}

function change(image: string, position: number, bytes: Buffer): void {
  const open = openSync(image, "r+");
  writeSync(open, bytes, 0, bytes.length, position);
  closeSync(open);
}

/** Words of the checkers about an image's file systems; none where both are clean. */
function unclean(image: string): string {
  const ext = run("e2fsck", ["-fn", `${image}?offset=${ROOT}`]);
  const fat = join(temporaryFolder(), "fat");
  writeFileSync(fat, part(image, BOOT, ROOT));
  const boot = run("fsck.fat", ["-n", fat]);
  return `${ext.status === 0 ? "" : ext.output}${boot.status === 0 ? "" : boot.output}`;
}

/** Owner, mode and sum of every file of the root partition, as the kernel shows them. */
function mounted(image: string): string {
  const script = `mount -o loop,ro,offset=${ROOT} "$1" /mnt; cd /mnt; find . -printf '%y %m %U:%G %p %l\\n' | sort; find . -type f -exec sha256sum {} + | sort`;
  const { status, output } = inNamespace(script, [image]);
  expect([status, output]).toEqual([0, output]);
  return output;
}

const made = join(work, "made");
const image = join(made, "home.img");
let told: MadeImage;

beforeAll(async () => {
  makeBase(base);
  told = await make(base, made);
});

describe("an image", () => {
  it("is clean, as its base is", () => {
    expect(unclean(base)).toBe("");
    expect(unclean(image)).toBe("");
  });

  it("is its owner's alone, and nothing but what stands beside it is left", () => {
    expect(statSync(image).mode & 0o777).toBe(0o600);
    expect(readdirSync(made).sort()).toEqual(["home.img", "home.img.bmap", "home.img.sha256", "home.rpi-imager-manifest"]);
  });

  it("has what was told of it", () => {
    const content = readFileSync(image);
    expect(told).toEqual({ bytes: content.length, mappedBytes: expect.any(Number), sha256: sha256(content) });
    expect(told.mappedBytes).toBeLessThan(content.length / 2);
    expect(run("sha256sum", ["-c", "home.img.sha256"], { cwd: made }).output).toBe("home.img: OK\n");
  });

  it.each(root.map((entry) => [entry.path.replace(/^\/lib/, "/usr/lib"), entry] as const))(
    "has %s with its content, mode and owner",
    (path, entry) => {
      const quoted = `"${path.replaceAll('"', '""')}"`;
      const stat = ext4(image, `stat ${quoted}`);
      const types = { file: "regular", directory: "directory", link: "symlink" };
      expect(/Type: (\w+) +Mode: +(\d+)/.exec(stat)?.slice(1)).toEqual([types[entry.kind], `0${entry.mode.toString(8)}`]);
      expect(stat).toMatch(/User: +0 +Group: +0 /);
      if (entry.kind === "file") {
        const copy = join(temporaryFolder(), "copy");
        ext4(image, `dump ${quoted} ${copy}`);
        expect(sha256(readFileSync(copy))).toBe(sha256(entry.content));
      }
      if (entry.kind === "link") expect(entry.target.length < 60 ? stat : ext4(image, `cat ${quoted}`)).toContain(entry.target);
    },
  );

  it("is taken by the kernel, which sees the same owners, modes and links", () => {
    const seen = mounted(image);
    expect(seen).toContain("d 700 0:0 ./var/lib/bondbox/card \n");
    expect(seen).toContain("f 600 0:0 ./var/lib/bondbox/card/overlay.tar \n");
    expect(seen).toContain("d 755 0:0 ./var/lib/bondbox/card/packages \n");
    expect(seen).toContain("f 644 0:0 ./usr/lib/systemd/system/bondbox-setup.service \n");
    expect(seen).toContain('f 644 0:0 ./etc/bondbox/we"ird na\\me é \n');
    expect(seen).toContain(`l 777 0:0 ./etc/bondbox/long /${"long/".repeat(40)}target\n`);
    expect(seen).toContain("l 777 0:0 ./etc/rpi-issue /a/link/in/the/place/of/a/file\n");
  });

  it("has the base's other files", () => {
    expect(ext4(image, "cat /usr/lib/os-release")).toBe(ext4(base, "cat /usr/lib/os-release"));
    expect(ext4(image, "stat /lib")).toContain('Fast link dest: "usr/lib"');
  });

  it("has the boot partition's files", () => {
    for (const { path, content } of boot)
      expect(run("mcopy", ["-n", "-i", `${image}@@${BOOT}`, `::${path}`, "-"]).stdout).toBe(content.toString());
    expect(run("mcopy", ["-n", "-i", `${image}@@${BOOT}`, "::cmdline.txt", "-"]).stdout).toContain("root=PARTUUID=");
  });

  it("has its table unchanged", () => expect(part(image, 0, 8 * MIB).equals(part(base, 0, 8 * MIB))).toBe(true));

  it("holds secrets in the root partition only", () => {
    expect(part(image, 0, ROOT).includes(SECRET)).toBe(false);
    expect(readFileSync(image).includes(SECRET)).toBe(true);
    for (const name of readdirSync(made).filter((name) => name !== "home.img"))
      expect(readFileSync(join(made, name), "utf8")).not.toContain(SECRET);
  });

  it("gives no time of today away", () => {
    const year = new Date().getFullYear();
    expect(ext4(image, "stat /var/lib/bondbox/card/setup")).not.toContain(String(year === 2026 ? "Nov" : year));
    expect(run("mdir", ["-i", `${image}@@${BOOT}`, "::bondbox"]).stdout).toContain("2026-06-18");
  });
});

describe("the same base and files give the same bytes", () => {
  const contents = (folder: string): Record<string, string> =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, sha256(readFileSync(join(folder, name)))]));

  it("again, in another folder, time zone and umask", async () => {
    const before = { TZ: process.env.TZ, mask: process.umask(0o077) };
    try {
      process.env.TZ = "Pacific/Auckland";
      const folder = temporaryFolder();
      await make(base, folder);
      expect(contents(folder)).toEqual(contents(made));
    } finally {
      process.umask(before.mask);
      if (before.TZ === undefined) delete process.env.TZ;
      else process.env.TZ = before.TZ;
    }
  });

  it.each<[string, string, (from: string, to: string) => [string, string[]]]>([
    ["xz", "base.img.xz", (from, to) => ["sh", ["-c", `xz -1 -T2 --block-size=32MiB -c "$0" > "$1"`, from, to]]],
    ["zstd", "base.img.zst", (from, to) => ["zstd", ["-q", "-1", from, "-o", to]]],
    ["gzip", "base.img.gz", (from, to) => ["sh", ["-c", `gzip -1 -c "$0" > "$1"`, from, to]]],
    ["zip", "base.zip", (from, to) => ["zip", ["-q", "-1", "-j", to, from]]],
    ["xz with a misleading name", "base.zip", (from, to) => ["sh", ["-c", `xz -1 -c "$0" > "$1"`, from, to]]],
  ])("from a base packed by %s, which is unpacked once", async (_, name, pack) => {
    const [folder, own] = [temporaryFolder(), join(temporaryFolder(), "cache")];
    const packed = join(folder, name);
    expect(run(...pack(base, packed)).output).toBe("");
    // Times that can be set again to the last digit.
    const then = new Date("2026-06-18T00:00:00Z");
    utimesSync(packed, then, then);
    const lines: string[] = [];
    await make(packed, join(folder, "out"), { cache: own, log: (line) => lines.push(line) });
    expect(contents(join(folder, "out"))).toEqual(contents(made));
    // On a busy machine it also tells how far it is.
    const steps = lines.filter((line) => !/^ {2}unpacked \d+ MB/.test(line));
    expect(steps).toEqual([`unpacking ${name} (once; it is kept for the next build)`, expect.stringMatching(/^unpacked .* in \d+ s$/)]);
    const [kept] = readdirSync(own);
    expect(readFileSync(join(own, kept as string)).equals(readFileSync(base))).toBe(true);
    // Its zeros take no room.
    expect(statSync(join(own, kept as string)).blocks * 512).toBeLessThan(statSync(base).size / 4);
    // The second time the packed file is not read: it could not be.
    change(packed, 100, Buffer.alloc(statSync(packed).size - 100));
    utimesSync(packed, then, then);
    await make(packed, join(folder, "out"), { cache: own });
    expect(contents(join(folder, "out"))).toEqual(contents(made));
  });
});

describe("a cache", () => {
  it("takes a changed file for another one, and forgets what nobody has used for a month", async () => {
    const [folder, own] = [temporaryFolder(), join(temporaryFolder(), "cache")];
    const packed = join(folder, "base.img.zst");
    run("zstd", ["-q", "-1", base, "-o", packed]);
    await make(packed, join(folder, "out"), { cache: own });
    const [first = ""] = readdirSync(own);
    const old = new Date(Date.now() - 31 * 86_400_000);
    utimesSync(join(own, first), old, old);
    writeFileSync(join(own, `.${first}.new-999999999`), "of a build that was killed");
    const other = makeBase(join(folder, "other.img"), { files: { "/etc/other": "" } });
    run("zstd", ["-q", "-1", "-f", other, "-o", packed]);
    await make(packed, join(folder, "out"), { cache: own });
    expect(readdirSync(own)).toHaveLength(1);
    expect(readdirSync(own)).not.toContain(first);
  });
});

describe("the block map", () => {
  it("is one that bmaptool takes", () => {
    const copy = join(temporaryFolder(), "card");
    const { status, output } = run("bmaptool", ["copy", "--bmap", `${image}.bmap`, image, copy]);
    expect([status, output]).toEqual([0, expect.stringContaining("block map format version 2.0")]);
    expect(unclean(copy)).toBe("");
  });

  it("is one whose change bmaptool notices, and the image's, too", () => {
    const folder = temporaryFolder();
    const text = readFileSync(`${image}.bmap`, "utf8");
    writeFileSync(join(folder, "bmap"), text.replace("<BlocksCount> ", "<BlocksCount>  "));
    expect(run("bmaptool", ["copy", "--bmap", join(folder, "bmap"), image, join(folder, "card")]).output).toContain("checksum");
    run("cp", ["--sparse=always", image, join(folder, "home.img")]);
    change(join(folder, "home.img"), ROOT + 4096, Buffer.from([1, 2, 3]));
    const { status, output } = run("bmaptool", ["copy", "--bmap", `${image}.bmap`, join(folder, "home.img"), join(folder, "card")]);
    expect([status, output]).toEqual([1, expect.stringContaining("checksum mismatch")]);
  });

  it.each<[string, string[]]>([
    ["blocks of 4 KiB", []],
    ["blocks of 1 KiB", ["-b", "1024"]],
    ["many small groups", ["-g", "2048"]],
  ])("names every block that is in use, with %s: a card full of old bytes gets both file systems whole", async (_, options) => {
    const folder = temporaryFolder();
    // The zeros of this file are really there, as a swap file's or a journal's.
    const special = makeBase(join(folder, "base.img"), { ext4: options, files: { "/var/zeros": Buffer.alloc(MIB, 0xbb) } });
    const blockSize = options[1] === "1024" ? 1024 : 4096;
    const blocks = ext4(special, "blocks /var/zeros").trim().split(/\s+/).map(Number);
    expect(blocks).toHaveLength(MIB / blockSize);
    for (const block of blocks) change(special, ROOT + block * blockSize, Buffer.alloc(blockSize));
    await make(special, join(folder, "out"));
    const [from, card] = [join(folder, "out/home.img"), join(folder, "card")];
    writeFileSync(card, Buffer.alloc(statSync(from).size, 0xaa));
    const ranges = [...readFileSync(`${from}.bmap`, "utf8").matchAll(/<Range chksum="(\w+)"> (\d+)(?:-(\d+))? </g)];
    for (const [, sum, first, last = first] of ranges) {
      const [start, end] = [Number(first) * 4096, (Number(last) + 1) * 4096];
      const bytes = part(from, start, end);
      expect(sha256(bytes)).toBe(sum);
      change(card, start, bytes);
    }
    expect(unclean(card)).toBe("");
    // As the kernel sees it.
    const [seen, wanted] = [mounted(card), mounted(from)];
    expect(seen).toContain(`${sha256(Buffer.alloc(MIB))}  ./var/zeros`);
    expect(seen).toContain("./var/lib/bondbox/card/overlay.tar");
    expect(seen).toBe(wanted);
    expect(run("mcopy", ["-n", "-i", `${card}@@${BOOT}`, "::kernel8.img", "-"]).stdout).toBe("a kernel".repeat(10_000));
  });
});

const shapes: [string, string[]][] = [
  ["as pi-gen makes them", []],
  ["as a trixie host makes them", ["-O", "orphan_file,metadata_csum_seed"]],
  ["with 64 bits", ["-O", "64bit"]],
  ["with blocks of 1 KiB", ["-b", "1024"]],
  ["with blocks of 1 KiB and without groups that share their structures", ["-b", "1024", "-O", "^flex_bg"]],
  ["without checksums", ["-O", "^metadata_csum"]],
  ["with a copy of the superblock in each group", ["-O", "^sparse_super,^resize_inode,^flex_bg", "-g", "2048"]],
  ["with many small groups, most of them untouched", ["-g", "2048"]],
];

describe("the free blocks", () => {
  it.each(shapes)("of file systems %s are those that dumpe2fs tells", async (_, options) => {
    const folder = temporaryFolder();
    const image = makeBase(join(folder, "base.img"), { ext4: options });
    const { root, superblock } = await readBase(image, image);
    const free = await withFile(image, "r", (file) => freeBlocks(file, root, superblock));
    const alone = join(folder, "alone");
    writeFileSync(alone, part(image, root.start, root.end));
    const told = [...run("dumpe2fs", [alone]).stdout.matchAll(/^ {2}Free blocks: (.*)$/gm)]
      .flatMap(([, list = ""]) => list.split(", ").filter(Boolean))
      .map((list) => list.split("-").map(Number));
    const blocks = (ranges: number[][]): number[] =>
      ranges.flatMap(([first = 0, last = first]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
    const { blockSize } = superblock;
    expect(blocks(free.map(({ start, end }) => [(start - root.start) / blockSize, (end - root.start) / blockSize - 1]))).toEqual(
      blocks(told),
    );
    expect(blocks(told)).toHaveLength(superblock.freeBlocks);
  });

  it.each(["bigalloc", "sparse_super2", "meta_bg,^resize_inode"])("are none with %s, which counts them otherwise", async (feature) => {
    const image = makeBase(join(temporaryFolder(), "base.img"), { ext4: ["-O", feature] });
    const { root, superblock } = await readBase(image, image);
    expect(await withFile(image, "r", (file) => freeBlocks(file, root, superblock))).toEqual([]);
  });
});

describe("other shapes of the base", () => {
  it("bookworm, for a box of bookworm", async () => {
    const folder = temporaryFolder();
    const bookworm = makeBase(join(folder, "base.img"), { release: "bookworm", without: ["cloud-init"] });
    await make(bookworm, join(folder, "out"), { box: boxes["raspios-bookworm"] });
    expect(unclean(join(folder, "out/home.img"))).toBe("");
  });

  it.each(shapes.slice(1))("file systems %s", async (_, options) => {
    const folder = temporaryFolder();
    await make(makeBase(join(folder, "base.img"), { ext4: options }), join(folder, "out"));
    expect(unclean(join(folder, "out/home.img"))).toBe("");
  });

  it("names with the characters by which the programs tell an offset", async () => {
    const folder = join(temporaryFolder(), "what? @@ it's");
    mkdirSync(folder);
    copyFileSync(base, join(folder, "base?x@@1.img"));
    await make(join(folder, "base?x@@1.img"), join(folder, "out"));
    expect(sha256(readFileSync(join(folder, "out/home.img")))).toBe(told.sha256);
  });
});

interface Refusal {
  shape?: BaseShape;
  /** What happens to the file afterwards. */
  then?: (file: string) => void;
  box?: BoxTarget;
  boot?: Artefact[];
  says: string;
}

const flip = (offset: number, bits: number) => (image: string) => {
  const field = part(image, ROOT + 1024 + offset, ROOT + 1024 + offset + 4);
  field.writeUInt32LE((field.readUInt32LE(0) | bits) >>> 0);
  change(image, ROOT + 1024 + offset, field);
};

const refusals: Record<string, Refusal> = {
  "a desktop": {
    shape: { packages: ["rpd-wayland-core"] },
    says: "is Raspberry Pi OS with a desktop (arm64), trixie, of 2026-06-18; expected: Raspberry Pi OS Lite",
  },
  "32 bits": { shape: { architecture: "armhf" }, says: "is Raspberry Pi OS Lite (armhf), trixie" },
  "another release": { shape: { release: "bookworm" }, says: "is Raspberry Pi OS Lite (arm64), bookworm" },
  "the other box's release": {
    box: "raspios-bookworm",
    says: "is Raspberry Pi OS Lite (arm64), trixie, of 2026-06-18; expected: Raspberry Pi OS Lite (64-bit), bookworm",
  },
  "trixie before cloud-init": { shape: { bootFiles: { "user-data": undefined } }, says: "from before 2025-11-24" },
  Debian: { shape: { issue: null }, says: "and not Raspberry Pi OS" },
  "a boot partition without its files": { shape: { bootFiles: { "config.txt": undefined } }, says: "no cmdline.txt and config.txt" },
  "a GPT": { shape: {}, then: (image) => change(image, 446 + 4, Buffer.from([0xee])), says: "GPT partition table" },
  "three partitions": {
    then: (image) => change(image, 478 + 4, Buffer.from([0x82, 0, 0, 0, 0, 32, 0, 0, 1, 0, 0, 0])),
    says: "has 3 partitions (types 0x0c, 0x83, 0x82)",
  },
  "another label of the boot partition": {
    shape: { labels: { boot: "BOOT" } },
    says: 'the boot partition of FILE has FAT32, label "BOOT"; expected: FAT32, label "bootfs"',
  },
  "another label of the root partition": { shape: { labels: { root: "system" } }, says: 'has ext4, label "system"' },
  "no file system": { then: (image) => change(image, ROOT, Buffer.alloc(8192)), says: "has no ext4" },
  "a journal to replay": { then: flip(0x60, 0x4), says: "its journal must be replayed" },
  "deleted files in use": { then: flip(0x64, 0x10000), says: "deleted files that were still in use" },
  "errors in the root file system": {
    then: (image) => change(image, ROOT + 1024 + 0x3a, Buffer.from([3])),
    says: "is marked as having errors",
  },
  "a damaged root file system": { then: damageInodes, says: "the root partition of FILE has errors: " },
  "a damaged root file system in a packed image, whose unpacked copy is not kept": {
    then: (image) => {
      damageInodes(image);
      packed("zstd -q -1 -c", 1)(image);
    },
    says: "the root partition of FILE has errors: ",
  },
  "a link that leads nowhere on the way to a file": {
    then: (image) => {
      for (const command of ["rm /lib", "symlink /lib usr/lab"]) run("debugfs", ["-w", "-R", command, `${image}?offset=${ROOT}`]);
    },
    says: "the root partition of FILE is not as in a published image: the link /lib leads to /usr/lab, which does not exist",
  },
  "a damaged boot partition": {
    then: (image) => change(image, secondFat(image) + 400_000, Buffer.alloc(8, 0x77)),
    says: "the boot partition of FILE has errors: FATs differ",
  },
  "an unreadable boot partition": {
    then: (image) => change(image, BOOT + 32 * 512, Buffer.alloc(8000, 0x77)),
    says: "the boot partition of FILE has errors: ",
  },
  "too little room": {
    shape: { rootSize: 20, files: { "/big": Buffer.alloc(11 * MIB, 1) } },
    says: "the root partition of FILE is too full: ",
  },
  "no inodes": {
    shape: { ext4: ["-N", "40"], files: { "/a": "", "/b": "", "/c": "", "/d": "", "/e": "" } },
    says: "inodes are needed, 8 are free",
  },
  "too little room to boot": {
    boot: [{ path: "big", mode: 0o644, content: Buffer.alloc(66e6) }],
    says: "the boot partition of FILE is too full: 66002 kB are needed",
  },
  "a part of an image": {
    then: (image) => truncateSync(image, 100 * MIB),
    says: `is truncated: its partitions need ${192 * MIB} bytes and it has ${100 * MIB}`,
  },
  "no image": {
    then: (image) => writeFileSync(image, "a letter to you\n".repeat(100)),
    says: "is not a disk image: it has no partition table",
  },
  "an empty file": { then: (image) => truncateSync(image, 0), says: "is not a disk image: it is empty" },
  "no file": { then: (image) => rmSync(image), says: "there is no file FILE" },
  "a folder": {
    then: (image) => {
      rmSync(image);
      mkdirSync(image);
    },
    says: "there is no file FILE",
  },
  "a truncated xz": { then: packed("xz -1 -c", 0.6), says: "FILE cannot be unpacked; xz reports: " },
  "a truncated zst": { then: packed("zstd -q -1 -c", 0.6), says: "FILE cannot be unpacked; zstd reports: " },
  "a truncated gz": { then: packed("gzip -1 -c", 0.6), says: "FILE cannot be unpacked; zlib reports: unexpected end of file" },
  "a truncated zip": { then: packed("zip -q -1 -j -", 0.6), says: "FILE cannot be unpacked; unzip reports: " },
  "a zip without an image": { then: zipOf(["readme.txt"]), says: "FILE contains no .img file" },
  "a zip of two images": { then: zipOf(["a.img", "b.img"]), says: "FILE contains 2 .img files" },
};

/** Where the copy of the table of clusters is. */
function secondFat(image: string): number {
  return BOOT + (32 + part(image, BOOT + 36, BOOT + 40).readUInt32LE(0)) * 512;
}

/** Overwrites the inode of a file that nobody asks for. */
function damageInodes(image: string): void {
  const [, block, offset] = /located at block (\d+), offset 0x(\w+)/.exec(ext4(image, "imap /var/zeros")) ?? [];
  change(image, ROOT + Number(block) * 4096 + Number.parseInt(offset ?? "", 16), Buffer.alloc(128, 0x5a));
}

function packed(command: string, part: number): (image: string) => void {
  return (image) => {
    run("sh", ["-c", `${command} "$0" > "$0.packed"`, image]);
    renameSync(`${image}.packed`, image);
    truncateSync(image, Math.floor(statSync(image).size * part));
  };
}

function zipOf(names: string[]): (image: string) => void {
  return (image) => {
    const folder = temporaryFolder();
    for (const name of names) writeFileSync(join(folder, name), name);
    rmSync(image);
    run("zip", ["-q", "../out.zip", ...names], { cwd: folder });
    renameSync(join(folder, "../out.zip"), image);
  };
}

describe("refused, with what was found, is", () => {
  it.each(Object.entries(refusals))("%s", async (_, { shape, then, box = "raspios-trixie", says, ...more }) => {
    const folder = temporaryFolder();
    const bad = join(folder, "bad.img");
    if (shape === undefined) run("cp", ["--sparse=always", base, bad]);
    else makeBase(bad, shape);
    then?.(bad);
    const out = join(folder, "out");
    const error = await make(bad, out, { ...more, box: boxes[box], cache: join(folder, "cache") }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message.replaceAll(bad, "FILE")).toContain(says);
    expect((error as UsageError).hint).toMatch(/^[A-Z].*\.$/);
    // Nothing half-made is left, neither there nor in the cache.
    expect(existsSync(out) ? readdirSync(out) : []).toEqual([]);
    expect(existsSync(join(folder, "cache")) ? readdirSync(join(folder, "cache")) : []).toEqual([]);
  });
});

describe("a failure of the machine", () => {
  it("is a program that is missing: said with what to install, before anything is made", async () => {
    const [folder, path] = [temporaryFolder(), process.env.PATH];
    const packed = join(folder, "base.img.zst");
    run("zstd", ["-q", "-1", base, "-o", packed]);
    try {
      process.env.PATH = "/nowhere";
      const error = await make(packed, join(folder, "out")).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(EnvironmentError);
      expect((error as EnvironmentError).message).toMatch(/^the program \S+ is missing$/);
      expect((error as EnvironmentError).hint).toContain("apt-get install");
    } finally {
      process.env.PATH = path;
    }
  });

  it("is a full disk, and the last image stays", async () => {
    const folder = temporaryFolder();
    const [small, store] = [join(folder, "small"), join(folder, "cache")];
    mkdirSync(small);
    run("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", small]);
    try {
      writeFileSync(join(small, "home.img"), "the last one");
      const error = await make(base, small, { cache: store }).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(EnvironmentError);
      expect((error as EnvironmentError).message).toMatch(/MB are needed, 2 MB are free$/);
      expect(readdirSync(small)).toEqual(["home.img"]);
      expect(readFileSync(join(small, "home.img"), "utf8")).toBe("the last one");
    } finally {
      run("umount", [small]);
    }
  });

  it("is a full disk where packed images are unpacked: its folder is named, and nothing is left there", async () => {
    const folder = temporaryFolder();
    const [packed, store] = [join(folder, "base.img.zst"), join(folder, "cache")];
    run("zstd", ["-q", "-1", base, "-o", packed]);
    mkdirSync(store);
    run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", store]);
    try {
      const error = await make(packed, join(folder, "out"), { cache: store }).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(EnvironmentError);
      expect((error as EnvironmentError).message).toBe(`${store}: the disk is full`);
      expect(readdirSync(store)).toEqual([]);
    } finally {
      run("umount", [store]);
    }
  });

  it("is a base that may not be read", async () => {
    const folder = temporaryFolder();
    const error = await make(join(folder, "no/such/base.img"), folder).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(UsageError);
    copyFileSync(base, join(folder, "base.img"));
    chmodSync(join(folder, "base.img"), 0o000);
    // Root may read everything.
    if (process.getuid?.() !== 0) await expect(make(join(folder, "base.img"), folder)).rejects.toBeInstanceOf(EnvironmentError);
  });

  it("is a name that no image can have: nothing is written to another place", async () => {
    await expect(make(base, temporaryFolder(), { root: [file("/etc/a\nrm /etc/passwd", "")] })).rejects.toThrow(
      "cannot be the name of a file",
    );
    await expect(make(base, temporaryFolder(), { boot: [{ path: "a*b", mode: 0o644, content: "" }] })).rejects.toThrow(
      "cannot be the name of a file",
    );
    await expect(make(base, temporaryFolder(), { root: [file("/etc/hostname/below", "")] })).rejects.toThrow("is no folder");
    await expect(make(base, temporaryFolder(), { root: [file("/etc", "")] })).rejects.toThrow("/etc is a folder");
  });
});

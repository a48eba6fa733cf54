import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bmapOf } from "../../builder/disk/bmap";
import { readFat } from "../../builder/pack/image/fat";
import { type Found, installedPackages, mismatch } from "../../builder/pack/image/identify";
import { besides, imagerManifest, sumLine } from "../../builder/pack/image/imager";
import { needPrograms } from "../../builder/pack/image/programs";
import { bytesIn, mappedRanges, pieces } from "../../builder/disk/ranges";
import { readSuperblock } from "../../builder/pack/image/superblock";
import { bootAndRoot, readTable } from "../../builder/pack/image/table";
import { packingOf } from "../../builder/pack/image/unpack";
import { boxes } from "../../builder/targets/boxes";
import { sha256 } from "../support/trees";

type Slot = { type: number; start: number; sectors: number; active?: number };

/** The first two sectors of a disk. */
function head(slots: Slot[], second = ""): Buffer {
  const bytes = Buffer.alloc(1024);
  slots.forEach(({ type, start, sectors, active = 0 }, i) => {
    bytes.set([active, 0, 0, 0, type], 446 + 16 * i);
    bytes.writeUInt32LE(start, 454 + 16 * i);
    bytes.writeUInt32LE(sectors, 458 + 16 * i);
  });
  bytes.writeUInt16LE(0xaa55, 510);
  bytes.write(second, 512);
  return bytes;
}

const boot = { type: 0x0c, start: 16384, sectors: 1048576 };
const root = { type: 0x83, start: 1064960, sectors: 4194304 };

describe("the partition table", () => {
  it("of a Raspberry Pi OS", () => {
    const table = readTable(head([boot, root]));
    expect(table).toEqual({
      kind: "mbr",
      partitions: [
        { type: 0x0c, start: 8388608, end: 545259520 },
        { type: 0x83, start: 545259520, end: 2692743168 },
      ],
    });
  });

  it("may have sectors beyond 2^31", () => {
    const table = readTable(head([{ type: 0x83, start: 0xfffffff0, sectors: 15 }]));
    expect(table).toMatchObject({ partitions: [{ start: 0xfffffff0 * 512, end: 0xffffffff * 512 }] });
  });

  it.each<[string, Buffer, string]>([
    ["nothing", Buffer.alloc(1024), "none"],
    ["an empty file", Buffer.alloc(0), "none"],
    ["a text", Buffer.alloc(1024, "text "), "none"],
    ["a bare file system with a boot sector", head([{ ...boot, active: 0x41 }]), "none"],
    ["a protective table", head([{ type: 0xee, start: 1, sectors: 0xffffffff }]), "gpt"],
    ["a hybrid table", head([boot, { type: 0xee, start: 1, sectors: 33 }, root]), "gpt"],
    ["a GPT with an empty table before it", head([], "EFI PART"), "gpt"],
  ])("%s", (_, bytes, kind) => expect(readTable(bytes).kind).toBe(kind));

  it.each<[Slot[], string]>([
    [[], "0 partitions"],
    [[root], "1 partitions (types 0x83)"],
    [[boot, root, { type: 0x82, start: 9e6, sectors: 10 }], "3 partitions (types 0x0c, 0x83, 0x82)"],
    [[root, boot], "partitions of types 0x83, 0x0c"],
    [[boot, { ...root, type: 0x07 }], "partitions of types 0x0c, 0x07"],
    [[{ ...boot, type: 0x06 }, root], "partitions of types 0x06, 0x83"],
    [[boot, { ...root, type: 0x05 }], "an extended partition (types 0x0c, 0x05)"],
    [[boot, { ...root, sectors: 0 }], "an empty partition"],
    [[{ ...boot, start: 0 }, root], "an empty partition"],
    [[boot, { ...root, start: 17000 }], "partitions that overlap"],
  ])("%j is described as %s", (slots, words) => {
    const table = readTable(head(slots));
    expect(table.kind === "mbr" && bootAndRoot(table.partitions)).toBe(words);
  });

  it("never fails, whatever it reads", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 1024 }), (bytes) => readTable(Buffer.from(bytes)).kind.length > 0));
  });
});

function superblock(change: (block: Buffer) => void = () => {}): Buffer {
  const block = Buffer.alloc(1024);
  block.writeUInt16LE(0xef53, 0x38);
  block.writeUInt16LE(1, 0x3a);
  block.writeUInt32LE(131072, 0x0);
  block.writeUInt32LE(524288, 0x4);
  block.writeUInt32LE(100000, 0xc);
  block.writeUInt32LE(9000, 0x10);
  block.writeUInt32LE(2, 0x18);
  block.writeUInt32LE(32768, 0x20);
  block.writeUInt32LE(8192, 0x28);
  block.writeUInt16LE(256, 0x58);
  block.writeUInt32LE(1781740800, 0x30);
  block.write("rootfs", 0x78);
  change(block);
  return block;
}

describe("the superblock", () => {
  it("is read", () => {
    const figures = { blockSize: 4096, blocks: 524288, freeBlocks: 100000, freeInodes: 9000, writtenAt: 1781740800 };
    expect(readSuperblock(superblock())).toMatchObject({ label: "rootfs", dirty: null, ...figures });
  });

  it("counts in 64 bits only where it says so", () => {
    const high = (block: Buffer): void => {
      block.writeUInt32LE(1, 0x150);
      block.writeUInt32LE(2, 0x158);
    };
    expect(readSuperblock(superblock(high))).toMatchObject({ blocks: 524288, freeBlocks: 100000 });
    const wide = superblock((block) => {
      high(block);
      block.writeUInt32LE(0x80, 0x60);
    });
    expect(readSuperblock(wide)).toMatchObject({ blocks: 2 ** 32 + 524288, freeBlocks: 2 ** 33 + 100000 });
  });

  it.each<[string, (block: Buffer) => void]>([
    ["journal must be replayed", (block) => block.writeUInt32LE(0x4, 0x60)],
    ["deleted files", (block) => block.writeUInt32LE(0x10000, 0x64)],
    ["deleted files", (block) => block.writeUInt32LE(17, 0xe8)],
    ["errors", (block) => block.writeUInt16LE(3, 0x3a)],
    ["not unmounted", (block) => block.writeUInt16LE(0, 0x3a)],
  ])("says why nobody may write: %s", (words, change) => expect(readSuperblock(superblock(change))?.dirty).toContain(words));

  it.each<[string, (block: Buffer) => void]>([
    ["blocks have an impossible size", (block) => block.writeUInt32LE(34, 0x18)],
    ["numbers of blocks", (block) => block.writeUInt32LE(0, 0x4)],
    ["numbers of blocks", (block) => block.writeUInt32LE(0xffffffff, 0xc)],
    ["numbers of inodes", (block) => block.writeUInt32LE(0xffffffff, 0x10)],
    ["groups of blocks", (block) => block.writeUInt32LE(0, 0x20)],
    ["groups of blocks", (block) => block.writeUInt32LE(1, 0x20)],
    ["groups of blocks", (block) => block.writeUInt32LE(7, 0x14)],
    ["groups of blocks", (block) => block.writeUInt32LE(0xffffffff, 0x28)],
  ])("has a figure that cannot be right: %s", (words, change) => {
    expect(readSuperblock(superblock())?.fault).toBe(null);
    expect(readSuperblock(superblock(change))?.fault).toContain(words);
  });

  it("is none without its number, or too short", () => {
    expect(readSuperblock(superblock((block) => block.writeUInt16LE(0, 0x38)))).toBe(null);
    expect(readSuperblock(superblock().subarray(0, 512))).toBe(null);
  });
});

describe("the boot sector of a FAT", () => {
  const sector = (change: (bytes: Buffer) => void = () => {}): Buffer => {
    const bytes = Buffer.alloc(512);
    bytes.writeUInt16LE(512, 11);
    bytes[13] = 1;
    bytes.writeUInt16LE(32, 14);
    bytes[16] = 2;
    bytes.writeUInt32LE(1048576, 32);
    bytes.writeUInt32LE(8130, 36);
    bytes.write("bootfs     ", 71);
    bytes.writeUInt16LE(0xaa55, 510);
    change(bytes);
    return bytes;
  };

  it("is read", () => {
    const data = (32 + 2 * 8130) * 512;
    const clusters = 1048576 - data / 512;
    const figures = { label: "bootfs", bytesPerCluster: 512, clusters, table: 16384, data, bytes: 1048576 * 512, fault: null };
    expect(readFat(sector())).toEqual(figures);
  });

  it.each<[string, (bytes: Buffer) => void]>([
    ["impossible size", (bytes) => bytes.writeUInt16LE(513, 11)],
    ["impossible size", (bytes) => bytes.writeUInt8(3, 13)],
    ["table is too short", (bytes) => bytes.writeUInt32LE(0xffffffff, 32)],
  ])("has a figure that cannot be right: %s", (words, change) => expect(readFat(sector(change))?.fault).toContain(words));

  it.each<[string, (bytes: Buffer) => void]>([
    ["FAT16", (bytes) => bytes.writeUInt16LE(200, 22)],
    ["no mark", (bytes) => bytes.writeUInt16LE(0, 510)],
    ["no FAT", (bytes) => (bytes[16] = 0)],
    ["no room for data", (bytes) => bytes.writeUInt32LE(100, 32)],
    ["no cluster", (bytes) => (bytes[13] = 0)],
  ])("is none with %s", (_, change) => expect(readFat(sector(change))).toBe(null));
});

describe("ranges", () => {
  it("are cut at multiples", () => {
    expect(pieces({ start: 5, end: 25 }, 10)).toEqual([
      { start: 5, end: 10 },
      { start: 10, end: 20 },
      { start: 20, end: 25 },
    ]);
    expect(pieces({ start: 5, end: 5 }, 10)).toEqual([]);
  });

  it("leave out only blocks that are wholly free", () => {
    const free = [
      { start: 1, end: 9 },
      { start: 12, end: 20 },
    ];
    expect(mappedRanges(free, 24, 4)).toEqual([
      { start: 0, end: 4 },
      { start: 8, end: 12 },
      { start: 20, end: 24 },
    ]);
  });

  it("say the same as looking at each byte", () => {
    const lengths = fc.array(fc.nat(12), { maxLength: 20 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 6 }), (steps, block) => {
        const edges = steps.reduce<number[]>((all, step) => [...all, (all.at(-1) ?? 0) + step], [0]);
        const length = edges.at(-1) ?? 0;
        const free = edges.flatMap((start, i) =>
          i % 2 === 0 && edges[i + 1] !== undefined ? [{ start, end: edges[i + 1] as number }] : [],
        );
        const isFree = (at: number): boolean => free.some(({ start, end }) => at >= start && at < end);
        const wanted = new Set<number>();
        for (let at = 0; at < length; at++) if (!isFree(at)) wanted.add(Math.floor(at / block));
        const mapped = mappedRanges(free, length, block);
        const blocks = mapped.flatMap(({ start, end }) =>
          Array.from({ length: Math.ceil((end - start) / block) }, (_, i) => start / block + i),
        );
        expect(blocks).toEqual([...wanted].sort((a, b) => a - b));
        expect(bytesIn(mapped)).toBeLessThanOrEqual(length);
      }),
    );
  });
});

describe("a block map", () => {
  it("counts blocks, the last of which may be short, and holds its own sum", () => {
    const text = bmapOf(3 * 4096 + 100, [
      { start: 0, end: 4096, sha256: "a".repeat(64) },
      { start: 8192, end: 3 * 4096 + 100, sha256: "b".repeat(64) },
    ]);
    expect(text).toContain("<ImageSize> 12388 <");
    expect(text).toContain("<BlocksCount> 4 <");
    expect(text).toContain("<MappedBlocksCount> 3 <");
    expect(text).toContain(`<Range chksum="${"a".repeat(64)}"> 0 <`);
    expect(text).toContain(`<Range chksum="${"b".repeat(64)}"> 2-3 <`);
    const sum = /<BmapFileChecksum> ([0-9a-f]{64}) </.exec(text)?.[1] as string;
    expect(sha256(text.replace(sum, "0".repeat(64)))).toBe(sum);
  });
});

describe("how a file is packed", () => {
  it.each<[string, string]>([
    ["fd377a585a0000", "xz"],
    ["28b52ffd24", "zst"],
    ["1f8b0800", "gz"],
    ["504b030414", "zip"],
    ["eb3c90", "raw"],
    ["", "raw"],
  ])("%s is %s", (bytes, packing) => expect(packingOf(Buffer.from(bytes, "hex"))).toBe(packing));
});

describe("the system of an image", () => {
  const names = ["dpkg", "libc6", "cloud-init"];
  const status = (packages: string[], architecture = "arm64"): string =>
    packages.map((name) => `Package: ${name}\nStatus: install ok installed\nArchitecture: ${architecture}\n`).join("\n");
  const trixie: Found = {
    osRelease: 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\n',
    issue: "Raspberry Pi reference 2026-06-18\nGenerated using pi-gen\n",
    status: status(names),
    bootNames: ["cmdline.txt", "config.txt", "user-data", "meta-data"],
  };
  const bookworm = {
    ...trixie,
    osRelease: "VERSION_CODENAME=bookworm\n",
    status: status(["dpkg"]),
    bootNames: ["cmdline.txt", "config.txt"],
  };

  it("is right", () => {
    expect(mismatch(trixie, boxes["raspios-trixie"])).toBe(null);
    expect(mismatch(bookworm, boxes["raspios-bookworm"])).toBe(null);
  });

  it.each<[string, Partial<Found>, string]>([
    ["another release", bookworm, "Raspberry Pi OS Lite (arm64), bookworm, of 2026-06-18"],
    ["32 bits", { status: status(names, "armhf") }, "Raspberry Pi OS Lite (armhf), trixie, of 2026-06-18"],
    ["a desktop", { status: status([...names, "lightdm"]) }, "Raspberry Pi OS with a desktop (arm64), trixie, of 2026-06-18"],
    ["Debian", { issue: null }, "Debian GNU/Linux 13 (trixie) (arm64), and not Raspberry Pi OS"],
    ["no system", { osRelease: null }, "no Debian system"],
    ["no packages", { status: null }, "no Debian system"],
    [
      "no seed",
      { bootNames: ["cmdline.txt", "config.txt"] },
      "Raspberry Pi OS Lite (arm64), trixie, of 2026-06-18, from before 2025-11-24",
    ],
    ["no cloud-init", { status: status(["dpkg"]) }, "from before 2025-11-24"],
    ["an empty boot partition", { bootNames: [] }, "no cmdline.txt"],
  ])("%s is described", (_, change, words) => expect(mismatch({ ...trixie, ...change }, boxes["raspios-trixie"])).toContain(words));

  it("counts packages that are installed, not those that were", () => {
    const text = `${status(["dpkg"])}\nPackage: lightdm\nStatus: deinstall ok config-files\nArchitecture: arm64\n\nPackage: half\nStatus: install ok half-installed\n`;
    expect(installedPackages(text)).toEqual({ architecture: "arm64", names: new Set(["dpkg"]) });
  });
});

describe("what stands beside an image", () => {
  const entry = {
    name: "home",
    title: "Raspberry Pi OS",
    image: "/a b/dist/home/home.img",
    size: 4096,
    sha256: "c".repeat(64),
    time: 1781740800,
  };

  it("is a list that Raspberry Pi Imager takes for a local file without settings of its own", () => {
    const { imager, os_list } = JSON.parse(imagerManifest(entry));
    expect(os_list).toHaveLength(1);
    expect(os_list[0]).toMatchObject({
      url: "file:///a%20b/dist/home/home.img",
      bmap_url: "file:///a%20b/dist/home/home.img.bmap",
      extract_size: 4096,
      image_download_size: 4096,
      extract_sha256: "c".repeat(64),
      release_date: "2026-06-18",
      init_format: "none",
    });
    // Imager shows an image only for devices that the list itself has.
    expect(imager.devices.flatMap(({ tags }: { tags: string[] }) => tags)).toEqual(os_list[0].devices);
    for (const key of ["name", "description", "icon"]) expect(os_list[0][key]).toMatch(/\S/);
  });

  it("has its names", () => {
    expect(besides("/x/home.img", "home")).toEqual({
      bmap: "/x/home.img.bmap",
      sum: "/x/home.img.sha256",
      manifest: "/x/home.rpi-imager-manifest",
    });
    expect(sumLine("d".repeat(64), "/x/home.img")).toBe(`${"d".repeat(64)}  home.img\n`);
  });
});

describe("a program that is missing", () => {
  it("is named with what brings it", () => {
    expect(() => needPrograms(["no-such-program"])).toThrow("the program no-such-program is missing");
    expect(() => needPrograms(["sh"])).not.toThrow();
  });
});

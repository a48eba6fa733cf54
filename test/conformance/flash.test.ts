import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parseBmap } from "../../builder/disk/bmap";
import { parseMountinfo } from "../../builder/flash/uses";
import { root } from "../support/builds";
import { cardImage, makeCardImage } from "../support/flash";
import { type Outcome, run, type RunOptions } from "../support/programs";
import { temporaryFolder } from "../support/trees";

const folder = mkdtempSync(join(tmpdir(), "bondbox-flash-"));
let image = "";

beforeAll(() => {
  image = makeCardImage(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Types "flash-card ARGS", with nobody at the keyboard. */
function flashCard(args: string[], options: RunOptions = {}): Outcome {
  return run(join(root, "scripts/flash-card"), args, { input: "", ...options });
}

/** A loop device over a file of this size, as a card. @returns its path */
function card(bytes: number): string {
  const file = join(temporaryFolder(), "card");
  writeFileSync(file, "");
  truncateSync(file, bytes);
  const { status, output } = run("losetup", ["--find", "--show", file]);
  if (status !== 0) throw new Error(`run the tests as root, where loop devices can be made: ${output}`);
  const path = output.trim();
  onTestFinished(() => void run("losetup", ["--detach", path]));
  return path;
}

/** Bytes that the kernel has written to a device of this name. Source: Documentation/block/stat.rst. */
function bytesWritten(path: string): number {
  const figures = readFileSync(`/sys/block/${path.replace("/dev/", "")}/stat`, "utf8")
    .trim()
    .split(/\s+/);
  return Number(figures[6]) * 512;
}

describe("a loop device", () => {
  it("has the image afterwards, in its mapped blocks, and no byte more was written", () => {
    const path = card(32 << 20);
    const before = bytesWritten(path);
    const { status, stdout } = flashCard([image, "--to", path, "--yes"]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\/dev\/loop\d+ is complete: 17 MB written and verified in \d+:\d\d\.\n$/),
    });
    const map = parseBmap(readFileSync(`${image}.bmap`, "utf8"));
    expect(bytesWritten(path) - before).toBe(map.mappedBlocks * map.blockSize);
    expect(map.mappedBlocks * map.blockSize).toBe(cardImage.mapped);
    expect(run("cmp", ["-n", String(cardImage.size), image, path])).toMatchObject({ status: 0 });
  });

  it("is never on the list", () => {
    const path = card(32 << 20);
    expect(flashCard(["--list"])).toMatchObject({ status: 0, stdout: expect.not.stringContaining(path) });
    expect(flashCard([image])).toMatchObject({ status: 1, stderr: expect.not.stringContaining(path) });
  });

  it("is not written to when it is too small", () => {
    const path = card(cardImage.size - 4096);
    const before = bytesWritten(path);
    expect(flashCard([image, "--to", path, "--yes"])).toMatchObject({ status: 1, stderr: expect.stringContaining("the image needs") });
    expect(bytesWritten(path)).toBe(before);
  });

  it("is shown as it goes on a terminal, in one line", () => {
    const path = card(32 << 20);
    const { output, status } = run("script", ["-qec", `${join(root, "scripts/flash-card")} ${image} --to ${path} --yes`, "/dev/null"], {
      input: "",
    });
    expect(status).toBe(0);
    expect(output).toMatch(/\rwriting +\d+ %.*\r.*writing +100 %  17 MB of 17 MB .*[MG]B\/s/);
    expect(output).toMatch(/\rchecking +100 %/);
  });
});

describe("a file", () => {
  it("becomes the same, with holes, for its owner only", () => {
    const out = join(temporaryFolder(), "out.img");
    expect(flashCard([image, "--to", out])).toMatchObject({ status: 0 });
    expect(readFileSync(out).equals(readFileSync(image))).toBe(true);
    const { mode, blocks } = statSync(out);
    expect(mode & 0o777).toBe(0o600);
    expect(blocks * 512).toBeLessThan(cardImage.size - cardImage.gap.length / 2);
  });

  it("of another content is overwritten with all of it, when that is allowed", () => {
    const out = join(temporaryFolder(), "out.img");
    writeFileSync(out, Buffer.alloc(30 << 20, 255));
    expect(flashCard([image, "--to", out])).toMatchObject({ status: 1, stderr: expect.stringContaining("--yes") });
    expect(readFileSync(out).every((byte) => byte === 255)).toBe(true);
    expect(flashCard([image, "--to", out, "--yes"])).toMatchObject({ status: 0 });
    expect(readFileSync(out).equals(readFileSync(image))).toBe(true);
  });

  it.each<[string, (path: string) => void]>([
    ["by its name", () => {}],
    ["by a symbolic link", (path) => symlinkSync(image, path)],
    ["by a hard link", (path) => linkSync(image, path)],
  ])("is not the image itself, %s", (_, make) => {
    const path = join(mkdtempSync(join(folder, "link-")), "link.img");
    make(path);
    const before = readFileSync(image);
    const to = existsSync(path) ? path : image;
    expect(flashCard([image, "--to", to, "--yes"])).toMatchObject({ status: 1, stderr: expect.stringContaining("is the image itself") });
    expect(readFileSync(image).equals(before)).toBe(true);
  });
});

/** A disk that this machine has mounted, whatever it is. */
function mountedDisk(): string {
  const mounts = parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
  const found = mounts.find(({ number }) => !number.startsWith("0:") && existsSync(`/sys/dev/block/${number}`));
  if (found === undefined) throw new Error("this test needs a machine that has a disk mounted");
  const disk = run("lsblk", [
    "--noheadings",
    "--nodeps",
    "--inverse",
    "--list",
    "--paths",
    "--output",
    "NAME",
    `/dev/block/${found.number}`,
  ]);
  const uevent = readFileSync(`/sys/dev/block/${found.number}/uevent`, "utf8");
  return disk.status === 0 ? disk.stdout.trim() : `/dev/${/DEVNAME=(.*)/.exec(uevent)?.[1]}`;
}

it("this machine's own disk is refused", () => {
  // Without --yes and with nobody to ask, nothing would be written even then.
  const { status, stderr } = flashCard([image, "--to", mountedDisk()]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/this system runs from it|it is mounted at|is a partition/);
});

describe("a mistake", () => {
  const named = (name: string, content: Buffer | string): string => {
    const path = join(temporaryFolder(), name);
    writeFileSync(path, content);
    return path;
  };
  const circle = (): string => {
    const path = join(temporaryFolder(), "circle");
    symlinkSync("circle", path);
    return path;
  };
  const table = (bytes: number): Buffer => Buffer.concat([Buffer.alloc(510), Buffer.of(0x55, 0xaa), Buffer.alloc(bytes - 512)]);
  const withMap = (text: string): string => {
    const path = named("home.img", table(1 << 20));
    writeFileSync(path.replace(".img", ".bmap"), text);
    return path;
  };

  it.each<[string, () => string[], RegExp]>([
    ["no such image", () => ["none.img"], /there is no image ".*none\.img".*\n.*build-image/],
    ["a folder", () => [temporaryFolder()], /is not a file/],
    ["packed by xz", () => [named("a.img.xz", Buffer.from("fd377a585a00" + "00".repeat(600), "hex"))], /compressed with xz.*\n.*xz -dk/],
    [
      "packed by gzip",
      () => [named("a b.gz", Buffer.from("1f8b" + "00".repeat(600), "hex"))],
      /compressed with gzip.*\n.*gunzip -k '.*a b\.gz'/,
    ],
    ["packed by zstd", () => [named("a.zst", Buffer.from("28b52ffd" + "00".repeat(600), "hex"))], /compressed with zstd/],
    ["packed as zip", () => [named("a.zip", Buffer.from("504b0304" + "00".repeat(600), "hex"))], /compressed with zip/],
    ["an overlay", () => [named("overlay.tar", Buffer.alloc(10240, "x"))], /has no partition table/],
    ["an empty file", () => [named("a.img", "")], /has no partition table/],
    ["a part of an image", () => [named("a.img", table(1_000_001))], /1000001 bytes.*truncated/],
    ["a map that is none", () => [withMap("hello")], /home\.bmap" cannot be used: it is no block map/],
    ["two images", () => ["a.img", "b.img"], /"b\.img" is a second image/],
    ["an unknown option", () => ["--fast"], /unknown option "--fast".*\n.*--help/],
    ["an option without its value", () => ["--to"], /--to needs a value/],
    ["a list to somewhere", () => ["--list", "--to", "x"], /--list and --to cannot be combined/],
    ["no such drive", () => [image, "--to", "/dev/sdzzz"], /there is no drive "\/dev\/sdzzz".*\n.*--list/],
    ["a device that is no drive", () => [image, "--to", "/dev/null"], /there is no drive "\/dev\/null"/],
  ])("%s: is reported with a fix, and nothing is written", (_, args, words) => {
    const { status, stdout, stderr } = flashCard(args());
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^flash-card: .+\n {2}[A-Z].*\n$/);
    expect(stderr).toMatch(words);
  });

  it.each<[string, () => string, RegExp]>([
    ["a folder that is not there", () => join(temporaryFolder(), "none/out.img"), /cannot be written: its folder does not exist/],
    ["a folder", () => temporaryFolder(), /it is not a file/],
    ["a file", () => join(named("file", ""), "out.img"), /part of the path is not a folder/],
    ["a circle of links", () => join(circle(), "out.img"), /its symbolic links lead in a circle/],
    ["a folder with too long a name", () => join(temporaryFolder(), "x".repeat(300), "out.img"), /the name is too long/],
  ])("a file to write in %s", (_, to, words) => {
    const { status, stderr } = flashCard([image, "--to", to()]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(words)]);
    expect(stderr).toMatch(/^flash-card: .+\n {2}[A-Z].*\n$/);
  });

  it.each<[string, () => string, RegExp]>([
    ["in a file", () => join(named("file", ""), "home.img"), /cannot be read: part of the path is not a folder/],
    ["behind a circle of links", () => circle(), /cannot be read: its symbolic links lead in a circle/],
    ["with too long a name", () => join(temporaryFolder(), "x".repeat(300)), /cannot be read: the name is too long/],
  ])("an image %s", (_, path, words) => {
    const { status, stderr } = flashCard([path(), "--to", join(temporaryFolder(), "card")]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(words)]);
    expect(stderr).toMatch(/^flash-card: .+\n {2}[A-Z].*\n$/);
  });
});

describe("a list that cannot be made is an error, never an empty list", () => {
  it.each([
    ["hangs", "sleep 60", /lsblk gave no answer in 5 s/],
    ["fails", "echo broken >&2; exit 3", /cannot be listed: broken/],
    ["says nothing", "exit 0", /gave no JSON/],
  ])("lsblk %s", (_, script, words) => {
    const bin = join(temporaryFolder(), "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "lsblk"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const { status, stdout, stderr } = flashCard(["--list"], { env: { PATH: `${bin}:${process.env.PATH}` } });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(words);
  });
});

describe("a word on the command line", () => {
  it("--help tells each option and exit code", () => {
    const { status, stdout, stderr } = flashCard(["--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const word of ["--to TARGET", "--list", "--yes", "--big", "--version", "70", "130"]) expect(stdout).toContain(word);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });

  it("--version is that of package.json", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(flashCard(["--version"])).toMatchObject({ status: 0, stdout: `bondbox ${version}\n` });
  });
});

it("a map of an image that bmaptool has made later is of no use for the earlier one", () => {
  const copy = join(temporaryFolder(), "home.img");
  copyFileSync(image, copy);
  copyFileSync(`${image}.bmap`, `${copy}.bmap`);
  const path = card(32 << 20);
  const bytes = readFileSync(copy);
  bytes.writeUInt8(bytes.readUInt8(cardImage.boot.offset) ^ 1, cardImage.boot.offset);
  writeFileSync(copy, bytes);
  const { status, stderr } = flashCard([copy, "--to", path, "--yes"]);
  expect(status).toBe(2);
  expect(stderr).toMatch(/bytes 4194304 to 12582911 of .* do not match its block map/);
  expect(run("cmp", ["-n", "4096", path, "/dev/zero"])).toMatchObject({ status: 0 });
});

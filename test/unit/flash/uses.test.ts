import { describe, expect, it } from "vitest";
import { deviceNumber, parseMountinfo, parseSwaps } from "../../../builder/flash/uses";

describe("mountinfo", () => {
  it.each([
    ["no optional field, as in a container", "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard", "254:0", "/", "ext4", "/dev/vda"],
    ["one", "36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 - ext3 /dev/root rw,errors=continue", "98:0", "/mnt2", "ext3", "/dev/root"],
    [
      "several",
      "40 25 8:17 / /media/me/boot rw shared:9 master:1 propagate_from:2 - vfat /dev/sdb1 rw",
      "8:17",
      "/media/me/boot",
      "vfat",
      "/dev/sdb1",
    ],
    [
      "blanks in its names",
      "41 25 8:18 / /media/me/My\\040Card\\134 rw - vfat /dev/sd\\040b rw",
      "8:18",
      "/media/me/My Card\\",
      "vfat",
      "/dev/sd b",
    ],
    ["letters beyond ASCII", "42 25 8:19 / /media/Fl\u00e4che rw - vfat /dev/sdb3 rw", "8:19", "/media/Fl\u00e4che", "vfat", "/dev/sdb3"],
    [
      "a number of its own (btrfs)",
      "43 1 0:33 /@ / rw shared:1 - btrfs /dev/nvme0n1p2 rw,subvol=/@",
      "0:33",
      "/",
      "btrfs",
      "/dev/nvme0n1p2",
    ],
    ["an empty source", "44 25 0:40 / /run rw shared:5 - tmpfs  rw", "0:40", "/run", "tmpfs", ""],
  ])("%s", (_, line, number, at, fsType, source) => {
    expect(parseMountinfo(`${line}\n`)).toEqual([{ number, at, fsType, source }]);
  });

  it("leaves out what is no line of it", () => expect(parseMountinfo("\nnonsense\n")).toEqual([]));
});

describe("swaps", () => {
  it("are partitions and files", () => {
    const text =
      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda2                               partition\t8388604\t0\t-2\n/my\\040swap file\t1\t0\t-3\n";
    expect(parseSwaps(text)).toEqual(["/dev/sda2", "/my swap"]);
  });

  it("are none", () => expect(parseSwaps("")).toEqual([]));
});

it.each([
  [0x0811, "8:17"],
  [0x10300, "259:0"],
  [0x100000 | 0x0811, "8:273"],
])("device number %i is %s", (packed, name) => {
  // Linux: 12 bits of major, 20 of minor, interleaved.
  expect(deviceNumber(packed)).toBe(name);
});

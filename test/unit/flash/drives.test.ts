import { describe, expect, it } from "vitest";
import { clean, type Drive, type DriveFacts, isCandidate, parseDrives } from "../../../builder/flash/drives";

const none: DriveFacts = { sequence: null, mmcType: null, backingFile: null };

const row = (values: object): object => ({
  name: "sdb",
  kname: "sdb",
  "maj:min": "8:16",
  type: "disk",
  size: 31_914_983_424,
  "log-sec": 512,
  ro: false,
  rm: true,
  hotplug: true,
  tran: "usb",
  vendor: "Generic-",
  model: "SD/MMC/MS PRO",
  serial: "2012",
  wwn: null,
  fstype: null,
  label: null,
  ...values,
});

function drive(values: object = {}, facts: Partial<DriveFacts> = {}): Drive {
  const [found] = parseDrives(JSON.stringify({ blockdevices: [row(values)] }), () => ({ ...none, ...facts }));
  if (found === undefined) throw new Error("no drive");
  return found;
}

describe("a drive of lsblk", () => {
  it("has its size, title, bus and partitions", () => {
    const part = row({ name: "sdb1", kname: "sdb1", "maj:min": "8:17", type: "part", fstype: "vfat", label: "bootfs" });
    expect(drive({ children: [part] })).toMatchObject({
      path: "/dev/sdb",
      size: 31_914_983_424,
      title: "Generic- SD/MMC/MS PRO",
      bus: "usb",
      removable: true,
      readOnly: false,
      children: [{ name: "sdb1", number: "8:17", type: "part", fsType: "vfat", label: "bootfs", children: [] }],
    });
  });

  it("is the same in the words of an older release", () => {
    const old = { size: "31914983424", "log-sec": "512", ro: "0", rm: "1", hotplug: "1", "maj:min": "  8:16 " };
    expect(drive(old)).toEqual(drive());
  });

  it("has a path also where the kernel's name has a slash", () => {
    expect(drive({ kname: "cciss!c0d0", name: "cciss/c0d0" }).path).toBe("/dev/cciss/c0d0");
  });

  it.each([
    [{}, {}, "Generic- SD/MMC/MS PRO"],
    [{ vendor: "Evil\u001b[2J", model: "\u202Edrac\u2066 \u200bDS\n" }, {}, "Evil [2J drac DS"],
    [{ vendor: null, model: "x".repeat(500) }, {}, "x".repeat(60)],
    [{ vendor: null, model: null }, { mmcType: "SD" }, "SD card"],
    [{ vendor: null, model: null, type: "loop" }, { backingFile: "/tmp/a\u0007" }, "/tmp/a"],
    [{ vendor: " ", model: "" }, {}, "drive without a name"],
  ])("is shown by a clean title %#", (values, facts, title) => expect(drive(values, facts).title).toBe(title));

  it.each([
    [{ "maj:min": "8:32" }, {}],
    [{ size: 15_931_539_456 }, {}],
    [{ model: "other" }, {}],
    [{ serial: "2013" }, {}],
    [{ wwn: "0x5" }, {}],
    [{}, { sequence: "42" }],
  ])("has another identity when it is another one %#", (values, facts) => {
    expect(drive(values, facts).identity).not.toBe(drive({}, { sequence: "41" }).identity);
  });
});

describe("a candidate", () => {
  it.each<[string, boolean, object, Partial<DriveFacts>]>([
    ["a card in a USB reader", true, {}, {}],
    ["a USB stick that calls itself a fixed disk", true, { rm: false, hotplug: true }, {}],
    ["a USB drive of an old lsblk without hotplug", true, { rm: false, hotplug: undefined }, {}],
    ["a card in a reader of its own bus", true, { kname: "mmcblk0", tran: null, rm: false, hotplug: true }, { mmcType: "SD" }],
    ["soldered memory", false, { kname: "mmcblk0", tran: null, rm: false, hotplug: true }, { mmcType: "MMC" }],
    ["the boot part of soldered memory", false, { kname: "mmcblk0boot0", hotplug: true }, {}],
    ["a built-in disk", false, { rm: false, hotplug: false, tran: "sata" }, {}],
    ["NVMe", false, { kname: "nvme0n1", rm: false, hotplug: false, tran: "nvme" }, {}],
    ["a DVD drive", false, { kname: "sr0", type: "rom" }, {}],
    ["a floppy drive", false, { kname: "fd0" }, {}],
    ["a reader without a card", false, { size: 0 }, {}],
    ["compressed memory", false, { kname: "zram0", rm: false, hotplug: false }, {}],
    ["a loop device", false, { kname: "loop0", type: "loop", rm: false, hotplug: false, tran: null }, {}],
    ["the 16th drive and later", true, { kname: "sdab" }, {}],
  ])("%s: %s", (_, wanted, values, facts) => expect(isCandidate(drive(values, facts))).toBe(wanted));
});

describe("a list that is none", () => {
  it.each(["", "null", "[]", "{}", '{"blockdevices": 5}'])("%j is an error, not an empty list", (text) => {
    expect(() => parseDrives(text, () => none)).toThrow(/the drives cannot be listed/);
  });
});

it("clean keeps letters of every script", () => expect(clean(" Größe\t 容量 ")).toBe("Größe 容量"));

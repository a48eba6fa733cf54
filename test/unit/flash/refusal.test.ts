import { describe, expect, it } from "vitest";
import type { Drive } from "../../../builder/flash/drives";
import { refusal, type Request } from "../../../builder/flash/refusal";

const node = (name: string, number: string, type = "part", children: Drive["children"] = []) => ({
  name,
  number,
  type,
  fsType: null,
  label: null,
  children,
});

const card: Drive = {
  ...node("sdb", "8:16", "disk", [node("sdb1", "8:17"), node("sdb2", "8:18")]),
  path: "/dev/sdb",
  size: 32e9,
  sector: 512,
  readOnly: false,
  removable: true,
  bus: "usb",
  title: "card",
  identity: "1",
  backingFile: null,
};

const request: Request = { imageSize: 3e9, imageOn: "8:1", image: "/home/me/home.img", big: false, named: false, uses: [] };

const mounted = (number: string, at: string | null): Partial<Request> => ({ uses: [{ numbers: ["0:33", number], at }] });

describe("a drive", () => {
  it("is fine", () => expect(refusal(card, request)).toBeNull());

  it.each<[string, Partial<Drive>, Partial<Request>, RegExp]>([
    ["carries the root", {}, mounted("8:18", "/"), /this system runs from it \("\/"/],
    ["carries a part of the system", {}, mounted("8:17", "/boot/efi"), /this system runs from it/],
    ["is mounted elsewhere", {}, mounted("8:17", "/media/me/bootfs"), /mounted at "\/media\/me\/bootfs"/],
    ["is mounted as a whole", {}, mounted("8:16", "/mnt"), /mounted at "\/mnt"/],
    ["is mounted under a name with controls", {}, mounted("8:16", "/mnt/\u001b[2J"), /mounted at "\/mnt\/\\u001b\[2J"/],
    ["has swap", {}, mounted("8:18", null), /swap space/],
    ["holds the image", {}, { imageOn: "8:17" }, /the image is on it/],
    [
      "is a loop device over the image",
      { type: "loop", removable: false, backingFile: request.image },
      { named: true },
      /the image is on it/,
    ],
    ["is under LVM", { children: [node("sdb1", "8:17", "part", [node("dm-3", "253:3", "lvm")])] }, {}, /dm-3 \(lvm\) uses it/],
    ["is in a RAID", { children: [node("md0", "9:0", "raid1")] }, {}, /md0 \(raid1\)/],
    [
      "carries the root under LUKS and LVM",
      { children: [node("sdb1", "8:17", "part", [node("dm-0", "253:0", "crypt", [node("dm-1", "253:1", "lvm")])])] },
      mounted("253:1", "/"),
      /this system runs from it/,
    ],
    ["is built in", { removable: false }, {}, /built into this machine/],
    ["is built in and named", { removable: false }, { named: true }, /built into this machine/],
    ["is a loop device that nobody named", { type: "loop", removable: false }, {}, /built into/],
    ["is a logical volume and named", { type: "lvm", removable: false }, { named: true }, /built into/],
    ["is a partition", { type: "part" }, { named: true }, /partition/],
    ["is write-protected", { readOnly: true }, {}, /write-protected/],
    ["is an empty reader", { size: 0 }, {}, /no card/],
    ["has large sectors", { sector: 4096 }, {}, /4096 bytes/],
    ["is a byte too small", { size: 3e9 - 1 }, {}, /2999999999 bytes/],
    ["is over 128 GB", { size: 256e9 }, {}, /256\.0 GB/],
  ])("is refused when it %s", (_, values, terms, reason) => {
    const refused = refusal({ ...card, ...values }, { ...request, ...terms });
    expect(refused?.message).toMatch(reason);
    expect(refused?.hint).toMatch(/^[A-Z]/);
  });

  it.each<[string, Partial<Drive>, Partial<Request>]>([
    ["another one is mounted whose name and number begin alike", {}, mounted("8:160", "/")],
    ["it has the image's size to the byte", { size: 3e9 }, {}],
    ["it is a card of 128 GB, as large as they come", { size: 128_849_018_880 }, {}],
    ["it is large and that is said", { size: 256e9 }, { big: true }],
    ["it is a loop device by name", { type: "loop", removable: false }, { named: true }],
    ["nothing is known of where the image lies", {}, { imageOn: null, image: null }],
  ])("is fine when %s", (_, values, terms) => expect(refusal({ ...card, ...values }, { ...request, ...terms })).toBeNull());
});

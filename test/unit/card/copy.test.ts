import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { copyBootfs } from "../../../builder/card/copy";
import { EnvironmentError, UsageError } from "../../../builder/errors";
import { root } from "../../support/builds";
import { cardOf, writeFiles } from "../../support/card";
import { filesBelow, hashes, temporaryFolder } from "../../support/trees";

const CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=12345678-02 rootfstype=ext4 fsck.repair=yes rootwait quiet";
const WORDS = "systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target";

let source: string;
let folder: string;

/** A boot partition as the images have it. */
function partition(kind: "trixie" | "bookworm"): void {
  const seed = kind === "trixie" ? ["user-data", "meta-data", "network-config"] : [];
  writeFiles(folder, [
    { path: "cmdline.txt", mode: 0o644, content: `${CMDLINE}\n` },
    { path: "config.txt", mode: 0o644, content: "arm_64bit=1\n" },
    {
      path: "issue.txt",
      mode: 0o644,
      content: `Raspberry Pi reference ${kind === "trixie" ? "2026-06-18" : "2025-05-13"}\nGenerated using pi-gen\n`,
    },
    ...seed.map((path) => ({ path, mode: 0o644, content: `the person's own ${path}\n` })),
  ]);
}

async function filesFor(target: string): Promise<void> {
  const card = await cardOf({ box: { target } });
  rmSync(source, { recursive: true, force: true });
  writeFiles(source, card.bootfs);
}

const text = (path: string) => readFileSync(join(folder, path), "utf8");

beforeEach(async () => {
  source = join(temporaryFolder(), "bootfs");
  folder = temporaryFolder();
  partition("trixie");
  await filesFor("raspios-trixie");
});

describe("copy-bootfs", () => {
  it("copies all, leaves what is there, and has the kernel start it", () => {
    const { files, isBox } = copyBootfs(source, folder);
    expect({ files, isBox }).toEqual({ files: filesBelow(source).length, isBox: false });
    expect(hashes(folder)).toMatchObject(hashes(source));
    expect(text("user-data")).toBe("the person's own user-data\n");
    expect(text("cmdline.txt")).toBe(`${CMDLINE} ${WORDS}\n`);
    expect(filesBelow(folder).filter((path) => path.includes(".new"))).toEqual([]);
  });

  it("a second time: the same, and the words once", () => {
    copyBootfs(source, folder);
    const first = hashes(folder);
    copyBootfs(source, folder);
    expect(hashes(folder)).toEqual(first);
  });

  it("on bookworm: keeps what Raspberry Pi Imager wanted to do", async () => {
    rmSync(folder, { recursive: true });
    partition("bookworm");
    await filesFor("raspios-bookworm");
    writeFileSync(join(folder, "firstrun.sh"), "#!/bin/bash\nthe person's own\n");
    writeFileSync(join(folder, "cmdline.txt"), `${CMDLINE} ${WORDS.replace("/boot/firmware/", "/boot/")}\n`);
    copyBootfs(source, folder);
    expect(text("firstrun-imager.sh")).toContain("the person's own");
    expect(text("firstrun.sh")).toContain("bondbox/setup");
    expect(text("cmdline.txt")).toBe(`${CMDLINE} ${WORDS}\n`);
  });

  it("onto the card of a box: leaves its words and its status, and takes away what is old", () => {
    const init = `${CMDLINE} init=/usr/local/sbin/bondbox-init\n`;
    writeFileSync(join(folder, "cmdline.txt"), init);
    writeFiles(folder, [
      { path: "bondbox-status.txt", mode: 0o644, content: "bondbox is running: 2 of 2 lines are up.\n" },
      { path: "bondbox/packages/old_1_arm64.deb", mode: 0o644, content: "old" },
      { path: "bondbox/unlock", mode: 0o644, content: "" },
    ]);
    expect(copyBootfs(source, folder).isBox).toBe(true);
    expect(text("cmdline.txt")).toBe(init);
    expect(text("bondbox-status.txt")).toContain("is running");
    expect(existsSync(join(folder, "bondbox/packages/old_1_arm64.deb"))).toBe(false);
    expect(existsSync(join(folder, "bondbox/unlock"))).toBe(true);
  });

  it("overwrites the keys of an earlier copy before it lets go of their place", () => {
    copyBootfs(source, folder);
    const file = join(folder, "bondbox/overlay.tar");
    const size = readFileSync(file).length;
    const other = join(folder, "other-name");
    execFileSync("ln", [file, other]);
    copyBootfs(source, folder);
    expect(readFileSync(other).equals(Buffer.alloc(size))).toBe(true);
    expect(readFileSync(file).equals(Buffer.alloc(size))).toBe(false);
  });

  it.each<[string, () => void, RegExp]>([
    ["no folder", () => rmSync(folder, { recursive: true }), /does not exist/],
    ["a folder that is no boot partition", () => rmSync(join(folder, "config.txt")), /not a boot partition .* has no config\.txt/],
    ["a cmdline.txt without a root", () => writeFileSync(join(folder, "cmdline.txt"), "quiet\n"), /does not say where the system is/],
    ["files that are none", () => rmSync(join(source, "bondbox/target")), /has no files for a card/],
  ])("refuses %s", (_, breakIt, message) => {
    breakIt();
    const before = existsSync(folder) ? hashes(folder) : {};
    expect(() => copyBootfs(source, folder)).toThrow(message);
    expect(() => copyBootfs(source, folder)).toThrow(UsageError);
    expect(existsSync(folder) ? hashes(folder) : {}).toEqual(before);
  });

  it("refuses a card with the other kind of system, says which it is, and changes nothing", async () => {
    rmSync(folder, { recursive: true });
    partition("bookworm");
    const before = hashes(folder);
    expect(() => copyBootfs(source, folder)).toThrow(
      /without cloud-init: bookworm, .* \(image of 2025-05-13\), but the files are for .*trixie/,
    );
    expect(hashes(folder)).toEqual(before);
    await filesFor("raspios-bookworm");
    rmSync(folder, { recursive: true });
    partition("trixie");
    expect(() => copyBootfs(source, folder)).toThrow(/the card holds .*trixie, .*2026-06-18.*bookworm/);
  });

  it.each<[string, (from: string) => void, RegExp]>([
    [
      "a folder in the place of a file",
      (from) => (rmSync(from), mkdirSync(from)),
      /bondbox\/target: there is a folder where a file should be/,
    ],
    ["a circle of links", (from) => (rmSync(from), symlinkSync("target", from)), /bondbox\/target: its symbolic links lead in a circle/],
  ])("does not blame the card for what it cannot read of the build: %s", (_, breakIt, message) => {
    const before = hashes(folder);
    breakIt(join(source, "bondbox/target"));
    expect(() => copyBootfs(source, folder)).toThrow(message);
    expect(() => copyBootfs(source, folder)).toThrow(EnvironmentError);
    expect(hashes(folder)).toEqual(before);
  });

  it("refuses a partition without room", () => {
    mkdirSync(join(source, "bondbox/packages"), { recursive: true });
    execFileSync("truncate", ["-s", "15T", join(source, "bondbox/packages/large.deb")]);
    expect(() => copyBootfs(source, folder)).toThrow(/has \d+ MB free, and \d+ MB are needed/);
    expect(existsSync(join(folder, "bondbox"))).toBe(false);
  });

  it("refuses a vendor-data of the person's own, and leaves the card as it was", () => {
    writeFileSync(join(folder, "vendor-data"), "#cloud-config\ntimezone: Europe/Paris\n");
    const before = hashes(folder);
    expect(() => copyBootfs(source, folder)).toThrow(/vendor-data is not bondbox's/);
    expect(hashes(folder)).toEqual(before);
  });

  it.each([
    ["only comments", "#cloud-config\n# Nothing yet.\n\n"],
    ["an earlier starter of ours", "#cloud-boothook\n#!/bin/sh\n/boot/firmware/bondbox/setup begin\n"],
  ])("takes the place of a vendor-data with %s", (_, content) => {
    writeFileSync(join(folder, "vendor-data"), content);
    copyBootfs(source, folder);
    expect(text("vendor-data")).toBe(readFileSync(join(source, "vendor-data"), "utf8"));
  });

  it("that fails half-way leaves nothing that could be taken for a whole", () => {
    copyBootfs(source, folder);
    // A folder stands in the way of a file that is copied after the first ones.
    rmSync(join(folder, "vendor-data"));
    mkdirSync(join(folder, "vendor-data"));
    expect(() => copyBootfs(source, folder)).toThrow();
    expect(existsSync(join(folder, "bondbox/overlay.tar"))).toBe(false);
  });
});

describe("the command", () => {
  const call = (...args: string[]) => spawnSync(join(root, "scripts/copy-bootfs"), args, { encoding: "utf8" });

  it("says whose file it cannot read, and leaves the card as it was", () => {
    const before = hashes(folder);
    chmodSync(join(source, "bondbox/overlay.tar"), 0o000);
    const powerless = process.getuid?.() === 0 ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] : ["env"];
    const [program = "", ...rest] = [...powerless, join(root, "scripts/copy-bootfs"), folder, "--from", join(source, "..")];
    const { status, stderr } = spawnSync(program, rest, { encoding: "utf8" });
    expect([status, stderr]).toEqual([2, expect.stringMatching(/overlay\.tar: no permission .*\n.*owner of that file/)]);
    expect(hashes(folder)).toEqual(before);
  });

  it("says what it did and what comes next", () => {
    const { status, stdout, stderr } = call(folder, "--from", join(source, ".."));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("verified");
    expect(stdout).toContain("Eject the card");
  });

  it.each<[string[], number, string]>([
    [["--help"], 0, ""],
    [[], 1, "no folder given [card.no-target]"],
    [["a", "b"], 1, 'unexpected argument "b"'],
    [["a", "--profile", "x", "--from", "y"], 1, "cannot be combined"],
    [["a", "--from", "/nowhere"], 1, "has no files for a card"],
    [["a", "--from", "/etc/passwd/x"], 1, "has no files for a card"],
    [["a", "--from", "x".repeat(300)], 2, "the name is too long"],
  ])("%j ends with %i", (args, code, message) => {
    const { status, stderr } = call(...args);
    expect(status).toBe(code);
    expect(stderr).toContain(message);
    if (code > 0) expect(stderr).toMatch(/^copy-bootfs: [^\n]+\n {2}[^\n]+\n$/);
  });
});

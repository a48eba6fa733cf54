import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { storage } from "../../../overlay/runtime/commands/storage";
import { markerPath, observeStorage, storageRows } from "../../../overlay/runtime/storage";

let root: string;
let said: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "bondbox-storage-"));
  said = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += text;
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A box as bondbox-init has left it. */
function box(told: string | null, mounts = ""): void {
  if (told !== null) write("run/bondbox-init", told);
  write("proc/mounts", mounts);
  write("boot/firmware/bondbox/id", "0123456789abcdef\n");
}

async function call(word: string | null): Promise<string[]> {
  said = "";
  expect(await storage.run({ root, json: false, wait: 0, yes: false, subject: "", word })).toBe(0);
  return said.trimEnd().split("\n");
}

const unlocked = () => existsSync(join(root, markerPath));

describe("bondbox storage", () => {
  it("distinguishes a protected box from one that is not, and says why", async () => {
    box("protected: yes\n", "/dev/loop0 /var/lib/bondbox/keep ext4 rw,noatime 0 0\n");
    mkdirSync(join(root, "var/lib/bondbox/keep"), { recursive: true });
    expect(await call(null)).toEqual([
      expect.stringMatching(/^The card is protected: /),
      expect.stringMatching(/^In memory until the next start: \d+ of \d+ MiB used\.$/),
      expect.stringMatching(/^Lasting files, in \/var\/lib\/bondbox\/keep: \d+ of \d+ MiB used\.$/),
    ]);
    box("plain: a changed card is applied\nkeep: The area is gone.\n");
    expect(await call("status")).toEqual([
      "The card is not protected at this start: a changed card is applied.",
      expect.stringContaining("From the next start on it is protected"),
      "The area is gone.",
    ]);
  });

  it("unlocks at the next start, once, and locks again", async () => {
    box("protected: yes\n");
    expect((await call("unlock"))[0]).toContain("Unlocked from the next start on");
    expect(unlocked()).toBe(true);
    expect(await call("status")).toContain("From the next start on it is unlocked.");
    await call("unlock");
    expect(unlocked()).toBe(true);
    expect((await call("lock"))[0]).toContain("stays protected");
    expect(unlocked()).toBe(false);
    await call("lock");
  });

  it("says what is left to do while it is unlocked", async () => {
    box("plain: it is unlocked for maintenance\n");
    write(markerPath, "");
    expect(await call("status")).toEqual([
      "The card is not protected at this start: it is unlocked for maintenance.",
      expect.stringContaining("storage lock"),
    ]);
    expect((await call("lock"))[0]).toContain("restart the box");
  });

  it("has nothing to unlock on a box without protection", async () => {
    box(null);
    expect((await call("unlock"))[0]).toContain("not protected");
    expect(unlocked()).toBe(false);
    expect(storageRows(observeStorage(root))).toEqual([expect.stringMatching(/^The card is not protected: /)]);
  });

  it("makes a read-only boot partition writable for as long as it takes", async () => {
    box("protected: yes\n", "/dev/mmcblk0p1 /boot/firmware vfat ro,relatime 0 0\n");
    const log = join(root, "log");
    write("bin/mount", `#!/bin/sh\necho "$* $([ -e ${join(root, markerPath)} ] && echo there)" >>${log}\n`);
    chmodSync(join(root, "bin/mount"), 0o755);
    vi.stubEnv("PATH", `${join(root, "bin")}${delimiter}${process.env.PATH}`);
    await call("unlock");
    expect(readFileSync(log, "utf8").split("\n")).toEqual(["-o remount,rw /boot/firmware ", "-o remount,ro /boot/firmware there", ""]);
  });

  it("fails in one line where it may not write", async () => {
    box("protected: yes\n", "/dev/mmcblk0p1 /boot/firmware vfat ro,relatime 0 0\n");
    write("bin/mount", "#!/bin/sh\nexit 32\n");
    chmodSync(join(root, "bin/mount"), 0o755);
    vi.stubEnv("PATH", `${join(root, "bin")}${delimiter}${process.env.PATH}`);
    await expect(storage.run({ root, json: false, wait: 0, yes: false, subject: "", word: "unlock" })).rejects.toThrow(
      /unlock cannot be changed \([^\n]+\): run it as root/,
    );
    expect(unlocked()).toBe(false);
  });
});

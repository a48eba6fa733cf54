import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { built, root } from "../support/builds";
import { cardOf, writeFiles } from "../support/card";
import { run } from "../support/programs";
import { temporaryFolder } from "../support/trees";
import { userModeLinux } from "../support/releases";
import { boot, runInKernel } from "./uml";

/** A box of two disks, as a card's partitions: its root, and its boot partition. */
class Box {
  readonly folder = temporaryFolder();
  readonly rootImage = join(this.folder, "root.img");
  readonly bootImage = join(this.folder, "boot.img");

  /**
   * @param system the files of the box, in a folder
   * @param size of its root, MiB: below 4096, copies of the superblock leave no area of 384 in one piece
   */
  constructor(system = built("home").box, size = 256) {
    const tree = join(this.folder, "tree");
    mkdirSync(tree);
    const { modules } = userModeLinux();
    const release = readdirSync(modules)[0] as string;
    this.#run("sh", [join(import.meta.dirname, "tiny-root.sh"), tree, join(modules, release)]);
    mkdirSync(join(tree, "etc/bondbox"));
    for (const path of ["usr/local/sbin/bondbox-init", "etc/bondbox/setup.conf"]) copyFileSync(join(system, path), join(tree, path));
    copyFileSync(join(import.meta.dirname, "card-init.sh"), join(tree, "usr/sbin/init"));
    for (const path of ["usr/local/sbin/bondbox-init", "usr/sbin/init"]) chmodSync(join(tree, path), 0o755);
    this.#run("mke2fs", ["-q", "-t", "ext4", "-b", "4096", "-d", tree, this.rootImage, `${size}M`]);
    this.#run("mkfs.vfat", ["-C", this.bootImage, "32768"]);
    this.#run("mmd", ["-i", this.bootImage, "::bondbox"]);
  }

  #run(program: string, args: string[]): void {
    const { status, output } = run(program, args);
    if (status !== 0) throw new Error(`${program}: ${output}`);
  }

  put(path: string, text = "x"): void {
    const file = join(this.folder, "put");
    writeFileSync(file, text);
    this.#run("mcopy", ["-o", "-i", this.bootImage, file, `::${path}`]);
  }

  read(path: string): string {
    return run("mtype", ["-i", this.bootImage, `::${path}`]).output;
  }

  remove(path: string): void {
    this.#run("mdel", ["-i", this.bootImage, `::${path}`]);
  }

  /** Takes a file out of the root, from outside. */
  removeFromRoot(path: string): void {
    this.#run("debugfs", ["-w", "-R", `rm ${path}`, this.rootImage]);
  }

  /**
   * One start and its end.
   * @param act what the stand-in for systemd does.
   * @param end when the machine is stopped.
   */
  async start(
    act = "look",
    { end = /== end\r?\n/, words = [] }: { end?: RegExp; words?: string[] } = {},
  ): Promise<(name: string) => string> {
    const disks = [`ubd0=${this.rootImage}`, `ubd1=${this.bootImage}`];
    const console = await boot({
      folder: this.folder,
      memoryMb: 128,
      timeoutMs: 240_000,
      end,
      words: [...disks, "root=/dev/ubda", "ro", "init=/usr/local/sbin/bondbox-init", `do=${act}`, ...words],
    });
    const text = console.replaceAll("\r", "");
    return (name) => {
      const found = new RegExp(`^== ${name}\\n([\\s\\S]*?)\\n== `, "m").exec(text);
      if (found === null) throw new Error(`no part ${name} on the console:\n${text}`);
      return (found[1] as string).trim();
    };
  }

  /** All of the root's partition but the area for what must last. */
  systemHash(): string {
    const { output } = run("debugfs", ["-R", "ex /var/lib/bondbox/keep.img", this.rootImage]);
    const image = readFileSync(this.rootImage);
    for (const [, from, to] of output.matchAll(/(\d+) - *(\d+) +\d+ Uninit$/gm))
      image.fill(0, Number(from) * 4096, (Number(to) + 1) * 4096);
    return createHash("sha256").update(image).digest("hex");
  }

  isClean(): boolean {
    return run("e2fsck", ["-fn", this.rootImage]).status === 0;
  }
}

let box: Box;

async function protectedBox(): Promise<Box> {
  const fresh = new Box();
  expect((await fresh.start("setup"))("reported")).toMatch(/^plain: the box is not set up yet$/m);
  return fresh;
}

describe("the first process of a protected box", { timeout: 300_000 }, () => {
  it("keeps the system as it is, and what must last", async () => {
    box = await protectedBox();
    const before = box.systemHash();
    const first = await box.start("change", { words: ["single"] });
    expect(first("reported")).toBe("protected: yes");
    expect(first("root")).toBe("overlay");
    expect(first("lower")).toMatch(/^ext4 ro,/);
    expect(first("keep")).toBe("ext4");
    expect(first("arguments")).toBe("single");
    expect(first("fstab")).toBe(
      "# /dev/ubda / ext4 defaults,noatime 0 1\n/dev/ubdb /boot/firmware vfat defaults,ro,nofail,x-systemd.device-timeout=30 0 2",
    );
    await box.start("change");
    const third = await box.start();
    expect(third("history")).toBe("boot\nboot");
    expect(third("seed")).toBe("seed");
    expect(third("changed")).toContain("No such file");
    expect(box.systemHash()).toBe(before);
    expect(box.isClean()).toBe(true);
  });

  it("leaves the card writable while it is unlocked, for a changed card, and when the kernel command line says so", async () => {
    box = await protectedBox();
    await box.start("change");
    box.put("bondbox/unlock", "");
    const unlocked = await box.start("maintain");
    expect(unlocked("reported")).toBe("plain: it is unlocked for maintenance");
    expect(unlocked("root")).toBe("ext4");
    // The history goes on meanwhile.
    expect(unlocked("history")).toBe("boot");
    box.remove("bondbox/unlock");
    box.put("bondbox/overlay.tar");
    expect((await box.start())("reported")).toBe("plain: a changed card is applied");
    box.remove("bondbox/overlay.tar");
    expect((await box.start("look", { words: ["bondbox.plain"] }))("reported")).toBe("plain: cmdline.txt says bondbox.plain");
    const last = await box.start();
    expect(last("reported")).toBe("protected: yes");
    // What was changed while it was unlocked has stayed, and so has what lasts anyway.
    expect(last("changed")).toBe("maintained");
    expect(last("history")).toBe("boot\nmaintained");
    expect(box.isClean()).toBe(true);
  });

  it("starts, whatever is damaged", async () => {
    box = await protectedBox();
    await box.start("change");
    await box.start("damage");
    const damaged = await box.start("change");
    expect(damaged("reported")).toMatch(
      /^keep: The area .* was damaged and has been created again: the history starts from the beginning\.\nprotected: yes$/,
    );
    expect((await box.start())("history")).toBe("boot");
    // Without a boot partition there is no changed card to apply.
    const image = readFileSync(box.bootImage);
    writeFileSync(box.bootImage, Buffer.alloc(image.length));
    expect((await box.start())("reported")).toBe("note: the boot partition could not be read\nprotected: yes");
    writeFileSync(box.bootImage, image);
    box.removeFromRoot("/var/lib/bondbox/keep.img");
    expect((await box.start())("reported")).toMatch(/^keep: The area .* cannot be used: .*\nprotected: yes$/);
    for (const release of readdirSync(userModeLinux().modules))
      box.removeFromRoot(`/lib/modules/${release}/kernel/fs/overlayfs/overlay.ko`);
    const plain = await box.start();
    expect(plain("reported")).toContain("plain: the layer in memory could not be made");
    expect(plain("root")).toBe("ext4");
    expect(plain("null")).toBe("");
    expect(box.isClean()).toBe(true);
  });

  it("has what was pushed last in memory at each start, and what is on the card where that is damaged or older", async () => {
    box = await protectedBox();
    const before = box.systemHash();
    const first = await box.start("push");
    expect([first("gone"), first("changed"), first("pushed")]).toEqual([
      "on the card",
      expect.stringContaining("No such file"),
      expect.stringContaining("No such file"),
    ]);
    for (const act of ["look", "spoil"]) {
      const pushed = await box.start(act);
      expect(pushed("reported")).toBe("protected: yes");
      expect([pushed("changed"), pushed("pushed"), pushed("files")]).toEqual(["pushed", "fedcba9876543210", "/etc/changed"]);
      expect(pushed("gone")).toContain("No such file");
    }
    expect(box.systemHash()).toBe(before);
    const damaged = await box.start("push");
    expect(damaged("reported")).toMatch(/^generation: What was pushed last is damaged: .*\nprotected: yes$/);
    expect([damaged("gone"), damaged("changed")]).toEqual(["on the card", expect.stringContaining("No such file")]);
    // It is whole again, until somebody changes the card: what was pushed before that is no longer wanted.
    expect((await box.start("card"))("changed")).toBe("pushed");
    const changed = await box.start();
    expect([changed("reported"), changed("gone")]).toEqual(["protected: yes", "on the card"]);
    expect(box.isClean()).toBe(true);
  });

  it("lies the system of an update over the card's own, and leaves one that cannot be read, or must not be used", async () => {
    box = new Box(undefined, 4096);
    const none = `# none${" ".repeat(25)}\n`;
    box.put("bondbox-system.txt", none);
    box.put("cmdline.txt", "console=tty1\n");
    expect((await box.start("areas"))("reported")).toMatch(/^plain: the box is not set up yet$/m);
    expect((await box.start("update"))("made")).toBe("yes");
    // As the boot loader does after "choose".
    const words = ["bondbox.system=a"];
    const chosen = `os_prefix=bondbox-a/${" ".repeat(11)}\n`;
    box.put("bondbox-system.txt", chosen);
    const updated = await box.start("change", { words });
    expect([updated("reported"), updated("changed")]).toEqual(["protected: yes", "updated"]);
    expect(updated("gone")).toContain("No such file");
    expect((await box.start("look", { words }))("changed")).toBe("updated");
    // The card's own system is as it was.
    const own = await box.start();
    expect([own("reported"), own("gone")]).toEqual(["protected: yes", "on the card"]);
    expect(box.read("bondbox-system.txt")).toBe(chosen);
    // In a trial the boot loader takes the one before by itself.
    const end = /sysrq: Resetting/;
    await box.start("look", { words: ["bondbox.system=b", "bondbox.trial=300"], end });
    expect(box.read("bondbox-system.txt")).toBe(chosen);
    await box.start("look", { words: ["bondbox.system=b"], end });
    expect(box.read("bondbox-system.txt")).toBe(none);
    for (const [path, text] of [
      ["bondbox/unlock", ""],
      ["cmdline.txt", "console=tty1 bondbox.plain\n"],
    ] as const) {
      box.put("bondbox-system.txt", chosen);
      box.put(path, text);
      await box.start("look", { words, end });
      expect(box.read("bondbox-system.txt")).toBe(none);
      if (path === "bondbox/unlock") box.remove(path);
    }
    expect(box.isClean()).toBe(true);
  });

  it("restarts when a trial does not end, whatever its programs do", async () => {
    box = new Box(undefined, 4096);
    expect((await box.start("areas"))("reported")).toMatch(/^plain: /m);
    expect((await box.start("update"))("made")).toBe("yes");
    // The stand-in for systemd stands still.
    await box.start("hang", { words: ["bondbox.system=a", "bondbox.trial=20"], end: /sysrq: Resetting/ });
  });

  it("survives a power cut while it writes", async () => {
    box = await protectedBox();
    const before = box.systemHash();
    let lines = 0;
    for (const loud of [false, true, false, true, false]) {
      // Cut off in the middle of it, later or sooner: how much it says differs, and no clock is asked.
      await box.start("write", { end: /== writing\r?\n/, words: loud ? ["loglevel=7"] : [] });
      const after = await box.start();
      expect(after("reported")).toBe("protected: yes");
      const history = after("history")
        .split("\n")
        .filter((line) => /^\d+$/.test(line)).length;
      expect(history).toBeGreaterThanOrEqual(lines);
      lines = history;
    }
    expect(box.systemHash()).toBe(before);
    expect(box.isClean()).toBe(true);
  });

  it("does nothing where the profile says storage: plain", async () => {
    const card = await cardOf({ box: { storage: "plain" } });
    const folder = temporaryFolder();
    run("tar", ["-xf", writeFiles(folder, [{ path: "t.tar", mode: 0o600, content: card.overlayTar }]) + "/t.tar", "-C", folder]);
    box = new Box(folder);
    await box.start("setup");
    expect((await box.start())("reported")).toBe("plain: the profile says storage: plain");
  });
});

describe("the set-up on a FAT partition", { timeout: 300_000 }, () => {
  it("leaves no secret on it, and no file that it does not need", async () => {
    const card = await cardOf();
    const files = Object.fromEntries(
      [
        ...card.bootfs,
        { path: "cmdline.txt", mode: 0o644, content: "console=tty1 root=PARTUUID=1-02 rootwait\n" },
        { path: "config.txt", mode: 0o644, content: "" },
      ].map(({ path, mode, content }) => [`/t/fat/${path}`, { content, mode }]),
    );
    const script = `
      . /t/card.sh
      power_up /t
      findmnt -nro FSTYPE $firmware
      boot
      status
      (cd $firmware && find . -type f | sort)
      cat $firmware/cmdline.txt
      umount $firmware
      fsck.vfat -n /t/fat.img; echo "fsck $?"
      grep -acFf /t/secrets /t/fat.img; echo "in overlay.tar: $(grep -cFf /t/secrets /t/overlay.tar)"`;
    const { output } = await runInKernel(script, {
      timeoutMs: 240_000,
      memoryMb: 768,
      modules: ["overlay", "loop", "vfat"],
      files: {
        ...files,
        "/t/card.sh": { content: readFileSync(join(root, "test/conformance/card.sh")) },
        "/t/secrets": { content: `${card.secrets.join("\n")}\n` },
        "/t/overlay.tar": { content: card.overlayTar },
      },
    });
    expect(output).toMatch(/^vfat$/m);
    expect(output).toContain("bondbox is set up, and the box restarts.");
    expect(output).toContain(
      "./bondbox-status.txt\n./bondbox/id\n./cmdline.txt\n./config.txt\nconsole=tty1 root=PARTUUID=1-02 rootwait init=/usr/local/sbin/bondbox-init\n",
    );
    expect(output).toContain("fsck 0\n");
    expect(output).toMatch(/^0\nin overlay\.tar: [1-9]\d*$/m);
  });
});

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Base, Release } from "./base";
import type { Card } from "./card";
import { type BootFiles, load } from "./loader";
import { connectTo, qemuEnds, watchMachine } from "./qemu";
import type { Random } from "./random";
import { cable } from "./world";
import { replay } from "./writes";

/** MB: as much as a Raspberry Pi 3 has. */
const memory = 1024;

/** The emulated box: a machine like a Raspberry Pi, booted from a card as the Pi's boot loader would. */
export class Box {
  private child: ChildProcess | null = null;
  private shellPort: Socket | null = null;
  private heard = "";
  private last = 0;
  private tryboot = false;
  boots = 0;

  constructor(
    readonly card: Card,
    private readonly base: Base,
    private readonly folder: string,
  ) {}

  /** File with the serial port's output of all boots. */
  get log(): string {
    return join(this.folder, "box.log");
  }

  /** What the serial port has printed in this boot. */
  console(): string {
    return existsSync(this.current) ? readFileSync(this.current, "latin1") : "";
  }

  /** The same of all boots. */
  allConsoles(): string {
    return (existsSync(this.log) ? readFileSync(this.log, "latin1") : "") + this.console();
  }

  private get current(): string {
    return join(this.folder, "box-boot.log");
  }

  /** Power on. */
  start(): void {
    if (this.child !== null) throw new Error("the box is on already");
    this.boots++;
    // What is left after a power cut is worked out from the card as it is now and the log of the writes from now on.
    this.card.copy(this.before);
    writeFileSync(this.writes, "");
    this.keepLog();
    const files = load(this.card, this.base, { folder: this.folder, tryboot: this.tryboot });
    const words = cmdlineFor(files.words, this.base.release);
    writeFileSync(this.current, `\n=== boot ${this.boots}: ${words}\n`);
    const child = spawn("qemu-system-aarch64", this.words({ ...files, words }), { stdio: ["ignore", "ignore", "inherit"] });
    this.child = child;
    watchMachine(child);
    void qemuEnds(child).then(() => {
      if (this.child === child) this.child = null;
      // Once, and lost with the power.
      this.tryboot = /Restarting system with command '0 tryboot'/.test(this.console());
      this.shellPort?.destroy();
      this.shellPort = null;
    });
  }

  private words({ kernel, initrd, words }: BootFiles): string[] {
    return [
      ...["-M", "virt", "-cpu", "cortex-a72", "-accel", "tcg,thread=multi", "-smp", "2", "-m", `${memory}`],
      ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
      // No clock with a battery.
      ...["-rtc", "base=1970-01-01T00:00:10"],
      ...this.cardReader(),
      ...["-device", "virtio-rng-pci"],
      ...cable(this.folder, "box", "world"),
      ...["-chardev", `file,id=console,append=on,path=${this.current}`, "-serial", "chardev:console"],
      ...[
        "-device",
        "virtio-serial-pci",
        "-chardev",
        `socket,id=shell,server=on,wait=off,path=${this.shellPath}`,
        "-device",
        "virtconsole,chardev=shell",
      ],
      ...["-kernel", kernel, "-initrd", initrd, "-append", words],
    ];
  }

  private cardReader(): string[] {
    const node = (name: string, options: string): string[] => ["-blockdev", `node-name=${name},${options}`];
    // What a power cut leaves is worked out from the log, where each flush is an entry: the host's own disk need not wait for any.
    const file = (path: string): string => `driver=file,cache.no-flush=on,filename=${path}`;
    return [
      ...node("file", file(this.card.file)),
      ...node("raw", "driver=raw,file=file"),
      ...node("log", file(this.writes)),
      ...node("card", "driver=blklogwrites,file=raw,log=log"),
      // Merged requests have up to 1024 pieces; the log adds two, and Linux takes no more than 1024 (IOV_MAX): the box would see an error.
      ...["-device", "virtio-blk-pci,drive=card,request-merging=off"],
    ];
  }

  private get before(): string {
    return join(this.folder, "before.card");
  }

  private get writes(): string {
    return join(this.folder, "writes.log");
  }

  private get shellPath(): string {
    return join(this.folder, "box.shell");
  }

  /** Whether shell() is answered. */
  get hasShell(): boolean {
    return this.base.release !== "bookworm";
  }

  get on(): boolean {
    return this.child !== null;
  }

  /**
   * Cuts the power. Of what the system has not flushed, a random part is on the card.
   * @returns how many writes there were, and how many are lost
   */
  async cut(random: Random): Promise<{ all: number; lost: number } | null> {
    const { child } = this;
    if (child === null) return null;
    child.kill("SIGKILL");
    await qemuEnds(child);
    this.keepLog();
    this.tryboot = false;
    const result = replay(this.writes, this.before, random);
    renameSync(this.before, this.card.file);
    return result;
  }

  /** Waits until it restarts by itself. @returns false: not in time */
  async restarts(seconds: number): Promise<boolean> {
    const { child } = this;
    if (child === null) return true;
    const done = await Promise.race([qemuEnds(child), sleep(seconds * 1000, false)]);
    return done !== false;
  }

  /** Waits for a text on the serial port. @returns false: not in time, or the machine has ended */
  async says(what: RegExp, seconds: number): Promise<boolean> {
    for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
      if (what.test(this.console())) return true;
      if (!this.on) return what.test(this.console());
      await sleep(250);
    }
    return false;
  }

  /** Runs a command as root with systemd's debug shell: to see the box's state, or what a person types. @returns null: no answer in time */
  async shell(command: string, seconds = 180): Promise<{ code: number; text: string } | null> {
    if (this.child === null) return null;
    const end = Date.now() + seconds * 1000;
    if (this.shellPort === null) {
      this.shellPort = await connectTo(this.shellPath, this.child);
      this.heard = "";
      this.shellPort.setEncoding("latin1").on("data", (text: string) => void (this.heard += text));
      this.shellPort.on("error", () => undefined);
    }
    const id = ++this.last;
    // The quotes keep the terminal's echo of the command from looking like its answer.
    const packed = Buffer.from(command).toString("base64");
    // Ctrl-U first deletes what the shell may have read of an earlier, partly lost command.
    const ask = `\x15 echo "@""begin ${id}"; sh -c "$(echo ${packed} | base64 -d)" 2>&1 </dev/null | base64 -w 76; echo "@""end ${id}"\n`;
    const answer = new RegExp(`@begin ${id}\\r?\\n([\\s\\S]*?)@end ${id}`);
    for (let asked = 0; Date.now() < end && this.on;) {
      const found = answer.exec(this.heard);
      if (found !== null) return unpack(found[1] as string);
      // What is sent before the shell runs is lost.
      if (Date.now() - asked > 15_000 && !this.heard.includes(`@begin ${id}`)) {
        this.shellPort?.write(ask);
        asked = Date.now();
      }
      await sleep(100);
    }
    return null;
  }

  private keepLog(): void {
    if (!existsSync(this.current)) return;
    appendFileSync(this.log, readFileSync(this.current));
    writeFileSync(this.current, "");
  }
}

function unpack(text: string): { code: number; text: string } {
  return { code: 0, text: Buffer.from(text.replace(/\s/g, ""), "base64").toString() };
}

/** Without the kernel's protection against other programs on the same processor, which costs half of all time in emulation. */
const faster = "nokaslr norandmaps kpti=off mitigations=off audit=0";

/** The command line for the kernel: the card's own, with this machine's name of the serial port, and with a debug shell where systemd has one. */
export function cmdlineFor(words: string, release: Release): string {
  const shell = release === "bookworm" ? "" : " systemd.debug_shell=hvc0";
  return `${words.replace("console=serial0,115200", "console=ttyAMA0,115200")} ${faster}${shell}`;
}

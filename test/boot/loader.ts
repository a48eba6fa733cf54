import { join } from "node:path";
import type { Base } from "./base";
import type { Card } from "./card";
import { BootFailure } from "./errors";

/** What QEMU starts. */
export interface BootFiles {
  kernel: string;
  initrd: string;
  /** The kernel's command line. */
  words: string;
}

/**
 * Stands for the Raspberry Pi's boot loader, as far as bondbox uses it: which files config.txt names, or tryboot.txt after a restart that
 * asked for it. https://www.raspberrypi.com/documentation/computers/config_txt.html
 * @param folder where files of the card are copied to
 * @param tryboot whether the restart had the argument "0 tryboot"
 */
export function load(card: Card, { kernel, initrd }: Base, { folder, tryboot }: { folder: string; tryboot: boolean }): BootFiles {
  const config = tryboot && card.read("tryboot.txt") !== null ? "tryboot.txt" : "config.txt";
  const values = valuesOf(card, config);
  const prefix = values.get("os_prefix") ?? "";
  // Without a kernel there, the prefix is not used. The card's own kernel and file system are the base's copies.
  const own = prefix === "" ? null : card.extract(`${prefix}kernel8.img`, join(folder, "kernel8.img"));
  const found = own === null ? "" : prefix;
  const cmdline = `${found}${values.get("cmdline") ?? "cmdline.txt"}`;
  const words = card.read(cmdline)?.split("\n")[0];
  if (words === undefined) throw new BootFailure(`the boot partition has no ${cmdline}`);
  if (own === null) return { kernel, initrd, words };
  return { kernel: own, initrd: card.extract(`${prefix}initramfs8`, join(folder, "initramfs8")) ?? initrd, words };
}

/** The settings for every model, the later ones last. */
function valuesOf(card: Card, file: string): Map<string, string> {
  const values = new Map<string, string>();
  let forAll = true;
  for (const row of (card.read(file) ?? "").split(/\r?\n/).map((text) => text.trim())) {
    const section = /^\[(.*)\]$/.exec(row)?.[1];
    if (section !== undefined) forAll = section === "all";
    const included = /^include (.+)$/.exec(row)?.[1];
    const [, name, value] = /^([a-z0-9_]+)=(.*)$/.exec(row) ?? [];
    if (!forAll) continue;
    if (included !== undefined) for (const [key, text] of valuesOf(card, included)) values.set(key, text);
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  return values;
}

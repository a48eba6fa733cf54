import { existsSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { card } from "../errors";
import { boxes } from "../targets/boxes";
import type { BoxTarget } from "../targets/names";
import { NOT_RUN } from "./content";

/** The boot partition of a card, as it was found. */
export interface BootPartition {
  folder: string;
  /** It is that of a box that has been set up already. */
  isBox: boolean;
  /** The kernel's words, one line. */
  cmdline: string;
  /** bytes */
  free: number;
}

/** The words that start firstrun.sh. Source: rpi-imager downloadthread.cpp; docs/card.md#first-boot. */
const FIRSTRUN = "systemd.run=/boot/firmware/firstrun.sh";
const FIRSTRUN_WORDS = `${FIRSTRUN} systemd.run_success_action=reboot systemd.unit=kernel-command-line.target`;
const INIT_WORD = "init=/usr/local/sbin/bondbox-init";

/**
 * Looks at a mounted boot partition before anything is written to it.
 * @param target of the files that are to be copied.
 * @throws UsageError where it is none, or that of another system.
 */
export function inspect(folder: string, target: BoxTarget): BootPartition {
  const has = (name: string) => existsSync(join(folder, name));
  if (!has(".")) throw card.noFolder(folder);
  const missing = ["config.txt", "cmdline.txt"].find((name) => !has(name));
  if (missing !== undefined) throw card.noBootPartition(folder, missing);
  const cmdline = firstLine(join(folder, "cmdline.txt"));
  if (!/(^| )root=/.test(cmdline)) throw card.noRoot(join(folder, "cmdline.txt"));
  // Images whose first boot is cloud-init's carry its files from the start.
  const starter = has("user-data") && has("meta-data") ? "cloud-init" : "firstrun";
  if (starter !== boxes[target].starter) throw card.otherSystem(boxes[target].title, found(starter), imageDate(folder));
  return { folder, isBox: isBox(folder, cmdline), cmdline, free: freeIn(folder) };
}

function found(starter: "cloud-init" | "firstrun"): string {
  return starter === "cloud-init"
    ? boxes["raspios-trixie"].title
    : "Raspberry Pi OS without cloud-init: bookworm, or trixie from before 2025-11-24";
}

function isBox(folder: string, cmdline: string): boolean {
  const status = join(folder, "bondbox-status.txt");
  return cmdline.includes(INIT_WORD) || (existsSync(status) && !readFileSync(status, "utf8").startsWith(NOT_RUN));
}

/** As pi-gen writes it, such as "Raspberry Pi reference 2025-05-13"; null where it does not say. */
function imageDate(folder: string): string | null {
  const issue = join(folder, "issue.txt");
  return existsSync(issue) ? (/\d{4}-\d\d-\d\d/.exec(readFileSync(issue, "utf8"))?.[0] ?? null) : null;
}

function firstLine(path: string): string {
  return (readFileSync(path, "utf8").split("\n")[0] ?? "").trim();
}

function freeIn(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** The kernel's words that start the set-up; null where they may stay as they are. */
export function startingCmdline({ cmdline, isBox }: BootPartition): string | null {
  // Where cloud-init is, too: some images look for its files before the partition is mounted. https://github.com/canonical/cloud-init/issues/6614
  if (isBox || cmdline.includes(FIRSTRUN)) return null;
  // Those of Raspberry Pi Imager: the path as it is on the running system, so that nothing rewrites our file.
  if (cmdline.includes("systemd.run=/boot/firstrun.sh")) return cmdline.replace("systemd.run=/boot/firstrun.sh", FIRSTRUN);
  return `${cmdline} ${FIRSTRUN_WORDS}`;
}

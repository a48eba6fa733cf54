import { readFileSync } from "node:fs";
import { flash as texts } from "../errors";
import { run } from "../machine/run";

/** A block device, and what is made of it: partitions, and what holds them, such as LVM. */
export interface Node {
  /** The kernel's name, such as "sdb1". */
  name: string;
  /** Such as "8:17". */
  number: string;
  /** disk, part, loop, rom, dm, lvm, crypt, raid1 ... */
  type: string;
  fsType: string | null;
  label: string | null;
  children: Node[];
}

/** A whole device. */
export interface Drive extends Node {
  path: string;
  /** Bytes. */
  size: number;
  /** Bytes of the smallest block that can be written. */
  sector: number;
  readOnly: boolean;
  /** A card, a stick, a drive in a USB housing. */
  removable: boolean;
  /** How it is attached: usb, mmc, sata, nvme ... */
  bus: string | null;
  /** For people: maker and model, without anything that a terminal would act on. */
  title: string;
  /** Changes when another drive, or another card in the same reader, takes this name. */
  identity: string;
  /** The file of a loop device. */
  backingFile: string | null;
}

/** What the kernel's files say of a drive beside lsblk. */
export interface DriveFacts {
  /** Counts the media that the kernel has seen (Linux 5.15 and newer). */
  sequence: string | null;
  /** "SD" for a card, "MMC" for memory that is soldered in. */
  mmcType: string | null;
  /** The file of a loop device. */
  backingFile: string | null;
}

const columns = "NAME,KNAME,MAJ:MIN,TYPE,SIZE,LOG-SEC,RO,RM,HOTPLUG,TRAN,VENDOR,MODEL,SERIAL,WWN,FSTYPE,LABEL";

/** A reader that hangs must not hang the list. */
const LIST_TIMEOUT_MS = 5000;

/** All whole devices of this machine. @throws EnvironmentError when they cannot be listed */
export async function listDrives(): Promise<Drive[]> {
  return parseDrives(await lsblk(["--json", "--bytes", "--output", columns]), readFacts);
}

/** One device by its path, with what is made of it. @throws EnvironmentError when it cannot be looked at */
export async function findDrive(path: string): Promise<Drive> {
  const [drive] = parseDrives(await lsblk(["--json", "--bytes", "--output", columns, path]), readFacts);
  if (drive === undefined) throw texts.noList(`lsblk does not know ${path}`);
  return drive;
}

async function lsblk(args: string[]): Promise<string> {
  const { status, stdout, stderr, failure } = await run("lsblk", args, { timeoutMs: LIST_TIMEOUT_MS });
  if (failure === "missing") throw texts.noList("lsblk was not found");
  if (failure === "timeout") throw texts.noList(`lsblk gave no answer in ${LIST_TIMEOUT_MS / 1000} s`);
  if (status !== 0) throw texts.noList(clean(stderr) || `lsblk ended with status ${status}`);
  return stdout.toString();
}

function readFacts(name: string): DriveFacts {
  const read = (file: string): string | null => {
    try {
      return readFileSync(`/sys/class/block/${name}/${file}`, "utf8").trim();
    } catch {
      return null; // older kernels, and drives of another kind
    }
  };
  return { sequence: read("diskseq"), mmcType: read("device/type"), backingFile: read("loop/backing_file") };
}

/** The output of "lsblk --json". @throws EnvironmentError when it is something else */
export function parseDrives(json: string, facts: (name: string) => DriveFacts): Drive[] {
  let rows: unknown;
  try {
    rows = (JSON.parse(json) as { blockdevices?: unknown }).blockdevices;
  } catch {
    throw texts.noList("lsblk gave no JSON");
  }
  if (!Array.isArray(rows)) throw texts.noList("lsblk gave no list");
  return rows.map((row: Row) => toDrive(row, facts(String(row.kname))));
}

/** Older releases of lsblk write numbers and flags as text. */
type Row = Record<string, string | number | boolean | null> & { children?: Row[] };

function toNode(row: Row): Node {
  return {
    name: String(row.kname),
    number: String(row["maj:min"]).trim(),
    type: String(row.type),
    fsType: text(row.fstype),
    label: text(row.label),
    children: (row.children ?? []).map(toNode),
  };
}

function toDrive(row: Row, { sequence, mmcType, backingFile }: DriveFacts): Drive {
  const node = toNode(row);
  const bus = text(row.tran);
  const pluggable = flag(row.rm) || flag(row.hotplug) || bus === "usb";
  const title = [row.vendor, row.model].flatMap((part) => text(part) ?? []).join(" ");
  const identity = [node.number, row.size, row.vendor, row.model, row.serial, row.wwn, sequence].map((part) => part ?? "").join("|");
  return {
    ...node,
    // The kernel writes a slash in a name as "!".
    path: `/dev/${node.name.replaceAll("!", "/")}`,
    size: Number(row.size),
    sector: Number(row["log-sec"]),
    readOnly: flag(row.ro),
    removable: pluggable && mmcType !== "MMC",
    bus,
    title: title !== "" ? title : backingFile !== null ? clean(backingFile) : mmcType === "SD" ? "SD card" : "drive without a name",
    identity,
    backingFile,
  };
}

const flag = (value: Row[string] | undefined): boolean => value === true || value === "1" || value === 1;

function text(value: Row[string] | undefined): string | null {
  const cleaned = typeof value === "string" ? clean(value) : "";
  return cleaned === "" ? null : cleaned;
}

/** A device's words without control characters and changes of direction, in one line of at most 60 characters. */
export function clean(words: string): string {
  return words
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 60);
}

/** Names of devices that are never a card. */
const never = /^(zram|ram|sr|fd|md|mtdblock|mmcblk\d+(boot|rpmb|gp))\d*/;

/** What a person may want to write to: removable and with something in it. */
export function isCandidate(drive: Drive): boolean {
  return drive.type === "disk" && drive.removable && drive.size > 0 && !never.test(drive.name);
}

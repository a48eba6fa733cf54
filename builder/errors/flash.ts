/** Errors about drives, and about images that are written to them. */
import { coded, EnvironmentError, type ErrorText, escapeControls, reasons, show, UsageError } from "../base/errors";
import { size, span } from "../base/format";
import { shell } from "../base/quote";

/** Why a range read back differently. */
export type Finding = {
  /** From the first to the last wrong byte; null if a second reading was correct. */
  at: { start: number; end: number } | null;
} & Cause;

export type Cause =
  /** A second reading was correct. */
  | { culprit: "reading" }
  /** A few bits are wrong. */
  | { culprit: "bits"; bits: number }
  /** Data of another place: addresses wrap around. `belongs` is the offset where the data belongs. */
  | { culprit: "wraps"; belongs: number }
  /** The place holds only zeros or only ones. */
  | { culprit: "nothing kept" }
  | { culprit: "card or reader" };

/** Why a drive is not written to. */
export type Refusal = ErrorText;

export type Action = "write" | "read" | "sync";

/** Why flash-card refuses a drive; also shown in the list of drives. */
export const refusals = coded("flash", {
  system: (at: string): Refusal => ({
    message: `this system runs from it (${show(at)} is mounted)`,
    hint: "Choose another drive. See flash-card --list for those that can be written to.",
  }),
  holdsImage: (): Refusal => ({ message: "the image is on it", hint: "Copy the image to another drive first." }),
  mounted: (at: string[]): Refusal => ({
    message: `it is mounted at ${at.map(show).join(", ")}`,
    hint: `Check whether you need its contents, then unmount it: ${at.map((path) => `umount ${shellWord(path)}`).join("; ")}`,
  }),
  swap: (): Refusal => ({ message: "it holds swap space of this system", hint: "Choose another drive." }),
  held: (name: string, type: string): Refusal => ({
    message: `${name} (${type}) uses it`,
    hint: "Close that first, or choose another drive.",
  }),
  partition: (): Refusal => ({
    message: "it is a partition, and an image needs the whole drive",
    hint: "Write the whole drive, such as /dev/sdb.",
  }),
  builtIn: (): Refusal => ({
    message: "it is built into this machine",
    hint: "Plug in the card. See flash-card --list for the drives that can be written to.",
  }),
  readOnly: (): Refusal => ({
    message: "it is write-protected",
    hint: "Slide the small switch on the card or its adapter the other way, and plug it in again.",
  }),
  empty: (): Refusal => ({ message: "there is no card in it", hint: "Insert the card." }),
  sector: (bytes: number): Refusal => ({
    message: `it has sectors of ${bytes} bytes`,
    hint: "Use another drive: a Raspberry Pi boots from sectors of 512 bytes.",
  }),
  tooSmall: (bytes: number, wanted: number): Refusal => ({
    message: `it has ${size(bytes)} (${bytes} bytes), and the image needs ${size(wanted)} (${wanted} bytes)`,
    hint: "Use a larger card.",
  }),
  big: (bytes: number): Refusal => ({
    message: `it has ${size(bytes)}, more than cards for this purpose usually have`,
    hint: "Make sure that it is the right drive, then add --big.",
  }),
});

/** A path as a shell word. What a terminal would act on is escaped, so such a path has to be typed by hand. */
function shellWord(path: string): string {
  return shell(escapeControls(path));
}

/** What an error is about: a card and its reader, or a file on a disk. */
interface Place {
  path: string;
  word: "card" | "file";
}

const faultyDisk = "The disk that holds the file is faulty. Check it, or write to a file elsewhere.";

/** The cause of a mismatch, for people. */
function culprit(finding: Finding): string {
  switch (finding.culprit) {
    case "reading":
      return "A second reading was correct: the reader or its cable is unreliable. Use another one.";
    case "bits":
      return `${finding.bits === 1 ? "1 bit is" : `${finding.bits} bits are`} wrong: the card is wearing out, or the reader or cable is bad. Try another reader; if it happens again, another card.`;
    case "wraps":
      return `It holds the data of byte ${finding.belongs}: the card is smaller than it claims. It is counterfeit; return it.`;
    case "nothing kept":
      return "The card stored nothing there: it is smaller than it claims, or worn out. Use another card.";
    case "card or reader":
      return "The card or the reader is faulty. Try another reader; if it happens again, another card.";
  }
}

const during: Record<Action | "open", string> = { write: "writing", read: "reading", sync: "finishing", open: "opening" };

/** Errors of flash-card. */
export const flash = coded("flash", {
  platform: (platform: string): EnvironmentError =>
    new EnvironmentError(
      `flash-card works on Linux only, and this is ${platform}`,
      'Use Raspberry Pi Imager: choose the .img file under "Use custom". It verifies the card as well.',
    ),
  noList: (reason: string): EnvironmentError =>
    new EnvironmentError(`the drives cannot be listed: ${reason}`, "Install util-linux, unplug a reader that hangs, and try again."),
  noImage: (path: string): UsageError =>
    new UsageError(`there is no image ${show(path)}`, "Make one with build-image, or write another path: flash-card path/to/my.img."),
  unreadable: (path: string, code: string): EnvironmentError =>
    new EnvironmentError(`${show(path)} cannot be read: ${reasons[code]?.text ?? code}`, "Check the path and its permissions."),
  notAFile: (path: string): UsageError => new UsageError(`${show(path)} is not a file`, "Write the path of an image file."),
  packed: (path: string, name: string, command: string): UsageError =>
    new UsageError(`${show(path)} is compressed with ${name}`, `Unpack it first: ${command} ${shellWord(path)}`),
  noTable: (path: string): UsageError =>
    new UsageError(
      `${show(path)} has no partition table, so it is not the image of a card`,
      "Use a raw image, such as dist/home/home.img.",
    ),
  cutOff: (path: string, bytes: number): UsageError =>
    new UsageError(
      `${show(path)} has ${bytes} bytes, which is not a whole number of sectors: it is truncated`,
      "Build or download it again.",
    ),
  badMap: (path: string, reason: string): UsageError =>
    new UsageError(
      `the block map ${show(path)} cannot be used: ${reason}`,
      "Build image and map again, or remove the map to write the whole image.",
    ),
  imageDamaged: (path: string, at: { start: number; end: number }): EnvironmentError =>
    new EnvironmentError(
      `${span(at)} of ${show(path)} do not match its block map`,
      "The image is damaged, or the map belongs to another image. Build both again; the card does not boot now.",
    ),
  imageChanged: (path: string): EnvironmentError =>
    new EnvironmentError(
      `${show(path)} changed while it was being written`,
      "Wait until nothing writes to it, then run the command again; the card does not boot now.",
    ),
  imageUnreadable: (path: string, offset: number, code: string): EnvironmentError =>
    new EnvironmentError(
      `${show(path)} cannot be read at byte ${offset} (${code})`,
      "Check the disk that holds it; the card does not boot now.",
    ),
  refused: (path: string, refusal: Refusal): UsageError =>
    Object.assign(new UsageError(`${path}: ${refusal.message}`, refusal.hint), { code: refusal.code }),
  noDevice: (path: string): UsageError =>
    new UsageError(`there is no drive ${show(path)}`, "See flash-card --list for the drives that can be written to."),
  noCandidate: (): UsageError =>
    new UsageError("no drive can be written to", "Plug in the card or its reader, and look at flash-card --list."),
  noChoice: (): UsageError =>
    new UsageError("no drive given", "Add --to DEVICE. See flash-card --list for the drives that can be written to."),
  noAnswer: (): UsageError => new UsageError("there is no terminal to confirm on", "Add --yes to erase without asking."),
  notANumber: (answer: string, last: number): UsageError =>
    new UsageError(`${show(answer)} is not one of the numbers`, `Nothing was written. Answer with a number from 1 to ${last}.`),
  notChosen: (): UsageError => new UsageError("no drive was chosen, and nothing was written", "Answer with the number of a drive."),
  declined: (): UsageError => new UsageError("nothing was written", "Type the whole word yes to continue."),
  moved: (path: string): UsageError =>
    new UsageError(
      `${path} is no longer the drive that you chose`,
      "Something was plugged in or unplugged. Run the command again and look at the list.",
    ),
  sameFile: (path: string): UsageError => new UsageError(`${show(path)} is the image itself`, "Write another file behind --to."),
  busy: (path: string): UsageError =>
    new UsageError(
      `${path} is in use by another program or mounted`,
      "Unmount its partitions, close the programs that use it, and run the command again.",
    ),
  writeProtected: (path: string): UsageError => flash.refused(path, refusals.readOnly()),
  noPermission: (path: string): EnvironmentError =>
    new EnvironmentError(`no permission to write to ${path}`, 'Run it as root: sudo env "PATH=$PATH" scripts/flash-card ...'),
  noFile: (path: string, code: string): EnvironmentError =>
    new EnvironmentError(
      `${show(path)} cannot be written: ${code === "ENOENT" ? "its folder does not exist" : (reasons[code]?.text ?? code)}`,
      "Check the folder, its permissions and its free space.",
    ),
  noSpace: (path: string): EnvironmentError =>
    new EnvironmentError(
      `there is no space left for ${show(path)}`,
      "Free some space, or write to a file elsewhere; the file is incomplete now.",
    ),
  short: (path: string, offset: number): EnvironmentError =>
    new EnvironmentError(`${path} ends at byte ${offset}`, "Another program has truncated it. Run the command again."),
  gone: (path: string, action: Action | "open"): EnvironmentError =>
    new EnvironmentError(
      `${path} disappeared while ${during[action]}: the card was pulled out, or the reader lost it`,
      "Plug it in and write it again; it does not boot now.",
    ),
  io: ({ path, word }: Place, action: Action | "open", at: { start: number; end: number } | null, code: string): EnvironmentError =>
    new EnvironmentError(
      `${path} reports an error while ${during[action]}${at === null ? "" : ` ${span(at)}`} (${code})`,
      `${word === "file" ? faultyDisk : "The card or the reader is faulty. Try another reader; if it happens again, another card."} The card does not boot now.`,
    ),
  ignoresWrites: (path: string): EnvironmentError =>
    new EnvironmentError(
      `${path} accepts writes but keeps its old content`,
      "The card is worn out. Use another one; nothing on this one has changed.",
    ),
  mismatch: ({ path, word }: Place, at: { start: number; end: number }, finding: Finding): EnvironmentError =>
    new EnvironmentError(
      `${span(at)} of ${path} read back differently`,
      `${word === "file" ? faultyDisk : culprit(finding)}\n  ${path} does not boot now. Write it again.`,
    ),
  tooManyImages: (image: string): UsageError =>
    new UsageError(`${show(image)} is a second image`, "Write one image; the drive goes behind --to."),
});

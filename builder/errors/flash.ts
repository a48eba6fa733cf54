/** Errors about drives, and about images that are written to them. */
import { size, span } from "../base/format";
import { EnvironmentError, show, UsageError } from "../base/errors";

/** What is behind a range that was read back differently. */
export type Finding = {
  /** Where the first and the last wrong byte are; null where a second reading was right. */
  at: { offset: number; length: number } | null;
} & Cause;

export type Cause =
  /** A second reading was right. */
  | { culprit: "reading" }
  /** A few bits are wrong. */
  | { culprit: "bits"; bits: number }
  /** What belongs elsewhere stands here: the addresses wrap. @param belongs offset of its right place. */
  | { culprit: "wraps"; belongs: number }
  /** Nothing but zeros or ones is there. */
  | { culprit: "nothing kept" }
  | { culprit: "card or reader" };

/** Why a drive is not written to. */
export interface Refusal {
  reason: string;
  hint: string;
}

export type Action = "write" | "read" | "sync";

export const refusals = {
  system: (at: string): Refusal => ({
    reason: `this system runs from it (${show(at)} is mounted)`,
    hint: "Choose another drive. See flash-card --list for those that can be written to.",
  }),
  holdsImage: (): Refusal => ({ reason: "the image lies on it", hint: "Copy the image to another drive first." }),
  mounted: (at: string[]): Refusal => ({
    reason: `it is mounted at ${at.map(show).join(", ")}`,
    hint: `Look whether you need what is on it, then unmount it: ${at.map((path) => `umount ${shellWord(path)}`).join("; ")}`,
  }),
  swap: (): Refusal => ({ reason: "this system swaps to it", hint: "Choose another drive." }),
  held: (name: string, type: string): Refusal => ({
    reason: `${name} (${type}) is made of it`,
    hint: "Close that first, or choose another drive.",
  }),
  partition: (): Refusal => ({
    reason: "it is a partition, and an image needs the whole drive",
    hint: "Name the drive, such as /dev/sdb.",
  }),
  builtIn: (): Refusal => ({
    reason: "it is built into this machine",
    hint: "Plug in the card. See flash-card --list for the drives that can be written to.",
  }),
  readOnly: (): Refusal => ({
    reason: "it is write-protected",
    hint: "Slide the small switch of the card or its adapter the other way, and plug it in again.",
  }),
  empty: (): Refusal => ({ reason: "there is no card in it", hint: "Put the card in." }),
  sector: (bytes: number): Refusal => ({
    reason: `its sectors have ${bytes} bytes`,
    hint: "A Raspberry Pi boots from drives with sectors of 512 bytes.",
  }),
  tooSmall: (bytes: number, wanted: number): Refusal => ({
    reason: `it has ${size(bytes)} (${bytes} bytes), and the image needs ${size(wanted)} (${wanted} bytes)`,
    hint: "Use a larger card.",
  }),
  big: (bytes: number): Refusal => ({
    reason: `it has ${size(bytes)}, more than cards for this purpose usually have`,
    hint: "Look twice whether it is the right drive, then add --big.",
  }),
};

/** A path as a word of the shell. */
function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** What a message is about: a card and its reader, or a file on a disk. */
interface Place {
  path: string;
  word: "card" | "file";
}

const faultyDisk = "The disk under the file is at fault. Check it, or name a file elsewhere.";

/** What stands behind a reading that differs, for people. */
function culprit(finding: Finding): string {
  switch (finding.culprit) {
    case "reading":
      return "A second reading was right: the reader or its cable is unreliable. Use another one.";
    case "bits":
      return `${finding.bits === 1 ? "1 bit is" : `${finding.bits} bits are`} wrong: a card that wears out, or a bad reader or cable. Try another reader; if it happens again, another card.`;
    case "wraps":
      return `What belongs to byte ${finding.belongs} stands there: the card has less room than it claims. It is a forgery; send it back.`;
    case "nothing kept":
      return "The card kept nothing there: it has less room than it claims, or is worn out. Use another card.";
    case "card or reader":
      return "The card or the reader is at fault. Try another reader; if it happens again, another card.";
  }
}

const during: Record<Action | "open", string> = { write: "writing", read: "reading", sync: "finishing", open: "opening" };

export const flashErrors = {
  platform: (platform: string): EnvironmentError =>
    new EnvironmentError(
      `flash-card works on Linux, and this is ${platform}`,
      'Use Raspberry Pi Imager here: choose the .img file under "Use custom". It reads the card back, too.',
    ),
  noList: (reason: string): EnvironmentError =>
    new EnvironmentError(`the drives cannot be listed: ${reason}`, "Install util-linux, pull out a reader that hangs, and try again."),
  noImage: (path: string): UsageError =>
    new UsageError(`there is no image ${show(path)}`, "Make one with build-image, or name another: flash-card path/to/my.img."),
  unreadable: (path: string, code: string): EnvironmentError =>
    new EnvironmentError(`${show(path)} cannot be read (${code})`, "Check the path and its permissions."),
  notAFile: (path: string): UsageError => new UsageError(`${show(path)} is not a file`, "Name an image file."),
  packed: (path: string, name: string, command: string): UsageError =>
    new UsageError(
      `${show(path)} is packed with ${name}, and only raw images are written`,
      `Unpack it first: ${command} ${shellWord(path)}`,
    ),
  noTable: (path: string): UsageError =>
    new UsageError(`${show(path)} has no partition table, so it is no image of a card`, "Name a raw image, such as dist/home/home.img."),
  cutOff: (path: string, bytes: number): UsageError =>
    new UsageError(`${show(path)} has ${bytes} bytes, which is no whole number of sectors: it is cut off`, "Make or download it again."),
  badMap: (path: string, reason: string): UsageError =>
    new UsageError(
      `the block map ${show(path)} cannot be used: ${reason}`,
      "Make image and map again, or remove the map to write the whole image.",
    ),
  imageDamaged: (path: string, at: { offset: number; length: number }): EnvironmentError =>
    new EnvironmentError(
      `${span(at)} of ${show(path)} do not match its block map`,
      "The image is damaged or the map is another image's. Make both again; what was written does not boot.",
    ),
  imageChanged: (path: string): EnvironmentError =>
    new EnvironmentError(
      `${show(path)} changed while it was being written`,
      "Wait until nothing writes to it, then run the command again; what was written does not boot.",
    ),
  imageUnreadable: (path: string, offset: number, code: string): EnvironmentError =>
    new EnvironmentError(
      `${show(path)} cannot be read at byte ${offset} (${code})`,
      "Check the disk that it lies on; what was written does not boot.",
    ),
  refused: (path: string, { reason, hint }: Refusal): UsageError => new UsageError(`${path}: ${reason}`, hint),
  noDevice: (path: string): UsageError =>
    new UsageError(`there is no drive ${show(path)}`, "See flash-card --list for the drives that can be written to."),
  noCandidate: (): UsageError =>
    new UsageError("there is no drive that can be written to", "Plug in the card or its reader, and see flash-card --list."),
  noChoice: (): UsageError =>
    new UsageError("no drive was named", "Add --to DEVICE. See flash-card --list for the drives that can be written to."),
  noAnswer: (): UsageError => new UsageError("nobody is there to say yes", "Add --yes to erase without a question."),
  notANumber: (answer: string, last: number): UsageError =>
    new UsageError(`${show(answer)} is not one of the numbers`, `Nothing was written. Answer with a number from 1 to ${last}.`),
  notChosen: (): UsageError => new UsageError("no drive was chosen, and nothing was written", "Answer with the number of a drive."),
  declined: (): UsageError => new UsageError("nothing was written", "Answer yes in full to go on."),
  moved: (path: string): UsageError =>
    new UsageError(
      `${path} is no longer the drive that you chose`,
      "Something was plugged in or out. Run the command again and look at the list.",
    ),
  sameFile: (path: string): UsageError => new UsageError(`${show(path)} is the image itself`, "Name another file with --to."),
  busy: (path: string): UsageError =>
    new UsageError(
      `${path} is in use by another program or mounted somewhere`,
      "Unmount its partitions, close what uses it, and run the command again.",
    ),
  writeProtected: (path: string): UsageError => flashErrors.refused(path, refusals.readOnly()),
  noPermission: (path: string): EnvironmentError =>
    new EnvironmentError(`no permission to write to ${path}`, 'Run it as root: sudo env "PATH=$PATH" scripts/flash-card ...'),
  noFile: (path: string, code: string): EnvironmentError =>
    new EnvironmentError(`${show(path)} cannot be written (${code})`, "Check the folder, its permissions and its free space."),
  noSpace: (path: string): EnvironmentError =>
    new EnvironmentError(
      `there is no room left for ${show(path)}`,
      "Free some space, or name a file elsewhere; what is there now is not complete.",
    ),
  short: (path: string, offset: number): EnvironmentError =>
    new EnvironmentError(`${path} ends at byte ${offset}`, "Another program has shortened it. Run the command again."),
  gone: (path: string, action: Action | "open"): EnvironmentError =>
    new EnvironmentError(
      `${path} went away while ${during[action]}: the card was pulled out, or the reader lost it`,
      "Plug it in again and write it again; until then it does not boot.",
    ),
  io: ({ path, word }: Place, action: Action | "open", at: { offset: number; length: number } | null, code: string): EnvironmentError =>
    new EnvironmentError(
      `${path} reports an error while ${during[action]}${at === null ? "" : ` ${span(at)}`} (${code})`,
      `${word === "file" ? faultyDisk : "The card or the reader is at fault. Try another reader; if it happens again, another card."} What was written does not boot.`,
    ),
  ignoresWrites: (path: string): EnvironmentError =>
    new EnvironmentError(
      `${path} accepts what is written and keeps its old content`,
      "A worn-out card does that. Use another one; nothing on this one has changed.",
    ),
  mismatch: ({ path, word }: Place, at: { offset: number; length: number }, finding: Finding): EnvironmentError =>
    new EnvironmentError(
      `${span(at)} of ${path} came back differently`,
      `${word === "file" ? faultyDisk : culprit(finding)}\n  ${path} does not boot now. Write it again.`,
    ),
  tooManyImages: (image: string): UsageError =>
    new UsageError(`${show(image)} is one image too many`, "Name one image; the drive goes behind --to."),
};

import { UsageError, EnvironmentError, show, cut, escapeControls, oneLine } from "../base/errors";

/** An address by what a person knows of it: the file and the host. */
function published(url: string): string {
  const { host, pathname } = new URL(url);
  return `${escapeControls(pathname.slice(pathname.lastIndexOf("/") + 1))} of ${host}`;
}

/** Complaints about making a card's image. What is wrong with the file that was named is the command line's mistake. */
export const image = {
  noProgram: (program: string, debianPackage: string): EnvironmentError =>
    new EnvironmentError(
      `the program ${program} is missing`,
      `Install it (on Debian: apt-get install ${debianPackage}), or build without an image: the files for a card need no such program.`,
    ),
  missing: (file: string): UsageError => new UsageError(`there is no file ${file}`, "Name an image with --base FILE."),
  notAnImage: (file: string, found: string): UsageError =>
    new UsageError(
      `${file} is not the image of a disk: ${found}`,
      "Name a Raspberry Pi OS Lite (64-bit) image: .img, .img.xz, .img.zst, .img.gz or .zip.",
    ),
  broken: (file: string, program: string, words: string): UsageError =>
    new UsageError(
      `${file} cannot be unpacked; ${program} says: ${oneLine(words)}`,
      "The file is damaged or incomplete: download it again and compare its sha256.",
    ),
  members: (file: string, names: string[]): UsageError =>
    new UsageError(
      `${file} holds ${names.length === 0 ? "no .img file" : `${names.length} .img files`}`,
      "Unpack it, and name the .img with --base.",
    ),
  gpt: (file: string): UsageError =>
    new UsageError(
      `${file} has a GPT partition table`,
      "Raspberry Pi OS images have an MBR table with two partitions. Name an official Raspberry Pi OS Lite (64-bit) image.",
    ),
  partitions: (file: string, found: string): UsageError =>
    new UsageError(
      `${file} has ${found}; a boot partition (FAT32) and a root partition (Linux) were expected`,
      "Name a Raspberry Pi OS Lite (64-bit) image as it was published, not the copy of a card that has booted.",
    ),
  cutOff: (file: string, needed: number, found: number): UsageError =>
    new UsageError(
      `${file} is cut off: its partitions need ${needed} bytes and it has ${found}`,
      "The file is incomplete: download or unpack it again.",
    ),
  fileSystem: (file: string, partition: string, found: string, expected: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} has ${found}; expected: ${expected}`,
      "Name a Raspberry Pi OS Lite (64-bit) image.",
    ),
  dirty: (file: string, what: string): UsageError =>
    new UsageError(`the root file system of ${file} ${what}`, "Name an image as it was published, not the copy of a card that has booted."),
  wrongSystem: (file: string, found: string, expected: string): UsageError =>
    new UsageError(
      `${file} is ${found}; expected: ${expected}`,
      "Name such an image with --base, or set box.target in the profile to what you have.",
    ),
  space: (file: string, partition: string, needed: string, free: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} is too full: ${needed} are needed, ${free} are free`,
      "Name an image as it was published.",
    ),
  damaged: (file: string, partition: string, words: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} has errors: ${oneLine(words)}`,
      "Download the image again and compare its sha256.",
    ),
  diskFull: (folder: string, needed: number, free: number): EnvironmentError =>
    new EnvironmentError(
      `${folder}: ${Math.ceil(needed / 1e6)} MB are needed, ${Math.floor(free / 1e6)} MB are free`,
      "Free some space and run the command again; the last good build is untouched.",
    ),
  insecure: (url: string): EnvironmentError =>
    new EnvironmentError(`${show(url)} is not an https address`, "Images are downloaded over https only."),
  noDownload: (url: string, reason: string): EnvironmentError =>
    new EnvironmentError(
      `${published(url)} cannot be downloaded: ${escapeControls(cut(reason, 160))}`,
      "Run the command again to go on where it stopped, name an image with --base FILE, or build without an image (--no-image).",
    ),
  wrongSum: (url: string, expected: string, found: string): EnvironmentError =>
    new EnvironmentError(
      `what ${published(url)} gave has the sha256 ${found}, not ${expected}`,
      "It was thrown away. Run the command again; if that stays so, do not trust that network. An image that you have is named with --base FILE.",
    ),
};

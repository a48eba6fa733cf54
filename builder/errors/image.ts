import { coded, cut, EnvironmentError, escapeControls, oneLine, show, UsageError } from "../base/errors";

/** An URL as a person knows it: file and host. */
function published(url: string): string {
  const { host, pathname } = new URL(url);
  return `${escapeControls(pathname.slice(pathname.lastIndexOf("/") + 1))} from ${host}`;
}

/** Errors in making a card's image. A wrong file behind --base is a mistake in the command line. */
export const image = coded("image", {
  noProgram: (program: string, debianPackage: string): EnvironmentError =>
    new EnvironmentError(
      `the program ${program} is missing`,
      `Install it (on Debian: apt-get install ${debianPackage}), or build with --no-image: bootfs/ needs no such program.`,
    ),
  missing: (file: string): UsageError => new UsageError(`there is no file ${file}`, "Write the path of an image behind --base."),
  notAnImage: (file: string, found: string): UsageError =>
    new UsageError(
      `${file} is not a disk image: ${found}`,
      "Use a Raspberry Pi OS Lite (64-bit) image: .img, .img.xz, .img.zst, .img.gz or .zip.",
    ),
  broken: (file: string, program: string, words: string): UsageError =>
    new UsageError(
      `${file} cannot be unpacked; ${program} reports: ${oneLine(words)}`,
      "The file is damaged or incomplete: download it again and compare its sha256.",
    ),
  members: (file: string, names: string[]): UsageError =>
    new UsageError(
      `${file} contains ${names.length === 0 ? "no .img file" : `${names.length} .img files`}`,
      "Unpack it, and use the .img with --base.",
    ),
  gpt: (file: string): UsageError =>
    new UsageError(
      `${file} has a GPT partition table`,
      "Raspberry Pi OS images have an MBR table with two partitions. Use an official Raspberry Pi OS Lite (64-bit) image.",
    ),
  partitions: (file: string, found: string): UsageError =>
    new UsageError(
      `${file} has ${found}; expected: a boot partition (FAT32) and a root partition (Linux)`,
      "Use a Raspberry Pi OS Lite (64-bit) image as published, not a copy of a card that has booted.",
    ),
  cutOff: (file: string, needed: number, found: number): UsageError =>
    new UsageError(
      `${file} is truncated: its partitions need ${needed} bytes and it has ${found}`,
      "The file is incomplete: download or unpack it again.",
    ),
  fileSystem: (file: string, partition: string, found: string, expected: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} has ${found}; expected: ${expected}`,
      "Use a Raspberry Pi OS Lite (64-bit) image. If it is one, it is damaged: download it again and compare its sha256.",
    ),
  dirty: (file: string, what: string): UsageError =>
    new UsageError(`the root file system of ${file} ${what}`, "Use an image as published, not a copy of a card that has booted."),
  wrongSystem: (file: string, found: string, expected: string): UsageError =>
    new UsageError(
      `${file} is ${escapeControls(cut(found, 200))}; expected: ${expected}`,
      "Use such an image with --base, or set box.target in the profile to match yours.",
    ),
  space: (file: string, partition: string, needed: string, free: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} is too full: ${needed} are needed, ${free} are free`,
      "Use an image as published.",
    ),
  damaged: (file: string, partition: string, words: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} has errors: ${oneLine(words)}`,
      "The image is damaged: download it again and compare its sha256.",
    ),
  unusable: (file: string, partition: string, words: string): UsageError =>
    new UsageError(
      `the ${partition} partition of ${file} is not as in a published image: ${oneLine(words)}`,
      "Use an image as published: download it again and compare its sha256.",
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
      "Run the command again to resume the download, use an image of yours with --base FILE, or build with --no-image.",
    ),
  wrongSum: (url: string, expected: string, found: string): EnvironmentError =>
    new EnvironmentError(
      `${published(url)} has the sha256 ${found} instead of ${expected}`,
      "It was deleted. Run the command again; if it happens again, do not trust this network. An image of yours can be used with --base FILE.",
    ),
});

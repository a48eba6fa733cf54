import { duration, size } from "../base/format";
import { show } from "../base/errors";

export const help = `flash-card: writes an image to a card, reads it back and compares.

  flash-card [IMAGE]        asks for the drive (IMAGE: dist/home/home.img if not given)
  flash-card --list         shows the drives that can be written to, and why others cannot

  --to DEVICE    write to this drive, such as /dev/sdb
  --to FILE      write to a file instead
  --yes          do not ask before the drive is erased
  --big          drives over 128 GB, too
  --version, --help

The image is a raw one. With its block map beside it (home.img.bmap) only what is in use is
written. The card boots only when all of it was read back and is right.

Exit codes: 0 done, 1 nothing was written: the command line, the image or the drive is not right,
2 the machine, the drive or the reader failed, 70 a bug, 130 stopped by Ctrl-C.`;

export const sayings = {
  nothingFound: "No removable drive was found. Plug in the card or its reader, and run the command again.",
  listHead: "Drives:",
  fits: "can be written to",
  erases: (image: string, bytes: number, to: string): string => `${image} (${size(bytes)} to write) goes to\n\n  ${to}\n`,
  contains: (parts: string[]): string => `  on it now: ${parts.join(", ")}\n`,
  loses: (parts: boolean): string => `${parts ? "All of that" : "All that may be on it"} will be lost. Type yes to go on: `,
  losesFile: (path: string): string => `${show(path)} is there already and will be lost. Type yes to go on: `,
  which: (last: number): string => `Which one? (${last === 1 ? "1" : `1 to ${last}`}, empty to stop) `,
  wholeImage: "There is no block map beside the image, so all of it is written.",
  done: (path: string, bytes: number, seconds: number): string =>
    `${path} is complete: ${size(bytes)} written, read back and right, in ${duration(seconds)}.`,
  next: "You can pull the card out.",
  /** After Ctrl-C, by what the target is like then. */
  stopped: {
    untouched: (): string => "\nStopped. Nothing was written.\n",
    broken: (path: string): string =>
      `\nStopped. ${path} is not complete, and was left so that it does not boot. Write it again before you use it.\n`,
    whole: (path: string): string => `\nStopped, but ${path} was complete by then.\n`,
  },
};

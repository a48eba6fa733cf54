import { show } from "../base/errors";
import { duration, size } from "../base/format";

/** What flash-card prints. Its errors are in builder/errors/flash.ts. */
export const messages = {
  nothingFound: "No removable drive found. Plug in the card or its reader, and run the command again.",
  listHead: "Drives:",
  fits: "can be written to",
  erases: (image: string, bytes: number, to: string): string => `${image} (${size(bytes)} to write) will be written to\n\n  ${to}\n`,
  contains: (parts: string[]): string => `  it holds: ${parts.join(", ")}\n`,
  loses: (parts: boolean): string => `${parts ? "All of this" : "Everything on it"} will be lost. Type yes to continue: `,
  losesFile: (path: string): string => `${show(path)} exists and will be lost. Type yes to continue: `,
  which: (last: number): string => `Which one? (${last === 1 ? "1" : `1 to ${last}`}, empty to cancel) `,
  wholeImage: "The image has no block map next to it, so all of it is written.",
  done: (path: string, bytes: number, seconds: number): string =>
    `${path} is complete: ${size(bytes)} written and verified in ${duration(seconds)}.`,
  next: "You can remove the card.",
  /** After Ctrl-C, by the state of the target. */
  stopped: {
    untouched: (): string => "\nStopped. Nothing was written.\n",
    broken: (path: string): string => `\nStopped. ${path} is incomplete and does not boot. Write it again before you use it.\n`,
    whole: (path: string): string => `\nStopped, but ${path} was already complete.\n`,
  },
};

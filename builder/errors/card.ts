import { coded, EnvironmentError, orList, reasons, UsageError } from "../base/errors";

/** Errors about a card's boot partition. */
export const card = coded("card", {
  noTarget: (): UsageError =>
    new UsageError(
      "no folder given",
      'Write the folder where the card\'s partition "bootfs" is mounted, such as /media/you/bootfs (macOS: /Volumes/bootfs, Windows: E:\\).',
    ),
  noFolder: (folder: string): UsageError =>
    new UsageError(`${folder} does not exist`, 'Insert the card, and write the folder where its partition "bootfs" is mounted.'),
  noBootPartition: (folder: string, missing: string): UsageError =>
    new UsageError(
      `${folder} is not a boot partition of Raspberry Pi OS: it has no ${missing}`,
      'Write the system to the card first, then use the folder where its partition "bootfs" is mounted.',
    ),
  noRoot: (file: string): UsageError =>
    new UsageError(
      `${file} does not say where the system is (root=)`,
      "The card is damaged, or holds another system: write Raspberry Pi OS again.",
    ),
  otherSystem: (wanted: string, found: string, date: string | null): UsageError =>
    new UsageError(
      `the card holds ${found}${date === null ? "" : ` (image of ${date})`}, but the files are for ${wanted}`,
      `Write ${wanted} to the card, or change box.target in the profile and build again.`,
    ),
  noRoom: (folder: string, needed: number, free: number): UsageError =>
    new UsageError(
      `${folder} has ${(free / 1e6).toFixed(0)} MB free, and ${(needed / 1e6).toFixed(0)} MB are needed`,
      "Remove files that do not belong to the system from it.",
    ),
  vendorData: (path: string): UsageError =>
    new UsageError(
      `${path} is not bondbox's`,
      "The box's set-up starts by a file of this name. Move yours away; what it says can go into user-data, which stays as it is.",
    ),
  noBootfs: (folder: string): UsageError =>
    new UsageError(`${folder} has no files for a card`, "Build them: scripts/build-image --profile NAME."),
  whichProfile: (built: string[]): UsageError =>
    new UsageError(
      built.length === 0 ? "there is no build yet" : `there are builds of ${built.length} profiles`,
      built.length === 0 ? "Build one: scripts/build-image --profile home." : `Choose one with --profile: ${orList(built)}.`,
    ),
  /**
   * @param path of a file on the card.
   * @param errno such as EIO.
   */
  failed: (path: string, errno: string): EnvironmentError =>
    new EnvironmentError(
      `${path}: ${reasons[errno]?.text ?? errno}`,
      errno === "ENOSPC"
        ? "Remove files that do not belong to the system from the card, then run the command again."
        : "Check that the card is inserted, mounted and not write-protected, then run the command again. The box ignores incomplete files.",
    ),
  readBack: (file: string): EnvironmentError =>
    new EnvironmentError(`${file} read back differently`, "Try another card reader or another card, and write the system again."),
});

/**
 * What Node's file functions report about a card.
 * @returns null if the exception is something else.
 */
export function cardError(error: unknown): EnvironmentError | null {
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? card.failed(path ?? "the card", code) : null;
}

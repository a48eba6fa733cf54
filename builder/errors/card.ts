import { UsageError, EnvironmentError, reasons, orList } from "../base/errors";

/** Complaints about a card's boot partition. */
export const card = {
  noTarget: (): UsageError =>
    new UsageError("no folder was named", 'Name the one where the card\'s partition "bootfs" is mounted, such as /media/you/bootfs.'),
  noFolder: (folder: string): UsageError =>
    new UsageError(`${folder} does not exist`, 'Put the card in, and name the folder where its partition "bootfs" is mounted.'),
  noBootPartition: (folder: string, missing: string): UsageError =>
    new UsageError(
      `${folder} is no boot partition of Raspberry Pi OS: it has no ${missing}`,
      'Write the system to the card first; then name the folder where its partition "bootfs" is mounted.',
    ),
  noRoot: (file: string): UsageError =>
    new UsageError(`${file} does not say where the system is (root=)`, "The card is damaged, or no Raspberry Pi OS: write it again."),
  otherSystem: (wanted: string, found: string, date: string | null): UsageError =>
    new UsageError(
      `the card holds ${found}${date === null ? "" : ` (its image is of ${date})`}, but the files are for ${wanted}`,
      `Write ${wanted} to the card, or change box.target in the profile and build again.`,
    ),
  noRoom: (folder: string, needed: number, free: number): UsageError =>
    new UsageError(
      `${folder} has room for ${(free / 1e6).toFixed(0)} MB, and ${(needed / 1e6).toFixed(0)} MB are needed`,
      "Remove what is not the system's own from it.",
    ),
  noBootfs: (folder: string): UsageError =>
    new UsageError(`${folder} holds no files for a card`, "Build them first: scripts/build-image --profile NAME."),
  whichProfile: (built: string[]): UsageError =>
    new UsageError(
      built.length === 0 ? "nothing is built yet" : `${built.length} profiles are built`,
      built.length === 0 ? "Build first: scripts/build-image --profile home." : `Name one with --profile: ${orList(built)}.`,
    ),
  /** What Node's file functions say of a card; null where it is something else. */
  failed: (error: unknown): EnvironmentError | null => {
    const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
    if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return null;
    return new EnvironmentError(
      `${path ?? "the card"}: ${reasons[code]?.[0] ?? code}`,
      "Check that the card is in, mounted, and not write-protected; then run the command again. Nothing half-written is ever taken up.",
    );
  },
  readBack: (file: string): EnvironmentError =>
    new EnvironmentError(
      `${file} reads back other than it was written`,
      "Try another card reader or another card, and write the system again.",
    ),
};

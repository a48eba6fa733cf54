import { coded, EnvironmentError, escapeLines, reasons, show, UsageError } from "../base/errors";

const withoutCard = "--no-card builds without the card's files.";

/** Errors about the card's Debian packages. */
export const packages = coded("packages", {
  mirror: (value: string): UsageError =>
    new UsageError(`${show(value)} is not the URL of a Debian mirror`, "Write it like --mirror http://HOST/debian."),
  noArchive: (): EnvironmentError =>
    new EnvironmentError(
      "packages for the card are missing, and this machine's apt has no Debian archive",
      `Choose one near you with --mirror http://HOST/debian (www.debian.org/mirror/list). ${withoutCard}`,
    ),
  /**
   * @param file path of the lock file.
   * @param what is wrong with it.
   */
  brokenLock: (file: string, what: string): UsageError =>
    new UsageError(`${file} is not a lock file of packages: ${what}`, "Restore it, or create it again with --update."),
  lockedRelease: (file: string, locked: string, asked: string): UsageError =>
    new UsageError(
      `${file} has packages of Debian ${show(locked)}, and box.target is based on ${asked}`,
      `Run the command with --update to use those of ${asked}.`,
    ),
  lockedNames: (file: string, locked: string[], asked: string[]): UsageError =>
    new UsageError(
      `${file} lists ${show(locked.join(" "))}, and the box needs ${asked.join(" ")}`,
      "Run the command with --update to resolve them again.",
    ),
  lockNotWritten: (file: string, error: unknown): EnvironmentError => {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const reason = reasons[code];
    return new EnvironmentError(
      `${file} could not be written: ${reason?.text ?? message}`,
      /^E(ACCES|PERM|ROFS)$/.test(code)
        ? "The lock file is written next to the profile: copy the profile to a folder of yours."
        : (reason?.hint ?? "Check that folder and run the command again."),
    );
  },
  noApt: (): EnvironmentError =>
    new EnvironmentError(
      "apt-get was not found, which resolves the packages that the card needs",
      `Create the profile's .packages.lock.json on Debian or a derivative, and run without --update here. ${withoutCard}`,
    ),
  noKeyring: (file: string): EnvironmentError =>
    new EnvironmentError(`${file} does not exist`, 'Install Debian\'s keys: "sudo apt-get install debian-archive-keyring".'),
  /**
   * @param release code name of the Debian release.
   * @param mirror URL of the archive.
   * @param reason apt's output.
   */
  notResolved: (release: string, mirror: string, reason: string): EnvironmentError =>
    new EnvironmentError(
      `the packages of Debian ${release} could not be resolved from ${mirror}\n  ${escapeLines(reason)}`,
      /not signed|NO_PUBKEY|GPG error|EXPKEYSIG|BADSIG|signature/i.test(reason)
        ? `The signature is not Debian's: check the mirror, and update the package debian-archive-keyring. ${withoutCard}`
        : `Check the network, or use another mirror with --mirror. ${withoutCard}`,
    ),
  gone: (name: string, version: string, uri: string): EnvironmentError =>
    new EnvironmentError(
      `${uri} no longer exists: the archive has replaced ${name} ${version}`,
      "Run the command with --update to use the current version.",
    ),
  notFetched: (uri: string, reason: string): EnvironmentError =>
    new EnvironmentError(
      `${uri} could not be downloaded\n  ${escapeLines(reason)}`,
      `Check the network, or use another mirror with --mirror. ${withoutCard}`,
    ),
  otherContent: (name: string, version: string, uri: string, sha256: string): EnvironmentError =>
    new EnvironmentError(
      `${uri} is not the ${name} ${version} of the lock file (sha256 ${sha256})`,
      "Something between here and Debian alters files: try another network, or another mirror with --mirror.",
    ),
});

import { UsageError, EnvironmentError, reasons, environmentError, show, escapeRows } from "../base/errors";

const withoutCard = "--no-card builds without the card's files.";

/** Complaints about the Debian packages of the card. */
export const packages = {
  mirror: (value: string): UsageError =>
    new UsageError(`${show(value)} is not the address of a mirror of Debian`, "Write it as in --mirror http://HOST/debian."),
  noArchive: (): EnvironmentError =>
    new EnvironmentError(
      "packages for the card are missing here, and this machine's apt knows no archive of Debian",
      `Name one near you with --mirror http://HOST/debian (www.debian.org/mirror/list). ${withoutCard}`,
    ),
  /** @param what is wrong with it. */
  brokenLock: (file: string, what: string): UsageError =>
    new UsageError(`${file} is not a lock file of packages: ${what}`, "Restore it, or make it anew with --update."),
  lockedRelease: (file: string, locked: string, asked: string): UsageError =>
    new UsageError(
      `${file} has packages of Debian ${show(locked)}, and box.target is made of ${asked}`,
      `Run the command with --update to take those of ${asked}.`,
    ),
  lockedNames: (file: string, locked: string[], asked: string[]): UsageError =>
    new UsageError(
      `${file} was made for ${show(locked.join(" "))}, and the box needs ${asked.join(" ")}`,
      "Run the command with --update to resolve them anew.",
    ),
  lockNotWritten: (file: string, error: unknown): EnvironmentError => {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const [reason, hint] = reasons[code] ?? [message, ""];
    return new EnvironmentError(
      `${file} could not be written: ${reason}`,
      /^E(ACCES|PERM|ROFS)$/.test(code)
        ? "The packages' versions are kept beside the profile: copy the profile to a folder of yours."
        : hint || "Look at that folder and run the command again.",
    );
  },
  noApt: (): EnvironmentError =>
    new EnvironmentError(
      "apt-get was not found, and without it nothing says which packages the card needs",
      `Make the profile's .packages.lock.json on a Debian-like system, and leave --update out here. ${withoutCard}`,
    ),
  noKeyring: (file: string): EnvironmentError =>
    new EnvironmentError(`${file} is not there`, 'Install Debian\'s keys: "sudo apt-get install debian-archive-keyring".'),
  /** @param reason apt's complaint. */
  notResolved: (release: string, mirror: string, reason: string): EnvironmentError =>
    new EnvironmentError(
      `the packages of Debian ${release} could not be resolved with ${mirror}\n  ${escapeRows(reason)}`,
      /not signed|NO_PUBKEY|GPG error|EXPKEYSIG|BADSIG|signature/i.test(reason)
        ? `The signature is not Debian's: check the mirror, and update the package debian-archive-keyring. ${withoutCard}`
        : `Check the network, or name another mirror with --mirror. ${withoutCard}`,
    ),
  gone: (name: string, version: string, uri: string): EnvironmentError =>
    new EnvironmentError(
      `${uri} is no longer there: the archive has moved on from ${name} ${version}`,
      "Run the command with --update to take today's version.",
    ),
  notFetched: (uri: string, reason: string): EnvironmentError =>
    new EnvironmentError(
      `${uri} could not be fetched\n  ${escapeRows(reason)}`,
      `Check the network, or name another mirror with --mirror. ${withoutCard}`,
    ),
  otherContent: (name: string, version: string, uri: string, sha256: string): EnvironmentError =>
    new EnvironmentError(
      `${uri} is not the ${name} ${version} of the lock file (sha256 ${sha256})`,
      "Something between here and Debian changes files: try another network, or another mirror with --mirror.",
    ),
  full: (file: string): EnvironmentError => environmentError({ code: "ENOSPC", path: file }) as EnvironmentError,
};

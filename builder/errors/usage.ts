import { UsageError, EnvironmentError, show } from "../base/errors";

/** Complaints about the command line. */
export const usage = {
  unknownOption: (option: string, command: string): UsageError =>
    new UsageError(`unknown option ${show(option)}`, `See ${command} --help.`),
  needsValue: (option: string): UsageError => new UsageError(`${option} needs a value`, `Write ${option} VALUE.`),
  noProfile: (): UsageError => new UsageError("no profile was named", "Write --profile home, or --profile path/to/my.yaml."),
  together: (a: string, b: string): UsageError => new UsageError(`${a} and ${b} exclude each other`, "Use one of them."),
  profileName: (name: string): UsageError =>
    new UsageError(
      `${show(name)} cannot be the name of a profile`,
      "Use letters, digits, dots, hyphens and underscores, a letter or digit first.",
    ),
  notFound: (name: string, near: string | null, known: string[]): UsageError =>
    new UsageError(
      `there is no profile ${show(name)}`,
      near
        ? `Did you mean "${near}"?`
        : known.length > 0
          ? `Profiles here: ${known.join(", ")}.`
          : "Name a file: --profile path/to/my.yaml.",
    ),
  foreignOutput: (folder: string): UsageError =>
    new UsageError(`${folder} exists and is not a build of bondbox`, "Name another folder with --out, or move that one away."),
};

/** Complaints about the secrets of a profile. No text ever shows a key. */
export const secrets = {
  /** @param what it should be. */
  broken: (file: string, what: string): EnvironmentError =>
    new EnvironmentError(
      `${file} is not ${what}`,
      "Restore it from a backup, or make new keys with --rotate-keys and lay both halves again.",
    ),
};

import { coded, didYouMean, EnvironmentError, show, UsageError } from "../base/errors";

/** Errors in the command line. */
export const usage = coded("usage", {
  unknownOption: (option: string, command: string, near: string | null): UsageError =>
    new UsageError(`unknown option ${show(option)}`, didYouMean(near, `See ${command} --help.`)),
  extraArgument: (argument: string, command: string): UsageError =>
    new UsageError(`unexpected argument ${show(argument)}`, `See ${command} --help.`),
  needsValue: (option: string, value: string): UsageError => new UsageError(`${option} needs a value`, `Write ${option} ${value}.`),
  takesNoValue: (option: string): UsageError => new UsageError(`${option} takes no value`, `Write ${option} alone.`),
  notANumber: (option: string, value: string, most: number): UsageError =>
    new UsageError(`${option} ${show(value)} is not a whole number from 1 to ${most}`, `Write ${option} 4.`),
  noProfile: (): UsageError => new UsageError("no profile given", "Write --profile home, or --profile path/to/my.yaml."),
  together: (a: string, b: string): UsageError => new UsageError(`${a} and ${b} cannot be combined`, "Use one of them."),
  profileName: (name: string): UsageError =>
    new UsageError(
      `${show(name)} cannot be the name of a profile`,
      "Use letters, digits, dots, hyphens and underscores, starting with a letter or digit.",
    ),
  noSuchProfile: (name: string, near: string | null, known: string[]): UsageError =>
    new UsageError(
      `there is no profile ${show(name)}`,
      didYouMean(near, known.length > 0 ? `Known profiles: ${known.join(", ")}.` : "Write the path of a file: --profile path/to/my.yaml."),
    ),
  foreignOutput: (folder: string): UsageError =>
    new UsageError(`${folder} exists and is not a build of bondbox`, "Use another folder with --out, or move that one away."),
});

/** Errors about the keys of a profile. No text ever shows a key. */
export const keys = coded("keys", {
  broken: (file: string, what: string): EnvironmentError =>
    new EnvironmentError(
      `${file} is not ${what}`,
      "Restore it from a backup, or make new keys with --rotate-keys and reinstall the box and the server.",
    ),
});

/** Errors about locks. */
export const lock = coded("machine", {
  locked: (file: string, process: number): EnvironmentError =>
    new EnvironmentError(
      `another build (process ${process}) has held ${file} for a minute`,
      "Wait until it ends. If no build is running, remove that file.",
    ),
});

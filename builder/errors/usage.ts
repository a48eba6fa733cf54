import { coded, didYouMean, EnvironmentError, orList, show, UsageError } from "../base/errors";

/** Errors in the command line. */
export const usage = coded("usage", {
  unknownOption: (option: string, command: string, near: string | null): UsageError =>
    new UsageError(`unknown option ${show(option)}`, didYouMean(near, `See ${command} --help.`)),
  extraArgument: (argument: string, command: string, option?: string): UsageError =>
    new UsageError(
      `unexpected argument ${show(argument)}`,
      option === undefined ? `See ${command} --help.` : `Did you mean ${command} --${option} ${argument}?`,
    ),
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
  notAFile: (path: string, files: string[]): UsageError =>
    new UsageError(
      `${path} is not a file`,
      files.length > 0 ? `Write the path of a file in it, such as ${files[0]}.` : "Write the path of a profile: --profile path/to/my.yaml.",
    ),
  profileTooLarge: (path: string, bytes: number): UsageError =>
    new UsageError(
      `${path} has ${(bytes / 1e6).toFixed(1)} MB, too many for a profile`,
      "Write the path of a profile: a YAML file of a few kilobytes.",
    ),
  outHolds: (out: string, path: string, what: string): UsageError =>
    new UsageError(`--out ${out} holds ${what} (${path}), and a build replaces all that is there`, "Use a folder of its own for --out."),
  outInside: (out: string, path: string): UsageError =>
    new UsageError(`--out ${out} is inside the folder of the keys (${path})`, "Use another folder for --out."),
  foreignFiles: (folder: string, names: string[]): UsageError =>
    new UsageError(
      `${folder} holds what no build made: ${orList(names.slice(0, 5)).replace(" or ", " and ")}${names.length > 5 ? `, and ${names.length - 5} more` : ""}`,
      "A build replaces all that is there. Move that away, or use another folder with --out.",
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
  otherProfile: (folder: string, owner: string, profile: string): UsageError =>
    new UsageError(
      `the keys in ${folder} are those of ${owner}, and this profile is ${profile}`,
      "Rename one of the two profiles, or give this one folders of its own: --secrets DIR --out DIR.",
    ),
});

/** Errors about files and folders that Node does not report as such. */
export const files = coded("machine", {
  danglingLink: (path: string): EnvironmentError =>
    new EnvironmentError(`${path}: it is a symbolic link to something that does not exist`, "Remove that link, or write another path."),
});

/** Errors about locks. */
export const lock = coded("machine", {
  locked: (file: string, process: number): EnvironmentError =>
    new EnvironmentError(
      `another build (process ${process}) has held ${file} for a minute`,
      "Wait until it ends. If no build is running, remove that file.",
    ),
});

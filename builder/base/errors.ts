/** What is wrong, and one way to fix it. */
export interface ErrorText {
  message: string;
  hint: string;
  /** Stable name that documentation can refer to, such as profile.not-in-lan; see docs/errors.md. */
  code?: string;
}

/** A mistake in a profile or scenario, with its place in the file. */
export interface Problem extends ErrorText {
  /** Such as lines[1].modem, or "" for the whole file. */
  path: string;
  /** Offset in the text, in UTF-16 units. */
  offset: number;
  /** In UTF-16 units. */
  length: number;
}

/** A profile, or another file that a person writes, is wrong. Exit code 1. */
export class DocumentError extends Error {
  constructor(
    readonly file: string,
    readonly text: string,
    readonly problems: Problem[],
  ) {
    super(`${file}: ${problems.length} problem(s)`);
  }
}

/** The command line is wrong. Exit code 1. */
export class UsageError extends Error implements ErrorText {
  code?: string;

  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** The machine failed: no space, no permission. Exit code 2. */
export class EnvironmentError extends Error implements ErrorText {
  code?: string;

  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/**
 * Gives each text of a subject its code: notInLan of "profile" becomes profile.not-in-lan.
 * @param subject first part of the codes.
 * @param texts functions that make an error or its text, by name.
 */
export function coded<T extends Record<string, (...args: never[]) => ErrorText>>(subject: string, texts: T): T {
  const named = Object.entries(texts).map(([name, make]) => {
    const code = codeOf(subject, name);
    const withCode = (...args: never[]): ErrorText => {
      const text = make(...args);
      text.code ??= code;
      return text;
    };
    return [name, withCode];
  });
  return Object.fromEntries(named) as T;
}

/** Such as profile.not-in-lan. */
export function codeOf(subject: string, name: string): string {
  return `${subject}.${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

interface Reason {
  /** Second part of the code, after "machine." */
  name: string;
  text: string;
  /** Where a file was to be written. */
  hint: string;
  /** Where one was to be read, if that differs. */
  readHint?: string;
}

const lastBuild = "Free some space and run the command again; the last good build is untouched.";

/** What Node's file functions report, by errno. Source: errno(3). */
export const reasons: Record<string, Reason> = {
  EACCES: {
    name: "noPermission",
    text: "no permission",
    hint: "Run the command as the owner of that folder, or use another folder.",
    readHint: "Run the command as the owner of that file, or let yourself read it: chmod u+r.",
  },
  EPERM: { name: "notPermitted", text: "not permitted", hint: "Run the command as the owner of that folder, or use another folder." },
  EROFS: { name: "readOnly", text: "the file system is read-only", hint: "Use a folder on another file system." },
  ENOSPC: { name: "diskFull", text: "the disk is full", hint: lastBuild },
  EDQUOT: { name: "quota", text: "your disk quota is used up", hint: lastBuild },
  EMFILE: { name: "openFiles", text: "too many open files", hint: "Raise the limit (ulimit -n) and run the command again." },
  ENOTDIR: {
    name: "notAFolder",
    text: "part of the path is not a folder",
    hint: "Move that file away, or use another folder.",
    readHint: "Write the path of a file that exists.",
  },
  EISDIR: {
    name: "isAFolder",
    text: "there is a folder where a file should be",
    hint: "Move that folder away and run the command again.",
    readHint: "Write the path of a file in it.",
  },
  ELOOP: {
    name: "endlessLink",
    text: "its symbolic links lead in a circle",
    hint: "Remove one of those links, or use another folder.",
    readHint: "Write the path of the file itself.",
  },
  ENAMETOOLONG: { name: "nameTooLong", text: "the name is too long", hint: "Use a shorter one: at most 200 letters." },
  EIO: { name: "diskError", text: "the disk reports an error", hint: "Check the disk, then run the command again." },
};

/**
 * The environment error behind an exception of Node's file functions.
 * @param error anything that was thrown.
 * @param read the file that was to be read, if it was not to be written: then the advice is another.
 * @returns null if the exception is something else.
 */
export function environmentError(error: unknown, read?: string): EnvironmentError | null {
  if (error instanceof EnvironmentError) return error;
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  const reason = code === undefined ? undefined : reasons[code];
  if (reason === undefined) return null;
  const hint = read === undefined ? reason.hint : (reason.readHint ?? reason.hint);
  const found = new EnvironmentError(`${read ?? path ?? "a file"}: ${reason.text}`, hint);
  return Object.assign(found, { code: codeOf("machine", reason.name) });
}

/**
 * The environment error behind an exception about a temporary file, or about one whose path Node does not know.
 * @param error anything that was thrown.
 * @param folder what it names instead: a path that the person knows.
 * @returns null if the exception is something else.
 */
export function folderError(error: unknown, folder: string): EnvironmentError | null {
  if (error instanceof EnvironmentError) return error;
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return environmentError({ code, path: folder });
}

/**
 * An error as a person reads it: the code at the end of the first line, the hint indented below.
 * @param command its name, which comes first.
 */
export function formatError(command: string, { message, hint, code }: ErrorText): string {
  const [first = "", ...more] = message.split("\n");
  return [`${command}: ${first}${code === undefined ? "" : ` [${code}]`}`, ...more, `  ${hint}`].join("\n");
}

/** A value as an error shows it: quoted, control characters escaped, cut if long. */
export function show(value: unknown): string {
  // JSON has no representation of .inf and .nan.
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return escapeControls(cut(text, 80));
}

/**
 * The text, shortened if necessary.
 * @param length at most this many characters.
 */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text;
}

/** The text with everything that a terminal would act on, or not show, as \\u escapes. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** A program's output on one line, at most 200 characters. */
export function oneLine(output: string): string {
  return escapeControls(cut(output.trim().replace(/\s+/g, " "), 200));
}

/** Another program's output, line by line, safe for a terminal. */
export function escapeLines(output: string): string {
  return output
    .split("\n")
    .map((line) => escapeControls(cut(line, 300)))
    .join("\n");
}

/** "a, b or c" */
export const orList = (values: string[]): string =>
  values.length < 2 ? values.join("") : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;

/** The hint for an unknown value: the nearest known one, or all of them. */
export function didYouMean(near: string | null, otherwise: string): string {
  return near === null ? otherwise : `Did you mean "${near}"?`;
}

/** What is wrong and how to mend it. */
export interface Complaint {
  message: string;
  hint: string;
}

/** A mistake in a profile or scenario, with its place in the file. */
export interface Problem extends Complaint {
  /** Such as lines[1].modem, or "" for the whole file. */
  path: string;
  /** Offset in the text and length, in UTF-16 units. */
  offset: number;
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
export class UsageError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** The machine failed: no space, no permission. Exit code 2. */
export class EnvironmentError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

export const reasons: Record<string, [reason: string, hint: string]> = {
  EACCES: ["no permission", "Run the command as the owner of that folder, or choose another one with --out."],
  EPERM: ["not permitted", "Run the command as the owner of that folder, or choose another one with --out."],
  EROFS: ["the file system is read-only", "Choose another folder with --out."],
  ENOSPC: ["the disk is full", "Free some space and run the command again; the last good build is untouched."],
  EDQUOT: ["your disk quota is used up", "Free some space and run the command again; the last good build is untouched."],
  EMFILE: ["too many open files", "Raise the limit (ulimit -n) and run the command again."],
  ENOTDIR: ["a part of the path is not a folder", "Move that file away, or choose another folder with --out."],
  EISDIR: ["there is a folder where a file should be", "Move that folder away and run the command again."],
  EIO: ["the disk reports an error", "Check the disk, then run the command again."],
};

/** The environment error behind an exception of Node's file functions, or null where it is something else. */
export function environmentError(error: unknown): EnvironmentError | null {
  if (error instanceof EnvironmentError) return error;
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : reasons[code];
  if (known === undefined) return null;
  return new EnvironmentError(`${path ?? "a file"}: ${known[0]}`, known[1]);
}

/** A value as it is shown in an error: quoted, control characters escaped, cut when long. */
export function show(value: unknown): string {
  // JSON has no word for .inf and .nan.
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return escapeControls(cut(text, 80));
}

/** The text, cut to a length. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text;
}

/** The text with everything that a terminal would act on, or not show, as \\u escapes. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** A program's words in one line, not too long. */
export function oneLine(words: string): string {
  return escapeControls(cut(words.trim().replace(/\s+/g, " "), 200));
}

/** Words as a person lists them. */
export const orList = (words: string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

/** Another program's words, each of its lines on one of ours. */
export function escapeRows(text: string): string {
  return text
    .split("\n")
    .map((row) => escapeControls(cut(row, 300)))
    .join("\n");
}

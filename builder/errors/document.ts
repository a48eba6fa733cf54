import { coded, cut, didYouMean, type ErrorText, escapeControls, orList, show } from "../base/errors";

/** Errors in the shape of a YAML document, whatever it describes. */
export const document = coded("yaml", {
  syntax: (detail: string): ErrorText => ({
    message: `not valid YAML: ${escapeControls(cut(detail, 160))}`,
    hint: "Check the indentation (spaces, no tabs), colons and quotes around here.",
  }),
  duplicateKey: (): ErrorText => ({ message: "duplicate key", hint: "Remove one of the two." }),
  documents: (): ErrorText => ({
    message: "a second YAML document starts here",
    hint: 'Keep one document per file: remove the "---" line and everything that does not belong here.',
  }),
  tag: (): ErrorText => ({
    message: "YAML tags are not supported",
    hint: 'Remove the word with the "!", or put the whole value in quotes.',
  }),
  unknownAlias: (name: string): ErrorText => ({ message: `the alias ${show(`*${name}`)} has no anchor`, hint: "Write the value itself." }),
  endlessAlias: (name: string): ErrorText => ({
    message: `the alias ${show(`*${name}`)} contains itself`,
    hint: "Write the value itself.",
  }),
  empty: (example: string): ErrorText => ({ message: "the file is empty", hint: `Start from ${example}.` }),
  aliases: (): ErrorText => ({ message: "too many YAML aliases", hint: "Write the values themselves." }),
  unknownKey: (key: string, near: string | null, known: string[]): ErrorText => ({
    message: `unknown key ${show(key)}`,
    hint: didYouMean(near, `Known keys: ${known.join(", ")}.`),
  }),
  missing: (key: string): ErrorText => ({ message: `"${key}" is missing`, hint: `Add "${key}: ...".` }),
  type: (value: unknown, expected: string): ErrorText => ({
    message: `${show(value)} is not ${expected}`,
    hint:
      typeof value === "string" && /^\s*\d+(\.\d+)?\s*\D*$/.test(value) && /number/.test(expected)
        ? "Write the number alone, without quotes and unit."
        : /string/.test(expected) && /number|boolean/.test(typeof value)
          ? "Put it in quotes."
          : `Write ${expected}.`,
  }),
  choice: (value: unknown, allowed: string[], near: string | null): ErrorText => ({
    message: `${show(value)} is not one of ${allowed.join(", ")}`,
    hint: didYouMean(near, `Write ${orList(allowed)}.`),
  }),
  tooSmall: (value: unknown, limit: number, exclusive: boolean): ErrorText => ({
    message: `${show(value)} is too small`,
    hint: exclusive ? `It must be greater than ${limit}.` : `The minimum is ${limit}.`,
  }),
  tooLarge: (value: unknown, limit: number): ErrorText => ({
    message: `${show(value)} is too large`,
    hint: limit === 1 ? "Write a fraction of 1, such as 0.95." : `The maximum is ${limit}.`,
  }),
  tooFew: (limit: number): ErrorText => ({ message: "too few entries", hint: `At least ${limit} ${limit === 1 ? "is" : "are"} required.` }),
  tooMany: (limit: number): ErrorText => ({ message: "too many entries", hint: `At most ${limit} are allowed.` }),
  tooLong: (limit: number): ErrorText => ({ message: "too long", hint: `At most ${limit} characters are allowed.` }),
  pattern: (value: unknown): ErrorText => ({
    message: `${show(value)} contains a character that is not allowed`,
    hint: "See the description of this key in the schema.",
  }),
});

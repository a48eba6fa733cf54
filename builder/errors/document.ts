import { coded, cut, didYouMean, type ErrorText, escapeControls, orList, show } from "../base/errors";

/** Spaces that are found in pasted text. */
const blankNames: Record<string, string> = {
  "U+00A0": "a no-break space",
  "U+202F": "a narrow no-break space",
  "U+3000": "a wide space",
};

/** Errors in the shape of a YAML document, whatever it describes. */
export const document = coded("yaml", {
  syntax: (detail: string): ErrorText => ({
    message: `not valid YAML: ${escapeControls(cut(detail, 160))}`,
    hint: "Check the indentation (spaces, no tabs), colons and quotes around here.",
  }),
  openQuote: (sign: string): ErrorText => ({
    message: `the quote ${sign} that opens here is not closed`,
    hint: `Write ${sign} at the end of the value, too, as in name: ${sign}value${sign}`,
  }),
  openBracket: (sign: string): ErrorText => ({
    message: `the ${sign} that opens here is not closed`,
    hint: sign === "{" ? "Write } at its end, as in { name: value, other: value }" : "Write ] at its end, as in [value, value]",
  }),
  colon: (key: string, value: string): ErrorText => ({
    message: `there is no space after the colon of ${show(`${key}:`)}`,
    hint: `Write ${escapeControls(cut(`${key}: ${value}`, 80))}`,
  }),
  blank: (character: string, more: number): ErrorText => {
    const code = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
    const places = more === 0 ? "" : more === 1 ? ", and at one more place" : `, and at ${more} more places`;
    return {
      message: `this is ${blankNames[code] ?? "an unusual space"} (${code})${places}: YAML takes it for a letter`,
      hint: 'Type an ordinary space instead, as in "name: value". Such characters come from web pages and word processors.',
    };
  },
  mergeKey: (): ErrorText => ({
    message: 'merge keys ("<<") are not supported',
    hint: "Write all keys here, without <<. An alias may stand for one value, as in down: *rate",
  }),
  noValue: (expected: string, hint: string | null, example: string | null): ErrorText => ({
    message: "there is no value",
    hint: hint ?? (example === null ? `Write ${expected}, or leave it out.` : `Write ${expected}, such as ${example}`),
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
  missing: (key: string, example: string | null): ErrorText => ({
    message: `"${key}" is missing`,
    hint: example === null ? `Add "${key}: ...".` : `Add it, such as ${example}`,
  }),
  type: (value: unknown, expected: string, example: string | null): ErrorText => ({
    message: `${show(value)} is not ${expected}`,
    hint:
      typeof value === "string" && /^\s*\d+(\.\d+)?\s*\D*$/.test(value) && /number/.test(expected)
        ? "Write the number alone, without quotes and unit."
        : /string/.test(expected) && /number|boolean/.test(typeof value)
          ? "Put it in quotes."
          : example === null
            ? `Write ${expected}.`
            : `Write ${expected}, such as ${example}`,
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
  tooFew: (limit: number, example: string | null): ErrorText => ({
    message: "too few entries",
    hint: `At least ${limit} ${limit === 1 ? "is" : "are"} required${example === null ? "." : `, such as ${example}`}`,
  }),
  tooMany: (limit: number): ErrorText => ({ message: "too many entries", hint: `At most ${limit} are allowed.` }),
  tooLong: (limit: number): ErrorText => ({ message: "too long", hint: `At most ${limit} characters are allowed.` }),
  pattern: (value: unknown): ErrorText => ({
    message: `${show(value)} contains a character that is not allowed`,
    hint: "See the description of this key in the schema.",
  }),
});

import { type Document, visit, type YAMLError } from "yaml";
import { document as texts, type ErrorText, type Problem } from "../errors";

/**
 * What the parser reports, each with the place that a person has to change: where a quote opens, not where the file ends.
 * @param document as parsed, with errors and warnings.
 * @param text of the document.
 */
export function syntaxProblems(document: Document, text: string): Problem[] {
  const errors = [...document.errors, ...document.warnings];
  if (errors.length === 0) return [];
  const quote = openQuote(document, text, errors);
  const brackets = openBrackets(document, text, errors);
  const problems = errors
    // Whatever comes after a quote that nobody closed is only read wrongly because of it.
    .filter(({ pos: [offset] }) => quote === null || offset < quote)
    .map((error) => problemOf(error, brackets, text));
  return quote === null ? problems : [...problems, { ...texts.openQuote(text.charAt(quote)), path: "", offset: quote, length: 1 }];
}

function problemOf(error: YAMLError, brackets: Map<string, number>, text: string): Problem {
  const [start, end] = error.pos;
  const bracket = brackets.get(`${start} ${closingOf(error)}`);
  if (bracket !== undefined) return { ...texts.openBracket(text.charAt(bracket)), path: "", offset: bracket, length: 1 };
  const [, key, value = ""] =
    error.code === "MISSING_CHAR" || error.code === "MULTILINE_IMPLICIT_KEY"
      ? (/^([A-Za-z][\w-]*) ?:([^\s:/]\S*)/.exec(text.slice(start, start + 200)) ?? [])
      : [];
  if (key !== undefined) return { ...texts.colon(key, value), path: "", offset: start, length: key.length + 1 };
  return { ...syntaxError(error), path: "", offset: start, length: Math.max(1, end - start) };
}

/** The bracket that an error says is missing. */
function closingOf({ message }: YAMLError): string | undefined {
  return /^Flow .* end with a ([}\]])$/.exec(message)?.[1];
}

function syntaxError({ code, message }: YAMLError): ErrorText {
  switch (code) {
    case "DUPLICATE_KEY":
      return texts.duplicateKey();
    case "MULTIPLE_DOCS":
      return texts.documents();
    case "TAG_RESOLVE_FAILED":
      return texts.tag();
    default:
      return texts.syntax(message);
  }
}

/** Offset of the quote that runs to the end of its line or of the file, or over a line end to the next quote, behind which nothing fits. */
function openQuote(document: Document, text: string, errors: YAMLError[]): number | null {
  const quotes: [start: number, end: number][] = [];
  visit(document, {
    Scalar(_key, { range, type }) {
      if (range && (type === "QUOTE_DOUBLE" || type === "QUOTE_SINGLE") && "\"'".includes(text.charAt(range[0])))
        quotes.push([range[0], range[1]]);
    },
  });
  const unclosed = errors.filter(({ message }) => /^Missing closing .quote/.test(message)).map(({ pos }) => pos[0]);
  const found = quotes.find(([start, end]) => {
    if (unclosed.some((place) => place >= start && place <= end)) return true;
    if (!text.slice(start, end).includes("\n")) return false;
    const lineEnd = text.indexOf("\n", end);
    return errors.some(({ pos: [place] }) => place >= end && (lineEnd === -1 || place < lineEnd));
  });
  return found?.[0] ?? null;
}

/** Offsets of the brackets of the groups and lists that the parser gives up, by the offset where it does and the bracket that is missing. */
function openBrackets(document: Document, text: string, errors: YAMLError[]): Map<string, number> {
  const brackets = new Map<string, number>();
  const places = errors.filter((error) => closingOf(error) !== undefined).map(({ pos }) => text.charAt(pos[0]));
  // Where another bracket stands in the way, that one may be the mistake.
  if (places.length === 0 || places.some((sign) => sign === "}" || sign === "]")) return brackets;
  visit(document, {
    Collection(_key, { range, flow }) {
      // Behind a lone carriage return the parser's ranges begin too early.
      if (range && flow && "{[".includes(text.charAt(range[0])))
        brackets.set(`${range[1]} ${text.charAt(range[0]) === "{" ? "}" : "]"}`, range[0]);
    },
  });
  return brackets;
}

/** Blanks that look like a space, which YAML takes for letters. Web pages and word processors write them. */
const FOREIGN = /(?! )\p{Zs}+/gu;

/**
 * The blanks of a text that YAML does not know, outside of comments; null if there are none.
 * @param text of the document.
 * @returns the problem, and the text with ordinary spaces in their places.
 */
export function foreignBlanks(text: string): { problem: Problem; mended: string } | null {
  const places: number[] = [];
  let start = 0;
  for (const line of text.split("\n")) {
    const comment = /(?:^|[ \t])#/.exec(line)?.index ?? line.length;
    for (const { index } of line.slice(0, comment).matchAll(FOREIGN)) places.push(start + index);
    start += line.length + 1;
  }
  const [first] = places;
  if (first === undefined) return null;
  return {
    problem: { ...texts.blank(text.charAt(first), places.length - 1), path: "", offset: first, length: 1 },
    mended: text.replace(/\p{Zs}/gu, " "),
  };
}

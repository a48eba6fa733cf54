import type { Problem, DocumentError } from "../errors";

const WIDEST = 160;

/** All problems of a document as text: place, message, source line, caret, hint. */
export function formatDocumentError({ file, text, problems }: DocumentError): string {
  // Editors neither count nor show a byte order mark.
  const mark = text.startsWith("\ufeff") ? 1 : 0;
  return problems
    .map((problem) => formatProblem(file, text.slice(mark), { ...problem, offset: Math.max(0, problem.offset - mark) }))
    .join("\n\n");
}

function formatProblem(file: string, text: string, { path, message, hint, code, offset, length }: Problem): string {
  const before = text.slice(0, offset);
  const start = Math.max(before.lastIndexOf("\n"), before.lastIndexOf("\r")) + 1;
  const line = before.split(/\r\n|\r|\n/).length;
  const column = [...text.slice(start, offset)].length + 1;
  const row = text.slice(start).split(/\r|\n/, 1)[0] ?? "";
  const source = withoutSecrets(row, path);
  // A long line is cut before the place.
  const skip = offset - start > WIDEST - 40 ? offset - start - 40 : 0;
  const shown = printable(source.slice(skip, skip + WIDEST));
  const caret = printable(source.slice(skip, offset - start)).length;
  const width = Math.max(1, Math.min(length, source.length - (offset - start), WIDEST - caret));
  const where = path === "" ? "" : `${path}: `;
  const first = `${file}:${line}:${column}: ${where}${message}${code === undefined ? "" : ` [${code}]`}`;
  return [first, `  ${shown}`, `  ${" ".repeat(caret)}${"^".repeat(width)}`, `  ${hint}`].join("\n");
}

/** Places whose values nobody else should see, such as who reads the log of a build. */
const secret = /^(page(\.password)?|notify(\.url)?)$/;
const secretKey = /(?:password|url|page|notify)["']?\s*:/;
/** The same in a row, whatever is wrong there: the rest of the row, or in braces what is quoted or stands before a comma. */
const secretInRow = /^(\s*["']?(?:password|url|page|notify)["']?\s*:\s*)([^{\s].*)/;
const secretInBraces = /([{,]\s*["']?(?:password|url)["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^,}"']*)/g;

/** Stars take the place of what is hidden, so that the caret stays where it is. */
function withoutSecrets(row: string, path: string): string {
  // What a URL begins with may be what is wrong.
  const hide = (_: string, before: string, value: string): string =>
    before +
    value.replace(
      /^(["']?(?:https?:\/\/)?)(.*?)(["']?)$/,
      (__, begin: string, rest: string, end: string) => begin + rest.replace(/\S/g, "*") + end,
    );
  // A value may have rows of its own.
  if (secret.test(path) && !secretKey.test(row)) return row.replace(/\S/g, "*");
  return row.replace(secretInRow, hide).replace(secretInBraces, hide);
}

/** One column per character, and nothing that a terminal would act on. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => (c === "\t" ? " " : "?"));
}

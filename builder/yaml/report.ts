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
  const source = text.slice(start).split(/\r|\n/, 1)[0] ?? "";
  // A long line is cut before the place.
  const skip = offset - start > WIDEST - 40 ? offset - start - 40 : 0;
  const shown = printable(source.slice(skip, skip + WIDEST));
  const caret = printable(source.slice(skip, offset - start)).length;
  const width = Math.max(1, Math.min(length, source.length - (offset - start), WIDEST - caret));
  const where = path === "" ? "" : `${path}: `;
  const first = `${file}:${line}:${column}: ${where}${message}${code === undefined ? "" : ` [${code}]`}`;
  return [first, `  ${shown}`, `  ${" ".repeat(caret)}${"^".repeat(width)}`, `  ${hint}`].join("\n");
}

/** One column per character, and nothing that a terminal would act on. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => (c === "\t" ? " " : "?"));
}

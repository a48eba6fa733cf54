import type Ajv from "ajv/dist/2020";
import type { ErrorObject, ValidateFunction } from "ajv";
import { type Document, isMap, isNode, isPair, isScalar, isSeq, type Node, parseDocument, visit } from "yaml";
import { document as texts, DocumentError, type ErrorText, type Problem } from "../errors";
import { parsePointer, schemaErrors } from "./schema-errors";
import { foreignBlanks, syntaxProblems } from "./syntax";

/** The place of a value: ["lines", 1, "modem"]. */
export type Path = (string | number)[];
export type Report = (path: Path, text: ErrorText) => void;
/** A document without the values that failed their own check. */
export type Draftable<T> = T extends (infer U)[]
  ? (Draftable<U> | undefined)[]
  : T extends object
    ? { [K in keyof T]?: Draftable<T[K]> | undefined }
    : T;

/** The error for a value that does not match a pattern. */
export interface Format {
  text: (value: unknown) => ErrorText;
  /** Also for values of another type: "192.168 is not an IPv4 address" says more than "192.168 is not a string". */
  ofAnyType?: boolean;
}

/** A kind of document: profiles, the lab's scenarios. */
export interface Kind<T> {
  ajv: Ajv;
  schema: { $defs: Record<string, object> };
  /** Texts for values that do not match the pattern of a definition in $defs, by the definition's name. */
  formats?: Record<string, Format>;
  /** Checks that the schema cannot express: values that contradict each other. */
  checkTogether: (draft: Draftable<T>, report: Report) => void;
  /** A file to start from, such as profiles/home.yaml. */
  example: string;
}

interface Reader<T> {
  kind: Kind<T>;
  validate: ValidateFunction<T>;
  /** The kind's formats by their patterns. */
  formats: Map<string, Format>;
}

/**
 * Makes the function that reads documents of a kind: YAML with positions, the schema, defaults, then the checks beyond the schema.
 * The function takes the text and the file's name for errors, and throws a DocumentError with all problems of the file.
 * @param kind schema, checks and texts.
 */
export function readerOf<T>(kind: Kind<T>): (text: string, file: string) => T {
  const formats = new Map(
    Object.entries(kind.schema.$defs).flatMap(([name, def]): [string, Format][] => {
      const format = kind.formats?.[name];
      return format !== undefined && "pattern" in def ? [[String(def.pattern), format]] : [];
    }),
  );
  const reader: Reader<T> = { kind, validate: kind.ajv.compile<T>(kind.schema), formats };
  return (text, file) => read(reader, text, file);
}

function read<T>(reader: Reader<T>, text: string, file: string): T {
  const { document, problems } = examine(reader, text);
  if (problems.length > 0) throw new DocumentError(file, text, sorted(explained(reader, text, problems)));
  return check(reader, data(document)).value;
}

/** The problems of a text. If they are others with ordinary spaces for the blanks that YAML does not know, those blanks are the first of them. */
function explained<T>(reader: Reader<T>, text: string, problems: Problem[]): Problem[] {
  const blanks = foreignBlanks(text);
  if (blanks === null) return problems;
  const others = examine(reader, blanks.mended).problems;
  const idOf = (list: Problem[]): string => JSON.stringify(list.map(({ offset, message }) => [offset, message]));
  return idOf(others) === idOf(problems) ? problems : [blanks.problem, ...others];
}

function examine<T>(reader: Reader<T>, text: string): { document: Document; problems: Problem[] } {
  // Version and schema are fixed, so that no %YAML directive can change them.
  const document = parseDocument(text, {
    prettyErrors: false,
    version: "1.2",
    schema: "core",
    merge: false,
    resolveKnownTags: false,
    logLevel: "error",
  });
  const problems = syntaxProblems(document, text);
  const report = (path: Path, text: ErrorText, key?: string) => {
    problems.push({ ...text, path: formatPath(path), ...place(document, path, key) });
  };
  if (problems.length === 0) problems.push(...aliasProblems(document));
  if (problems.length === 0) checkData(reader, document, report);
  return { document, problems };
}

/** Aliases without an anchor, or within themselves. */
function aliasProblems(document: Document): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Alias(_key, alias, path) {
      const source = alias.resolve(document);
      const text =
        source === undefined ? texts.unknownAlias(alias.source) : path.includes(source) ? texts.endlessAlias(alias.source) : null;
      if (text !== null) problems.push({ ...text, path: "", ...span(alias) });
    },
  });
  return problems;
}

type Reporter = (path: Path, text: ErrorText, key?: string) => void;

function checkData<T>(reader: Reader<T>, document: Document, report: Reporter): void {
  const { kind } = reader;
  const nothing = document.contents === null || (isScalar(document.contents) && document.contents.value === null);
  if (nothing) return report([], texts.empty(kind.example));
  let raw: unknown;
  try {
    raw = data(document);
  } catch (error) {
    if (error instanceof ReferenceError) return report([], texts.aliases());
    throw error;
  }
  const { errors, value } = check(reader, raw);
  for (const found of schemaErrors(errors, reader.formats)) report(...found);
  kind.checkTogether(withoutWrong(value, errors) as Draftable<T>, report);
}

function data(document: Document): unknown {
  return document.toJS({ maxAliasCount: 100 });
}

/** Fills in the defaults and checks against the schema. */
function check<T>({ validate }: Reader<T>, raw: unknown): { value: T; errors: ErrorObject[] } {
  validate(raw);
  // An error of "if" only repeats that of its branch.
  return { value: raw as T, errors: (validate.errors ?? []).filter(({ keyword }) => keyword !== "if") };
}

/** A copy without the values that failed, so that further checks only see valid ones. */
function withoutWrong(value: unknown, errors: ErrorObject[]): unknown {
  const copy = structuredClone(value);
  if (errors.some(({ instancePath, keyword }) => instancePath === "" && keyword === "type")) return {};
  for (const { instancePath, keyword } of errors) {
    if (["additionalProperties", "required", "minItems", "maxItems"].includes(keyword)) continue;
    const path = parsePointer(instancePath);
    const parent = path.slice(0, -1).reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], copy);
    if (typeof parent === "object" && parent !== null) (parent as Record<string, unknown>)[path.at(-1) as string] = undefined;
  }
  return copy;
}

/** The position of a path in the text, or of its nearest parent for values that come from defaults. */
function place(document: Document, path: Path, key?: string): { offset: number; length: number } {
  if (key !== undefined) {
    const parent = path.length === 0 ? document.contents : document.getIn(path, true);
    const found = isMap(parent)
      ? parent.items.find((pair) => isPair(pair) && String(isScalar(pair.key) ? (pair.key.value ?? "") : pair.key) === key)?.key
      : undefined;
    if (isNode(found) && found.range) return span(found);
  }
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    // Where nothing is written, the key is what a person can see.
    const written = isNode(node) && node.range && !(isScalar(node) && node.value === null && node.range[0] === node.range[1]);
    const key = written ? null : keyOf(document, path.slice(0, length));
    if (key?.range) return span(key);
    if (isNode(node) && node.range) return span(node);
  }
  return isNode(document.contents) && document.contents.range
    ? { offset: document.contents.range[0], length: 1 }
    : { offset: 0, length: 1 };
}

function keyOf(document: Document, path: Path): Node | null {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return null;
  const found = parent.items.find((pair) => isScalar(pair.key) && pair.key.value === path.at(-1));
  return found && isNode(found.key) ? found.key : null;
}

function span(node: Node): { offset: number; length: number } {
  const [start, end] = node.range as [number, number, number];
  return { offset: start, length: isMap(node) || isSeq(node) ? 1 : Math.max(1, end - start) };
}

/** Sorted by place. The same message at the same place appears once. */
function sorted(problems: Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems
    .sort((a, b) => a.offset - b.offset)
    .filter(({ offset, path, message }) => {
      const id = `${offset} ${path} ${message}`;
      return !seen.has(id) && seen.add(id);
    });
}

/** lines[1].modem */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`), "");
}

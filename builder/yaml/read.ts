import type Ajv from "ajv/dist/2020";
import type { ErrorObject, ValidateFunction } from "ajv";
import { type Document, isMap, isNode, isPair, isScalar, isSeq, type Node, parseDocument, visit, type YAMLError } from "yaml";
import { type Complaint, DocumentError, type Problem, shape } from "../errors";
import { suggest } from "../base/suggest";

/** Where a value stands: ["lines", 1, "modem"]. */
export type Path = (string | number)[];
export type Report = (path: Path, complaint: Complaint) => void;
/** A document in which values that failed their own check are left out. */
export type Draftable<T> = T extends (infer U)[]
  ? (Draftable<U> | undefined)[]
  : T extends object
    ? { [K in keyof T]?: Draftable<T[K]> | undefined }
    : T;

/** A kind of document: profiles, the lab's scenarios. */
export interface Kind<T> {
  ajv: Ajv;
  schema: { $defs: Record<string, object> };
  /** All that the schema cannot say: values that do not go together. */
  checkTogether: (draft: Draftable<T>, report: Report) => void;
  /** For the hint where the file is empty, such as profiles/home.yaml. */
  example: string;
}

interface Reader<T> {
  kind: Kind<T>;
  validate: ValidateFunction<T>;
  /** Which definition of the schema a pattern belongs to. */
  patternNames: Map<string, string>;
}

/**
 * Makes the function that reads documents of a kind: YAML with positions, the schema, defaults, then what the schema cannot say.
 * It throws a DocumentError with every problem of the file at once. Its parameters: the text, and the file's name as errors show it.
 */
export function readerOf<T>(kind: Kind<T>): (text: string, file: string) => T {
  const patternNames = new Map(
    Object.entries(kind.schema.$defs).flatMap(([name, def]): [string, string][] => ("pattern" in def ? [[String(def.pattern), name]] : [])),
  );
  const reader: Reader<T> = { kind, validate: kind.ajv.compile<T>(kind.schema), patternNames };
  return (text, file) => read(reader, text, file);
}

function read<T>(reader: Reader<T>, text: string, file: string): T {
  // The schema is named, so that no %YAML directive can bring another one.
  const document = parseDocument(text, {
    prettyErrors: false,
    version: "1.2",
    schema: "core",
    merge: false,
    resolveKnownTags: false,
    logLevel: "error",
  });
  const problems: Problem[] = [];
  const report = (path: Path, complaint: Complaint, key?: string) => {
    problems.push({ ...complaint, path: formatPath(path), ...place(document, path, key) });
  };
  for (const error of [...document.errors, ...document.warnings]) {
    problems.push({ ...complainOfSyntax(error), path: "", offset: error.pos[0], length: Math.max(1, error.pos[1] - error.pos[0]) });
  }
  if (problems.length === 0) problems.push(...aliasProblems(document));
  if (problems.length === 0) checkData(reader, document, report);
  if (problems.length > 0) throw new DocumentError(file, text, sorted(problems));
  return check(reader, data(document)).value;
}

function complainOfSyntax({ code, message }: YAMLError): Complaint {
  switch (code) {
    case "DUPLICATE_KEY":
      return shape.duplicateKey();
    case "MULTIPLE_DOCS":
      return shape.documents();
    case "TAG_RESOLVE_FAILED":
      return shape.tag();
    default:
      return shape.syntax(message);
  }
}

/** Aliases that lead nowhere, or round in a circle. */
function aliasProblems(document: Document): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Alias(_key, alias, path) {
      const source = alias.resolve(document);
      const complaint =
        source === undefined ? shape.unknownAlias(alias.source) : path.includes(source) ? shape.endlessAlias(alias.source) : null;
      if (complaint !== null) problems.push({ ...complaint, path: "", ...span(alias) });
    },
  });
  return problems;
}

type Reporter = (path: Path, complaint: Complaint, key?: string) => void;

function checkData<T>(reader: Reader<T>, document: Document, report: Reporter): void {
  const { kind } = reader;
  const nothing = document.contents === null || (isScalar(document.contents) && document.contents.value === null);
  if (nothing) return report([], shape.empty(kind.example));
  let raw: unknown;
  try {
    raw = data(document);
  } catch (error) {
    if (error instanceof ReferenceError) return report([], shape.aliases());
    throw error;
  }
  const { errors, value } = check(reader, raw);
  for (const error of errors) report(...complain(error, reader.patternNames));
  kind.checkTogether(withoutWrong(value, errors) as Draftable<T>, report);
}

function data(document: Document): unknown {
  return document.toJS({ maxAliasCount: 100 });
}

/** Fills in the defaults and checks against the schema. */
function check<T>({ validate }: Reader<T>, raw: unknown): { value: T; errors: ErrorObject[] } {
  validate(raw);
  // "if" only repeats what its branch said.
  return { value: raw as T, errors: (validate.errors ?? []).filter(({ keyword }) => keyword !== "if") };
}

const typeNames: Record<string, string> = {
  object: "a group of keys",
  array: "a list",
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
};

const addresses: Record<string, (value: unknown) => Complaint> = { ipv4: shape.ipv4, cidr: shape.cidr, network: shape.network };

const patterns: Record<string, (value: unknown) => Complaint> = {
  ...addresses,
  prefix: shape.prefix,
  hostname: shape.hostname,
  name: shape.name,
  interface: shape.interface,
  portRange: shape.portRange,
};

/** Turns an error of the schema into its place and a text that a person can act on. */
function complain(error: ErrorObject, patternNames: Map<string, string>): [path: Path, complaint: Complaint, key?: string] {
  const path = parsePointer(error.instancePath);
  const { params, data: value } = error;
  const group = error.parentSchema as { properties?: Record<string, unknown>; pattern?: string; type?: string };
  const known = Object.keys(group?.properties ?? {});
  switch (error.keyword) {
    case "additionalProperties": {
      const key = params.additionalProperty as string;
      return [path, shape.unknownKey(key, suggest(key, known), known), key];
    }
    case "required":
      return [path, shape.missing(params.missingProperty as string)];
    case "type":
      // "192.168 is not an IPv4 address" says more than "is not a text".
      return [
        path,
        addresses[patternNames.get(group.pattern ?? "") ?? ""]?.(value) ??
          shape.type(value, typeNames[params.type as string] ?? String(params.type)),
      ];
    case "enum": {
      const allowed = (params.allowedValues as unknown[]).map(String);
      return [path, shape.choice(value, allowed, typeof value === "string" ? suggest(value, allowed) : null)];
    }
    case "pattern": {
      const named = patterns[patternNames.get(params.pattern as string) ?? ""];
      return [
        path,
        named?.(value) ?? (path.includes("keys") ? shape.sshKey(value) : path.includes("user") ? shape.user(value) : shape.pattern(value)),
      ];
    }
    case "minimum":
    case "exclusiveMinimum":
      return [path, shape.tooSmall(value, params.limit as number, error.keyword === "exclusiveMinimum")];
    case "maximum":
      return [path, shape.tooLarge(value, params.limit as number)];
    case "minItems":
      return [path, shape.tooFew(params.limit as number)];
    case "maxItems":
      return [path, shape.tooMany(params.limit as number)];
    case "maxLength":
      return [path, shape.tooLong(params.limit as number)];
    default:
      throw new Error(`the schema has a keyword without a text: ${error.keyword}`);
  }
}

function parsePointer(pointer: string): Path {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~"))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** A copy without the values that the schema refused, so that the further checks look at sound ones only. */
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

/** Where a path stands in the text; where the file has no such place (a default), its nearest parent. */
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
    if (isNode(node) && node.range) return span(node);
    const pair = length < path.length || node === undefined || node === null ? keyOf(document, path.slice(0, length)) : null;
    if (pair?.range) return span(pair);
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

/** By place; the same words at the same place once. */
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

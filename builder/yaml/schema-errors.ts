import type { ErrorObject } from "ajv";
import { suggest } from "../base/suggest";
import { document as texts, type ErrorText } from "../errors";
import type { Format, Path } from "./read";

/** Where a problem is, what it is, and the key at that place if the problem is about the key. */
type Found = [path: Path, text: ErrorText, key?: string];

/** The part of a schema that an error comes from. */
interface Part {
  properties?: Record<string, { examples?: unknown[] }>;
  pattern?: string;
  examples?: unknown[];
}

/**
 * The problems behind what a schema reports, without those that only follow from another.
 * @param errors of the schema.
 * @param formats texts for values that do not match a pattern, by the pattern.
 */
export function schemaErrors(errors: ErrorObject[], formats: Map<string, Format>): Found[] {
  const follows = ({ keyword, instancePath, params }: ErrorObject): boolean =>
    keyword === "required" &&
    errors.some((other) => {
      if (other.keyword !== "additionalProperties" || other.instancePath !== instancePath) return false;
      const key = other.params.additionalProperty as string;
      return key === "<<" || gluedKey(key, [params.missingProperty as string]) !== null;
    });
  return errors.filter((error) => !follows(error)).map((error) => found(error, formats));
}

const typeNames: Record<string, string> = {
  object: "a group of keys",
  array: "a list",
  string: "a string",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
};

function found(error: ErrorObject, formats: Map<string, Format>): Found {
  const path = parsePointer(error.instancePath);
  const { params, data: value } = error;
  const part = error.parentSchema as Part;
  const known = Object.keys(part?.properties ?? {});
  switch (error.keyword) {
    case "additionalProperties": {
      const key = params.additionalProperty as string;
      const glued = gluedKey(key, known);
      if (glued !== null) return [path, texts.colon(...glued), key];
      return [path, key === "<<" ? texts.mergeKey() : texts.unknownKey(key, suggest(key, known), known), key];
    }
    case "required": {
      const key = params.missingProperty as string;
      return [path, texts.missing(key, example(key, part.properties?.[key]))];
    }
    case "type":
      return [path, typeText(error, path, formats)];
    case "enum": {
      const allowed = (params.allowedValues as unknown[]).map(String);
      return [path, texts.choice(value, allowed, typeof value === "string" ? suggest(value, allowed) : null)];
    }
    case "pattern":
      return [path, (formats.get(params.pattern as string)?.text ?? texts.pattern)(value)];
    case "minimum":
    case "exclusiveMinimum":
      return [path, texts.tooSmall(value, params.limit as number, error.keyword === "exclusiveMinimum")];
    case "maximum":
      return [path, texts.tooLarge(value, params.limit as number)];
    case "minItems":
      return [path, texts.tooFew(params.limit as number, example(path.at(-1), part))];
    case "maxItems":
      return [path, texts.tooMany(params.limit as number)];
    case "maxLength":
      return [path, texts.tooLong(params.limit as number)];
    default:
      throw new Error(`the schema has a keyword without a text: ${error.keyword}`);
  }
}

function typeText({ params, data: value, parentSchema }: ErrorObject, path: Path, formats: Map<string, Format>): ErrorText {
  const part = parentSchema as Part;
  const format = formats.get(part.pattern ?? "");
  const expected = typeNames[params.type as string] ?? String(params.type);
  const shown = example(path.at(-1), part);
  if (value === null) return texts.noValue(expected, format?.ofAnyType ? format.text(value).hint : null, shown);
  if (format?.ofAnyType) return format.text(value);
  const glued = typeof value === "string" ? gluedKey(value, Object.keys(part.properties ?? {})) : null;
  if (glued !== null) return texts.colon(...glued);
  return texts.type(secretGroups.includes(String(path)) ? "***" : value, expected, shown);
}

/** Groups that hold a secret: whoever forgets the key writes it in the group's place. */
const secretGroups = ["page", "notify"];

/** The key and the value of a text such as "subnet:192.168.1.0/24", which YAML reads as one word. */
function gluedKey(text: string, known: string[]): [key: string, value: string] | null {
  const [, key = "", value = ""] = /^([\w-]+) ?:(\S+)/.exec(text) ?? [];
  return known.includes(key) ? [key, value] : null;
}

/** A value of the schema's examples as a person writes it, with its key. */
function example(key: string | number | undefined, part: { examples?: unknown[] } | undefined): string | null {
  const value = part?.examples?.[0];
  if (value === undefined) return null;
  return typeof key === "string" ? `${key}: ${inYaml(value)}` : inYaml(value);
}

function inYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inYaml).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${key}: ${inYaml(one)}`)
      .join(", ")} }`;
  return typeof value === "string" && !/^[\w./-]+$/.test(value) ? JSON.stringify(value) : String(value);
}

/**
 * The path that a JSON pointer means.
 * @param pointer such as "/lines/1/modem".
 */
export function parsePointer(pointer: string): Path {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~"))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

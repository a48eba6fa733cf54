import Handlebars from "handlebars";
import { languages, type Value } from "../base/quote";

interface Mustache extends hbs.AST.MustacheStatement {
  path: hbs.AST.PathExpression;
}

export interface Template {
  name: string;
  text: string;
  language: string;
  /** The text of each {{> name}}. */
  parts: Record<string, string>;
}

/**
 * Fills in a template. Each {{value}} is quoted for the language by construction: the syntax tree is rewritten so that no value can be
 * printed in any other way.
 * @param template its text and language.
 * @param context the values.
 * @param generated first line of the result, as a comment.
 * @returns "" if the result is blank.
 */
export function fillIn(template: Template, context: object, generated: string): string {
  const language = languages[template.language];
  if (language === undefined) throw new Error(`${template.name}: no language ${template.language}`);
  const tree = Handlebars.parse(template.text);
  insertParts(tree, template);
  quoteValues(tree, template.name);
  const environment = Handlebars.create();
  environment.registerHelper("quote", (value: unknown, name: string) => {
    if (typeof value !== "string" && typeof value !== "number") throw new Error(`${template.name}: {{${name}}} is no value to print`);
    return language.quote(value as Value);
  });
  environment.registerHelper("eq", (a: unknown, b: unknown) => a === b);
  const filled = environment.compile(tree, { strict: true, noEscape: true })(context);
  return filled.trim() === "" ? "" : withHeader(filled, language.comment(generated));
}

/** Puts the header first, or after the #! line of a script. */
function withHeader(filled: string, header: string): string {
  if (!filled.startsWith("#!")) return `${header}\n${filled}`;
  const end = filled.indexOf("\n") + 1;
  return `${filled.slice(0, end)}${header}\n${filled.slice(end)}`;
}

/** Replaces each {{> part}} by its text. Parts may contain parts. */
function insertParts(tree: hbs.AST.Program, template: Template): void {
  const { name, parts } = template;
  tree.body = tree.body.flatMap((statement) => {
    if (statement.type === "BlockStatement") {
      const { program, inverse } = statement as hbs.AST.BlockStatement;
      for (const part of [program, inverse]) if (part) insertParts(part, template);
    }
    if (statement.type !== "PartialStatement") return [statement];
    const part = ((statement as hbs.AST.PartialStatement).name as hbs.AST.PathExpression).original;
    const text = parts[part];
    if (text === undefined) throw new Error(`${name}: no part ${part}`);
    const inserted = Handlebars.parse(text);
    insertParts(inserted, template);
    return inserted.body;
  });
}

/** Turns each {{value}} into a call of the quoting helper; {{{raw}}} is refused. */
function quoteValues(tree: hbs.AST.Program, name: string): void {
  for (const statement of tree.body) {
    if (statement.type === "MustacheStatement") quoteValue(statement as Mustache, name);
    else if (statement.type === "BlockStatement") {
      const { program, inverse } = statement as hbs.AST.BlockStatement;
      for (const part of [program, inverse]) if (part) quoteValues(part, name);
    } else if (!["ContentStatement", "CommentStatement"].includes(statement.type))
      throw new Error(`${name}: ${statement.type} is not used here`);
  }
}

function quoteValue(statement: Mustache, name: string): void {
  if (!statement.escaped) throw new Error(`${name}: {{{${statement.path.original}}}} would not be quoted`);
  if (statement.params.length > 0 || statement.hash)
    throw new Error(`${name}: {{${statement.path.original} ...}}: a template prints values, it calls nothing`);
  const { original } = statement.path;
  statement.params = [statement.path, { type: "StringLiteral", value: original, original, loc: statement.loc } as hbs.AST.StringLiteral];
  statement.path = { ...statement.path, type: "PathExpression", data: false, depth: 0, parts: ["quote"], original: "quote" };
  statement.escaped = false;
}

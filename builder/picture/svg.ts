import { xml } from "../base/quote";

/** Attributes of an SVG element. Numbers are pixels. */
export type Attributes = Record<string, string | number>;

/** What a screen reader reads instead of the picture. */
export interface Description {
  title: string;
  /** One paragraph. */
  text?: string;
}

/**
 * A self-contained SVG without scripts, links or fonts of its own.
 * @param size in pixels.
 * @param description for screen readers.
 * @param attributes more attributes of the root element, such as the font.
 * @param parts finished elements; empty ones are left out.
 */
export function picture(
  { width, height }: { width: number; height: number },
  description: Description,
  attributes: Attributes,
  parts: string[],
): string {
  const title = element("title", { id: "title" }, xml(description.title));
  const desc = description.text === undefined ? "" : element("desc", { id: "desc" }, xml(description.text));
  const root = { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}`, role: "img" };
  const labelled = { "aria-labelledby": desc === "" ? "title" : "title desc" };
  const content = ["", title, desc, ...parts].filter((part, at) => at === 0 || part !== "");
  return `${element("svg", { ...root, ...labelled, ...attributes }, [...content, ""].join("\n"))}\n`;
}

/**
 * One element. Attribute values are quoted here.
 * @param content finished XML: text must have passed xml().
 */
export function element(name: string, attributes: Attributes, content = ""): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${xml(String(value))}"`);
  const start = `<${name}${written.join("")}`;
  return content === "" ? `${start}/>` : `${start}>${content}</${name}>`;
}

export function group(...parts: string[]): string {
  return element("g", {}, parts.join(""));
}

/**
 * A line of text.
 * @param x left end in pixels, unless the attributes say "text-anchor".
 * @param y baseline in pixels.
 */
export function text(x: number, y: number, value: string, attributes: Attributes): string {
  return value === "" ? "" : element("text", { x, y, ...attributes }, xml(value));
}

export function centred(x: number, y: number, value: string, attributes: Attributes): string {
  return text(x, y, value, { ...attributes, "text-anchor": "middle" });
}

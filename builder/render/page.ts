import { Marked, type Tokens } from "marked";
import { xml } from "../base/quote";
import { pageStyle } from "./page-style";

interface PageOptions {
  /** Language of the text, as in HTML's lang attribute. */
  language: string;
  /** Says where the page comes from. */
  generated: string;
  /** Text of each SVG that the Markdown shows, by its file name. */
  pictures: Record<string, string>;
}

interface Heading {
  depth: number;
  /** The inner HTML. */
  html: string;
  anchor: string;
}

/**
 * Makes one HTML page of a Markdown text. The page needs no other file, no network and no script.
 *
 * Values of a profile cannot become markup: HTML in the Markdown is escaped, only the links and pictures that the templates use are made,
 * and the page's own policy forbids scripts and requests.
 * @param text Markdown; its first heading is the page's title.
 * @throws if it links to something else, or shows a picture that is not given: that is a mistake in a template.
 */
export function pageOf(text: string, { language, generated, pictures }: PageOptions): string {
  const headings: Heading[] = [];
  const body = parserFor(pictures, headings).parse(text) as string;
  const title = headings[0]?.html.replace(/<[^>]*>/g, "") ?? "";
  const contents = headings.filter(({ depth }) => depth === 2).map(({ html, anchor }) => `<li><a href="#${anchor}">${html}</a></li>`);
  return `<!DOCTYPE html>
<!-- ${xml(generated)} -->
<html lang="${xml(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title>
<style>
${pageStyle}</style>
</head>
<body>
<nav><ul>
${contents.join("\n")}
</ul></nav>
<main>
${body}</main>
</body>
</html>
`;
}

function parserFor(pictures: Record<string, string>, headings: Heading[]): Marked {
  const marked = new Marked({ async: false, gfm: true });
  marked.use({
    tokenizer: {
      // Addresses stay text, and an underscore is a letter of a name: only the templates' own marks count.
      url: () => undefined,
      autolink: () => undefined,
      del: () => undefined,
      emStrong: (source) => (source.startsWith("_") ? undefined : false),
    },
    renderer: {
      html: ({ text }: Tokens.HTML | Tokens.Tag) => xml(text.trim()),
      heading({ depth, text, tokens }: Tokens.Heading) {
        const html = this.parser.parseInline(tokens);
        const anchor = anchorOf(text);
        headings.push({ depth, html, anchor });
        const step = depth === 2 && /^\S+ \d+\s?:/.test(text);
        const inner = step ? `<label><input type="checkbox"> ${html}</label>` : html;
        return `<h${depth} id="${anchor}">${inner}</h${depth}>\n`;
      },
      image({ href, text }: Tokens.Image) {
        const picture = pictures[href];
        if (picture === undefined) throw new Error(`SETUP shows ${href}, which is not there`);
        // As data, so that the picture's ids and styles do not meet the page's.
        const data = Buffer.from(picture).toString("base64");
        return `<span class="wide"><img alt="${xml(text)}" src="data:image/svg+xml;base64,${data}"></span>`;
      },
      link({ href, tokens }: Tokens.Link) {
        if (!/^(#|https:\/\/)/.test(href)) throw new Error(`SETUP links to ${href}`);
        return `<a href="${xml(href)}">${this.parser.parseInline(tokens)}</a>`;
      },
      table(token: Tokens.Table) {
        const cells = (row: Tokens.TableCell[], tag: string) =>
          row.map(({ tokens }) => `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`).join("");
        const rows = token.rows.map((row) => `<tr>${cells(row, "td")}</tr>`);
        return `<div class="table"><table>\n<thead><tr>${cells(token.header, "th")}</tr></thead>\n<tbody>\n${rows.join("\n")}\n</tbody></table></div>\n`;
      },
    },
  });
  return marked;
}

/** The anchor of a heading, as GitHub makes it, so that the links of SETUP.md work in both. */
function anchorOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/&#\d+;|[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

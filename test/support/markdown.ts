import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A Markdown text without its fenced blocks, whose "#" are comments of a shell and no headings. */
function prose(text: string): string {
  return text.replace(/^( *)```[\s\S]*?^\1```$/gm, "");
}

/**
 * The anchors of a text's headings, as GitHub makes them; a heading that stands twice gets a number.
 * @param text Markdown.
 */
export function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>();
  return [...prose(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => {
    const anchor = heading
      .toLowerCase()
      .replace(/&#\d+;|[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-");
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}

/**
 * Links and pictures of a text that lead to a file or a heading that does not exist; those to other hosts are not looked at.
 * @param file its path, absolute.
 */
export function deadLinks(text: string, file: string): string[] {
  const targets = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = "", anchor] = target.split("#");
    const found = path === "" ? file : join(dirname(file), path);
    if (path !== "" && !existsSync(found)) return true;
    if (anchor === undefined) return false;
    return !anchorsOf(path === "" ? text : readFileSync(found, "utf8")).includes(anchor);
  });
}

/**
 * The fenced blocks of a text in one language, in order.
 * @param language as it stands after the fence, such as "sh".
 */
export function blocksOf(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, "gm"))].map(([, block = ""]) => block);
}

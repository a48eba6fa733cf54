import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { root } from "../support/builds";
import { anchorsOf, blocksOf, deadLinks } from "../support/markdown";
import { filesBelow, temporaryFolder } from "../support/trees";

/** Folders that hold what a person of this project has written; all others are made or installed. */
const written = ["builder", "docs", "overlay", "profiles", "scripts", "test"];
const atTop = readdirSync(root, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
const files = [...atTop, ...written.flatMap((folder) => filesBelow(join(root, folder)).map((path) => join(folder, path)))];
/** Templates fill the links of dist/ papers in, and the conformance tests look at those. */
const papers = files.filter((path) => path.endsWith(".md"));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Pages of docs/ that a text cites, with or without a section, as in a comment. */
function citations(text: string): string[] {
  return [...text.matchAll(/(?<![\w./-])docs\/[\w-]+\.md(?:#[\w-]+)?/g)].map(([cited]) => cited);
}

/**
 * Those citations that lead nowhere.
 * @param folder where docs/ is.
 */
function deadCitations(text: string, folder: string): string[] {
  return citations(text).filter((cited) => {
    const [path = "", anchor] = cited.split("#");
    const file = join(folder, path);
    if (!existsSync(file)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(file, "utf8")).includes(anchor);
  });
}

/** Paths of the repository that a text names between backquotes and that do not exist. Names with a placeholder are patterns. */
function deadPaths(text: string, folder: string): string[] {
  const words = [...text.matchAll(/`([^`\n]+)`/g)].flatMap(([, code = ""]) => code.split(" "));
  const paths = words.filter((word) => written.includes(word.split("/")[0] as string) && word.includes("/"));
  return paths.filter((path) => !/[<>{}@*…]|NAME|LINE/.test(path) && !existsSync(join(folder, path)));
}

/** Scenarios that commands in a text name, by the program that runs them. */
function scenarios(text: string, program: "lab" | "boot"): string[] {
  const commands = text.matchAll(new RegExp(`(?:scripts/|npm run )${program}\\b[^\`\\n]*`, "g"));
  return [...commands].flatMap(([command]) => [...command.matchAll(/--scenario ([a-z][\w-]*)/g)].map(([, name = ""]) => name));
}

describe("papers", () => {
  it("are README, CONTRIBUTING and a page for each subject", () => {
    expect(papers).toEqual(expect.arrayContaining(["README.md", "README.fr.md", "CONTRIBUTING.md", "docs/README.md", "docs/mtu.md"]));
  });

  it.each(papers)("%s links to files and headings that exist", (path) => {
    expect(deadLinks(read(path), join(root, path))).toEqual([]);
  });

  it("every page of docs/ is in its index", () => {
    const index = read("docs/README.md");
    const pages = files.filter((path) => /^docs\/[^/]+\.md$/.test(path) && path !== "docs/README.md");
    expect(pages.filter((path) => !index.includes(`](${relative("docs", path)})`))).toEqual([]);
  });

  // CONTRIBUTING's table of rooms has a test of its own, which reads the imports, too.
  it.each(papers.filter((path) => path !== "CONTRIBUTING.md"))("%s names files that exist", (path) => {
    expect(deadPaths(read(path), root)).toEqual([]);
  });

  it.each(papers)("%s names scenarios that exist", (path) => {
    const text = read(path);
    const lab = filesBelow(join(root, "test/lab/scenarios")).map((name) => name.replace(/\.yaml$/, ""));
    expect(scenarios(text, "lab").filter((name) => !lab.includes(name))).toEqual([]);
    const boot = read("test/boot/scenarios.ts");
    expect(scenarios(text, "boot").filter((name) => !new RegExp(`^ +"?${name}"?: \\{`, "m").test(boot))).toEqual([]);
  });
});

it("every page and section of docs/ that the sources cite exists", () => {
  const dead = files.flatMap((path) => deadCitations(read(path), root).map((cited) => `${path}: ${cited}`));
  expect(dead).toEqual([]);
  expect(files.flatMap((path) => citations(read(path))).length).toBeGreaterThan(20);
});

describe("README.fr.md", () => {
  const [english, french] = [read("README.md"), read("README.fr.md")];
  const withoutComments = (block: string): string[] =>
    block
      .split("\n")
      .map((row) => row.replace(/(^| +)#.*/, ""))
      .filter((row) => row !== "");

  it("shows the same profiles as README.md; only comments are translated", () => {
    const profiles = blocksOf(english, "yaml");
    expect(profiles.length).toBeGreaterThan(1);
    expect(blocksOf(french, "yaml").map(withoutComments)).toEqual(profiles.map(withoutComments));
    expect(blocksOf(french, "yaml").map((block) => parse(block) as unknown)).toEqual(profiles.map((block) => parse(block) as unknown));
  });

  it("has no command that README.md does not have", () => {
    const commands = (text: string): string[] => [
      ...blocksOf(text, "sh").flatMap(withoutComments),
      ...[...text.matchAll(/`((?:node |npm run |npx |scripts\/|sudo )[^`…]*)/g)].map(([, command = ""]) => command.trim()),
    ];
    const known = commands(english);
    expect(commands(french).length).toBeGreaterThan(8);
    expect(commands(french).filter((command) => !known.includes(command))).toEqual([]);
    for (const command of ["scripts/build-image --profile home", "scripts/test"]) expect(known).toContain(command);
  });

  it("and README.md link to each other", () => {
    expect(english).toContain("](README.fr.md)");
    expect(french).toContain("](README.md)");
  });
});

describe("what is wrong is found", () => {
  it("in links, citations, paths and scenarios", () => {
    const folder = temporaryFolder();
    // Put together here, or this file would cite a page that does not exist.
    const [page, gone] = [join("docs", "page.md"), join("docs", "gone.md")];
    mkdirSync(join(folder, "docs"));
    writeFileSync(join(folder, page), "# Page\n\n## ATM cells\n\n## ATM cells\n\n```sh\n# no heading\n```\n");
    expect(anchorsOf(readFileSync(join(folder, page), "utf8"))).toEqual(["page", "atm-cells", "atm-cells-1"]);

    const links = `[a](${page}#atm-cells) [b](${page}#ptm) [c](none.md) [d](https://example.org/x) ![e](none.svg) [f](#own)`;
    expect(deadLinks(links, join(folder, "README.md"))).toEqual([`${page}#ptm`, "none.md", "none.svg", "#own"]);

    const comment = `// See ${page}#atm-cells, ${page}#ptm and ${gone}; https://example.org/${gone} is another's.`;
    expect(deadCitations(comment, folder)).toEqual([`${page}#ptm`, gone]);

    expect(deadPaths(`\`${page}\`, \`docs/NAME.yaml\`, \`npx vitest run test/none.ts\``, folder)).toEqual(["test/none.ts"]);
    expect(scenarios("`npm run lab -- --scenario cut --runs 1`, `npm run boot -- --scenario life`", "lab")).toEqual(["cut"]);
  });
});

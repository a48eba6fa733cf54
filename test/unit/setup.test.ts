import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import schema from "../../profiles/profile.schema.json";
import { makePlan } from "../../builder/plan/plan";
import type { Plan } from "../../builder/plan/types";
import type { Language } from "../../builder/profile/types";
import { loadProfile } from "../../builder/profile/load";
import { pageOf } from "../../builder/render/page";
import { renderSetup, type Setup } from "../../builder/render/setup";
import { fillIn } from "../../builder/render/template";
import { profileFiles, root } from "../support/builds";

const folder = join(root, "overlay/docs");
const languages = schema.properties.language.enum as Language[];
const picture = '<svg xmlns="http://www.w3.org/2000/svg"/>';

function setupOf(plan: Plan, language: Language): Setup {
  const path = `SETUP.${language}.markdown.hbs`;
  const text = readFileSync(join(folder, path), "utf8");
  return renderSetup({ path, text }, { userDataBytes: 20000, packedBytes: 15000 }, picture, {
    plan: { ...plan, language },
    generated: "Generated",
    parts: {},
    keySet: "1a2b-3c4d-5e6f",
  });
}

function planFrom(file: string): Plan {
  return makePlan(loadProfile(readFileSync(file, "utf8"), file), basename(file, ".yaml"));
}

/** What must be the same in every language: the shape of the text, and everything that a person types or looks up. */
function shapeOf(markdown: string): Record<string, unknown> {
  const blocks = [...markdown.matchAll(/^ *```[\s\S]*?^ *```$/gm)].map(([block]) => block);
  const prose = markdown.replace(/^ *```[\s\S]*?^ *```$/gm, "");
  return {
    blocks,
    headings: (prose.match(/^#+ /gm) ?? []).map((mark) => mark.trim()),
    // Word order differs between languages, so the commands are compared as a set with repetitions.
    code: (prose.match(/`[^`\n]+`/g) ?? []).sort(),
    rows: (prose.match(/^ *\|.*\|$/gm) ?? []).map((row) => row.split("|").length),
    items: (prose.match(/^ *(?:-|\d+\.) /gm) ?? []).map((mark) => mark),
    addresses: (prose.match(/\b\d+\.\d+\.\d+\.\d+(?:\/\d+)?\b/g) ?? []).sort(),
  };
}

/** The tags of a page with their attributes, and without its text. The places that name a heading are left out, since they hold its text. */
function tagsOf(page: string): string[] {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/ (id|href="#)[^>]*/, ""));
}

test("SETUP is there in each language of the schema, and in no other", () => {
  expect(readdirSync(folder).sort()).toEqual(languages.map((language) => `SETUP.${language}.markdown.hbs`).sort());
});

describe.each(profileFiles.map((file) => [basename(file, ".yaml"), file] as const))("SETUP of %s", (_, file) => {
  const plan = planFrom(file);
  const english = shapeOf(setupOf(plan, "en").markdown);

  it.each(languages.filter((language) => language !== "en"))("has the same headings, commands, tables and values in %s", (language) => {
    expect(shapeOf(setupOf(plan, language).markdown)).toEqual(english);
  });

  it.each(languages)("is a page that needs nothing else, in %s", (language) => {
    const { page } = setupOf(plan, language);
    expect(page).toContain(`<html lang="${language}">`);
    expect(page).not.toMatch(/<(script|link|iframe|object|embed|base|form)\b|\son\w+=|url\(|@import/i);
    expect([...page.matchAll(/ src="([^"]{0,26})/g)].map(([, source]) => source)).toEqual(["data:image/svg+xml;base64,"]);
    const anchors = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(anchors).size).toBe(anchors.length);
    const links = [...page.matchAll(/ href="([^"]*)"/g)].map(([, href = ""]) => href);
    expect(links.filter((href) => (href.startsWith("#") ? !anchors.includes(href.slice(1)) : !href.startsWith("https://")))).toEqual([]);
    expect(page.match(/<input type="checkbox">/g)).toHaveLength(5);
    expect(tagsOf(page).filter((tag) => tag.startsWith("<h2"))).toHaveLength(
      (english.headings as string[]).filter((mark) => mark === "##").length,
    );
  });
});

test.each([
  ["en", "Back up", "whoever builds without it makes new ones, and then box and server no longer hear each other"],
  ["fr", "Sauvegardez", "sans ce dossier, une construction crée de nouvelles clés, et le boîtier et le serveur ne s'entendent plus"],
] as const)("SETUP names the folder of keys to back up, and why, in %s", (language, what, why) => {
  const file = join(root, "profiles/guide-2017.yaml");
  const shown = setupOf(planFrom(file), language).markdown.replaceAll("\n> ", " ");
  const note = new RegExp(`> \\*\\*${what} \`secrets/guide-2017\`\\*\\*.*`).exec(shown)?.[0];
  expect(note).toContain(why);
  expect(note).toContain("**1a2b-3c4d-5e6f**");
});

test.each([
  ["en", "## Ubuntu 14.04: limits", ["Recorded packets can be sent again", "when it is restarted", "while a line is down", "every 300 ms"]],
  [
    "fr",
    "## Ubuntu 14.04 : les limites",
    ["paquets enregistrés peuvent être rejoués", "quand il redémarre", "tant qu'une ligne est coupée", "toutes les 300 ms"],
  ],
] as const)(
  "SETUP says to who has a server of 14.04 that recorded packets can be sent again, and what limits it, in %s",
  (language, heading, words) => {
    const limitsOf = (name: string): string | undefined => {
      const { markdown } = setupOf(planFrom(join(root, `profiles/${name}.yaml`)), language);
      return markdown.split(/^(?=## )/m).find((part) => part.startsWith(heading));
    };
    const limits = limitsOf("guide-2017")?.replace(/\s+/g, " ");
    for (const one of [...words, "`firewall.tunnelSources`"]) expect(limits).toContain(one);
    expect(limitsOf("home")).toBeUndefined();
  },
);

test("SETUP says in each language that providers filter a tunnel's port", () => {
  const text = readFileSync(join(root, "profiles/home.yaml"), "utf8").replace("firstPort: 1194", "firstPort: 443");
  const plan = makePlan(loadProfile(text, "home.yaml"), "home");
  const shown = languages.map((language) => /^> - \*\*port-filtered\*\* ?: (.*)$/m.exec(setupOf(plan, language).markdown)?.[1]);
  expect(shown.map((one) => [one?.includes("orange"), one?.includes("445"), one?.includes("1194")])).toEqual(
    languages.map(() => [true, true, true]),
  );
});

test("SETUP uses sudo on the server only where the profile has it installed there", () => {
  const shown = (file: string) =>
    setupOf(planFrom(join(root, file)), "en").markdown.match(/^.*(bondbox-install\.log|bondbox-preflight)$/gm);
  expect(shown("profiles/home.yaml")).toEqual(["ssh root@203.0.113.10 tail -n 1 /var/log/bondbox-install.log", "bondbox-preflight"]);
  expect(shown("test/profiles/ssh-firewall.yaml")).toEqual([expect.stringMatching(/^ssh \w+@\S+ sudo tail /), "sudo bondbox-preflight"]);
});

test.each([
  ["balance-rr", "[20, 18, 2]", "Sans c", "leave-out"],
  ["balance-rr", "[20, 2]", "active-backup et a en premier", "active-backup"],
  ["balance-xor", "[20, 2]", "au hasard", "active-backup"],
  ["active-backup", "[2, 20]", "Avec b en premier", "first"],
])("SETUP says in French what gives most: %s of %s Mbit/s", (mode, rates, words, advice) => {
  const lines = (JSON.parse(rates) as number[]).map(
    (rate, i) => `  - { name: ${"abc"[i]}, modem: 192.168.1.1${i}, down: ${rate}M, up: ${rate}M, link: ethernet }`,
  );
  const text = `lines:\n${lines.join("\n")}\nlan: { subnet: 192.168.1.0/24, address: 192.168.1.2 }\nserver: { address: 8.8.8.8 }\nbond: { mode: ${mode} }\n`;
  const plan = makePlan(loadProfile(text, "test.yaml"), "test");
  expect(plan.warnings.map(({ about }) => about.advice)).toEqual([advice]);
  const shown = /^> - \*\*rate-spread\*\* ?: (.*)$/m.exec(setupOf(plan, "fr").markdown)?.[1];
  expect(shown).toContain(words);
  expect(shown).toContain(`${plan.warnings[0]?.about.thenDown} kbit/s en réception`);
});

describe("drift is found", () => {
  const text = "# A\n\nRun `a` and `b`.\n\n| x | y |\n\n```sh\nls\n```\n";

  it.each([
    ["a heading", text.replace("# A", "## A")],
    ["a command", text.replace("`b`", "`c`")],
    ["a block", text.replace("ls", "ls -l")],
    ["a cell", text.replace("| y |", "| y | z |")],
    ["an address", `${text}\n192.0.2.1\n`],
  ])("in %s", (_, other) => expect(shapeOf(other)).not.toEqual(shapeOf(text)));

  it("but the order of words is free", () => expect(shapeOf(text.replace("`a` and `b`", "`b` et `a`"))).toEqual(shapeOf(text)));
});

describe("values in a page", () => {
  const hostile = fc.oneof(
    fc.constantFrom(
      "<script>alert(1)</script>",
      '"><img src=x onerror=alert(1)>',
      "[a](javascript:alert(1))",
      "![a](https://example.org/a.png)",
      "https://example.org/",
      "www.example.org",
      "someone@example.org",
      "<https://example.org>",
      "**bold**",
      "_x_",
      "~~x~~",
      "`x`",
      "a | b",
      "&lt;b&gt;",
      "&#60;b>",
      "<!-- x",
      "-->",
      "\\<b>",
      "$$",
      "x' onclick='y",
    ),
    fc.string({ unit: fc.constantFrom(..."<>&\"'`*_~[]()!|\\#-+=:/.;@ az09"), minLength: 1, maxLength: 24 }),
  );
  const text = [
    "# {{value}}: title",
    "> **Note** {{value}} and **{{value}}**",
    "## Step 1: x {{value}} x",
    "- item {{value}}",
    "| a | {{value}} |\n|---|---|\n| {{value}} | **{{value}}** |",
    "See [New {{value}}](#a), text {{value}} text.",
  ].join("\n\n");

  function page(value: string): string {
    const options = { language: "en", generated: "Generated", pictures: {} };
    return pageOf(fillIn({ name: "test", text, language: "markdown", parts: {} }, { value }, "x").replace(/^.*\n/, ""), options);
  }
  const expected = tagsOf(page("x"));

  it("have the tags that the test expects", () => expect(expected.length).toBeGreaterThan(40));

  it("never become markup", () => {
    fc.assert(
      fc.property(hostile, (value) => {
        const bold = (tag: string): boolean => /^<\/?strong>$/.test(tag);
        const tags = tagsOf(page(value));
        expect(tags.filter((tag) => !bold(tag))).toEqual(expected.filter((tag) => !bold(tag)));
        // A value with a blank or a sign at its edge can end the template's own bold text, but never make any.
        expect(tags.filter(bold).length).toBeLessThanOrEqual(expected.filter(bold).length);
      }),
      { numRuns: 2000 },
    );
  });

  it("show as they are", () => {
    const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', amp: "&" };
    const shown = page('<b> & "x" *y*').replace(/&(lt|gt|quot|amp);/g, (_, name: string) => entities[name] ?? "");
    expect(shown).toContain('text <b> & "x" *y* text');
  });

  it("cannot be HTML, links or pictures of the Markdown itself", () => {
    const options = { language: "en", generated: "Generated", pictures: {} };
    expect(pageOf("a <b onclick=x>\n\n<script>alert(1)</script>\n", options)).toContain("a &#60;b onclick=x&#62;");
    expect(pageOf("a\n\n<script>alert(1)</script>\n", options)).not.toContain("<script");
    expect(() => pageOf("[a](javascript:alert(1))", options)).toThrow("SETUP links to");
    expect(() => pageOf("![a](missing.svg)", options)).toThrow("SETUP shows missing.svg");
  });
});

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { languages, markdown, openvpn, shell, xml } from "../../builder/base/quote";
import { fillIn } from "../../builder/render/template";
import { run } from "../support/programs";

/** Strings that try: metacharacters of every language, controls, non-ASCII, and plain ones. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(..."'\"`$\\;|&<>(){}[]*?!#~ \t\n\r\0%=,:/-_.aZ0é\u202e\u2028"), maxLength: 20 }),
);

/** The text, or null where the language refuses it. */
function attempt(quote: (value: string) => string, value: string): string | null {
  try {
    return quote(value);
  } catch {
    return null;
  }
}

describe("shell", () => {
  it("what is quoted is one word that the real shell reads back unchanged", () => {
    const samples = fc.sample(hostile, 2000).flatMap((value) => {
      const quoted = attempt(shell, value);
      return quoted === null ? [] : [{ value, quoted }];
    });
    expect(samples.length).toBeGreaterThan(200);
    for (const program of ["dash", "bash"]) {
      const script = samples.map(({ quoted }) => `set -- ${quoted === "" ? "''" : quoted}; printf '%s %s\\n' "$#" "$1"\n`).join("");
      const lines = execFileSync(program, ["-s"], { input: script, encoding: "utf8" }).split("\n").slice(0, -1);
      expect(lines).toEqual(samples.map(({ value }) => `1 ${value}`));
    }
  });
});

describe("openvpn", () => {
  it("the real program reads what is quoted back as one word", () => {
    const samples = fc.sample(hostile, 800).flatMap((value) => {
      const quoted = attempt(openvpn, `q${value}`);
      return quoted === null ? [] : [{ value, quoted }];
    });
    expect(samples.length).toBeGreaterThan(60);
    const file = join(mkdtempSync(join(tmpdir(), "bondbox-quote-")), "words.conf");
    for (const { value, quoted } of samples.slice(0, 150)) {
      // The complaint about an option that does not exist names its first word, whole.
      writeFileSync(file, `${quoted} x\n`);
      const { output } = run("openvpn", ["--config", file]);
      expect(output, JSON.stringify(value)).toContain(`words.conf:1: q${value} (`);
    }
    rmSync(dirname(file), { recursive: true });
  });
});

describe("languages without quotes", () => {
  it.each(["iptables", "systemd", "interfaces", "ini", "table"])("%s: a safe word or a refusal", (name) => {
    fc.assert(
      fc.property(hostile, (value) => {
        const quoted = attempt((text) => (languages[name] as { quote: (value: string) => string }).quote(text), value);
        return quoted === null || (quoted === value && /^[A-Za-z0-9_.,:/@+=-]+$/.test(value));
      }),
    );
  });
});

describe("markup", () => {
  it("xml and markdown: nothing can start a tag, an entity, a code span or a link", () => {
    fc.assert(
      fc.property(hostile, (value) => {
        const [inXml, inMarkdown] = [attempt(xml, value), attempt(markdown, value)];
        return (inXml === null || !/[<>"']|&(?!#\d+;)/.test(inXml)) && (inMarkdown === null || !/[<>|`*[\]\\]|&(?!#\d+;)/.test(inMarkdown));
      }),
    );
  });
});

describe("templates", () => {
  const filled = (text: string, context: object, language = "shell") =>
    fillIn({ name: "test", text, language, parts: { part: "{{a}}!" } }, context, "Generated");

  it("quote every value, also in loops, conditions and parts", () => {
    const context = { a: "x y", list: ["p q", "r"] };
    expect(filled("{{a}} {{#each list}}{{this}} {{../a}};{{/each}}{{#if a}}{{a}}{{else}}{{a}}{{/if}} {{> part}}", context)).toBe(
      "# Generated\n'x y' 'p q' 'x y';r 'x y';'x y' 'x y'!",
    );
  });

  it("put the header after a program's first line", () => {
    expect(filled("#!/bin/sh\necho {{a}}\n", { a: 1 })).toBe("#!/bin/sh\n# Generated\necho 1\n");
  });

  it("are nothing when only blanks are left", () => {
    expect(filled("{{#if a}}x{{/if}}\n", { a: false })).toBe("");
  });

  it.each([
    ["{{{a}}}", "would not be quoted"],
    ["{{&a}}", "would not be quoted"],
    ["{{nosuch}}", "{{nosuch}} is no value"],
    ["{{a b}}", "calls nothing"],
    ["{{> nosuch}}", "no part"],
    ["{{flag}}", "no value to print"],
    ["{{list}}", "no value to print"],
  ])("refuse %s", (text, complaint) => {
    expect(() => filled(text, { a: "x", b: "y", flag: true, list: [] })).toThrow(complaint);
  });

  it("refuse a value that the language cannot carry, without showing it", () => {
    expect(() => filled("{{a}}", { a: "two words" }, "iptables")).toThrow(/^a value cannot be written safely in iptables$/);
  });
});

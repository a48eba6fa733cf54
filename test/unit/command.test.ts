import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildImageCommand } from "../../builder/command/build-image";
import { type Command, help, parseCommand, wholeNumber } from "../../builder/command/command";
import { helpOf, markdownOptions } from "../../builder/command/help";
import { UsageError } from "../../builder/errors";

const command = {
  name: "mix",
  summary: "mixes things.",
  usage: [["mix FILE", "one file"]],
  options: [
    { name: "profile", short: "p", value: "NAME", help: "which profile" },
    { name: "add", value: "THING", multiple: true, help: "add a thing" },
    { name: "json", short: "j", help: "print JSON" },
    { name: "no-card", help: "make no card" },
    help,
  ],
  exitCodes: [[0, "done"]],
} as const satisfies Command;

const withArguments = { ...command, takesArguments: true } as const;

/** The code and hint of the error that a command line brings. */
function errorOf(args: string[], of: Command = command): string {
  try {
    parseCommand(of, args);
  } catch (error) {
    if (error instanceof UsageError) return `${error.code}: ${error.message}; ${error.hint}`;
    throw error;
  }
  return "no error";
}

describe("a command line", () => {
  it.each([
    [[], { profile: undefined, add: [], json: false, "no-card": false, help: false }],
    [["--profile", "home"], { profile: "home" }],
    [["--profile=home"], { profile: "home" }],
    [["--profile=-x"], { profile: "-x" }],
    [["-p", "home"], { profile: "home" }],
    [["-phome"], { profile: "home" }],
    [["-jp", "home"], { json: true, profile: "home" }],
    [["--profile", "a", "--profile", "b"], { profile: "b" }],
    [["--profile", "-"], { profile: "-" }],
    [["--add", "a", "--add=b"], { add: ["a", "b"] }],
    [["--no-card", "-h"], { "no-card": true, help: true }],
  ])("%j is read", (args, values) => {
    expect(parseCommand(command, args).values).toMatchObject(values);
  });

  it.each([
    [["--profil", "home"], 'usage.unknown-option: unknown option "--profil"; Did you mean "--profile"?'],
    [["--nocard"], 'usage.unknown-option: unknown option "--nocard"; Did you mean "--no-card"?'],
    [["--zzzzzz"], 'usage.unknown-option: unknown option "--zzzzzz"; See mix --help.'],
    [["--no-json"], 'usage.unknown-option: unknown option "--no-json"; See mix --help.'],
    [["-x"], 'usage.unknown-option: unknown option "-x"; See mix --help.'],
    [["-jx"], 'usage.unknown-option: unknown option "-x"; See mix --help.'],
    [["--profile"], "usage.needs-value: --profile needs a value; Write --profile NAME."],
    [["--profile="], "usage.needs-value: --profile needs a value; Write --profile NAME."],
    [["--profile", "--json"], "usage.needs-value: --profile needs a value; Write --profile NAME."],
    [["-p"], "usage.needs-value: -p needs a value; Write -p NAME."],
    [["--json=1"], "usage.takes-no-value: --json takes no value; Write --json alone."],
    [["home"], 'usage.extra-argument: unexpected argument "home"; See mix --help.'],
    [["--", "--json"], 'usage.extra-argument: unexpected argument "--json"; See mix --help.'],
  ])("%j is an error", (args, text) => {
    expect(errorOf(args)).toBe(text);
  });

  it("keeps the arguments of a command that takes some, also behind --", () => {
    expect(parseCommand(withArguments, ["a", "--json", "b", "--", "--add"])).toMatchObject({
      values: { json: true, add: [] },
      positionals: ["a", "b", "--add"],
    });
  });

  it.each([
    ["4", 4],
    [undefined, 2],
    ["99", 99],
  ])("has a whole number: %s", (text, value) => expect(wholeNumber(text, "--jobs", { most: 99, usual: 2 })).toBe(value));

  it.each(["0", "100", "1.5", "x", "", "-1", "1e1"])("refuses the number %j", (text) => {
    expect(() => wholeNumber(text, "--jobs", { most: 99, usual: 2 })).toThrow(/is not a whole number from 1 to 99/);
  });
});

describe("the record of a command", () => {
  it("is its help", () => {
    expect(helpOf(command)).toBe(
      [
        "mix: mixes things.",
        "",
        "  mix FILE  one file",
        "",
        "  -p, --profile NAME  which profile",
        "  --add THING         add a thing",
        "  -j, --json          print JSON",
        "  --no-card           make no card",
        "  -h, --help          print this text",
        "",
        "Exit codes: 0 done.",
      ].join("\n"),
    );
  });

  it("is a table for the README", () => {
    expect(markdownOptions(command)).toBe(
      "| option | meaning |\n|---|---|\n| `--profile NAME` | which profile |\n| `--add THING` | add a thing |\n| `--json` | print JSON |\n| `--no-card` | make no card |",
    );
  });
});

/** The README's table is made from the record. To write it again, paste what this test expects between the two comments. */
it("build-image's options are those of the README", () => {
  const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
  const [, table] = /<!-- options: build-image -->\n\n([^]*?)\n\n<!-- end -->/.exec(readme) ?? [];
  expect(table).toBe(markdownOptions(buildImageCommand));
});

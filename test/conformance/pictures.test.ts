import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, test } from "vitest";
import { parse } from "yaml";
import { built, profileNames, root } from "../support/builds";
import { buildImage, writeProfile } from "../support/command";
import { blocksOf, deadLinks } from "../support/markdown";
import { run } from "../support/programs";
import { planned, temporaryFolder } from "../support/trees";

/** What xmllint says against a picture; "" for nothing. */
function faults(file: string): string {
  return run("xmllint", ["--noout", file]).output;
}

/** Places in Markdown that a template should have filled. */
function unfilled(text: string): string[] {
  return text.match(/\{\{|\}\}|\bundefined\b|\[object |\bNaN\b/g) ?? [];
}

describe.each(profileNames)("papers of %s", (name) => {
  it("hold a picture that is XML and shows the lines", () => {
    const file = join(built(name).folder, "topology.svg");
    expect(faults(file)).toBe("");
    const picture = readFileSync(file, "utf8");
    for (const { name: line, modem } of planned(name).lines)
      expect([picture.includes(line), picture.includes(modem)]).toEqual([true, true]);
    expect(picture).toContain(planned(name).server.address);
    for (const { network, via } of planned(name).lan.routes)
      expect(picture).toContain(`the router ${via} for the network ${network} behind it`);
  });

  it("hold a SETUP.md with this profile's values", () => {
    const { folder } = built(name);
    const setup = readFileSync(join(folder, "SETUP.md"), "utf8");
    const { lines, server, lan, tunnel } = planned(name);
    const values = [
      ...lines.flatMap(({ modem, port }) => [modem, String(port)]),
      ...lan.routes.map(({ network, via }) => `| ${via} | ${network} |`),
      ...[server.address, lan.address, tunnel.serverAddress],
    ];
    expect(values.filter((value) => !setup.includes(value))).toEqual([]);
    expect(unfilled(setup)).toEqual([]);
    expect(deadLinks(setup, join(folder, "SETUP.md"))).toEqual([]);
  });
});

test("the picture in the README is that of home", () => {
  expect(readFileSync(join(root, "profiles/home.svg"), "utf8")).toBe(readFileSync(join(built("home").folder, "topology.svg"), "utf8"));
});

describe("profiles in the README", () => {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-readme-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const blocks = blocksOf(readFileSync(join(root, "README.md"), "utf8"), "yaml").filter((block) => /^lines:/m.test(block));

  it("are there", () => expect(blocks.length).toBeGreaterThan(0));

  it.each(blocks.map((block, index) => [index, block] as const))("build (%d)", (index, block) => {
    const profile = writeProfile(folder, `readme-${index}`, block);
    const { status, stderr } = buildImage([
      "--profile",
      profile,
      "--no-card",
      "--out",
      join(folder, `out-${index}`),
      "--secrets",
      join(folder, "secrets"),
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(Object.keys(parse(block))).toContain("lan");
  });
});

describe("what is wrong is found", () => {
  it("in a picture", () => {
    const file = join(temporaryFolder(), "topology.svg");
    writeFileSync(file, readFileSync(join(built("home").folder, "topology.svg"), "utf8").replace("</svg>", ""));
    expect(faults(file)).toContain("parser error");
  });

  it("in a text", () => {
    expect(unfilled("port {{port}}, rate undefined")).toHaveLength(3);
  });
});

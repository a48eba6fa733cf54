import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../support/builds";
import { type Outcome, run } from "../../support/programs";
import { temporaryFolder } from "../../support/trees";

/** previous.sh on a half whose folders are elsewhere. */
function previous(half: "box" | "server", home: string): Outcome {
  const script = readFileSync(join(root, "overlay/trial/previous.sh"), "utf8")
    .replaceAll("/var/lib/bondbox", home)
    .replaceAll("/etc/bondbox", home);
  return run("sh", ["-c", script, "sh", half]);
}

function write(home: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(home, name, ".."), { recursive: true });
    writeFileSync(join(home, name), text);
  }
}

const sum = (text: string): string => createHash("sha256").update(text).digest("hex");
const shown = (push: string, id: string, text: string): string => `push ${push}\nid ${id}\n\n${Buffer.from(text).toString("base64")}\n`;

describe("the generation before the last push", () => {
  it("of a server is the install.sh that it has kept", () => {
    const home = temporaryFolder();
    expect(previous("server", home)).toMatchObject({ status: 81, stdout: "" });
    write(home, { "previous/install.sh": "script\n" });
    expect(previous("server", home)).toMatchObject({ status: 0, stdout: shown("", sum("script\n").slice(0, 16), "script\n") });
    write(home, { "previous/push": "2026\n" });
    expect(previous("server", home).stdout).toMatch(/^push 2026\n/);
  });

  const kept = (folder: string, more: Record<string, string> = {}): Record<string, string> => ({
    id: "card\n",
    pushed: "two\n",
    [`${folder}/current`]: "two card\n",
    [`${folder}/previous`]: "one\n",
    [`${folder}/push`]: "2026\n",
    [`${folder}/one/overlay.tar`]: "archive\n",
    [`${folder}/one/SHA256SUMS`]: `${sum("archive\n")}  overlay.tar\n`,
    ...more,
  });

  it.each(["keep/generations", "generations"])("of a box is the one in %s", (folder) => {
    const home = temporaryFolder();
    write(home, kept(folder));
    expect(previous("box", home)).toMatchObject({ status: 0, stdout: shown("2026", "one", "archive\n") });
  });

  it.each<[string, Record<string, string>]>([
    ["the card was changed since", { id: "another\n" }],
    ["something else runs", { pushed: "three\n" }],
    ["confirming was cut off", { "generations/previous": "two\n" }],
    ["there is none", { "generations/previous": "" }],
  ])("of a box is none where %s", (_, more) => {
    const home = temporaryFolder();
    write(home, kept("generations", more));
    expect(previous("box", home)).toMatchObject({ status: 81, stdout: "" });
  });

  it("of a box is reported where it is damaged, or gone", () => {
    const home = temporaryFolder();
    write(home, kept("generations", { "generations/one/overlay.tar": "archiv\n" }));
    expect(previous("box", home)).toMatchObject({ status: 82, stdout: "" });
    rmSync(join(home, "generations/one"), { recursive: true });
    expect(previous("box", home)).toMatchObject({ status: 82, stdout: "" });
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { built, root } from "../support/builds";
import { smallProfile, writeProfile } from "../support/command";
import { copyRepository } from "../support/copy";
import { inNamespace, run } from "../support/programs";
import { hashes } from "../support/trees";

const home = join(root, "profiles/home.yaml");
const work = mkdtempSync(join(tmpdir(), "bondbox-same-"));
const secrets = join(work, "secrets");
const copy = join(work, "copy of the repository");

/** The bytes and modes of a build. */
function contents(folder: string): object {
  const modes = run("find", [folder, "-printf", "%P %m\\n"]).stdout.trim().split("\n");
  return { files: hashes(folder), modes: modes.sort() };
}

let count = 0;

/** Builds with a command of any repository; throws where it fails. @returns the build's bytes and modes. */
function build(repository: string, args: string[] = [], env: Record<string, string> = {}, shell = ""): object {
  const out = join(work, `out-${count++}`);
  // One set of keys for several profiles, which bondbox would refuse.
  rmSync(join(secrets, "home/profile.path"), { force: true });
  const command = [join(repository, "scripts/build-image"), "--profile", home, "--no-card", "--secrets", secrets, "--out", out, ...args];
  const { status, output } = run("sh", ["-c", `${shell} exec "$@"`, "sh", ...command], { env });
  if (status !== 0) throw new Error(output);
  return contents(out);
}

let first: object;

beforeAll(() => {
  copyRepository(copy);
  first = build(root);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe("the same profile and keys give the same bytes", () => {
  it("again", () => expect(build(root)).toEqual(first));

  it("from a copy of the repository, whose caches are empty, and again", () => {
    expect(build(copy)).toEqual(first);
    expect(build(copy)).toEqual(first);
  });

  it.each<[string, Record<string, string>, string]>([
    ["time zone", { TZ: "Pacific/Auckland" }, ""],
    ["language", { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" }, ""],
    ["closed umask", {}, "umask 077;"],
    ["open umask", {}, "umask 000;"],
    ["home", { HOME: "/nowhere", USER: "nobody", HOSTNAME: "elsewhere" }, ""],
    ["date", { SOURCE_DATE_EPOCH: "1" }, ""],
    ["folder", {}, "cd /;"],
  ])("with another %s", (_, env, shell) => expect(build(root, [], env, shell)).toEqual(first));

  it("with comments and keys in another order", () => {
    const { lines, ...rest } = parse(readFileSync(home, "utf8"));
    const file = writeProfile(work, "home", `# other words\n${stringify({ lines, ...rest })}`);
    expect(build(root, ["--profile", file])).toEqual(first);
  });

  it("on another host name", () => {
    const out = join(work, "elsewhere");
    rmSync(join(secrets, "home/profile.path"), { force: true });
    const command = `exec unshare --uts sh -c 'hostname elsewhere; exec "$@"' sh "$@"`;
    const { status, stderr } = inNamespace(command, [
      join(root, "scripts/build-image"),
      "--profile",
      home,
      "--secrets",
      secrets,
      "--no-card",
      "--out",
      out,
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(contents(out)).toEqual(first);
  });
});

describe("other bytes come", () => {
  it("from another profile", () => {
    expect(build(root, ["--profile", writeProfile(work, "home", smallProfile)])).not.toEqual(first);
  });

  it("from another profile's keys", () => expect(contents(built("home").folder)).not.toEqual(first));

  it("from a changed overlay", () => {
    writeFileSync(join(copy, "overlay/box/etc/bondbox/more"), "more\n");
    expect(build(copy)).not.toEqual(first);
    rmSync(join(copy, "overlay/box/etc/bondbox/more"));
    expect(build(copy)).toEqual(first);
  });

  it("after --rotate-keys, which changes nothing but what the keys are in", () => {
    const rotated = build(root, ["--rotate-keys"]) as { files: Record<string, string> };
    expect(rotated).not.toEqual(first);
    const same = (first as typeof rotated).files;
    const changed = Object.keys(rotated.files).filter((path) => rotated.files[path] !== same[path]);
    expect(changed.sort()).toEqual(
      ["install.sh", "seed/meta-data", "seed/user-data", "user-data", "user-data.base64"]
        .map((path) => `server/${path}`)
        .concat(["box/overlay.tar", "manifest.json"])
        .concat(changed.includes("SETUP.md") ? ["SETUP.md", "SETUP.html"] : [])
        .sort(),
    );
    expect(build(root)).toEqual(rotated);
  });
});

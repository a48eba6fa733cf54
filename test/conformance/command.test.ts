import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { explain } from "../../builder/build/explain";
import { built, profileFiles, profileNames, root } from "../support/builds";
import { buildImage, program, smallProfile, writeProfile } from "../support/command";
import { copyRepository } from "../support/copy";
import { run } from "../support/programs";
import { hashes, planned, temporaryFolder } from "../support/trees";

/** A stack is for bugs; a person's mistake gets a message. */
const STACK = /^\s+at .*:\d+/m;

/** A folder with a profile, and the options that keep a build in it. */
function workplace(profile: object | string = smallProfile): { folder: string; out: string; secrets: string; args: string[] } {
  const folder = temporaryFolder();
  const [out, secrets] = [join(folder, "out"), join(folder, "secrets")];
  return {
    folder,
    out,
    secrets,
    args: ["--profile", writeProfile(folder, "mine", profile), "--no-card", "--out", out, "--secrets", secrets],
  };
}

describe("a mistake on the command line", () => {
  it.each([
    [[], ["no profile given", "--profile home"]],
    [
      ["--profil", "home"],
      ['unknown option "--profil"', 'Did you mean "--profile"?'],
    ],
    [["-x"], ['unknown option "-x"', "--help"]],
    [["home"], ['unexpected argument "home"', "Did you mean build-image --profile home?"]],
    [["--profile"], ["--profile needs a value"]],
    [
      ["--profile", "hom"],
      ['there is no profile "hom"', 'Did you mean "home"?'],
    ],
    [
      ["--profile", "zzzzzzz"],
      ['there is no profile "zzzzzzz"', "home"],
    ],
    [
      ["--profile", "./none.yaml"],
      ['there is no profile "./none.yaml"', "--profile path/to/my.yaml"],
    ],
    [["--profile", "home", "--explain", "--json"], ["--explain and --json cannot be combined"]],
    [["--profile", "home", "--no-card", "--base", "x.img"], ["--no-card and --base cannot be combined"]],
    [["--profile", "home", "--no-card", "--update"], ["--no-card and --update cannot be combined"]],
    [["--profile", "home", "--no-image", "--base", "x.img"], ["--no-image and --base cannot be combined"]],
    [["--profile", "home", "--explain=yes"], ["--explain"]],
  ])("%j is reported with a fix", (args, words) => {
    const { status, stdout, stderr } = buildImage(args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^build-image: .+\n {2}\S.*\n$/);
    expect(stderr).not.toMatch(STACK);
    for (const word of words) expect(stderr).toContain(word);
  });
});

describe("a word on the command line", () => {
  it.each([["--help"], ["-h"]])("%s tells each option and exit code", (option) => {
    const { status, stdout, stderr } = buildImage([option]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const word of [
      "--profile",
      "--explain",
      "--json",
      "--out",
      "--secrets",
      "--rotate-keys",
      "--timings",
      "--version",
      "70",
      "--base",
      "--no-image",
      "--no-card",
      "--update",
      "--mirror",
    ])
      expect(stdout).toContain(word);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });

  it("--version is that of package.json", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(buildImage(["--version"])).toMatchObject({ status: 0, stdout: `bondbox ${version}\n`, stderr: "" });
  });

  it("--timings tells of each step, beside the output", () => {
    const { args } = workplace();
    const { status, stdout, stderr } = buildImage([...args, "--timings"]);
    expect([status, stderr.match(/^ +\w+ +\d+ ms$/gm)?.length]).toEqual([0, 6]);
    expect(stdout).not.toContain(" ms\n");
  });

  it("-p home writes nothing with --explain", () => {
    const { folder } = workplace();
    expect(buildImage(["-p", "home", "--explain", "--out", join(folder, "new"), "--secrets", join(folder, "keys")]).status).toBe(0);
    expect(readdirSync(folder)).toEqual(["mine.yaml"]);
  });
});

describe("output that nobody reads to its end", () => {
  it.each([["--json"], ["--explain"], ["--help"]])("is no bug: %s | true", (option) => {
    const pipe = '{ sleep 0.1; "$@"; echo "status $?" >&2; } | true';
    const { stderr } = run("sh", ["-c", pipe, "sh", program, "--profile", "home", option]);
    expect(stderr).toMatch(/^status (0|141)\n$/);
  });
});

describe.each(profileNames)("what is told of %s", (name) => {
  const file = profileFiles.find((path) => path.endsWith(`/${name}.yaml`)) ?? "";

  it("the explanation has each line, modem and port, in 100 columns", () => {
    const text = explain(planned(name));
    expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
    for (const { name: line, modem, port } of planned(name).lines)
      for (const word of [line, modem, String(port)]) expect(text).toContain(word);
    expect(text).not.toMatch(/undefined|NaN|\[object/);
  });

  it("the plan has the lines of the file", () => {
    const lines = parse(readFileSync(file, "utf8")).lines as { name: string }[];
    expect(planned(name).profile).toBe(name);
    expect(planned(name).lines.map((line) => line.name)).toEqual(lines.map((line) => line.name));
  });
});

describe.each(["home", "guide-2017", "big"])("what the command prints of %s", (name) => {
  const file = profileFiles.find((path) => path.endsWith(`/${name}.yaml`)) ?? "";

  it("with --explain is the explanation", () => {
    const { status, stdout, stderr } = buildImage(["--profile", file, "--explain"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trimEnd()).toBe(explain(planned(name)).trimEnd());
  });

  it("with --json is the plan", () => {
    const { status, stdout, stderr } = buildImage(["--profile", file, "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ ...planned(name), profileHash: built(name).manifest.profileHash });
  });
});

describe("a profile that is wrong", () => {
  it.each([
    ["in a value", { ...smallProfile, server: { address: "203.0.113" } }, ":14:12:"],
    ["in its YAML", "lan: [\n", ":1:"],
    ["because it is empty", "", "empty"],
    ["because it is no text", "\u0000\u0001", ""],
  ])("%s is told with its place, leaves the last build alone, and is no bug", (_, wrong, place) => {
    const { folder, out, args } = workplace();
    expect(buildImage(args).status).toBe(0);
    const before = hashes(folder);
    writeProfile(folder, "mine", wrong);
    const { status, stdout, stderr } = buildImage(args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("mine.yaml");
    expect(stderr).toContain(place);
    expect(stderr).not.toMatch(STACK);
    expect({ ...hashes(folder), "mine.yaml": "" }).toEqual({ ...before, "mine.yaml": "" });
    expect(existsSync(out)).toBe(true);
  });

  it("in its name is told", () => {
    const { folder } = workplace();
    const { status, stderr } = buildImage(["--profile", writeProfile(folder, "-my home", smallProfile)]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('"-my home" cannot be the name of a profile')]);
  });
});

describe("the output folder", () => {
  it("that no build made is not touched", () => {
    const { folder, out, args } = workplace();
    mkdirSync(out);
    writeFileSync(join(out, "thesis.txt"), "years of work");
    const before = hashes(folder);
    const { status, stderr } = buildImage(args);
    expect([status, stderr]).toEqual([1, expect.stringContaining("is not a build of bondbox")]);
    expect(hashes(folder)).toEqual(before);
  });

  it("that is empty, or a build, is filled anew", () => {
    const { out, args } = workplace();
    mkdirSync(out);
    expect(buildImage(args).status).toBe(0);
    rmSync(join(out, "SETUP.md"));
    // macOS lays one into every folder that it shows.
    writeFileSync(join(out, ".DS_Store"), "");
    expect(buildImage(args).status).toBe(0);
    expect([".DS_Store", "SETUP.md", "box/overlay.tar"].map((path) => existsSync(join(out, path)))).toEqual([false, true, true]);
  });

  it.each([
    [
      "a manifest of another program",
      (out: string) => (mkdirSync(out), writeFileSync(join(out, "manifest.json"), '{"manifest_version": 3}')),
    ],
    ["an empty manifest", (out: string) => (mkdirSync(out), writeFileSync(join(out, "manifest.json"), ""))],
    [
      "a file beside a build's",
      (out: string, args: string[]) => (buildImage(args), writeFileSync(join(out, "notes.txt"), "where the box is")),
    ],
    [
      "a folder in a build's",
      (out: string, args: string[]) => (buildImage(args), cpSync(join(out, "server"), join(out, "box/server"), { recursive: true })),
    ],
  ])("with %s is not touched", (_, make) => {
    const { folder, out, args } = workplace();
    make(out, args);
    const before = hashes(folder);
    const { status, stdout, stderr } = buildImage(args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^build-image: \S+ (exists and is not a build of bondbox|holds what no build made: )/);
    expect(hashes(folder)).toEqual(before);
  });

  it.each([
    ["the keys in it", (folder: string) => ["--secrets", join(folder, "out/keys")], "holds the folder of the keys"],
    [
      "the keys behind a link in it",
      (folder: string) => (symlinkSync(join(folder, "out"), join(folder, "link")), ["--secrets", join(folder, "link/keys")]),
      "holds the folder of the keys",
    ],
    ["itself among the keys", (folder: string) => ["--out", join(folder, "secrets/mine")], "is inside the folder of the keys"],
    ["the profile in it", (folder: string) => ["--out", folder], "holds the profile"],
    ["bondbox in it", () => ["--out", root], "holds bondbox itself"],
  ])("with %s is refused at once, and nothing is lost", (_, change, words) => {
    const { folder, args } = workplace();
    expect(buildImage(args).status).toBe(0);
    const more = change(folder);
    const before = hashes(folder);
    const { status, stdout, stderr } = buildImage([...args, ...more]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(words);
    expect(hashes(folder)).toEqual(before);
  });

  it("that is a file is a failure of the machine", () => {
    const { out, args } = workplace();
    writeFileSync(out, "");
    const { status, stderr } = buildImage(args);
    expect([status, stderr]).toEqual([2, expect.stringContaining("not a folder")]);
  });
});

describe("a path that leads nowhere", () => {
  const long = "x".repeat(300);

  it.each([
    ["--out", "file", "file: part of the path is not a folder"],
    ["--out", "dangling", "dangling: it is a symbolic link to something that does not exist"],
    ["--out", "file/build", "file: part of the path is not a folder"],
    ["--secrets", "file", "part of the path is not a folder"],
    ["--out", "dangling/build", "symbolic link to something that does not exist"],
    ["--secrets", "dangling", "symbolic link to something that does not exist"],
    ["--secrets", "file/keys", "file: part of the path is not a folder"],
    ["--out", "circle/build", "circle: its symbolic links lead in a circle"],
    ["--secrets", "circle", "circle: its symbolic links lead in a circle"],
    ["--out", long, "the name is too long"],
    ["--secrets", `${long}/keys`, "the name is too long"],
    // Its draft has a longer name.
    ["--out", long.slice(0, 250), "xxx: the name is too long"],
    ["--profile", "file/x.yaml", "part of the path is not a folder"],
    ["--profile", "dangling/x.yaml", "there is no profile", 1],
    ["--profile", "circle/x.yaml", "its symbolic links lead in a circle"],
    ["--profile", "link.yaml", "link.yaml: it is a symbolic link to something that does not exist"],
    ["--profile", `${long}.yaml`, "the name is too long"],
  ] as [string, string, string, number?][])("%s %s is reported in a sentence, at once", (option, path, words, code = 2) => {
    const { folder, args } = workplace();
    writeFileSync(join(folder, "file"), "");
    symlinkSync(join(folder, "gone"), join(folder, "dangling"));
    symlinkSync("circle", join(folder, "circle"));
    symlinkSync("gone.yaml", join(folder, "link.yaml"));
    const before = hashes(folder);
    const started = Date.now();
    const { status, stdout, stderr } = buildImage([...args, option, join(folder, path)]);
    expect({ status, stdout }).toEqual({ status: code, stdout: "" });
    expect(stderr).toContain(words);
    expect(stderr).toMatch(/^build-image: .+\n {2}\S.*\n$/);
    // A lock that cannot be taken was waited for, for a minute.
    expect(Date.now() - started).toBeLessThan(30_000);
    expect(hashes(folder)).toEqual(before);
  });

  it.each([
    ["file/x.img", 2, "part of the path is not a folder"],
    ["dangling", 1, "there is no file"],
    ["circle", 2, "its symbolic links lead in a circle"],
    [long, 2, "the name is too long"],
    [".", 1, "there is no file"],
  ])("--base %s is reported before anything is fetched", (path, code, words) => {
    const { folder, out, secrets } = workplace();
    const profile = join(folder, "mine.yaml");
    writeFileSync(join(folder, "file"), "");
    symlinkSync("gone", join(folder, "dangling"));
    symlinkSync("circle", join(folder, "circle"));
    const { status, stdout, stderr } = buildImage(
      ["--profile", profile, "--out", out, "--secrets", secrets, "--base", join(folder, path)],
      { env: { XDG_CACHE_HOME: join(folder, "cache") } },
    );
    expect({ status, stdout }).toEqual({ status: code, stdout: "" });
    expect(stderr).toContain(words);
    expect(stderr).toMatch(/^build-image: .+\n {2}\S.*\n$/);
    expect(existsSync(join(folder, "cache"))).toBe(false);
  });

  it.each([
    [
      "a folder",
      (folder: string) => folder,
      1,
      /is not a file \[usage.not-a-file\]\n {2}Write the path of a file in it, such as \S+mine.yaml/,
    ],
    ["a device without an end", () => "/dev/zero", 1, /\/dev\/zero is not a file/],
    [
      "a film",
      (folder: string) => (truncateSync(join(folder, "mine.yaml"), 50e6), join(folder, "mine.yaml")),
      1,
      /50\.0 MB, too many for a profile/,
    ],
    ["a name with .yaml", () => "home.yaml", 0, /^$/],
  ])("--profile may be %s: %s", (_, pathIn, code, words) => {
    const { folder } = workplace();
    const path = pathIn(folder);
    const { status, stderr } = buildImage(["--profile", path.includes("/") && !path.includes(".") ? `${path}/` : path, "--explain"]);
    expect(status).toBe(code);
    expect(stderr).toMatch(words);
  });
});

describe("two profiles of one name", () => {
  it("do not share keys, and neither build replaces the other", () => {
    const [first, second] = [workplace(), workplace()];
    expect(buildImage(first.args).status).toBe(0);
    const before = hashes(first.folder);
    const { status, stderr } = buildImage([...second.args, "--secrets", first.secrets, "--out", first.out]);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`are those of ${join(first.folder, "mine.yaml")}`)]);
    expect(hashes(first.folder)).toEqual(before);
  });
});

/** In each folder of keys. */
const always = ["known_hosts", "profile.path", "ssh_host_ed25519.key"];

/** Of a profile's lines, sorted. */
function keyFiles(...lines: string[]): string[] {
  return [...lines.flatMap((line) => ["box", "server"].map((part) => `${line}.${part}.key`)), "tls-crypt.key"].sort();
}

describe("keys", () => {
  it("are never new in silence", () => {
    const { folder, out, secrets, args } = workplace();
    // The note may be wrapped anywhere.
    const said = (more: string[] = []) => buildImage([...args, ...more]).stdout.replace(/\s+/g, " ");
    const first =
      /Note: New keys were made in (\S+) \(key set [-0-9a-f]{14}\)\. Back up \1: without it, a later build cannot match this box and server\. If a box and a server of this profile are set up already, they do not match these keys: restore your backup of \1 and build again, or set up both with these files\. /;
    expect(said()).toMatch(first);
    expect(said()).not.toContain("keys were made");
    // As in a new clone.
    for (const gone of [out, secrets]) rmSync(gone, { recursive: true });
    expect(said()).toMatch(first);
    rmSync(out, { recursive: true });
    expect(said(["--rotate-keys"])).toMatch(/Note: New keys were made \(key set .* do not hear each other until both have the new files/);
    rmSync(join(secrets, "mine"), { recursive: true });
    expect(said()).toMatch(/Note: New keys were made \(key set .* do not hear each other until both have the new files/);
    const line = { name: "three", modem: "192.168.1.200", down: 7000, up: 900 };
    writeProfile(folder, "mine", { ...smallProfile, lines: [...smallProfile.lines, line] });
    expect(said()).toContain("New keys were made for three (key set ");
    expect(said(["--rotate-keys"])).toContain("do not hear each other until both have the new files");
    rmSync(join(secrets, "mine"), { recursive: true });
    expect(said()).toContain("New keys were made (key set ");
    chmodSync(join(secrets, "mine/one.box.key"), 0o644);
    expect(said()).toContain("could be read by other users of this computer; that is corrected");
  });

  it("are kept over builds, one more for a new line, and all new after --rotate-keys", () => {
    const { folder, secrets, args } = workplace();
    const keys = () =>
      Object.fromEntries(
        // The box's SSH key is none of a tunnel.
        Object.entries(hashes(join(secrets, "mine"))).filter(([path]) => /^(?!ssh_host_)[\w-]+(\.\w+)?\.key$/.test(path)),
      );
    buildImage(args);
    const before = keys();
    expect(Object.keys(before)).toEqual(keyFiles("one", "two"));
    writeProfile(folder, "mine", {
      ...smallProfile,
      lines: [...smallProfile.lines, { name: "three", modem: "192.168.1.200", down: 7000, up: 900 }],
    });
    buildImage(args);
    const more = keys();
    expect(Object.keys(more)).toEqual(keyFiles("one", "two", "three"));
    expect(more).toMatchObject(before);
    buildImage([...args, "--rotate-keys"]);
    const rotated = keys();
    for (const [file, hash] of Object.entries(more)) expect([file, rotated[file] === hash]).toEqual([file, false]);
  });

  it("of a server of old and of one of today lie side by side", () => {
    const { folder, secrets, args } = workplace();
    const old = { ...smallProfile, server: { ...smallProfile.server, target: "ubuntu-14.04" } };
    buildImage(args);
    const before = hashes(join(secrets, "mine"));
    writeProfile(folder, "mine", old);
    expect(buildImage(args).status).toBe(0);
    expect(readdirSync(join(secrets, "mine")).sort()).toEqual([...keyFiles("one", "two"), "one.key", "two.key", ...always].sort());
    writeProfile(folder, "mine", smallProfile);
    expect(buildImage(args).status).toBe(0);
    expect(hashes(join(secrets, "mine"))).toMatchObject(before);
  });

  it("are their owner's alone, whatever the umask", () => {
    const { secrets, args } = workplace();
    expect(run("sh", ["-c", 'umask 000; exec "$@"', "sh", join(root, "scripts/build-image"), ...args]).status).toBe(0);
    const mode = (path: string) => (statSync(join(secrets, path)).mode & 0o777).toString(8);
    expect(mode("mine")).toBe("700");
    for (const file of keyFiles("one", "two")) expect([file, mode(`mine/${file}`)]).toEqual([file, "600"]);
  });

  it.each([
    ["one.box.key", "cut", (key: string) => key.slice(0, -80)],
    ["one.server.key", "without a certificate", () => "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n"],
    ["tls-crypt.key", "cut", (key: string) => key.slice(0, -80)],
    ["tls-crypt.key", "of another kind", () => "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n"],
    ["tls-crypt.key", "empty", () => ""],
  ])("that are broken (%s, %s) are told of without being shown, and stay", (part, _, broken) => {
    const { folder, secrets, args } = workplace();
    expect(buildImage(args).status).toBe(0);
    const file = join(secrets, "mine", part);
    const text = broken(readFileSync(file, "utf8"));
    writeFileSync(file, text);
    const before = hashes(folder);
    const { status, stdout, stderr } = buildImage(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(`${file} is not ${part === "tls-crypt.key" ? "an OpenVPN static key" : "a private key with its certificate"}`);
    for (const line of text.split("\n").filter((line) => line.length > 8)) expect(stderr).not.toContain(line);
    expect(hashes(folder)).toEqual(before);
    expect(buildImage([...args, "--rotate-keys"]).status).toBe(0);
  });
});

describe("in a copy of the repository", () => {
  it("npx finds the command, without the network, and writes dist/ and secrets/", () => {
    const copy = copyRepository(join(temporaryFolder(), "copy"));
    const { status, stdout } = run("npx", ["build-image", "--profile", "home", "--no-card"], {
      cwd: copy,
      env: { npm_config_offline: "true" },
    });
    expect([status, stdout]).toEqual([0, expect.stringContaining("dist/home/\n")]);
    expect(readdirSync(join(copy, "dist/home"))).toContain("SETUP.md");
    expect(readdirSync(join(copy, "secrets/home")).sort()).toEqual([...keyFiles("orange", "ovh"), ...always].sort());
  });

  it("the command works through a link and from another folder", () => {
    const folder = temporaryFolder();
    const copy = copyRepository(join(folder, "copy"));
    symlinkSync(join(copy, "scripts/build-image"), join(folder, "bb"));
    expect(run(join(folder, "bb"), ["--profile", "home", "--no-card"], { cwd: "/" }).status).toBe(0);
    expect(readdirSync(join(copy, "dist"))).toEqual(["home"]);
  });

  it("a bug ends with 70, a stack and a request, and leaves the last build alone", () => {
    const copy = copyRepository(join(temporaryFolder(), "copy"));
    const build = () => run(join(copy, "scripts/build-image"), ["--profile", "home", "--no-card"]);
    expect(build().status).toBe(0);
    const before = hashes(join(copy, "dist"));
    const template = join(copy, "overlay/box/etc/resolv.conf.table.hbs");
    const right = readFileSync(template, "utf8");
    writeFileSync(template, `${right}{{nosuch}}\n`);
    const { status, stdout, stderr } = build();
    expect({ status, stdout }).toEqual({ status: 70, stdout: "" });
    expect(stderr).toMatch(/^build-image: this is a bug in bondbox .*report/);
    expect(stderr).toContain("resolv.conf.table.hbs");
    expect(stderr).toMatch(STACK);
    expect(hashes(join(copy, "dist"))).toEqual(before);
    rmSync(template);
    expect(build().status).toBe(0);
  });
});

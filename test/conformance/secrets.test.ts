import { X509Certificate } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, inject, it } from "vitest";
import { planProfile } from "../../builder/build/build";
import { isPassword, readPasswordHash } from "../../overlay/runtime/web/password";
import { fromBase85 } from "../support/base85";
import { built, profileFiles, profileNames, profilesOf, root } from "../support/builds";
import { buildImage } from "../support/command";
import { run } from "../support/programs";
import { filesBelow, planned, temporaryFolder } from "../support/trees";

function secretsOf(name: string): string {
  return join(inject("builds"), "secrets", name);
}

/** What must stay secret in a text: the digits of static keys, and private keys, line by line. */
function secretLines(text: string): string[] {
  const privateKeys = [...text.matchAll(/-----BEGIN (?:OPENSSH )?PRIVATE KEY-----\n([^-]*)-/g)].flatMap(([, lines = ""]) =>
    lines.trim().split("\n"),
  );
  return [...(text.match(/^[0-9a-f]{32}$/gm) ?? []), ...privateKeys];
}

/**
 * The lines of a profile's keys: none of them may be seen.
 * @param ending of the files' names.
 */
function keyLines(name: string, ending = ".key"): string[] {
  const folder = secretsOf(name);
  const files = readdirSync(folder).filter((file) => file.endsWith(ending));
  return files.flatMap((file) => secretLines(readFileSync(join(folder, file), "utf8")));
}

/** A text with all that is packed in it, and in that. */
function unpacked(text: string): string[] {
  // Builds pack without a time, so a head is ten characters: fewer are in a long text by chance. After a text without "=" in its end the
  // script goes on.
  const packed = [...text.matchAll(/H4sIAAAAAA[A-Za-z0-9+/\n]{50,}={0,2}/g)].map(([content]) =>
    gunzipSync(Buffer.from(content.split("\nEND\n")[0] ?? "", "base64")).toString("latin1"),
  );
  // The same in base85: the head is ten characters, too.
  const shorter = [...text.matchAll(/ABzY800000[\w!#$%&()*+;<=>?@^`{|}~-]{50,}/g)].map(([content]) =>
    gunzipSync(fromBase85(content)).toString("latin1"),
  );
  return [text, ...[...packed, ...shorter].flatMap(unpacked)];
}

/** Whether a text has one of these keys, or any: it may hold packed ones, too. */
function holdsKey(text: string, keys: string[]): boolean {
  const all = unpacked(text).join("\n").toLowerCase();
  return all.includes("-----begin openvpn") || /-----begin (openssh )?private/.test(all) || holdsOneOf(text, keys);
}

function holdsOneOf(text: string, keys: string[]): boolean {
  const all = unpacked(text).join("\n").toLowerCase();
  // A static key might have been written otherwise.
  const forms = (key: string) => [key, ...(/^[0-9a-f]{32}$/.test(key) ? [Buffer.from(key, "hex").toString("base64").slice(0, 20)] : [])];
  return keys.flatMap(forms).some((form) => all.includes(form.toLowerCase()));
}

/** Files with keys that others than their owner can read. */
function openKeys(folder: string, keys: string[]): string[] {
  const withKeys = filesBelow(folder).filter((path) => holdsKey(readFileSync(join(folder, path), "latin1"), keys));
  if (withKeys.length === 0) return ["no key at all"];
  return withKeys.filter((path) => (statSync(join(folder, path)).mode & 0o077) !== 0);
}

describe.each(profileNames)("keys of %s", (name) => {
  it("lie only in files that are their owner's alone", () => {
    const { folder, box, server } = built(name);
    expect(openKeys(folder, keyLines(name))).toEqual([]);
    expect(openKeys(box, keyLines(name))).toEqual([]);
    expect([...server].filter(([, { mode, content }]) => holdsKey(content, keyLines(name)) !== (mode === "0600"))).toEqual([]);
    expect((statSync(folder).mode & 0o777).toString(8)).toBe("700");
  });

  it("are kept in secrets/, closed", () => {
    const folder = secretsOf(name);
    const { tls } = planned(name).tunnel;
    const [endings, shared] = tls ? [["box.key", "server.key"], ["tls-crypt.key"]] : [["key"], []];
    const always = ["known_hosts", "profile.path", "ssh_host_ed25519.key"];
    expect(readdirSync(folder).sort()).toEqual(
      [...always, ...shared, ...planned(name).lines.flatMap((line) => endings.map((ending) => `${line.name}.${ending}`))].sort(),
    );
    expect((statSync(folder).mode & 0o777).toString(8)).toBe("700");
    for (const file of readdirSync(folder)) expect((statSync(join(folder, file)).mode & 0o777).toString(8)).toBe("600");
  });

  it("are not in what is meant to be shown", () => {
    const { folder } = built(name);
    for (const path of ["manifest.json", "SETUP.md", "SETUP.html", "topology.svg", "server/seed/meta-data"]) {
      expect([path, holdsKey(readFileSync(join(folder, path), "utf8"), keyLines(name))]).toEqual([path, false]);
    }
    for (const bundle of planned(name).server.bundles)
      expect(holdsKey(readFileSync(join(folder, bundle.folder, "seed/meta-data"), "utf8"), keyLines(name))).toBe(false);
    const plain = readFileSync(join(folder, "server/user-data"), "utf8").replace(/content: .*/, "");
    expect(holdsKey(plain, keyLines(name))).toBe(false);
  });
});

describe.each(profilesOf("systemd"))("private keys of %s", (name) => {
  const bundle = () => {
    const folders = planned(name).server.bundles.map(({ folder }) => join(built(name).folder, folder));
    return folders.flatMap((folder) => filesBelow(folder).map((path) => readFileSync(join(folder, path), "latin1"))).join("\n");
  };
  const box = () =>
    ["box/overlay.tar", ...filesBelow(built(name).box).map((path) => `box/root/${path}`)]
      .map((path) => readFileSync(join(built(name).folder, path), "latin1"))
      .join("\n");

  it("of one end never lie on the other", () => {
    const [ofBox, ofServer, shared] = [keyLines(name, ".box.key"), keyLines(name, ".server.key"), keyLines(name, "tls-crypt.key")];
    const count = planned(name).lines.length;
    expect([ofBox.length, ofServer.length, shared.length]).toEqual([count, count, 16]);
    expect([holdsOneOf(bundle(), ofServer), holdsOneOf(bundle(), ofBox), holdsOneOf(bundle(), shared)]).toEqual([true, false, true]);
    expect([holdsOneOf(box(), ofServer), holdsOneOf(box(), ofBox), holdsOneOf(box(), shared)]).toEqual([false, true, true]);
  });

  it("are none that only their certificates' names tell apart", () => {
    const certificates = readdirSync(secretsOf(name))
      .filter((file) => /\.(box|server)\.key$/.test(file))
      .map((file) => new X509Certificate(readFileSync(join(secretsOf(name), file))));
    expect(new Set(certificates.map(({ publicKey }) => publicKey.export({ format: "der", type: "spki" }).toString("hex"))).size).toBe(
      2 * planned(name).lines.length,
    );
  });
});

describe("what the command says", () => {
  it.each([[], ["--timings"], ["--explain"], ["--json"]])("%s holds no key", (...args) => {
    const folder = temporaryFolder();
    const file = profileFiles.find((path) => path.endsWith("/home.yaml")) ?? "";
    const { status, output } = buildImage([
      "--profile",
      file,
      "--no-card",
      "--out",
      join(folder, "out"),
      "--secrets",
      join(inject("builds"), "secrets"),
      ...args,
    ]);
    expect(status).toBe(0);
    expect(output.length).toBeGreaterThan(100);
    expect(holdsKey(output, keyLines("home"))).toBe(false);
  });
});

describe("what a profile holds that nobody else may see", () => {
  const password = "correct horse battery";
  const url = "https://hooks.example.net/bondbox?key=hush-hush";
  const hash = (): string => readFileSync(join(built("backups").box, "etc/bondbox/page.key"), "utf8").trim();

  it("is on the card alone, closed, and the password only as its hash", async () => {
    const found = readPasswordHash(hash());
    expect(found !== null && (await isPassword(password, found))).toBe(true);
    expect(JSON.parse(readFileSync(join(built("backups").box, "etc/bondbox/notify.key"), "utf8"))).toEqual({
      url,
      command: "/usr/local/sbin/notify-me",
    });
    const { folder } = built("backups");
    const holding = (secret: string): string[] =>
      filesBelow(folder).filter((path) =>
        unpacked(readFileSync(join(folder, path), "latin1"))
          .join("\n")
          .includes(secret),
      );
    expect(holding(password)).toEqual([]);
    expect(holding(hash())).toEqual(["box/overlay.tar", "box/root/etc/bondbox/page.key"]);
    expect(holding("hush-hush")).toEqual(["box/overlay.tar", "box/root/etc/bondbox/notify.key"]);
    for (const path of [...holding(hash()), ...holding("hush-hush")])
      expect([path, (statSync(join(folder, path)).mode & 0o777).toString(8)]).toEqual([path, "600"]);
    expect(JSON.stringify(planned("backups"))).not.toMatch(/horse|hush/);
  });

  it("cannot be guessed by a hash in the manifest, either", () => {
    const hashes = built("backups").manifest.files.filter(({ path }) => /\/(page|notify)\.key$/.test(path));
    expect(hashes.map(({ path, mode, sha256: sum }) => [path, mode, sum])).toEqual([
      ["/etc/bondbox/notify.key", "0600", undefined],
      ["/etc/bondbox/page.key", "0600", undefined],
    ]);
    const file = profileFiles.find((path) => path.endsWith("/backups.yaml")) ?? "";
    const folder = temporaryFolder();
    const other = join(folder, "backups.yaml");
    writeFileSync(other, readFileSync(file, "utf8").replace(password, "another horse").replace("hush-hush", "hush"));
    expect(planProfile(root, other).hash).toBe(built("backups").manifest.profileHash);
  });

  it("is named by a note where the password is in the clear, with the hash to write instead", () => {
    const file = profileFiles.find((path) => path.endsWith("/backups.yaml")) ?? "";
    const folder = temporaryFolder();
    const builds = (profile: string): string => {
      const out = join(folder, "out");
      const { status, output } = buildImage(["--profile", profile, "--no-card", "--out", out, "--secrets", join(folder, "secrets")]);
      expect(status).toBe(0);
      expect(output).not.toMatch(/horse|hush/);
      return output;
    };
    const mine = join(folder, "backups.yaml");
    writeFileSync(mine, readFileSync(file, "utf8"));
    const [, note = ""] = /in the clear\.[^"]*password:\s+"(scrypt:[^"\s]+)"/.exec(builds(mine)) ?? [];
    expect(readPasswordHash(note)).not.toBeNull();
    const tar = readFileSync(join(folder, "out/box/overlay.tar"));
    writeFileSync(mine, readFileSync(file, "utf8").replace(password, `"${note}"`));
    expect(builds(mine)).not.toContain("in the clear");
    expect(readFileSync(join(folder, "out/box/overlay.tar")).equals(tar)).toBe(true);
  });
});

describe("a key that can be seen is found", () => {
  it("in a file that others can read", () => {
    const folder = temporaryFolder();
    run("cp", ["-a", join(built("home").box, "etc/openvpn/bondbox"), folder]);
    expect(openKeys(folder, keyLines("home"))).toEqual([]);
    chmodSync(join(folder, "bondbox/ovh.key"), 0o640);
    chmodSync(join(folder, "bondbox/orange.crypt.key"), 0o604);
    expect(openKeys(folder, keyLines("home"))).toEqual(["bondbox/orange.crypt.key", "bondbox/ovh.key"]);
  });

  it.each(["home", "guide-2017"])("of %s: as it is, packed, packed twice, and a part of it", (name) => {
    const keys = keyLines(name);
    for (const file of readdirSync(secretsOf(name)).filter((entry) => entry.endsWith(".key")))
      expect([file, holdsKey(readFileSync(join(secretsOf(name), file), "utf8"), [])]).toEqual([file, true]);
    for (const key of keys) expect(holdsKey(`verbose: ${key}`, keys)).toBe(true);
    for (const file of ["user-data", "user-data.base64", "install.sh"])
      expect([file, holdsKey(readFileSync(join(built(name).folder, "server", file), "utf8"), keys)]).toEqual([file, true]);
    const folder = temporaryFolder();
    writeFileSync(join(folder, "empty"), "");
    expect(openKeys(folder, keys)).toEqual(["no key at all"]);
  });
});

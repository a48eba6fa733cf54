import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, inject, it } from "vitest";
import { built, profileFiles, profileNames } from "../support/builds";
import { buildImage } from "../support/command";
import { run } from "../support/programs";
import { filesBelow, planned, temporaryFolder } from "../support/trees";

/** The lines of a profile's keys: none of them may be seen. */
function keyLines(name: string): string[] {
  const folder = join(inject("builds"), "secrets", name);
  return readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), "utf8").match(/^[0-9a-f]{32}$/gm) ?? []);
}

/** The places that a text has keys from: it may hold packed ones, too. */
function holdsKey(text: string, keys: string[]): boolean {
  const packed = [...text.matchAll(/H4sI[A-Za-z0-9+/]{50,}={0,2}/g)].map(([content]) =>
    gunzipSync(Buffer.from(content, "base64")).toString(),
  );
  const all = [text, ...packed].join("\n").toLowerCase();
  return (
    all.includes("-----begin openvpn") ||
    keys.some((key) => all.includes(key) || all.includes(Buffer.from(key, "hex").toString("base64").slice(0, 20).toLowerCase()))
  );
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
    const folder = join(inject("builds"), "secrets", name);
    expect(readdirSync(folder).sort()).toEqual(
      planned(name)
        .lines.map((line) => `${line.name}.key`)
        .sort(),
    );
    expect((statSync(folder).mode & 0o777).toString(8)).toBe("700");
    for (const file of readdirSync(folder)) expect((statSync(join(folder, file)).mode & 0o777).toString(8)).toBe("600");
  });

  it("are not in what is meant to be shown", () => {
    const { folder } = built(name);
    for (const path of ["manifest.json", "SETUP.md", "topology.svg", "server/seed/meta-data"]) {
      expect([path, holdsKey(readFileSync(join(folder, path), "utf8"), keyLines(name))]).toEqual([path, false]);
    }
    const plain = readFileSync(join(folder, "server/user-data"), "utf8").replace(/content: .*/, "");
    expect(holdsKey(plain, keyLines(name))).toBe(false);
  });
});

describe("what the command says", () => {
  it.each([[], ["--timings"], ["--explain"], ["--json"]])("%s holds no key", (...args) => {
    const folder = temporaryFolder();
    const file = profileFiles.find((path) => path.endsWith("/home.yaml")) ?? "";
    const { status, output } = buildImage([
      "--profile",
      file,
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

describe("a key that can be seen is found", () => {
  it("in a file that others can read", () => {
    const folder = temporaryFolder();
    run("cp", ["-a", join(built("home").box, "etc/openvpn/bondbox"), folder]);
    expect(openKeys(folder, keyLines("home"))).toEqual([]);
    chmodSync(join(folder, "bondbox/ovh.key"), 0o640);
    expect(openKeys(folder, keyLines("home"))).toEqual(["bondbox/ovh.key"]);
  });

  it("as it is, packed, and a part of it", () => {
    const keys = keyLines("home");
    const key = readFileSync(join(inject("builds"), "secrets/home/ovh.key"), "utf8");
    expect(holdsKey(key, [])).toBe(true);
    expect(holdsKey(`verbose: ${keys[3]}`, keys)).toBe(true);
    expect(holdsKey(readFileSync(join(built("home").folder, "server/user-data"), "utf8"), keys)).toBe(true);
    const folder = temporaryFolder();
    writeFileSync(join(folder, "empty"), "");
    expect(openKeys(folder, keys)).toEqual(["no key at all"]);
  });
});

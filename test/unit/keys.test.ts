import { randomBytes, X509Certificate } from "node:crypto";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { EnvironmentError } from "../../builder/errors";
import { makeIdentity, readIdentity } from "../../builder/keys/certificate";
import { type Keys, keySetId, type KeysInput, keysOf, type TunnelKeys } from "../../builder/keys/keys";
import { readStaticKey, staticKey } from "../../builder/keys/static-keys";
import { inNamespace, run } from "../support/programs";
import { hashes, temporaryFolder } from "../support/trees";

const seed = (byte: number): Buffer => Buffer.alloc(32, byte);

/** The key and the certificate of an identity, apart. */
function halves(pem: string): [key: string, certificate: string] {
  const at = pem.indexOf("-----BEGIN CERTIFICATE");
  return [pem.slice(0, at), pem.slice(at)];
}

describe("an identity", () => {
  const one = makeIdentity("bondbox box ovh", seed(1));
  const other = makeIdentity("bondbox box ovh", seed(2));

  it("of the same seed and name is the same to the byte, of another one it is not", () => {
    expect(makeIdentity("bondbox box ovh", seed(1))).toEqual(one);
    expect(other.fingerprint).not.toBe(one.fingerprint);
    expect(makeIdentity("bondbox box orange", seed(1)).fingerprint).not.toBe(one.fingerprint);
  });

  it("is a new one each time without a seed", () => {
    const made = Array.from({ length: 8 }, () => makeIdentity("x"));
    expect(new Set(made.map(({ fingerprint }) => fingerprint)).size).toBe(8);
    expect(new Set(made.map(({ pem }) => halves(pem)[0])).size).toBe(8);
  });

  it("is read as it was made", () => {
    expect(readIdentity(one.pem)).toEqual(one);
    expect(one.pem.endsWith(one.certificate)).toBe(true);
    expect(one.certificate).not.toContain("PRIVATE");
  });

  it("differs from another of its name by 96 bytes at most, the key and the signature, so that user-data packs well", () => {
    const [a, b] = [seed(1), seed(2)].map((bytes) => new X509Certificate(makeIdentity("x", bytes).certificate));
    expect(a?.serialNumber).toBe("01");
    expect(a?.raw.length).toBe(b?.raw.length);
    expect([...(a?.raw ?? [])].filter((byte, at) => byte !== b?.raw[at]).length).toBeLessThanOrEqual(96);
  });

  it.each([1, 13, 40, 64])("may have a name of %d letters", (length) => {
    const name = "n".repeat(length);
    expect(new X509Certificate(makeIdentity(name).certificate).subject).toBe(`CN=${name}`);
  });

  it.each([
    ["a key with another's certificate", halves(one.pem)[0] + other.certificate],
    ["a key alone", halves(one.pem)[0]],
    ["a certificate alone", one.certificate],
    ["half a file", one.pem.slice(0, one.pem.length / 2)],
    ["a file that lost its end", one.pem.slice(0, -30)],
    ["a static key", staticKey(seed(1))],
    ["nothing", ""],
  ])("is refused: %s", (_, text) => {
    expect(readIdentity(text)).toBeNull();
  });

  it("is refused with any one bit changed: the other end would no longer know it", () => {
    const [key, certificate] = halves(one.pem).map((pem) => Buffer.from(pem.replace(/-.*-|\n/g, ""), "base64")) as [Buffer, Buffer];
    const pem = (label: string, bytes: Buffer): string => `-----BEGIN ${label}-----\n${bytes.toString("base64")}\n-----END ${label}-----\n`;
    const flipped = (bytes: Buffer, bit: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      return copy;
    };
    for (let bit = 0; bit < 8 * certificate.length; bit++)
      expect([bit, readIdentity(pem("PRIVATE KEY", key) + pem("CERTIFICATE", flipped(certificate, bit)))]).toEqual([bit, null]);
    // The last 32 bytes are the key itself.
    for (let bit = 8 * (key.length - 32); bit < 8 * key.length; bit++)
      expect([bit, readIdentity(pem("PRIVATE KEY", flipped(key, bit)) + pem("CERTIFICATE", certificate))]).toEqual([bit, null]);
  });
});

describe("OpenSSL", () => {
  const identity = makeIdentity("bondbox server orange", seed(7));

  function openssl(...args: string[]): string {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "pem"), identity.pem);
    writeFileSync(join(folder, "certificate"), identity.certificate);
    const { status, output } = run("openssl", args, { cwd: folder });
    expect([status, output]).toEqual([0, output]);
    return output;
  }

  it("takes the certificate for one that its own key has signed", () => {
    expect(openssl("verify", "-check_ss_sig", "-x509_strict", "-CAfile", "certificate", "certificate")).toBe("certificate: OK\n");
  });

  it("does not take it for an authority, and it is good for all time", () => {
    const text = openssl("x509", "-in", "certificate", "-noout", "-text");
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Version: 3/);
    expect(text).toMatch(/Not Before: Jan {2}1 00:00:00 1970 GMT/);
    expect(text).toMatch(/Not After : Dec 31 23:59:59 9999 GMT/);
    expect(text).toMatch(/Issuer: CN ?= ?bondbox server orange/);
    expect(text).toMatch(/Subject: CN ?= ?bondbox server orange/);
    expect(text.match(/Signature Algorithm: ED25519/g)).toHaveLength(2);
  });

  it("counts the same fingerprint", () => {
    expect(openssl("x509", "-in", "certificate", "-noout", "-fingerprint", "-sha256")).toMatch(`Fingerprint=${identity.fingerprint}\n`);
    expect(identity.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  });

  it("finds key and certificate in the one file that OpenVPN is given, and that they belong together", () => {
    const fromKey = openssl("pkey", "-in", "pem", "-pubout");
    expect(openssl("x509", "-in", "pem", "-noout", "-pubkey")).toBe(fromKey);
  });

  it("writes it no shorter: it is DER to the byte", () => {
    const again = openssl("x509", "-in", "certificate");
    expect(again).toBe(identity.certificate);
  });
});

describe("a static key", () => {
  it("is read with and without the comments of OpenVPN", () => {
    const key = staticKey(Buffer.alloc(256, 0xa5));
    expect(readStaticKey(key)).toBe(key);
    expect(readStaticKey(`#\n# 2048 bit OpenVPN static key\n#\n${key}`)).toBe(key);
  });

  it("is OpenVPN's own format", () => {
    const file = join(temporaryFolder(), "key");
    expect(run("openvpn", ["--genkey", "secret", file]).status).toBe(0);
    const text = readFileSync(file, "utf8");
    expect(readStaticKey(text)).toBe(text.slice(text.indexOf("-----")));
  });

  it.each([
    ["a line less", (key: string) => key.replace(/[0-9a-f]{32}\n/, "")],
    ["no end", (key: string) => key.slice(0, -20)],
    ["a wrong digit", (key: string) => key.replace("a", "g")],
    ["something behind", (key: string) => `${key}x\n`],
  ])("is refused: %s", (_, change) => {
    expect(readStaticKey(change(staticKey(Buffer.alloc(256, 0xa5))))).toBeNull();
  });
});

describe("the keys of a profile", () => {
  const lines = ["ovh", "orange"];
  const keysIn = (folder: string, change: Partial<KeysInput> = {}): Keys =>
    keysOf({ lines, kind: "tls", folder, profile: join(folder, "../../home.yaml"), address: "192.168.1.2", rotate: false, ...change });
  const tls = (folder: string, rotate = false): Keys => keysIn(folder, { rotate });
  const secretsFolder = (): string => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "home.yaml"), "");
    return join(folder, "secrets", "home");
  };

  async function saved(keys: Keys): Promise<Record<string, TunnelKeys>> {
    await keys.save();
    return Object.fromEntries(keys.byLine);
  }

  it("over TLS: each end of each tunnel has its own, and all have one for tls-crypt", async () => {
    const made = Object.values(await saved(tls(secretsFolder())));
    const all = made.flatMap((keys) => (keys.kind === "tls" ? [keys.crypt, keys.box.fingerprint, keys.server.fingerprint] : []));
    expect(new Set(all).size).toBe(5);
  });

  it("over TLS: a line's own for tls-crypt, of an earlier version, is kept until all are made anew", async () => {
    const folder = secretsFolder();
    await saved(tls(folder));
    const own = staticKey(randomBytes(256));
    writeFileSync(join(folder, "ovh.crypt.key"), own);
    const shared = readStaticKey(readFileSync(join(folder, "tls-crypt.key"), "utf8"));
    const cryptOf = (made: Record<string, TunnelKeys>) =>
      ["ovh", "orange"].map((line) => (made[line]?.kind === "tls" ? made[line].crypt : null));
    expect(cryptOf(await saved(tls(folder)))).toEqual([readStaticKey(own), shared]);
    const [ovh, orange] = cryptOf(await saved(tls(folder, true)));
    expect(ovh).toBe(orange);
    expect([readStaticKey(own), shared]).not.toContain(ovh);
    // What is no longer of use is only with the keys of before.
    expect(existsSync(join(folder, "ovh.crypt.key"))).toBe(false);
  });

  it("of static kind: one for each tunnel", async () => {
    const made = Object.values(await saved(keysIn(secretsFolder(), { kind: "static-key" })));
    expect(made.map(({ kind }) => kind)).toEqual(["static-key", "static-key"]);
    expect(new Set(made.map((keys) => (keys.kind === "static-key" ? keys.key : ""))).size).toBe(2);
  });

  it.each([
    [
      "tls",
      [
        "known_hosts",
        "orange.box.key",
        "orange.server.key",
        "ovh.box.key",
        "ovh.server.key",
        "profile.path",
        "ssh_host_ed25519.key",
        "tls-crypt.key",
      ],
    ],
    ["static-key", ["known_hosts", "orange.key", "ovh.key", "profile.path", "ssh_host_ed25519.key"]],
  ] as const)("of kind %s lie in closed files of a closed folder", async (kind, files) => {
    const folder = secretsFolder();
    // However open the umask.
    const before = process.umask(0);
    try {
      await saved(keysIn(folder, { kind }));
    } finally {
      process.umask(before);
    }
    expect(readdirSync(folder).sort()).toEqual(files);
    for (const file of files) expect([file, statSync(join(folder, file)).mode & 0o777]).toEqual([file, 0o600]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("are written by save alone", async () => {
    const folder = secretsFolder();
    tls(folder);
    expect(existsSync(folder)).toBe(false);
  });

  it("are kept, and then nothing is written", async () => {
    const folder = secretsFolder();
    const made = await saved(tls(folder));
    const files = hashes(folder);
    // A folder that a person has opened is closed only when there is something to write.
    chmodSync(folder, 0o500);
    expect(await saved(tls(folder))).toEqual(made);
    chmodSync(folder, 0o700);
    expect(hashes(folder)).toEqual(files);
  });

  it("of a new line are made, the others stay", async () => {
    const folder = secretsFolder();
    const made = await saved(tls(folder));
    const more = await saved(keysIn(folder, { lines: [...lines, "third"] }));
    expect(more).toMatchObject(made);
    expect(Object.keys(more)).toHaveLength(3);
  });

  it("of a line that is gone stay in their files", async () => {
    const folder = secretsFolder();
    const made = await saved(tls(folder));
    await saved(keysIn(folder, { lines: ["ovh"] }));
    expect(await saved(tls(folder))).toEqual(made);
  });

  it("of one kind outlive a build of the other", async () => {
    const folder = secretsFolder();
    const made = await saved(tls(folder));
    await saved(keysIn(folder, { kind: "static-key" }));
    expect(await saved(tls(folder))).toEqual(made);
  });

  it("are all new when they are rotated", async () => {
    const folder = secretsFolder();
    const made = await saved(tls(folder));
    const before = hashes(folder);
    const rotated = await saved(tls(folder, true));
    const after = hashes(folder);
    const keyFiles = Object.keys(before).filter((file) => file.endsWith(".key") && !file.startsWith("ssh_host"));
    expect(keyFiles).toHaveLength(5);
    // Each computer that has been logged in from knows it.
    expect(after["ssh_host_ed25519.key"]).toBe(before["ssh_host_ed25519.key"]);
    for (const file of keyFiles) expect([file, after[file] === before[file]]).toEqual([file, false]);
    // The old set lies whole beside them, by the name that box and server show.
    const kept = join("previous", keySetId(new Map(Object.entries(made))));
    expect(Object.keys(after).sort()).toEqual([...Object.keys(before), ...keyFiles.map((file) => join(kept, file))].sort());
    for (const file of keyFiles) expect(after[join(kept, file)]).toBe(before[file]);
    for (const path of ["previous", kept]) expect(statSync(join(folder, path)).mode & 0o777).toBe(0o700);
    expect(rotated).not.toEqual(made);
    expect(await saved(tls(folder))).toEqual(rotated);
  });

  it("may have the line ends of Windows", async () => {
    const folder = secretsFolder();
    const made = await saved(tls(folder));
    for (const file of readdirSync(folder))
      writeFileSync(join(folder, file), readFileSync(join(folder, file), "utf8").replaceAll("\n", "\r\n"));
    expect(await saved(tls(folder))).toEqual(made);
  });

  it.each([
    ["ovh.box.key", "a private key with its certificate", (text: string) => text.slice(0, 200)],
    ["orange.server.key", "a private key with its certificate", () => makeIdentity("x").certificate],
    ["tls-crypt.key", "an OpenVPN static key", () => ""],
    ["tls-crypt.key", "an OpenVPN static key", (text: string) => text.replace(/[0-9a-f]{32}\n/, "")],
  ])("that are broken are never made anew in silence: %s", async (file, what, change) => {
    const folder = secretsFolder();
    await saved(tls(folder));
    const path = join(folder, file);
    writeFileSync(path, change(readFileSync(path, "utf8")));
    const before = hashes(folder);
    expect(() => tls(folder)).toThrow(EnvironmentError);
    expect(() => tls(folder)).toThrow(`${path} is not ${what}`);
    expect(hashes(folder)).toEqual(before);
    // The way out that the message names.
    await saved(tls(folder, true));
    expect(() => tls(folder)).not.toThrow();
  });

  it("with the certificate of the other half are broken, too", async () => {
    const folder = secretsFolder();
    await saved(tls(folder));
    const [key] = halves(readFileSync(join(folder, "ovh.box.key"), "utf8"));
    const [, certificate] = halves(readFileSync(join(folder, "ovh.server.key"), "utf8"));
    writeFileSync(join(folder, "ovh.box.key"), key + certificate);
    expect(() => tls(folder)).toThrow("is not a private key with its certificate");
  });

  it("that cannot be read are not made anew", async () => {
    const folder = secretsFolder();
    mkdirSync(join(folder, "ovh.crypt.key"), { recursive: true });
    expect(() => tls(folder)).toThrow("there is a folder where a file should be");
  });

  it("of a rotate that was cut off between two names are the old ones", async () => {
    const folder = secretsFolder();
    const made = await saved(tls(folder));
    // No process has this number: Linux gives none above 2^22.
    renameSync(folder, join(dirname(folder), ".home.old-99999999"));
    expect(await saved(tls(folder))).toEqual(made);
    expect(readdirSync(dirname(folder))).toEqual(["home"]);
  });

  it("have a name that is another one for another set, and holds no part of a key", async () => {
    const folder = secretsFolder();
    const first = tls(folder);
    await first.save();
    expect(first.id).toMatch(/^[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}$/);
    expect([first.made, tls(folder).id, tls(folder).made]).toEqual([lines, first.id, []]);
    const others = [tls(folder, true), keysIn(folder, { lines: ["ovh"] }), keysIn(folder, { lines: [...lines, "third"] })];
    expect(new Set([first, ...others].map(({ id }) => id)).size).toBe(4);
    expect(others.map(({ made }) => made)).toEqual([lines, [], ["third"]]);
  });

  it.each([
    ["a file", (folder: string) => chmodSync(join(folder, "ovh.box.key"), 0o644)],
    ["the folder", (folder: string) => chmodSync(folder, 0o755)],
  ])("that others could read are closed, and that is said: %s", async (_, open) => {
    const folder = secretsFolder();
    await saved(tls(folder));
    expect(tls(folder).notes).toEqual([]);
    open(folder);
    expect(tls(folder).notes).toEqual([expect.stringContaining("could be read by other users")]);
    expect([statSync(folder).mode & 0o777, statSync(join(folder, "ovh.box.key")).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(tls(folder).notes).toEqual([]);
  });

  it("are for one profile: another one of the same name is refused, and one that was moved is not", async () => {
    const folder = secretsFolder();
    const made = await saved(tls(folder));
    const elsewhere = join(dirname(folder), "../attic/home.yaml");
    mkdirSync(dirname(elsewhere));
    writeFileSync(elsewhere, "");
    expect(() => keysIn(folder, { profile: elsewhere })).toThrow(`are those of ${join(folder, "../../home.yaml")}, and this profile is`);
    rmSync(join(folder, "../../home.yaml"));
    expect(await saved(keysIn(folder, { profile: elsewhere }))).toEqual(made);
    // The whole folder, with the profile in it, may be copied.
    const copy = join(temporaryFolder(), "copy");
    cpSync(join(folder, "../.."), copy, { recursive: true });
    expect(await saved(keysIn(join(copy, "secrets/home"), { profile: join(copy, "attic/home.yaml") }))).toEqual(made);
  });

  it("are all there or as before when the disk is full in the midst", () => {
    const folder = temporaryFolder();
    // 24 KiB hold the first files; node itself runs from elsewhere.
    const script = `
      mount -t tmpfs -o size=24k,nr_inodes=64 tmpfs "$1"
      cd "${process.cwd()}"
      node --input-type=commonjs --eval "$2" "$1"`;
    const code = `
      const { buildSync } = require("esbuild");
      const { writeFileSync } = require("node:fs");
      const built = buildSync({ entryPoints: ["builder/keys/keys.ts"], bundle: true, platform: "node", format: "cjs", write: false });
      const module_ = { exports: {} };
      new Function("module", "exports", "require", built.outputFiles[0].text)(module_, module_.exports, require);
      const { keysOf } = module_.exports;
      const folder = process.argv[1] + "/home";
      const input = { lines: ["a"], kind: "tls", folder, profile: "package.json", address: "192.168.1.2", rotate: false };
      (async () => {
      await keysOf(input).save();
      const { readdirSync, readFileSync } = require("node:fs");
      const state = () => readdirSync(folder).filter((file) => !file.endsWith(".new")).map((file) => file + readFileSync(folder + "/" + file)).join();
      const before = state();
      writeFileSync(process.argv[1] + "/filler", "");
      try { for (;;) require("node:fs").appendFileSync(process.argv[1] + "/filler", "x".repeat(1024)); } catch {}
      try { await keysOf({ ...input, rotate: true }).save(); console.log("saved"); } catch (error) { console.log(error.message); }
      console.log(state() === before ? "as before" : "a mixture");
      })();`;
    const { output } = inNamespace(script, [folder, code]);
    expect(output).toMatch(/the disk is full\nas before\n$/);
  });
});

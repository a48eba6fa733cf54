import { buildSync } from "esbuild";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { EnvironmentError } from "../../builder/errors";
import { cacheFolder } from "../../builder/machine/host";
import { type Deb, boxPackages } from "../../builder/pack/packages";
import { PrivateApt, sourceRow } from "../../builder/pack/packages/apt";
import { archivesFrom } from "../../builder/pack/packages/archives";
import { cachedPath, withWorkFolder } from "../../builder/pack/packages/cache";
import { fetchPackages, transportFor } from "../../builder/pack/packages/fetch";
import { type LockedPackage, lockText } from "../../builder/pack/packages/lock";
import { baseStatus, resolvePackages } from "../../builder/pack/packages/resolve";
import { boxes, packagesOfBox } from "../../builder/targets/boxes";
import { root } from "../support/builds";
import { inNamespace, run } from "../support/programs";
import { sha256, temporaryFolder } from "../support/trees";

const silent = (): void => {};
/** All that any profile's box needs. */
const ofAnyBox = packagesOfBox({ lane: {} });
const nobodyHome = "http://127.0.0.1:1/debian";

// What is out of reach shall be so at once: apt is told as a person would tell it, by the machine's own settings.
beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-test-"));
  writeFileSync(join(folder, "apt.conf"), 'Acquire::Retries "0";\n');
  vi.stubEnv("APT_CONFIG", join(folder, "apt.conf"));
  return () => rmSync(folder, { recursive: true });
});

/** A failure that is told in one line and one hint. */
async function failure(work: Promise<unknown>): Promise<EnvironmentError> {
  const error = await work.then(
    () => new Error("nothing was thrown"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EnvironmentError);
  return error as EnvironmentError;
}

/** A server on this machine. @returns its address and what it was asked for. */
async function serve(answer: RequestListener): Promise<{ uri: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`, asked };
}

/** A package that is none: only its bytes count here. */
function madeUp(name: string): LockedPackage {
  const content = contentOf(name);
  const path = `pool/main/${name}_1.0+b1_arm64.deb`;
  return { name, version: "1:1.0+b1", architecture: "arm64", sha256: sha256(content), size: content.length, path };
}

function contentOf(name: string): Buffer {
  return Buffer.alloc(300_000, `${name} `);
}

/** Answers as a mirror does. */
const mirrorOf: RequestListener = ({ url = "" }, response) => {
  const name = /^\/debian\/pool\/main\/([a-z]+)_1\.0(\+|%2[bB])b1_arm64\.deb$/.exec(url)?.[1];
  if (name === undefined) response.writeHead(404).end();
  else response.end(contentOf(name));
};

/** A Lite has these at least, with what they depend on. Source: pi-gen's lists of packages. */
const parts = "network-manager nftables wpasupplicant curl avahi-daemon build-essential ssh rfkill dnsmasq-base ppp".split(" ");
const bookworm = ["?priority(required)", "?priority(important)", ...parts];
const ofLite = { bookworm, trixie: [...bookworm, "cloud-init", "netplan.io"] };

async function statusOf(apt: PrivateApt, wanted?: string[]): Promise<string> {
  const status = await baseStatus(apt, wanted);
  expect(status).toBeTypeOf("string");
  return status as string;
}

function has(status: string, name: string, version: string): boolean {
  return status.split("\n\n").some((stanza) => stanza.includes(`Package: ${name}\n`) && stanza.includes(`\nVersion: ${version}\n`));
}

/** Of the rows that begin with the first, sorted. */
function secondWords(text: string, first: string): string[] {
  return [...text.matchAll(new RegExp(`^${first} (\\S+)`, "gm"))].map(([, word = ""]) => word.replace(/:arm64$/, "")).sort();
}

describe.each(Object.keys(boxes) as (keyof typeof boxes)[])("the packages of %s", (name) => {
  const box = boxes[name];
  const input = { box, names: ofAnyBox, update: false, mirror: null, cache: cacheFolder("packages"), log: silent };
  let debs: Deb[];
  let text: string;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "bondbox-test-"));
    const lockFile = join(folder, "mine.packages.lock.json");
    debs = await boxPackages({ ...input, lockFile });
    text = readFileSync(lockFile, "utf8");
    return () => rmSync(folder, { recursive: true });
  });

  it("are resolved to the same lock again, whatever order they are named in", async () => {
    const lockFile = join(temporaryFolder(), "other.packages.lock.json");
    writeFileSync(lockFile, "broken");
    expect(await boxPackages({ ...input, names: ofAnyBox.toReversed(), lockFile, update: true })).toEqual(debs);
    expect(readFileSync(lockFile, "utf8")).toBe(text);
  });

  it("are those that dpkg-deb finds in the files", () => {
    for (const deb of debs) {
      const fields = run("dpkg-deb", ["-f", deb.path, "Package", "Version", "Architecture"]).stdout;
      expect(fields).toBe(`Package: ${deb.name}\nVersion: ${deb.version}\nArchitecture: ${deb.architecture}\n`);
      expect({ ...deb, sha256: sha256(readFileSync(deb.path)), size: statSync(deb.path).size }).toEqual(deb);
    }
  });

  it("are all that is needed, with no archive in reach; nothing else comes and nothing goes", async () => {
    const folder = temporaryFolder();
    const { main } = await archivesFrom(null);
    let apt = await PrivateApt.make({ folder, sources: [sourceRow(main, box.release, "main")], architecture: "arm64" });
    expect((await apt.update()).stderr).toBe("");
    const base = await statusOf(apt);
    const lite = await statusOf(apt, ofLite[box.release]);
    expect(lite.split("Package: ").length).toBeGreaterThan(base.split("Package: ").length + 150);
    apt = await PrivateApt.make({ folder, sources: [], architecture: "arm64" });
    for (const status of [base, lite]) {
      apt.install(status);
      const planned = await apt.run("apt-get", "--simulate", "--no-download", "--no-remove", "install", ...debs.map(({ path }) => path));
      expect(planned).toMatchObject({ status: 0, stderr: "" });
      const [installed, configured] = ["Inst", "Conf"].map((word) => secondWords(planned.stdout, word));
      expect(configured).toEqual(installed);
      // What a Lite has already stays; what it has of an older version becomes newer.
      const missing = debs.filter(({ name, version }) => !has(status, name, version));
      expect(installed).toEqual(missing.map((deb) => deb.name));
    }
    // Of each dependency that must be of one version, both are here, so a Lite of another day cannot break it.
    const strict = debs.flatMap(({ path }) => [
      ...run("dpkg-deb", ["-f", path, "Pre-Depends", "Depends"]).stdout.matchAll(/([a-z0-9.+-]+) \(= /g),
    ]);
    expect(strict.map(([, needed]) => needed).filter((needed) => !debs.some((deb) => deb.name === needed))).toEqual([]);
    expect(strict.length).toBeGreaterThan(2);
  });

  it("of a keyring without Debian's key for it are refused", async () => {
    const folder = temporaryFolder();
    const keyring = "/usr/share/keyrings/debian-archive-removed-keys.gpg";
    const archives = await archivesFrom(null);
    const error = await failure(resolvePackages({ release: box.release, names: ofAnyBox, archives, folder, keyring, log: silent }));
    expect(error.message).toContain(`the packages of Debian ${box.release} could not be resolved from ${archives.main}`);
    expect(error.hint).toContain("The signature is not Debian's");
  });
});

describe.each([
  ["apt", undefined],
  ["the builder itself, where there is no apt", "/nonexistent"],
])("packages fetched by %s", (_, helper) => {
  const wanted = ["one", "two", "three", "four", "five"].map(madeUp);

  /** Fetches them into a new cache. */
  async function fetchFrom(uri: string): Promise<{ cache: string; told: string[]; work: Promise<void> }> {
    const cache = join(temporaryFolder(), "cache");
    const told: string[] = [];
    const work = withWorkFolder(cache, async (folder) => {
      mkdirSync(join(folder, "apt"));
      const transport = await transportFor(join(folder, "apt"), helper);
      await fetchPackages(wanted, { archives: await archivesFrom(uri), cache, folder, transport, log: (line) => told.push(line) });
    });
    return { cache, told, work };
  }

  /** All in the cache that is not a whole package. */
  const halves = (cache: string): string[] =>
    readdirSync(cache).filter((file) => `${sha256(readFileSync(join(cache, file)))}.deb` !== file);

  it("are in the cache afterwards, and nothing else is", async () => {
    const { uri, asked } = await serve(mirrorOf);
    const { cache, told, work } = await fetchFrom(uri);
    await work;
    expect(readdirSync(cache).sort()).toEqual(wanted.map(({ sha256: hash }) => `${hash}.deb`).sort());
    expect(halves(cache)).toEqual([]);
    expect(asked).toHaveLength(5);
    const fetching = `fetching 5 packages for the card (1.5 MB, once) from ${uri}`;
    expect(told).toEqual([fetching, "  0.6 of 1.5 MB", "  1.2 of 1.5 MB"]);
  });

  it.each<[string, RequestListener, string, string]>([
    [
      "is no longer there",
      (_request, response) => void response.writeHead(404).end(),
      "no longer exists: the archive has replaced",
      "--update",
    ],
    ["fails", (_request, response) => void response.writeHead(503, "out of order").end(), "could not be downloaded\n  ", "--no-card"],
    [
      "is another",
      (_request, response) => void response.end(contentOf("three").fill("x", 7, 8)),
      "of the lock file (sha256 ",
      "another network",
    ],
    [
      "is longer",
      (_request, response) => void response.end(Buffer.concat([contentOf("three"), contentOf("x")])),
      "of the lock file (sha256 ",
      "another network",
    ],
    [
      "ends too soon",
      (_request, response) => void response.end(contentOf("three").subarray(0, 1000)),
      "of the lock file (sha256 ",
      "another network",
    ],
    [
      "breaks off",
      ({ socket }, response) => {
        response.writeHead(200, { "content-length": 300_000 }).write(contentOf("three").subarray(0, 1000), () => socket.destroy());
      },
      "could not be downloaded\n  ",
      "--no-card",
    ],
  ])("and one of them %s: that is told, and the cache has whole ones only", async (_what, wrong, message, hint) => {
    const { uri } = await serve((request, response) => (request.url?.includes("three") ? wrong : mirrorOf)(request, response));
    const { cache, work } = await fetchFrom(uri);
    const error = await failure(work);
    expect(error.message).toContain(message);
    expect(error.message).toContain("pool/main/three_1.0");
    expect(error.hint).toContain(hint);
    expect(halves(cache)).toEqual([]);
    expect(existsSync(cachedPath(cache, madeUp("three")))).toBe(false);
  });

  it("without a network are not had, and that is told", async () => {
    const { cache, work } = await fetchFrom(nobodyHome);
    const error = await failure(work);
    expect(error.message).toMatch(/^http:\/\/127\.0\.0\.1:1\/debian\/pool\/main\/.* could not be downloaded\n {2}.*\S/);
    expect(error.hint).toContain("--no-card");
    expect(readdirSync(cache)).toEqual([]);
  });
});

/** A folder with a lock file of made-up packages, and what boxPackages is asked. */
function locked(mirror: string): Parameters<typeof boxPackages>[0] {
  const folder = temporaryFolder();
  const lockFile = join(folder, "mine.packages.lock.json");
  writeFileSync(lockFile, lockText({ release: "trixie", names: ["one", "two"], packages: [madeUp("one"), madeUp("two")] }));
  return {
    box: boxes["raspios-trixie"],
    names: ["one", "two"],
    lockFile,
    update: false,
    mirror,
    cache: join(folder, "cache"),
    log: silent,
  };
}

describe("a lock file", () => {
  it("brings its packages from the mirror once; one that is damaged in the cache comes again, and it alone", async () => {
    const { uri, asked } = await serve(mirrorOf);
    const input = locked(uri);
    const debs = await boxPackages(input);
    expect(asked).toHaveLength(2);
    // A bit of one, and the end of the other, got lost.
    for (const [at, damage] of [(content: Buffer) => content.fill("?", 1, 2), (content: Buffer) => content.subarray(9)].entries()) {
      const { path = "" } = debs[at] ?? {};
      writeFileSync(path, damage(readFileSync(path)));
      expect(await boxPackages(input)).toEqual(debs);
      expect(asked).toHaveLength(3 + at);
      expect(asked.at(-1)).toContain(`/${debs[at]?.name}_`);
      expect(readFileSync(path)).toEqual(contentOf(debs[at]?.name ?? ""));
    }
    expect(await boxPackages({ ...input, mirror: nobodyHome })).toEqual(debs);
    expect(asked).toHaveLength(4);
  });

  it("needs no apt where the cache is full, and without both there is nothing to be done", async () => {
    const { uri } = await serve(mirrorOf);
    const input = locked(uri);
    const debs = await boxPackages(input);
    const path = process.env.PATH;
    vi.stubEnv("PATH", "/nonexistent");
    onTestFinished(() => void vi.stubEnv("PATH", path));
    expect(await boxPackages({ ...input, mirror: null })).toEqual(debs);
    const text = readFileSync(input.lockFile, "utf8");
    for (const without of [{ update: true }, { lockFile: `${input.lockFile}.none` }]) {
      const error = await failure(boxPackages({ ...input, ...without }));
      expect(error.message).toContain("apt-get was not found");
      expect(error.hint).toContain("--no-card");
    }
    expect(readFileSync(input.lockFile, "utf8")).toBe(text);
  });

  it("stays as it is when an update fails", async () => {
    const input = locked(nobodyHome);
    const text = readFileSync(input.lockFile, "utf8");
    const error = await failure(boxPackages({ ...input, update: true }));
    expect(error.message).toMatch(/^the packages of Debian trixie could not be resolved from http:\/\/127\.0\.0\.1:1\/debian\n {2}\S/);
    expect(error.hint).toContain("Check the network");
    expect(readFileSync(input.lockFile, "utf8")).toBe(text);
    expect(readdirSync(input.cache)).toEqual([]);
  });
});

describe("security updates", () => {
  const resolved = async (security: string): Promise<{ told: string[]; work: ReturnType<typeof resolvePackages> }> => {
    const [told, { main }] = [[] as string[], await archivesFrom(null)];
    const asked = { release: "trixie", names: ["ethtool"], folder: temporaryFolder(), log: (line: string) => void told.push(line) };
    return { told, work: resolvePackages({ ...asked, archives: { main, security } }) };
  };

  it("that a mirror does not have are done without, and that is told", async () => {
    const { uri } = await serve((_request, response) => response.writeHead(404).end());
    const { told, work } = await resolved(uri);
    expect((await work).packages.map(({ name }) => name)).toEqual(["ethtool", "libmnl0"]);
    expect(told).toEqual([`${uri} has no security updates for Debian trixie: the packages are those of its last point release`]);
  });

  it("that are out of reach are not", async () => {
    const { told, work } = await resolved(nobodyHome);
    expect((await failure(work)).message).toContain("Could not connect");
    expect(told).toEqual([]);
  });
});

describe("lists that were changed on their way", () => {
  it("are refused", async () => {
    const file = join(temporaryFolder(), "InRelease");
    const { main } = await archivesFrom(null);
    expect(await (await transportFor(temporaryFolder()))(`${main}/dists/trixie/InRelease`, file, 1e6)).toBeNull();
    const release = readFileSync(file, "utf8");
    expect(release).toContain("Suite: ");
    const answer = async (text: string): Promise<EnvironmentError> => {
      const { uri } = await serve(({ url }, response) =>
        url?.endsWith("/InRelease") ? response.end(text) : response.writeHead(404).end(),
      );
      const asked = { release: "trixie", names: ofAnyBox, archives: await archivesFrom(uri), folder: temporaryFolder(), log: silent };
      return failure(resolvePackages(asked));
    };
    const changed = await answer(release.replace("Suite: ", "Suite: x"));
    expect(changed.hint).toContain("The signature is not Debian's");
    // It is the signature that was missed: with the right one, apt goes on to what this mirror does not have.
    const unchanged = await answer(release);
    expect(unchanged.hint).toContain("Check the network");
  });
});

/** The builder's part as a program of its own: LOCK MIRROR CACHE. */
function programIn(folder: string): string {
  const contents = `
    import { boxPackages } from "./builder/pack/packages";
    import { boxes } from "./builder/targets/boxes";
    const [lockFile, mirror, cache] = process.argv.slice(2);
    boxPackages({ box: boxes["raspios-trixie"], names: ["one", "two"], lockFile, update: false, mirror, cache, log() {} })
      .then((debs) => console.log(debs.length), (error) => { console.log(error.message); process.exitCode = 2; });`;
  return bundled(contents, folder);
}

/** Packs a program that imports the builder. @returns its file */
function bundled(contents: string, folder: string): string {
  const outfile = join(folder, "program.cjs");
  const stdin = { contents, resolveDir: root, loader: "ts" as const };
  buildSync({ stdin, bundle: true, platform: "node", format: "cjs", outfile, logLevel: "error" });
  return outfile;
}

describe("a build that cannot finish", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("by %s leaves nothing but whole packages", async (signal) => {
    let half = silent;
    const begun = new Promise<void>((resolve) => (half = resolve));
    const { uri } = await serve((request, response) => {
      if (request.url?.includes("two"))
        response.writeHead(200, { "content-length": 300_000 }).write(contentOf("two").subarray(0, 100_000), half);
      else mirrorOf(request, response);
    });
    const { lockFile, cache } = locked(uri);
    const child = spawn(process.execPath, [programIn(temporaryFolder()), lockFile, uri, cache]);
    await begun;
    await vi.waitUntil(() => existsSync(cachedPath(cache, madeUp("one"))), { timeout: 60_000 });
    expect(readdirSync(cache)).toHaveLength(2);
    child.kill(signal);
    const status = await new Promise((resolve) => child.on("exit", resolve));
    expect(status).toBe(signal === "SIGINT" ? 130 : 143);
    expect(readdirSync(cache)).toEqual([`${madeUp("one").sha256}.deb`]);
  });

  it("as it was killed leaves what the next one clears away", async () => {
    const { uri } = await serve(mirrorOf);
    const input = locked(uri);
    const { pid } = spawnSync("true");
    mkdirSync(join(input.cache, `making-${pid}-abcdef`), { recursive: true });
    mkdirSync(join(input.cache, `making-${process.pid}-abcdef`));
    await boxPackages(input);
    expect(readdirSync(input.cache).filter((name) => !name.endsWith(".deb"))).toEqual([`making-${process.pid}-abcdef`]);
  });

  it("as the disk is full says so", () => {
    const folder = temporaryFolder();
    const files = join(folder, "debian/pool/main");
    mkdirSync(files, { recursive: true });
    for (const name of ["one", "two"]) writeFileSync(join(files, `${name}_1.0+b1_arm64.deb`), contentOf(name));
    const { lockFile } = locked(nobodyHome);
    const server = `require("node:http").createServer(({ url }, response) =>
      require("node:fs").createReadStream(process.argv[1] + decodeURIComponent(url)).pipe(response)).listen(8080, "127.0.0.1")`;
    const script = `
      ip link set lo up
      mount -t tmpfs -o size=400k tmpfs /mnt
      "$1" -e '${server}' "$2" & trap "kill $!" EXIT
      until (echo >/dev/tcp/127.0.0.1/8080) 2>/dev/null; do sleep 0.1; done
      "$1" "$3" "$4" http://127.0.0.1:8080/debian /mnt/cache && exit 1
      ls /mnt/cache`;
    const { stdout, stderr } = inNamespace(`bash --norc -euc '${script.replaceAll("'", "'\\''")}' bash "$@"`, [
      process.execPath,
      folder,
      programIn(temporaryFolder()),
      lockFile,
    ]);
    expect(stderr).toBe("");
    const [told, ...cached] = stdout.trim().split("\n");
    expect(told).toBe("/mnt/cache: the disk is full");
    expect(cached.filter((name) => !/^[0-9a-f]{64}\.deb$/.test(name))).toEqual([]);
  });
});

describe("a user without rights", () => {
  it("resolves the packages, too", async () => {
    const folder = temporaryFolder();
    const contents = `
      import { archivesFrom } from "./builder/pack/packages/archives";
      import { resolvePackages } from "./builder/pack/packages/resolve";
      const asked = { release: "trixie", names: ["ethtool"], folder: process.argv[2], log: console.error };
      archivesFrom(null).then((archives) => resolvePackages({ ...asked, archives })).then(({ packages }) => console.log(packages.map(({ name }) => name).join(" ")));`;
    const outfile = bundled(contents, folder);
    chmodSync(folder, 0o777);
    mkdirSync(join(folder, "apt"), { mode: 0o777 });
    chmodSync(join(folder, "apt"), 0o777);
    // Root lends itself to nobody; anybody else is without rights already.
    const become = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : ["env"];
    const { stdout, stderr, status } = run(become[0] ?? "", [...become.slice(1), process.execPath, outfile, join(folder, "apt")]);
    expect({ stdout, stderr, status }).toEqual({ stdout: "ethtool libmnl0\n", stderr: "", status: 0 });
  });
});

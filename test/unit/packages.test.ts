import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { planProfile } from "../../builder/build/build";
import { EnvironmentError, UsageError } from "../../builder/errors";
import { archivesIn, sourceRow } from "../../builder/pack/packages/apt";
import { archivesFrom, uriOf } from "../../builder/pack/packages/archives";
import { isPackage } from "../../builder/pack/packages/cache";
import { boxPackages, fileOnCard } from "../../builder/pack/packages";
import { type Lock, type LockedPackage, lockText, moves, readLock, writeLock } from "../../builder/pack/packages/lock";
import { boxes, packagesOfBox } from "../../builder/targets/boxes";
import { root } from "../support/builds";
import { sha256, temporaryFolder } from "../support/trees";

const one: LockedPackage = {
  name: "ethtool",
  version: "1:6.14.2-1",
  architecture: "arm64",
  sha256: "e7".repeat(32),
  size: 210872,
  path: "pool/main/e/ethtool/ethtool_6.14.2-1_arm64.deb",
};
const other: LockedPackage = {
  name: "node-acorn",
  version: "8.8.1+ds+~cs25.17.7-2",
  architecture: "all",
  sha256: "0a".repeat(32),
  size: 128252,
  path: "pool/main/n/node-acorn/node-acorn_8.8.1+ds+~cs25.17.7-2_all.deb",
};
const lock: Lock = { release: "trixie", names: ["ethtool", "node-acorn"], packages: [one, other] };
const asked = { release: "trixie", names: ["ethtool", "node-acorn"] };

/** A lock file with this text. */
function fileWith(text: string): string {
  const file = join(temporaryFolder(), "mine.packages.lock.json");
  writeFileSync(file, text);
  return file;
}

function thrown(work: () => unknown): UsageError | EnvironmentError {
  try {
    work();
  } catch (error) {
    return error as UsageError;
  }
  throw new Error("nothing was thrown");
}

describe("a lock file", () => {
  it("is read as it was written", () => {
    const file = fileWith("");
    writeLock(file, lock);
    expect(readLock(file, asked)).toEqual(lock);
    expect(readdirSync(join(file, ".."))).toEqual(["mine.packages.lock.json"]);
  });

  it("has the same text whatever the order", () => {
    expect(lockText({ ...lock, names: lock.names.toReversed(), packages: lock.packages.toReversed() })).toBe(lockText(lock));
    expect(lockText({ ...lock, packages: [Object.fromEntries(Object.entries(one).reverse()) as never, other] })).toBe(lockText(lock));
  });

  it("that is not there is none", () => {
    expect(readLock(join(temporaryFolder(), "none"), asked)).toBeNull();
  });

  const changed = (change: object): string => lockText({ ...lock, packages: [{ ...one, ...change }, other] });
  it.each([
    ["half of it", lockText(lock).slice(0, 300), "no JSON"],
    ["two of them after a merge", lockText(lock).replace('"names"', "<<<<<<< HEAD\n"), "no JSON"],
    ["another JSON", "[]", "no release"],
    ["nothing", "null", "no release"],
    ["no names", JSON.stringify({ release: "trixie" }), "no names"],
    ["no packages", JSON.stringify({ ...lock, packages: [] }), "no packages"],
    ["a package that is none", JSON.stringify({ ...lock, packages: [null] }), "packages[0] has no right name"],
    ["an option for a name", changed({ name: "-o" }), "packages[0] has no right name"],
    ["another architecture", changed({ architecture: "amd64" }), "packages[0] has no right architecture"],
    ["a short hash", changed({ sha256: "e7" }), "packages[0] has no right sha256"],
    ["a hash that leaves the cache", changed({ sha256: "../x" }), "packages[0] has no right sha256"],
    ["no size", changed({ size: null }), "packages[0] has no right size"],
    ["a path that leaves the archive", changed({ path: "pool/../../x.deb" }), "packages[0] has no right path"],
    ["another server's path", changed({ path: "//example.org/x.deb" }), "packages[0] has no right path"],
    ["a package twice", JSON.stringify({ ...lock, packages: [one, one] }), "ethtool stands there twice"],
  ])("%s is refused", (_, text, what) => {
    const file = fileWith(text);
    const error = thrown(() => readLock(file, asked));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`${file} is not a lock file of packages: ${what}`);
    expect(error.hint).toContain("--update");
  });

  it("of another release is refused", () => {
    const error = thrown(() => readLock(fileWith(lockText({ ...lock, release: "bookworm" })), asked));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(/has packages of Debian "bookworm", and box.target is based on trixie$/);
    expect(error.hint).toContain("--update");
  });

  it("of other packages is refused", () => {
    const error = thrown(() => readLock(fileWith(lockText(lock)), { ...asked, names: ["ethtool"] }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(/lists "ethtool node-acorn", and the box needs ethtool$/);
    expect(error.hint).toContain("--update");
  });

  it("that cannot be written is reported, and nothing is left", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "lock.json"));
    const error = thrown(() => writeLock(join(folder, "lock.json"), lock));
    expect(error).toBeInstanceOf(EnvironmentError);
    expect(error.message).toContain("lock.json could not be written: there is a folder where a file should be");
    expect(readdirSync(folder)).toEqual(["lock.json"]);
  });

  it("tells what an update moves", () => {
    const now = {
      ...lock,
      packages: [
        { ...one, version: "1:6.15-1" },
        { ...other, name: "node-xtend" },
      ],
    };
    expect(moves(lock, now)).toEqual([
      "ethtool 1:6.14.2-1 is now 1:6.15-1",
      "node-acorn 8.8.1+ds+~cs25.17.7-2 is gone",
      "node-xtend 8.8.1+ds+~cs25.17.7-2 is new",
    ]);
    expect(moves(lock, lock)).toEqual([]);
  });
});

describe("the lock files that are shipped", () => {
  const profiles = readdirSync(join(root, "profiles")).flatMap((file) => /^(.*)\.yaml$/.exec(file)?.[1] ?? []);

  it.each(profiles)("%s: fits its profile, and every package has a name for the card", (profile) => {
    const file = join(root, "profiles", `${profile}.packages.lock.json`);
    const { plan } = planProfile(root, profile);
    const names = packagesOfBox(plan);
    const shipped = readLock(file, { release: boxes[plan.box.target].release, names: [...names].sort() });
    expect(shipped).not.toBeNull();
    const { packages } = shipped as Lock;
    expect(lockText(shipped as Lock)).toBe(readFileSync(file, "utf8"));
    expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    const files = packages.map(fileOnCard);
    expect(files.filter((name) => !/^[A-Za-z0-9][A-Za-z0-9._+-]*\.deb$/.test(name))).toEqual([]);
    expect(new Set(files.map((name) => name.toUpperCase())).size).toBe(packages.length);
  });
});

describe("a package's file on the card", () => {
  it.each([
    [one, "ethtool_6.14.2-1_arm64.deb"],
    [other, "node-acorn_8.8.1+ds+-cs25.17.7-2_all.deb"],
    [{ ...one, version: "2:1.0~rc1:2-3" }, "ethtool_1.0-rc1-2-3_arm64.deb"],
  ])("has no sign that FAT refuses", (deb, name) => {
    expect(fileOnCard(deb)).toBe(name);
  });
});

describe("the archive", () => {
  it("is the mirror that is named, with its security updates beside", async () => {
    const archives = await archivesFrom("https://mirror.example/debian/");
    expect(archives).toEqual({ main: "https://mirror.example/debian", security: "https://mirror.example/debian-security" });
    expect(uriOf(one.path, archives)).toBe("https://mirror.example/debian/pool/main/e/ethtool/ethtool_6.14.2-1_arm64.deb");
    expect(uriOf(other.path, archives)).toBe(
      "https://mirror.example/debian/pool/main/n/node-acorn/node-acorn_8.8.1%2Bds%2B~cs25.17.7-2_all.deb",
    );
    expect(uriOf("pool/updates/main/x.deb", archives)).toBe("https://mirror.example/debian-security/pool/updates/main/x.deb");
  });

  it.each(["mirror.example", "ftp://x/debian", "http://x/debian trixie main\ndeb http://y", "http://x/[trusted=yes]", ""])(
    "is not %j",
    async (mirror) => {
      await expect(archivesFrom(mirror)).rejects.toThrow(UsageError);
    },
  );

  it("is Debian's, of what apt knows", () => {
    const targets = [
      "Packages|Debian|bookworm|http://archive.example/debian/|main",
      "Packages|Debian|bookworm-security|http://archive.example/security/|main",
      "Translations|Debian|bookworm|http://archive.example/debian/|main",
      "Packages|Debian Backports|bookworm-backports|http://archive.example/debian/|main",
      "Packages|Ubuntu|noble|http://archive.example/ubuntu/|main",
      "",
    ];
    expect(archivesIn(targets.join("\n"))).toEqual([
      { uri: "http://archive.example/debian/", release: "bookworm", part: "", component: "main" },
      { uri: "http://archive.example/security/", release: "bookworm", part: "-security", component: "main" },
    ]);
  });

  it("is checked with the keyring that its row names", () => {
    expect(sourceRow("http://x/debian", "sid", "main", "/k.gpg", "check-valid-until=no")).toBe(
      "deb [signed-by=/k.gpg check-valid-until=no] http://x/debian sid main",
    );
  });
});

describe("the cache", () => {
  it("has a package only if it is whole", async () => {
    const file = join(temporaryFolder(), "x.deb");
    const deb = { sha256: sha256("content"), size: 7 };
    expect(await isPackage(file, deb)).toBe(false);
    writeFileSync(file, "content");
    expect(await isPackage(file, deb)).toBe(true);
    for (const wrong of ["Content", "contents", "conten", ""]) {
      writeFileSync(file, wrong);
      expect(await isPackage(file, deb)).toBe(false);
    }
  });

  it("that is full gives the packages, whatever the mirror: sorted, and nothing is said or written", async () => {
    const folder = temporaryFolder();
    const cache = join(folder, "cache");
    mkdirSync(cache);
    const packages = [other, one].map((deb) => ({ ...deb, sha256: sha256(deb.name), size: deb.name.length }));
    for (const { name, sha256: hash } of packages) writeFileSync(join(cache, `${hash}.deb`), name);
    const lockFile = join(folder, "mine.packages.lock.json");
    const text = JSON.stringify({ ...lock, packages });
    writeFileSync(lockFile, text);
    const shown: string[] = [];
    const debs = await boxPackages({
      box: boxes["raspios-trixie"],
      names: ["node-acorn", "ethtool"],
      lockFile,
      update: false,
      mirror: "http://127.0.0.1:1/debian",
      cache,
      log: (line) => shown.push(line),
    });
    expect(debs).toEqual(
      [one, other].map(({ name, version, architecture }) => ({
        name,
        version,
        architecture,
        file: fileOnCard({ name, version, architecture }),
        sha256: sha256(name),
        size: name.length,
        path: join(cache, `${sha256(name)}.deb`),
      })),
    );
    expect(shown).toEqual([]);
    expect(readFileSync(lockFile, "utf8")).toBe(text);
    expect(readdirSync(cache)).toHaveLength(2);
  });
});

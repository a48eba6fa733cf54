import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBase } from "../support/card-base";
import { copyRepository } from "../support/copy";
import { inNamespace, type Outcome, run } from "../support/programs";
import { filesBelow, hashes, sha256 } from "../support/trees";

/** The whole command, as a person types it: profile home, its lock file, the packages from Debian's archive, a base in a Pi's shape. */
const work = mkdtempSync(join(realpathSync(tmpdir()), "bondbox-card-"));
const copy = join(work, "copy");
const base = join(work, "base.img");
const args = ["--profile", "home"];

function build(...more: string[]): Outcome {
  return run(join(copy, "scripts/build-image"), [...args, ...more]);
}

/** Of dist/home, as the last build left it. */
function made(path = ""): string {
  return join(copy, "dist/home", path);
}

const keys = (): string[] =>
  readdirSync(join(copy, "secrets/home")).map((name) => readFileSync(join(copy, "secrets/home", name), "latin1"));

/** Lines of a secret that occur in a file. */
function leaks(path: string): string[] {
  const text = readFileSync(path, "latin1");
  return keys().flatMap((key) => key.split("\n").filter((line) => /^[A-Za-z0-9+/=]{32,}$/.test(line) && text.includes(line)));
}

beforeAll(() => {
  copyRepository(copy);
  makeBase(base);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** The command without a network, and with no other program than Node. */
function offline(env: Record<string, string> = {}): Outcome {
  const bin = join(work, "bin");
  mkdirSync(bin, { recursive: true });
  if (!existsSync(join(bin, "node"))) symlinkSync(process.execPath, join(bin, "node"));
  return inNamespace('bin=$1; shift; PATH=$bin exec "$@"', [bin, join(copy, "scripts/build-image"), ...args, "--no-image"], { env });
}

describe("bootfs/", () => {
  beforeAll(() => expect(build("--no-image")).toMatchObject({ status: 0 }));

  it("has every package of the lock file, whole, and its sums are right", () => {
    const lock = JSON.parse(readFileSync(join(copy, "profiles/home.packages.lock.json"), "utf8")) as { packages: { sha256: string }[] };
    const folder = made("bootfs/bondbox/packages");
    const debs = readdirSync(folder).filter((name) => name.endsWith(".deb"));
    expect(debs.map((name) => sha256(readFileSync(join(folder, name)))).sort()).toEqual(lock.packages.map((one) => one.sha256).sort());
    const check = run("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: made("bootfs/bondbox") });
    expect(check).toMatchObject({ status: 0, output: "" });
    const named = readFileSync(made("bootfs/bondbox/SHA256SUMS"), "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => line.slice(66));
    const there = filesBelow(made("bootfs/bondbox"));
    expect([...named, "SHA256SUMS"].sort()).toEqual(there.sort());
  });

  it("holds keys in overlay.tar alone, which is the owner's", () => {
    const holders = filesBelow(made("bootfs")).filter((path) => leaks(made(`bootfs/${path}`)).length > 0);
    expect(holders).toEqual(["bondbox/overlay.tar"]);
    expect(run("stat", ["-c", "%a", made("bootfs/bondbox/overlay.tar")]).stdout).toBe("600\n");
  });

  it("is the same again, without a network and without apt, and another with another profile", () => {
    const before = hashes(made());
    rmSync(made(), { recursive: true });
    expect(offline()).toMatchObject({ status: 0 });
    expect(hashes(made())).toEqual(before);
    const profile = readFileSync(join(copy, "profiles/home.yaml"), "utf8");
    writeFileSync(join(copy, "profiles/home.yaml"), profile.replace("hostname: bondbox", "hostname: attic"));
    const id = readFileSync(made("bootfs/bondbox/id"), "utf8");
    expect(id).toMatch(/^[0-9a-f]{16}\n$/);
    expect(build("--no-image").status).toBe(0);
    expect(readFileSync(made("bootfs/bondbox/id"), "utf8")).not.toBe(id);
    writeFileSync(join(copy, "profiles/home.yaml"), profile);
  });

  it("cannot be made without packages, which is reported with a fix", () => {
    const env = { XDG_CACHE_HOME: join(work, "empty") };
    const before = hashes(made());
    const { status, stdout, stderr } = offline(env);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("--no-card");
    expect(hashes(made())).toEqual(before);
  });
});

describe("the ready image", () => {
  beforeAll(() => expect(build("--base", base)).toMatchObject({ status: 0 }));

  it("stands beside its block map, its sum and Imager's list, and its sum is right", () => {
    expect(readdirSync(made())).toEqual(
      expect.arrayContaining(["home.img", "home.img.bmap", "home.img.sha256", "home.rpi-imager-manifest", "bootfs", "manifest.json"]),
    );
    expect(run("sha256sum", ["--check", "--strict", "home.img.sha256"], { cwd: made() }).status).toBe(0);
  });

  it("is the same again, byte by byte", () => {
    const before = hashes(made());
    expect(build("--base", base).status).toBe(0);
    expect(hashes(made())).toEqual(before);
  });

  it("keeps every key off the boot partition", () => {
    const [start, sectors] = run("sfdisk", ["--json", made("home.img")])
      .stdout.match(/"(?:start|size)": *\d+/g)!
      .map((word) => Number(word.split(":")[1]));
    const partition = join(work, "boot.fat");
    run("dd", [`if=${made("home.img")}`, `of=${partition}`, `skip=${start}`, `count=${sectors}`, "status=none"]);
    expect(leaks(partition)).toEqual([]);
    // The keys are on the card, so a search that found nothing anywhere would prove nothing.
    expect(leaks(made("home.img")).length).toBeGreaterThan(0);
  });

  it("is flashed whole by flash-card", () => {
    const card = join(work, "card.img");
    expect(run(join(copy, "scripts/flash-card"), [made("home.img"), "--to", card, "--yes"]).status).toBe(0);
    expect(run("cmp", [made("home.img"), card]).status).toBe(0);
  });

  it("of a base that is none leaves the last build alone", () => {
    const before = hashes(made());
    const { status, stdout, stderr } = build("--base", join(copy, "profiles/home.svg"));
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("home.svg");
    expect(hashes(made())).toEqual(before);
    expect(existsSync(made("home.img"))).toBe(true);
  });
});

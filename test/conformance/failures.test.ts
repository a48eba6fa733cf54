import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { usedHalf } from "../../builder/render/keys";
import type { Manifest } from "../support/builds";
import { buildImage, program, smallProfile, writeProfile } from "../support/command";
import { inNamespace, type Outcome, run } from "../support/programs";
import { hashes, sha256, temporaryFolder } from "../support/trees";

const other = { ...smallProfile, server: { address: "203.0.113.99" } };

interface Place {
  folder: string;
  args: string[];
}

/** A folder for builds in place/. */
function emptyPlace(): Place {
  const folder = temporaryFolder();
  const profile = writeProfile(folder, "mine", smallProfile);
  const [out, secrets] = ["out", "secrets"].map((name) => join(folder, "place", name)) as [string, string];
  return { folder, args: ["--profile", profile, "--no-card", "--out", out, "--secrets", secrets] };
}

/** A folder with a last good build in place/, whose profile has changed since. */
function place(): Place {
  const { folder, args } = emptyPlace();
  expect(buildImage(args).status).toBe(0);
  writeProfile(folder, "mine", other);
  return { folder, args };
}

/** Builds in a namespace where something is wrong with the folder place/ ($1). @returns the hashes before and after, as seen there. */
function buildIn(wrong: string, { folder, args }: Place): { status: number | null; stderr: string; before: string; after: string } {
  const script = `
    seen() { (cd "$place" && find . -type f -o -name '.?*' | sort | xargs sha256sum 2>&1 | grep -v 'Is a directory'); echo "== seen"; }
    place=$1; shift
    ${wrong}
    seen
    status=0; "$@" || status=$?
    seen
    exit "$status"`;
  const { status, stdout, stderr } = inNamespace(script, [join(folder, "place"), program, ...args]);
  const [before = "", after = ""] = stdout.split("== seen\n");
  return { status, stderr, before, after };
}

const onSmallDisk = (kilobytes: number) => `
  mkdir /mnt/small; mount -t tmpfs -o size=4m tmpfs /mnt/small
  cp -a "$place/." /mnt/small
  mount --move /mnt/small "$place" 2>/dev/null || mount --bind /mnt/small "$place"
  free=$(df -k --output=avail "$place" | tail -n 1)
  head -c "$(((free - ${kilobytes}) * 1024))" /dev/zero >"$place/filler"`;

describe("a machine that fails is told, and leaves the last good build", () => {
  it.each([
    ["a read-only disk", 'mount --bind "$place" "$place"; mount -o remount,ro,bind "$place"', "read-only"],
    ["a full disk", onSmallDisk(0), "the disk is full"],
    ["a disk with room for some files", onSmallDisk(40), "the disk is full"],
    ["a disk with room for half of it", onSmallDisk(100), "the disk is full"],
  ])("%s", (_, wrong, reason) => {
    const { status, stderr, before, after } = buildIn(wrong, place());
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(reason) });
    expect(stderr).toMatch(/^build-image: .+\n {2}\S.*\n$/);
    expect(after).toBe(before);
    expect(before.split("\n").length).toBeGreaterThan(5);
  });

  it("and one with room enough builds", () => {
    const { status, before, after } = buildIn(onSmallDisk(1000), place());
    expect(status).toBe(0);
    expect(after).not.toBe(before);
  });

  it.each(["place", "place/secrets/mine"])("no permission in %s", (path) => {
    const { folder, args } = place();
    const before = hashes(join(folder, "place"));
    chmodSync(join(folder, path), path === "place" ? 0o555 : 0o000);
    const { status, stdout, stderr } = powerless(args);
    chmodSync(join(folder, path), 0o700);
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: "", stderr: expect.stringContaining("no permission") });
    expect(hashes(join(folder, "place"))).toEqual(before);
  });
});

/** What is wrong with a folder in which builds were made: half a build, or leftovers. */
function faults({ folder }: Place): string[] {
  const out = join(folder, "place/out");
  const manifest = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8")) as Manifest;
  const mixed = manifest.artefacts.filter(({ path, sha256: hash }) => sha256(readFileSync(join(out, path))) !== hash);
  const keys = readdirSync(join(folder, "place/secrets/mine")).filter(
    (name) =>
      !/^(one|two)\.(box|server)\.key$/.test(name) &&
      !["known_hosts", "profile.path", "ssh_host_ed25519.key", "tls-crypt.key", "previous"].includes(name),
  );
  // What the server has of them.
  const key = (name: string): string => readFileSync(join(folder, "place/secrets/mine", name), "utf8");
  const kept = ["one", "two"].flatMap((line) => [usedHalf(key("tls-crypt.key")), key(`${line}.server.key`)]);
  const install = readFileSync(join(out, "server/install.sh"), "utf8");
  return [
    ...mixed.map(({ path }) => `${path} is of another build`),
    ...readdirSync(join(folder, "place")).filter((name) => !["out", "secrets"].includes(name)),
    ...keys,
    ...kept.filter((key) => !install.includes(key)).map(() => "a kept key is not the build's"),
  ];
}

/** Starts a build, and sends it a signal after a while. @returns how it ended. */
function interrupted(args: string[], afterMs: number, signal: NodeJS.Signals): Promise<{ ended: number | string | null; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    const timer = setTimeout(() => child.kill(signal), afterMs);
    child.on("close", (code, by) => {
      clearTimeout(timer);
      resolve({ ended: code ?? by, stderr });
    });
  });
}

async function undisturbed({ args }: Place): Promise<{ ms: number }> {
  const start = performance.now();
  expect(await interrupted(args, 60_000, "SIGINT")).toEqual({ ended: 0, stderr: "" });
  return { ms: performance.now() - start };
}

/** Builds as somebody who may not do everything: root gives that up. */
function powerless(args: string[]): Outcome {
  const drop = process.getuid?.() === 0 ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] : ["env"];
  const [command = "", ...rest] = [...drop, program, ...args];
  return run(command, rest);
}

describe("the path and the advice are those of what failed", () => {
  const ofFile = "Run the command as the owner of that file, or let yourself read it: chmod u+r.";
  const ofFolder = "Run the command as the owner of that folder, or use another folder.";

  it.each([
    ["mine.yaml", "mine.yaml", ofFile],
    ["profiles", "profiles/mine.yaml", ofFile],
    ["place/secrets", "place/secrets/mine", ofFolder],
    ["place/secrets/mine", "place/secrets/mine", ofFolder],
    ["place/out", "place/out", ofFolder],
    ["place/out/manifest.json", "place/out/manifest.json", ofFile],
  ])("%s may not be opened", (closed, named, advice) => {
    const { folder, args } = place();
    mkdirSync(join(folder, "profiles"));
    writeProfile(join(folder, "profiles"), "mine", smallProfile);
    const all = closed === "profiles" ? [...args, "--profile", join(folder, "profiles/mine.yaml")] : args;
    chmodSync(join(folder, closed), 0o000);
    const { status, stderr } = powerless(all);
    chmodSync(join(folder, closed), 0o700);
    expect([status, stderr]).toEqual([2, `build-image: ${join(folder, named)}: no permission [machine.no-permission]\n  ${advice}\n`]);
  });

  it.each([
    ["--out", "full", "the disk is full"],
    ["--secrets", "full", "the disk is full"],
    ["--out", "read-only", "the file system is read-only"],
    ["--secrets", "read-only", "the file system is read-only"],
  ])("%s is on a disk that is %s", (option, kind, reason) => {
    const { folder, args } = place();
    const name = option === "--out" ? "out" : "keys";
    const wrong = kind === "full" ? 'head -c 2M /dev/zero >"$place/x/filler" 2>/dev/null || true' : 'mount -o remount,ro "$place/x"';
    const script = `place=$1; shift; mkdir "$place/x"; mount -t tmpfs -o size=1m tmpfs "$place/x"; ${wrong}; exec "$@"`;
    const all = [...args, option, join(folder, "place/x", name)];
    const { status, stderr } = inNamespace(script, [join(folder, "place"), program, ...all]);
    const [first, advice] = stderr.split("\n");
    expect([status, first]).toEqual([2, expect.stringContaining(reason)]);
    // The disk's folder, or what was written to it; nothing with a name that only the builder knows.
    expect(first).toMatch(new RegExp(`^build-image: ${join(folder, "place/x")}(/${name})?: `));
    expect(advice).toContain(kind === "full" ? "Free some space" : "another file system");
  });
});

describe("a build that is interrupted", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("by %s at whatever time leaves a whole build and nothing else", async (signal) => {
    const where = place();
    const { ms } = await undisturbed(where);
    const ends: unknown[] = [];
    for (let i = 0; i <= 30; i++) {
      // From the very start to a little after the end; the last one is left to end by itself.
      const after = i < 30 ? (i / 25) * ms : 100 * ms;
      const { ended, stderr } = await interrupted([...where.args, ...(i % 4 === 0 ? ["--rotate-keys"] : [])], after, signal);
      expect([signal, 130, 143, 0]).toContain(ended);
      expect(stderr).toBe("");
      expect(faults(where)).toEqual([]);
      ends.push(ended);
      writeProfile(where.folder, "mine", i % 2 ? smallProfile : other);
    }
    expect([ends[0], ends.at(-1)]).toEqual([signal, 0]);
  });

  it("by SIGKILL leaves the last build, or it is put back by the next", async () => {
    const where = place();
    const { ms } = await undisturbed(where);
    for (let i = 0; i < 12; i++) {
      await interrupted(where.args, ms * (0.5 + i / 20), "SIGKILL");
      expect(buildImage(where.args).status).toBe(0);
      expect(faults(where)).toEqual([]);
    }
  });
});

describe("builds at the same time", () => {
  it("into one folder all end well, and leave one whole build with its keys", async () => {
    for (let round = 0; round < 8; round++) {
      const where = emptyPlace();
      const ends = await Promise.all([0, 1, 2].map(() => interrupted(where.args, 60_000, "SIGINT")));
      expect(ends).toEqual(ends.map(() => ({ ended: 0, stderr: "" })));
      expect(faults(where)).toEqual([]);
    }
  });
});

describe("half a build is found", () => {
  it("by its hashes, leftovers and keys", () => {
    const where = place();
    expect(faults(where)).toEqual([]);
    run("sh", ["-c", `cd "$1/place" && echo more >>out/SETUP.md && mkdir .out.new-1 && : >secrets/mine/one.key.new`, "sh", where.folder]);
    expect(faults(where)).toEqual(["SETUP.md is of another build", ".out.new-1", "one.key.new"]);
  });
});

import { buildSync } from "esbuild";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { swapFolder } from "../../builder/machine/swap";
import { writeFile, writeFileBy, writeFiles } from "../../builder/machine/write";
import { root } from "../support/builds";
import { temporaryFolder } from "../support/trees";

const read = (path: string): string => readFileSync(path, "utf8");

/** A program of its own, since signals and system calls are those of a process. @returns its path. */
function program(contents: string): string {
  const outfile = join(temporaryFolder(), "program.cjs");
  buildSync({ stdin: { contents, resolveDir: root, loader: "ts" }, bundle: true, platform: "node", format: "cjs", outfile });
  return outfile;
}

/** The number of a process that has ended. */
function endedProcess(): number {
  return spawnSync("true").pid;
}

describe("writing a file", () => {
  it("replaces the old content and leaves nothing else", () => {
    const folder = temporaryFolder();
    writeFile(join(folder, "a"), "old");
    writeFile(join(folder, "a"), Buffer.from("new"));
    expect(read(join(folder, "a"))).toBe("new");
    expect(readdirSync(folder)).toEqual(["a"]);
  });

  it("sets the mode whatever the umask and the old file say", () => {
    const path = join(temporaryFolder(), "a");
    writeFileSync(path, "old", { mode: 0o600 });
    writeFile(path, "new", { mode: 0o666 });
    expect(statSync(path).mode & 0o777).toBe(0o666);
    writeFile(path, "newer", { mode: 0o600 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is never readable by others if its mode forbids it, not even as a draft", () => {
    const path = join(temporaryFolder(), "key");
    const modes: number[] = [];
    writeFile(path, "secret", { mode: 0o600, check: (draft) => modes.push(statSync(draft).mode & 0o777) });
    expect(modes).toEqual([0o600]);
  });

  it("that fails in the middle leaves the old file and no draft", () => {
    const folder = temporaryFolder();
    const path = join(folder, "a");
    writeFile(path, "old");
    const check = (draft: string): void => {
      expect(read(draft)).toBe("new");
      throw new Error("read back differently");
    };
    expect(() => writeFile(path, "new", { check })).toThrow("read back differently");
    expect(read(path)).toBe("old");
    expect(readdirSync(folder)).toEqual(["a"]);
  });

  it("that cannot be renamed leaves no draft", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "a"));
    expect(() => writeFile(join(folder, "a"), "new")).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(readdirSync(folder)).toEqual(["a"]);
  });

  it("renames none of several files before all are complete", () => {
    const folder = temporaryFolder();
    const [a, b] = [join(folder, "a"), join(folder, "missing/b")];
    writeFile(a, "old");
    const files = [a, b].map((path) => ({ path, content: "new" }));
    expect(() => writeFiles(files)).toThrow("ENOENT");
    expect(read(a)).toBe("old");
    expect(readdirSync(folder)).toEqual(["a"]);
  });

  it("removes the drafts of processes that have ended, and no others", () => {
    const folder = temporaryFolder();
    const running = `.a.new-${process.ppid}`;
    for (const name of [`.a.new-${endedProcess()}`, running, `.ab.new-${endedProcess()}`, ".a.new-x"])
      writeFileSync(join(folder, name), "");
    const kept = readdirSync(folder).filter((name) => !/^\.a\.new-\d+$/.test(name) || name === running);
    writeFile(join(folder, "a"), "new");
    expect(readdirSync(folder).sort()).toEqual([...kept, "a"].sort());
  });

  it("syncs file and folder around the rename if asked, and never otherwise", () => {
    const folder = temporaryFolder();
    const write = program(
      `import { writeFile } from "./builder/machine/write"; writeFile(process.argv[2], "x", { sync: process.argv[3] === "sync" });`,
    );
    const calls = (how: string): string[] => {
      const log = join(folder, `${how}.log`);
      const args = ["-f", "-o", log, "-e", "trace=fsync,rename,renameat,renameat2", process.execPath, write, join(folder, "a"), how];
      const { status, stderr, error } = spawnSync("strace", args, { encoding: "utf8" });
      expect({ status, stderr, error }).toEqual({ status: 0, stderr: "", error: undefined });
      return [...read(log).matchAll(/\b(fsync|rename)(?:at2?)?\(/g)].map(([, name]) => name as string);
    };
    expect(calls("sync")).toEqual(["fsync", "rename", "fsync"]);
    expect(calls("plain")).toEqual(["rename"]);
  });
});

describe("writing a file by a function", () => {
  it("that fails leaves the old file and no draft", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "a");
    writeFile(path, "old");
    const make = async (draft: string): Promise<void> => {
      writeFileSync(draft, "half");
      throw new Error("broken stream");
    };
    await expect(writeFileBy(path, make)).rejects.toThrow("broken stream");
    expect(read(path)).toBe("old");
    expect(readdirSync(folder)).toEqual(["a"]);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s leaves the old file and no draft", async (signal, expected) => {
    const folder = temporaryFolder();
    const path = join(folder, "a");
    writeFile(path, "old");
    const write = program(`
      import { writeFileSync } from "node:fs";
      import { writeFileBy } from "./builder/machine/write";
      writeFileBy(process.argv[2], async (draft) => {
        writeFileSync(draft, "half");
        console.log("half-way");
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      });`);
    const child = spawn(process.execPath, [write, path], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    expect(readdirSync(folder)).toHaveLength(2);
    child.kill(signal);
    const [status] = (await once(child, "close")) as [number];
    expect(status).toBe(expected);
    expect(read(path)).toBe("old");
    expect(readdirSync(folder)).toEqual(["a"]);
  });
});

describe("swapping a folder", () => {
  const make =
    (content: string, mode = 0o700) =>
    async (draft: string): Promise<void> => {
      mkdirSync(draft);
      writeFileSync(join(draft, "file"), content);
      chmodSync(draft, mode);
    };

  it("replaces all of it", async () => {
    const folder = temporaryFolder();
    const out = join(folder, "out");
    await swapFolder(out, make("old"));
    writeFileSync(join(out, "stale"), "");
    await swapFolder(out, make("new", 0o750));
    expect(readdirSync(out)).toEqual(["file"]);
    expect(read(join(out, "file"))).toBe("new");
    expect(statSync(out).mode & 0o777).toBe(0o750);
    expect(readdirSync(folder)).toEqual(["out"]);
  });

  it("that fails leaves the old one", async () => {
    const folder = temporaryFolder();
    const out = join(folder, "out");
    await swapFolder(out, make("old"));
    const fail = async (draft: string): Promise<void> => {
      await make("half")(draft);
      throw new Error("failed");
    };
    await expect(swapFolder(out, fail)).rejects.toThrow("failed");
    expect(read(join(out, "file"))).toBe("old");
    expect(readdirSync(folder)).toEqual(["out"]);
  });

  it("gives the old one its name back if a process was killed between the renames", async () => {
    const folder = temporaryFolder();
    const out = join(folder, "out");
    await make("old")(join(folder, `.out.old-${endedProcess()}`));
    await make("half")(join(folder, `.out.new-${endedProcess()}`));
    const found: boolean[] = [];
    const fail = async (): Promise<void> => {
      found.push(existsSync(join(out, "file")));
      throw new Error("failed");
    };
    await expect(swapFolder(out, fail)).rejects.toThrow("failed");
    expect(found).toEqual([true]);
    expect(readdirSync(folder)).toEqual(["out"]);
  });
});

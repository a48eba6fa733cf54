import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cardImage, damagedCopy, makeCardImage } from "../support/flash";
import { root } from "../support/builds";
import { stepsOf } from "./guest";
import { runInKernel } from "./uml";

/** How a step of flash.sh ended and what it said. */
let step: ReturnType<typeof stepsOf>;

const MODULES = ["scsi_mod", "sd_mod", "loop", "dm-mod", "dm-flakey", "dm-zero", "vfat", "nls_cp437", "nls_ascii"];

/** The command as one file: reading all sources takes seconds in this kernel. */
function packedCommand(): string {
  const contents = `import { flashCard } from "./flash-card"; flashCard({ root: "/t", version: "test", args: process.argv.slice(2) }).then((code) => (process.exitCode = code));`;
  const stdin = { contents, resolveDir: join(root, "builder/command"), loader: "ts" as const };
  const { outputFiles } = buildSync({
    stdin,
    bundle: true,
    platform: "node",
    target: "node20",
    write: false,
    external: ["esbuild"],
    banner: { js: "#!/usr/bin/env node" },
  });
  return outputFiles[0]?.text ?? "";
}

const folder = mkdtempSync(join(tmpdir(), "bondbox-flash-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  const image = makeCardImage(folder);
  mkdirSync(join(folder, "damaged"));
  const damaged = damagedCopy(image, join(folder, "damaged"), 20_000_000);
  const files = {
    "/t/flash-card": { content: packedCommand(), mode: 0o755 },
    ...Object.fromEntries(
      [image, `${image}.bmap`, damaged, `${damaged}.bmap`].map((path) => [path.replace(folder, "/t"), { content: readFileSync(path) }]),
    ),
  };
  const script = readFileSync(join(import.meta.dirname, "flash.sh"), "utf8");
  const { output } = await runInKernel(script, { timeoutMs: 1_500_000, memoryMb: 1024, modules: MODULES, files });
  if (process.env.FLASH_LOG) process.stdout.write(output);
  step = stepsOf(output);
}, 1_520_000);

/** A step fails with this exit code, and its message and hint have these words. */
function fails(name: string, exitCode: number, ...words: (string | RegExp)[]): void {
  const ran = step(name);
  expect(ran.exitCode, ran.output).toBe(exitCode);
  expect(ran.output).toMatch(/^flash-card: .+\n {2}\S/m);
  expect(ran.output).not.toMatch(/^\s+at .*:\d+/m);
  for (const word of words) expect(ran.output).toMatch(word);
}

function succeeds(...names: string[]): void {
  for (const name of names) expect(step(name), name).toMatchObject({ exitCode: 0 });
}

const figure = (name: string): number => Number(step(name).output);
const BLOCK = 4096;

describe("the list", () => {
  it("has removable drives with size and name, and says why one cannot be written to", () => {
    expect(step("list").output).toBe("Drives:\n  /dev/sda         34 MB  Linux scsi_debug  can be written to\n");
    expect(step("mounted: list").output).toContain('it is mounted at "/mnt/with blank"');
    expect(step("over 128 GB: list").output).toMatch(/214\.7 GB .* more than/);
  });

  it("says so when there is none", () => {
    expect(step("no card: list")).toMatchObject({ exitCode: 0, output: expect.stringMatching(/^No removable drive found/) });
    fails("no card: write", 1, "no drive can be written to");
  });
});

describe("a card", () => {
  it("has the image afterwards", () => {
    succeeds("blank card", "blank card: same");
    succeeds("used card", "used card: boot", "used card: root", "used card: first block", "used card: fsck boot", "used card: fsck root");
  });

  it("is written to in its mapped blocks only; one that holds something gets a first block of zeros before that", () => {
    expect(figure("blank card: bytes written")).toBe(cardImage.mapped);
    expect(figure("used card: bytes written")).toBe(cardImage.mapped + BLOCK);
    expect(step("used card: gap is as it was").output.trim()).toBe("0");
  });

  it("gets all of an image without a map", () => {
    succeeds("without a map", "without a map: same");
    expect(step("without a map").output).toContain("no block map");
  });

  it("is never chosen or erased without a person or an option", () => {
    fails("no choice without a terminal", 1, "--to DEVICE");
    fails("no yes without a terminal", 1, "--yes");
    expect(step("content is shown").output).toMatch(/it holds: .*sda1.*sda2/);
  });
});

it("without permission, the message says how to get it", () => fails("no permission", 2, "no permission to write to /dev/sda", "sudo "));

describe("a drive is refused", () => {
  it.each([
    ["partition", /is a partition/],
    ["mounted", /mounted at "\/mnt\/with blank".*\n.*umount '\/mnt\/with blank'/],
    ["mounted privately", /mounted at "\/mnt\/with blank"/],
    ["mounted where it cannot be seen", /in use by another program or mounted/],
    ["system", /this system runs from it \("\/boot\/firmware"/],
    ["holds the image", /the image is on it/],
    ["swap", /swap space/],
    ["held", /dm-0 \(dm\) uses it/],
    ["read-only", /write-protected/],
    ["over 128 GB", /214\.7 GB.*\n.*--big/],
    ["too small", /16777216 bytes\), and the image needs 25 MB \(25165824 bytes/],
    ["over itself", /the image is on it/],
  ])("%s", (name, words) => fails(name, 1, words));
});

describe("the question", () => {
  it("takes a number and a yes", () => succeeds("choice", "choice: first block"));

  it.each([
    ["choice declined", 1, /nothing was written/],
    ["choice wrong", 1, /"2" is not one of the numbers/],
    ["choice empty", 1, /no drive was chosen/],
    ["end of input", 1, /no drive was chosen/],
    ["choice interrupted", 130, /Stopped\. Nothing was written/],
  ])("%s: nothing happens", (name, exitCode, words) => {
    expect(step(name)).toMatchObject({ exitCode, output: expect.stringMatching(words) });
    succeeds("nothing written");
  });

  it("is for the drive of that moment", () => {
    fails("another card meanwhile", 1, "no longer the drive that you chose");
    fails("mounted meanwhile", 1, 'mounted at "/mnt/a"');
  });
});

describe("an image that is not right", () => {
  it("does not match its map: the range is named, and the card does not boot", () => {
    fails("map of another image", 2, /bytes 16777216 to 25165823 of .* do not match its block map/);
    succeeds("map of another image: does not boot");
  });

  it("has another size than its map says: nothing is written", () => {
    fails("map of another size", 1, "25165824 bytes, and this one has 26214400");
    succeeds("map of another size: nothing written");
  });

  it("changes meanwhile: the card does not boot", () => {
    fails("image changes", 2, "changed while it was being written");
    succeeds("image changes: does not boot");
  });
});

describe("stopped", () => {
  it.each([
    ["SIGINT while writing", 130],
    ["SIGTERM while writing", 143],
    ["SIGINT while checking", 130],
    ["Ctrl-C on a terminal", 130],
  ])("%s: the card does not boot, and that is said", (name, exitCode) => {
    expect(step(name)).toMatchObject({ exitCode, output: expect.stringMatching(/Stopped\. .* does not boot/) });
    succeeds(`${name}: does not boot`);
  });

  it("killed: the card does not boot", () => {
    expect(step("SIGKILL while writing").exitCode).toBe(137);
    succeeds("SIGKILL while writing: does not boot");
  });
});

describe("a card that fails", () => {
  it("is pulled out", () => {
    fails("pulled while writing", 2, "disappeared while writing: the card was pulled out");
    fails("pulled while checking", 2, "disappeared while reading: the card was pulled out");
  });

  it("has one wrong bit: it is found, and its byte named", () => {
    fails("bit error", 2, `byte ${40000 * 512 + 32} of /dev/dm-0 read back differently`, "1 bit is wrong: the card is wearing out");
    succeeds("bit error: does not boot");
  });

  it("has a sector that cannot be read, or written", () => {
    fails("bad sector", 2, "error while reading bytes 8388608 to 12582911");
    fails("write error", 2, "error while writing bytes 16777216 to 20971519");
    succeeds("bad sector: does not boot", "write error: does not boot");
  });

  it("keeps what it has", () => fails("ignores writes", 2, "keeps its old content", "worn out"));

  it("has less room than it says: the addresses wrap, or nothing is kept", () => {
    fails("forged", 2, /bytes 4194304 to \d+ of/, "It holds the data of byte 16777216", "smaller than it claims");
    fails("keeps nothing", 2, "stored nothing there");
  });
});

describe("a disk that is full", () => {
  it("under a file or a loop device", () => {
    fails("file without room", 2, "no space left");
    fails("loop without room", 2, /error while writing bytes .* \((EIO|ENOSPC)\)/);
  });
});

import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatError, UsageError } from "../../builder/errors";
import { makeImage } from "../../builder/pack/image";
import { complete, file, link } from "../../builder/render/tree";
import { boxes } from "../../builder/targets/boxes";
import { makeBase } from "../support/card-base";
import { damage, type Parts, partsOf } from "../support/damage";
import { run } from "../support/programs";
import { temporaryFolder } from "../support/trees";

const MIB = 1 << 20;
const work = mkdtempSync(join(realpathSync(tmpdir()), "bondbox-damage-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Small, but with a file, a folder and a link where a card has them. */
const root = complete([
  file("/lib/systemd/system/bondbox-setup.service", "[Unit]\nDescription=setup\n"),
  link("/etc/systemd/system/multi-user.target.wants/bondbox-setup.service", "/usr/lib/systemd/system/bondbox-setup.service"),
  { kind: "directory", path: "/var/lib/bondbox", mode: 0o700, owner: "root", group: "root" },
  { ...file("/var/lib/bondbox/card/overlay.tar", Buffer.alloc(100_000, "tar")), mode: 0o600 },
  file("/etc/hostname", "replaced\n"),
]);
const boot = [{ path: "bondbox/id", mode: 0o644, content: "0123456789abcdef\n" }];

/**
 * Each seed damages another part: tables, heads, bitmaps, inodes, folders, the files that a build reads, the length. Without checksums
 * damage gets further before a program notices it. The seeds of the first line of each once ended as a bug in bondbox.
 */
const bases: Record<string, { ext4: string[]; seeds: number[] }> = {
  "with checksums": {
    ext4: [],
    seeds: [...[0, 9, 12, 18, 21, 24, 28, 29], ...[2, 4, 5, 16, 20, 22, 26, 35, 38, 49, 51, 58, 69]],
  },
  "without checksums": {
    ext4: ["-O", "^metadata_csum"],
    seeds: [...[100, 130, 131, 132, 157, 211, 257, 324], ...[101, 103, 107, 109, 113, 127, 139, 149, 151, 163, 414]],
  },
};

describe.each(Object.entries(bases))("a damaged base %s", (name, { ext4, seeds }) => {
  const base = join(work, `${name.replaceAll(" ", "-")}.img`);
  let parts: Parts = {};
  beforeAll(() => {
    makeBase(base, { bootSize: 36, rootSize: 24, ext4 });
    parts = partsOf(base, 8 * MIB, 44 * MIB);
  });

  it.each(seeds)("is refused in a sentence, or the damage is of no matter: seed %i", async (seed) => {
    const folder = temporaryFolder();
    const [bad, out, cache] = ["bad.img", "out", "cache"].map((part) => join(folder, part)) as [string, string, string];
    run("cp", ["--sparse=always", base, bad]);
    const done = damage(bad, parts, seed);
    const box = boxes["raspios-trixie"];
    const error: unknown = await makeImage({ base: bad, out: join(out, "home.img"), name: "home", box, boot, root, cache, log: () => {} })
      .then(() => null)
      .catch((error: unknown) => error);
    const left = existsSync(out) ? readdirSync(out).sort() : [];
    if (error === null) {
      expect([done, left]).toEqual([done, ["home.img", "home.img.bmap", "home.img.sha256", "home.rpi-imager-manifest"]]);
      return;
    }
    // Exit code 1; a bug has a stack instead.
    if (!(error instanceof UsageError)) throw new Error(done, { cause: error });
    expect(formatError("build-image", error)).toMatch(/^build-image: .*bad\.img.* \[image\.[a-z-]+\]\n {2}[A-Z].*\.$/);
    expect([done, left]).toEqual([done, []]);
  });
});

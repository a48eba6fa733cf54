import { describe, expect, it } from "vitest";
import { cardOf, type TestCard } from "../../support/card";
import { sha256 } from "../../support/trees";
import type { CardPackage } from "../../../builder/card/content";

const deb: CardPackage = {
  name: "openvpn",
  version: "2.6.14-1+b1",
  architecture: "arm64",
  file: "openvpn_2.6.14-1+b1_arm64.deb",
  sha256: sha256("deb"),
  content: Buffer.from("deb"),
};

function contentOf({ bootfs }: TestCard, path: string): string {
  const found = bootfs.find((artefact) => artefact.path === path);
  if (found === undefined) throw new Error(`no ${path}`);
  return found.content.toString();
}

describe("a card's files", () => {
  it("are all named by its sums, in sha256sum's words", async () => {
    const card = await cardOf({}, [deb]);
    const rows = contentOf(card, "bondbox/SHA256SUMS").trimEnd().split("\n");
    const named = rows.map((row) => /^([0-9a-f]{64}) {2}(.+)$/.exec(row)?.slice(1) ?? [row]);
    const there = card.bootfs.filter(({ path }) => path.startsWith("bondbox/") && !path.endsWith("SHA256SUMS"));
    expect(named).toEqual(there.map(({ path, content }) => [sha256(Buffer.from(content)), path.slice("bondbox/".length)]));
    expect(there.map(({ path }) => path)).toEqual([
      "bondbox/id",
      "bondbox/overlay.tar",
      "bondbox/packages/openvpn_2.6.14-1+b1_arm64.deb",
      "bondbox/packages/want",
      "bondbox/setup",
      "bondbox/setup.conf",
      "bondbox/setup.d/begin.sh",
      "bondbox/setup.d/common.sh",
      "bondbox/setup.d/finish.sh",
      "bondbox/setup.d/packages.sh",
      "bondbox/setup.d/run.sh",
      "bondbox/target",
    ]);
  });

  it("say which packages, a line each", async () => {
    const want = contentOf(await cardOf({}, [deb]), "bondbox/packages/want");
    expect(want).toBe(`openvpn 2.6.14-1+b1 arm64 ${sha256("deb")} openvpn_2.6.14-1+b1_arm64.deb\n`);
  });

  it("have names that FAT can hold, whatever the case", async () => {
    const { bootfs } = await cardOf({}, [deb]);
    const paths = bootfs.map(({ path }) => path);
    for (const path of paths) expect(path).toMatch(/^[A-Za-z0-9+._~/-]+$/);
    expect(new Set(paths.map((path) => path.toLowerCase())).size).toBe(paths.length);
  });

  it("bring both starters and say on the card that nothing has run yet", async () => {
    const card = await cardOf();
    expect(contentOf(card, "vendor-data")).toMatch(/^#cloud-boothook\n#!\/bin\/sh\n/);
    expect(contentOf(card, "firstrun.sh")).toMatch(/^#!\/bin\/sh\n/);
    // The initramfs of bookworm would cut the file off at such a line.
    expect(contentOf(card, "firstrun.sh")).not.toMatch(/rm.*firstrun\.sh$/m);
    expect(contentOf(card, "bondbox-status.txt")).toMatch(/^bondbox has not run on this card yet\.\n/);
    expect(contentOf(card, "bondbox-status.txt")).toContain("Raspberry Pi OS Lite (64-bit), trixie");
  });

  it("have an id of their own, which changes with profile, packages and version only", async () => {
    const { id } = await cardOf({}, [deb]);
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    const other = { ...deb, content: Buffer.from("other"), sha256: sha256("other") };
    const others = await Promise.all([cardOf({}, [other]), cardOf({}, [deb], "0.0.1"), cardOf({ hostname: "other" }, [deb])]);
    expect(new Set([id, ...others.map((card) => card.id)]).size).toBe(4);
  });

  it("hold no secret but in overlay.tar", async () => {
    const { bootfs, boot, secrets } = await cardOf();
    expect(secrets.length).toBeGreaterThan(10);
    for (const { path, content } of [...bootfs, ...boot])
      expect([path, secrets.some((secret) => content.includes(secret))]).toEqual([path, path === "bondbox/overlay.tar"]);
  });
});

describe("a ready image", () => {
  it("has them in its root, for root alone, and starts from there", async () => {
    const { root: entries, bootfs } = await cardOf({}, [deb]);
    const inCard = entries.filter(({ path }) => path.startsWith("/var/lib/bondbox/card/"));
    for (const entry of inCard) expect([entry.path, entry.mode & 0o077]).toEqual([entry.path, 0]);
    expect(
      inCard
        .filter(({ kind }) => kind === "file")
        .map(({ path }) => path.slice("/var/lib/bondbox/card/".length))
        .sort(),
    ).toEqual(bootfs.flatMap(({ path }) => (path.startsWith("bondbox/") ? [path.slice("bondbox/".length)] : [])).sort());
    const of = (path: string) => entries.find((entry) => entry.path === path);
    expect(of("/var/lib/bondbox/card")).toMatchObject({ kind: "directory", mode: 0o700 });
    expect(of("/var/lib/bondbox/card/setup")).toMatchObject({ mode: 0o700 });
    expect(of("/usr/local/sbin/bondbox-setup")).toMatchObject({ mode: 0o755 });
    expect(of("/etc/systemd/system/multi-user.target.wants/bondbox-setup.service")).toMatchObject({ kind: "link" });
    // A folder comes before what is in it.
    for (const [index, { path }] of entries.entries())
      expect(entries.slice(0, index).some((earlier) => earlier.path.startsWith(`${path}/`))).toBe(false);
  });

  it("has the same files there that overlay.tar lays", async () => {
    const { root: entries, overlayTar } = await cardOf();
    const laid = [
      "/usr/local/sbin/bondbox-setup",
      "/etc/systemd/system/bondbox-setup.service",
      "/etc/systemd/system/bondbox-finish.service",
    ];
    for (const path of laid) {
      const entry = entries.find((candidate) => candidate.path === path);
      expect(entry?.kind === "file" && overlayTar.includes(entry.content)).toBe(true);
    }
  });

  it("has nothing on its boot partition but the id and the status", async () => {
    const { boot, id } = await cardOf();
    expect(boot.map(({ path }) => path)).toEqual(["bondbox/id", "bondbox-status.txt"]);
    expect(boot[0]?.content).toBe(`${id}\n`);
  });
});

describe("protected storage", () => {
  it("brings its settings and masks only where the profile wants it", async () => {
    const files = async (storage: string) => (await cardOf({ box: { storage } })).overlayTar.toString("latin1");
    for (const path of [
      "etc/systemd/journald.conf.d/60-bondbox.conf",
      "etc/systemd/system/fstrim.timer",
      "etc/rpi/swap.conf.d/60-bondbox.conf",
    ]) {
      expect(await files("protected")).toContain(path);
      expect(await files("plain")).not.toContain(path);
    }
  });

  it("is what a profile has when it says nothing", async () => {
    expect((await cardOf()).plan.box.protected).toBe(true);
  });
});

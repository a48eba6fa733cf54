import { describe, expect, it } from "vitest";
import { archivesIn } from "../../../builder/pack/packages/apt";
import { backportRows, sourceRows } from "../../lab/archive";

const signed = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
const targets = [
  "Packages|Debian|bookworm|http://archive.example/debian/|main",
  "Translations|Debian|bookworm|http://archive.example/debian/|main",
  "Packages|Debian|bookworm-updates|http://archive.example/debian/|main",
  "Packages|Debian Backports|bookworm-backports|http://archive.example/debian/|main",
  "Packages|Debian|bookworm-security|http://archive.example/security/|main",
  "Packages|Somebody|bookworm|http://other.example/|main",
  "",
].join("\n");

describe("the archive of a release", () => {
  it.each(["bookworm", "trixie"] as const)("%s: the machine's own places, Debian's packages and nothing else", (release) => {
    expect(sourceRows(targets, release)).toEqual([
      `${signed} http://archive.example/debian/ ${release} main`,
      `${signed} http://archive.example/debian/ ${release}-updates main`,
      `${signed} http://archive.example/security/ ${release}-security main`,
    ]);
  });

  it("has the newest kernel beside the release itself, whatever this machine's own backports are", () => {
    expect(backportRows(archivesIn(targets), "trixie")).toEqual([`${signed} http://archive.example/debian/ trixie-backports main`]);
    expect(backportRows([], "trixie")).toEqual([]);
  });

  it("is made once of two releases on one machine", () => {
    const both = `${targets}\nPackages|Debian|trixie|http://archive.example/debian/|main`;
    expect(sourceRows(both, "trixie")).toHaveLength(3);
  });

  it("is none on another system", () => {
    expect(sourceRows("Packages|Ubuntu|noble|http://archive.example/|main", "trixie")).toEqual([]);
  });
});

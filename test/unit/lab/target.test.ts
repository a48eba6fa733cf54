import { describe, expect, it } from "vitest";
import { standingOf } from "../../lab/target";

describe("what a server target runs on in the lab", () => {
  it.each([
    ["debian-13", "trixie", "server-networkd", true],
    ["debian-12", "bookworm", "server-networkd", true],
    ["ubuntu-26.04", "trixie", "server-networkd", false],
    ["ubuntu-24.04", "trixie", "server-networkd", false],
    ["ubuntu-22.04", "bookworm", "server-networkd", false],
    ["ubuntu-14.04", "bookworm", "server-ifupdown", false],
    ["debian-14", "trixie", "server-networkd", false],
  ])("%s: %s, %s", (target, release, machine, itself) => {
    expect(standingOf(target)).toEqual({ release, machine, itself });
  });
});

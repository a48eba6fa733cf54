import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/builds";

const files = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);

/** Names that Windows cannot have. Source: "Naming Files, Paths, and Namespaces" of Microsoft's Win32 documentation. */
function foreignToWindows(path: string): boolean {
  return path.split("/").some((name) => /[<>:"\\|?*\p{Cc}]|[. ]$/u.test(name) || /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i.test(name));
}

/** Paths that are one file where upper and lower case are the same: Windows, and macOS as it is delivered. */
function sameInLowerCase(paths: string[]): string[] {
  const seen = new Set<string>();
  return paths.filter((path) => seen.size === seen.add(path.toLowerCase()).size);
}

describe("a checkout on Windows or macOS", () => {
  it("has every file under its own name", () => {
    expect(files.length).toBeGreaterThan(300);
    expect(files.filter(foreignToWindows)).toEqual([]);
    expect(sameInLowerCase(files)).toEqual([]);
  });

  it("has the bytes of the repository, which git would otherwise change", () => {
    const paths = ["overlay/box/usr/local/bin/bondbox", "profiles/home.yaml", "package-lock.json"];
    const attributes = execFileSync("git", ["check-attr", "text", "--", ...paths], { cwd: root, encoding: "utf8" });
    expect(attributes).toBe(paths.map((path) => `${path}: text: unset\n`).join(""));
    expect(files.filter((path) => path.startsWith("overlay/") && readFileSync(join(root, path)).includes("\r"))).toEqual([]);
  });

  it("would be found wrong", () => {
    expect(["a/b:c", "aux.ts", "x/nul", "name.", "ok/console.ts"].filter(foreignToWindows)).toEqual(["a/b:c", "aux.ts", "x/nul", "name."]);
    expect(sameInLowerCase(["a", "b", "A"])).toEqual(["A"]);
  });
});

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readText } from "../../../overlay/runtime/read";
import { FakeBox } from "./fixture";

describe("readText", () => {
  it.each([
    ["nothing", ""],
    ["a few words", "déjà vu\n"],
    ["as much as there is room for", "x".repeat(16 * 1024)],
    ["more", `é${"x".repeat(100_000)}é`],
  ])("reads a file with %s", (_, text) => {
    using box = new FakeBox();
    box.write("file", text);
    box.write("other", "other");
    expect(readText(join(box.root, "file"))).toBe(text);
    // Nothing of the one before is left.
    expect(readText(join(box.root, "other"))).toBe("other");
  });

  it("reads what the kernel gives in pieces", () => {
    const text = readText("/proc/self/maps") ?? "";
    expect(text.length).toBeGreaterThan(4096);
    expect(text).toContain("[stack]");
  });

  it("knows of no text where there is no file, or a folder", () => {
    using box = new FakeBox();
    expect(readText(join(box.root, "nothing"))).toBe(null);
    expect(readText(box.root)).toBe(null);
  });
});

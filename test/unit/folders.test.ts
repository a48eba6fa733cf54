import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { makeFolder } from "../../builder/machine/folders";

const root = mkdtempSync(join(tmpdir(), "bondbox-folders-"));
const wanted = join(root, "place/secrets");

// As soon as the parent is there, another build makes the folder.
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const mkdirSync = (path: string, options: object): void => {
    fs.mkdirSync(path, options);
    if (path === dirname(wanted)) fs.mkdirSync(wanted, options);
  };
  return { ...fs, mkdirSync };
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

it("a folder that another build makes meanwhile is as good as one's own", () => {
  makeFolder(wanted, 0o700);
  expect(statSync(wanted).mode & 0o777).toBe(0o700);
});

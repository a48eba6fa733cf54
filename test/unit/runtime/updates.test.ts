import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { observeUpdates, updateSentences } from "../../../overlay/runtime/updates";

let root: string;
const folder = "var/lib/bondbox/keep/updates";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "bondbox-updates-"));
  mkdirSync(join(root, folder), { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(root, folder, name), text);
const sentences = (): string[] => updateSentences(observeUpdates(root));

describe("updates, as the box tells of them", () => {
  it("says nothing where nobody has looked", () => {
    expect(observeUpdates(root)).toBeNull();
    expect(sentences()).toEqual([]);
  });

  it("says how many wait, and since when", () => {
    write("waiting", "checked 1764580000\ncount 17\noldest 1761000000\n");
    expect(observeUpdates(root)).toEqual({
      waiting: 17,
      oldest: 1761000000,
      checked: 1764580000,
      trouble: null,
      last: null,
      reason: null,
    });
    expect(sentences()).toEqual(["17 security updates wait, the oldest since 2025-10-20."]);
    write("waiting", "checked 1764580000\ncount 1\noldest 1761000000\n");
    expect(sentences()).toEqual(["1 security update waits, since 2025-10-20."]);
    write("waiting", "checked 1764580000\ncount 0\noldest \n");
    expect(sentences()).toEqual(["No security update waits."]);
  });

  it.each([
    ["kept a 0123456789abcdef\n", []],
    ["trying b 0123456789abcdef\n", ["An update is on trial: it is kept if the bond carries."]],
    ["undone b 0123456789abcdef\nline adsl is down\n", ["The last update was undone: line adsl is down."]],
    ["failed b -\nthe new system could not be opened\n", ["The last update could not be made: the new system could not be opened."]],
  ])("says how the last one ended: %j", (state, expected) => {
    write("state", state);
    expect(sentences()).toEqual(expected);
  });

  it("says that the archives could not be asked", () => {
    write("trouble", "the archives could not be asked: Could not resolve 'archive.example.org'\n");
    expect(sentences()).toEqual(["Nobody knows what waits now: the archives could not be asked: Could not resolve 'archive.example.org'."]);
  });
});

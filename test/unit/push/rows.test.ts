import { describe, expect, it } from "vitest";
import { Rows } from "../../../builder/push/rows";

function shownOf(text: string, size: number): { shown: string[]; last: string[]; bytes: number } {
  const shown: string[] = [];
  const rows = new Rows((row) => shown.push(row));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) rows.take(bytes.subarray(at, at + size));
  rows.end();
  return { shown, last: rows.last(3), bytes: rows.bytes };
}

describe("the rows of install.sh", () => {
  const text =
    "bondbox: installing openvpn\nReading package lists...\n(Reading database ... 5%\r(Reading database ... 100%\nSetting up openvpn …\n\nE: \u001b[31mred\nbondbox: not finished";

  it.each([1, 2, 3, 7, 1000])("are shown as they come, in pieces of %i bytes: its own alone, the last of all where it fails", (size) => {
    expect(shownOf(text, size)).toEqual({
      shown: ["installing openvpn", "not finished"],
      last: ["Setting up openvpn …", "E: \\u001b[31mred", "bondbox: not finished"],
      bytes: Buffer.byteLength(text),
    });
  });

  it("of a program that writes over its row are what is seen in the end", () => {
    expect(shownOf("5 %\r50 %\r100 %\r\nnext\n", 4).last).toEqual(["100 %", "next"]);
  });
});

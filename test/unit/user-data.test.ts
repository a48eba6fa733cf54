import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { packUserData } from "../../builder/pack/user-data";
import { packedLimit } from "../../builder/render/cloud-init";

/** Words as of a script, the same each time: what more effort gains must not change with our own files. */
function words(count: number): string {
  let seed = 1;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const known = Array.from({ length: 400 }, () => Array.from({ length: 2 + next(8) }, () => "abcdefghilmnoprstu"[next(18)]).join(""));
  return Array.from({ length: count }, () => known[Math.floor(next(400) * (next(100) / 100))]).join(" ");
}

const script = words(6000);
const pack = async (limit: number): Promise<number> => {
  const { packed, text } = await packUserData(script, null, limit);
  expect([Buffer.from(text, "base64"), gunzipSync(packed).toString()]).toEqual([packed, script]);
  return packed.length;
};

it("user-data that is a few bytes too large is packed with more effort, and holds the same", async () => {
  const usual = await pack(packedLimit);
  expect(await pack(usual)).toBe(usual);
  expect(await pack(usual - 1)).toBeLessThan(usual);
  // More effort would not help.
  expect(await pack(usual - 30)).toBe(usual);
});

it("the smallest limit of a packed form is Amazon's", () => expect(packedLimit).toBe(16_384));

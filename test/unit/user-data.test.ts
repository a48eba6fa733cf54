import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { packUserData } from "../../builder/pack/user-data";
import { packedLimit } from "../../builder/render/cloud-init";
import { root } from "../support/builds";

const script = readFileSync(join(root, "overlay/common/usr/local/sbin/wondershaper"), "utf8");
const pack = async (limit: number): Promise<number> => {
  const { text, packedBytes } = await packUserData(script, null, limit);
  const packed = Buffer.from(text, "base64");
  expect([packed.length, gunzipSync(packed).toString()]).toEqual([packedBytes, script]);
  return packedBytes;
};

it("user-data that is a few bytes too large is packed with more effort, and holds the same", async () => {
  const usual = await pack(packedLimit);
  expect(await pack(usual)).toBe(usual);
  expect(await pack(usual - 1)).toBeLessThan(usual);
  // More effort would not help.
  expect(await pack(usual - 30)).toBe(usual);
});

it("the smallest limit of a packed form is Amazon's", () => expect(packedLimit).toBe(16_384));

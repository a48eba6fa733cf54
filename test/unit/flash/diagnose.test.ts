import { createHash } from "node:crypto";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { type Finding } from "../../../builder/errors/flash";
import { diagnose } from "../../../builder/flash/diagnose";
import type { Image } from "../../../builder/flash/image";
import { noise } from "../../support/flash";
import { temporaryFolder } from "../../support/trees";

const MIB = 1 << 20;
const content = noise(3 * MIB, "image");
const range = { start: MIB, end: 3 * MIB, sha256: null };
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/**
 * What is found of a card that has these bytes.
 * @param file what the image has by then
 */
function finding(card: Buffer, file = content): Promise<Finding> {
  const path = join(temporaryFolder(), "home.img");
  writeFileSync(path, file);
  const fd = openSync(path, "r");
  onTestFinished(() => closeSync(fd));
  const ranges = [{ start: 0, end: MIB, sha256: null }, range];
  const image: Image = { path, fd, size: 3 * MIB, ranges, mapped: 3 * MIB, hasMap: false, device: "8:1", stamp: "" };
  const target = { read: async (buffer: Buffer, offset: number): Promise<void> => void card.copy(buffer, 0, offset) };
  const expected = sha256(content.subarray(range.start, range.end));
  return diagnose({ image, target, range, expected, head: content.subarray(0, 4096) });
}

/** The image with other bytes in one place. */
function changed(offset: number, bytes: Buffer): Buffer {
  const copy = Buffer.from(content);
  bytes.copy(copy, offset);
  return copy;
}

it("a second reading that is right: the reader", async () => {
  expect(await finding(content)).toEqual({ at: null, culprit: "reading" });
});

it("few bits: the card wears out", async () => {
  const at = 2 * MIB + 77;
  const card = changed(at, Buffer.of((content[at] ?? 0) ^ 0b101));
  expect(await finding(card)).toEqual({ at: { start: at, end: at + 1 }, culprit: "bits", bits: 2 });
});

it("from the first wrong byte to the last, over the pieces that are read at once", async () => {
  const card = changed(MIB + 5, Buffer.from([1, 2, 3].map((bit, i) => (content[MIB + 5 + i] ?? 0) ^ bit)));
  const last = 3 * MIB - 1;
  card[last] = (content[last] ?? 0) ^ 128;
  expect(await finding(card)).toMatchObject({ at: { start: MIB + 5, end: last + 1 }, bits: 5 });
});

it.each([0, 255])("nothing but %i: nothing was kept", async (byte) => {
  expect(await finding(changed(2 * MIB, Buffer.alloc(8192, byte)))).toMatchObject({ culprit: "nothing kept" });
});

it("what belongs elsewhere: the addresses wrap", async () => {
  const card = changed(MIB + 4096, content.subarray(2 * MIB, 2 * MIB + 8192));
  expect(await finding(card)).toMatchObject({ culprit: "wraps", belongs: 2 * MIB });
});

it("anything else: card or reader", async () => {
  expect(await finding(changed(2 * MIB, noise(8192, "other")))).toMatchObject({ culprit: "card or reader" });
});

it("an image that has changed is no fault of the card", async () => {
  await expect(finding(content, changed(2 * MIB, Buffer.from("new")))).rejects.toThrow(/changed while it was being written/);
});

import fc from "fast-check";
import { expect, it } from "vitest";
import { base85 } from "../../builder/base/base85";
import { fromBase85 } from "../support/base85";
import { run } from "../support/programs";

/** Both ways at once: what Python reads from our text, and what it would have written. */
const PYTHON = `
import base64, json, sys
print(json.dumps([[base64.b85decode(text).hex(), base64.b85encode(bytes.fromhex(data)).decode()] for text, data in json.load(sys.stdin)]))
`;

it("base85 is Python's own, for bytes of every length", () => {
  const edges = Array.from({ length: 13 }, (_, length) => [0, 1, 127, 128, 255].map((byte) => new Uint8Array(length).fill(byte)));
  const samples = [...edges.flat(), ...fc.sample(fc.uint8Array({ maxLength: 300 }), 500)].map((bytes) => Buffer.from(bytes));
  expect(new Set(samples.map(({ length }) => length % 4)).size).toBe(4);
  const input = JSON.stringify(samples.map((bytes) => [base85(bytes), bytes.toString("hex")]));
  const { stdout, stderr } = run("/usr/bin/python3", ["-c", PYTHON], { input });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual(samples.map((bytes) => [bytes.toString("hex"), base85(bytes)]));
  expect(samples.map((bytes) => fromBase85(base85(bytes)))).toEqual(samples);
});

it("base85 has no character that YAML's quotes would change", () => {
  const every = Buffer.from(Array.from({ length: 1 << 16 }, (_, index) => [index >> 8, index & 255, index & 255, index >> 8]).flat());
  expect(new Set(base85(every)).size).toBe(85);
  expect(base85(every)).toMatch(/^[^\s"'\\,:[\]]+$/);
});

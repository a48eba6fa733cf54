import { expect, it } from "vitest";
import { Samples } from "../../../overlay/runtime/samples";

it("the latest ten minutes are kept, and no more", () => {
  const samples = new Samples();
  for (let second = 0; second < 3600; second++) samples.add({ time: 1000 * second, bond: { down: second, up: null }, lines: [] });
  expect(samples.all.length).toBe(600);
  expect(samples.all[0]?.time).toBe(3_000_000);
  expect(samples.all.at(-1)).toEqual({ time: 3_599_000, bond: { down: 3599, up: null }, lines: [] });
});

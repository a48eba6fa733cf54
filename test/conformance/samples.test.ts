import { expect, it } from "vitest";
import { profileNames } from "../support/builds";
import { samples, traitsOf, unknownSamples, untried } from "../support/samples";
import { planned } from "../support/trees";

it("the samples are profiles, and fewer than all", () => {
  expect(unknownSamples()).toEqual([]);
  expect(samples.length).toBeLessThan(profileNames.length);
});

it("whatever differs between profiles is in a sample: a new profile with something new must join them", () => {
  expect(untried()).toEqual([]);
});

it("a difference is seen", () => {
  const plan = planned("home");
  const other = { ...plan, bond: { ...plan.bond, mode: "802.3ad" } } as unknown as typeof plan;
  expect(traitsOf(other).filter((trait) => !traitsOf(plan).includes(trait))).toEqual(['mode "802.3ad"']);
});

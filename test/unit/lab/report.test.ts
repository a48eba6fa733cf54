import { expect, it } from "vitest";
import type { Figure } from "../../lab/figures";
import { countReport, type LabReport, markdownOf } from "../../lab/report";

const figure = (change: Partial<Figure>): Figure => ({
  name: "one flow down",
  value: 98.3,
  unit: "%",
  bar: "≥ 95 %",
  met: true,
  detail: "10200 of 10380 kbit/s",
  ofBestLine: 166.4,
  ...change,
});
const report: LabReport = {
  version: "0",
  bases: [],
  calibrations: [
    { name: "lines 1", lines: "", figures: [figure({ name: "mobile alone, UDP down", met: false, ofBestLine: null })], error: null },
    { name: "lines 2", lines: "", figures: [], error: "the machine hung" },
  ],
  scenarios: [
    {
      name: "guide",
      title: "t",
      about: "",
      profile: "home",
      target: "debian-13",
      newestKernel: false,
      picture: null,
      calibration: "lines 1",
      runs: [
        { seed: 1, figures: [figure({})], error: null, idle: 0.5, virtual: 39 },
        { seed: 2, figures: [figure({ ofBestLine: 170 })], error: null, idle: 0.5, virtual: 39 },
      ],
    },
  ],
};

it("the report names a failed calibration among what was missed, by its figure or by its error", () => {
  const text = markdownOf(report);
  const missed = /\*\*Missed:\*\*\n\n((?:- .*\n)+)/.exec(text)?.[1] ?? "";
  expect(missed).toContain("- lines 1: mobile alone, UDP down: 98.3 %");
  expect(missed).toContain("- lines 2: not calibrated (the machine hung)");
  expect(countReport(report)).toEqual({ passed: 2, failed: 2 });
});

it("each throughput stands beside the best line alone, run by run", () => {
  expect(markdownOf(report)).toContain("| one flow down | 98.3 % ✓ | 98.3 % ✓ | 0.0 % | 166 %, 170 % | ≥ 95 % |");
});

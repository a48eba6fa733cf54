import { expect, it } from "vitest";
import { lineColour } from "../../../builder/picture/style";
import type { JobResult } from "../../lab/job";
import { pictureOf } from "../../lab/picture";
import { loadScenario } from "../../lab/scenario";

const scenario = {
  ...loadScenario("title: A <b> & c\nseconds: 2\ntraffic: [{ name: p, kind: ping }]\nfigures: [{ name: u, kind: up }]\n", "my.yaml"),
  name: "my",
  file: "my.yaml",
};
const at = (index: number): JobResult["samples"][number] => ({
  at: index / 10,
  lines: [
    { down: index * 1000, up: 0 },
    { down: 0, up: 0 },
  ],
  bond: { down: index * 1000, up: 0 },
  slaves: { box: "++", server: "++" },
});
const result: JobResult = {
  up: 1,
  traffic: {
    p: {
      kind: "ping",
      pings: [
        [0.5, 20],
        [1, null],
      ],
    },
  },
  samples: Array.from({ length: 20 }, (_, index) => at(index)),
  notes: [{ at: 1, text: "ovh cut" }],
  fragments: 0,
  ipv6: null,
  idle: 0.5,
  logs: {},
};

it("a run's picture has a curve for each line in the colour that SETUP has for it, one for the bond, each ping, and what happened", () => {
  const svg = pictureOf(scenario, ["ovh", "orange"], result);
  const curves = [...svg.matchAll(/<path d="M[^"]*L[^"]*" fill="none" stroke="([^"]+)"/g)].map(([, stroke]) => stroke);
  expect(curves.slice(0, 2)).toEqual([lineColour({ index: 0 }), lineColour({ index: 1 })]);
  expect(curves).toHaveLength(3);
  expect(svg.match(/<circle /g)).toHaveLength(1);
  expect(svg).toContain('height="9" fill="#cc0000"');
  expect(svg).toContain(">ovh cut</text>");
  expect(svg).toContain("A &#60;b&#62; &#38; c");
});

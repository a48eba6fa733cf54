import { describe, expect, it } from "vitest";
import { lineColour } from "../../../builder/picture/style";
import type { BestLine } from "../../lab/figures";
import type { JobResult, PingResult } from "../../lab/job";
import { pictureOf } from "../../lab/picture";
import { loadScenario } from "../../lab/scenario";

const long = "A <b> & c: a title that is longer than a row of the picture has room for in its large letters, so";
const scenario = {
  ...loadScenario(
    `title: "${long}"\nseconds: 2\ntraffic: [{ name: p, kind: ping }, { name: q, kind: ping }, { name: d, kind: flow, direction: down }]\nfigures: [{ name: u, kind: up }]\n`,
    "my.yaml",
  ),
  name: "my",
  file: "my.yaml",
};
const at = (index: number): JobResult["samples"][number] => ({
  at: index / 10,
  lines: [
    { down: index * 1000, up: index * 100 },
    { down: 0, up: 0 },
  ],
  bond: { down: index * 1000, up: index * 100 },
  slaves: { box: index < 10 ? "++" : "+-", server: "++" },
});
const ping: PingResult = {
  kind: "ping",
  pings: [
    [0.5, 20],
    [1, null],
  ],
};
const result: JobResult = {
  up: 1,
  traffic: {
    p: ping,
    q: ping,
    d: { kind: "flow", rates: [[1, 500]], retransmits: 0, datagrams: [], lost: 0, error: null, bytes: 1, processor: null },
  },
  samples: Array.from({ length: 20 }, (_, index) => at(index)),
  notes: ["ovh cut", "orange cut", "server loses power", "ovh: down 1000, up 100", "orange restored"].map((text, index) => ({
    at: 1 + index / 50,
    text,
  })),
  fragments: 0,
  ipv6: null,
  idle: 0.5,
  logs: {},
};
const bestLine: BestLine = {
  down: { line: "ovh", tcp: 400, udp: 410, all: { tcp: 700, udp: 720 } },
  up: { line: "ovh", tcp: 80, udp: 82, all: { tcp: 150, udp: 160 } },
};

/** Where each text stands. */
const texts = (svg: string): { x: number; y: number; size: number; what: string }[] =>
  [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)" font-size="([\d.]+)"[^>]*>([^<]*)</g)].map(([, x, y, size, what = ""]) => ({
    x: Number(x),
    y: Number(y),
    size: Number(size),
    what,
  }));

describe("a run's picture", () => {
  const svg = pictureOf(scenario, ["ovh", "orange"], result, bestLine);

  it("has both ways: a curve for each line in the colour that SETUP has for it, and one for all", () => {
    const curves = [...svg.matchAll(/<path d="M[^"]*L[^"]*" fill="none" stroke="([^"]+)"/g)].map(([, stroke]) => stroke);
    expect(curves).toHaveLength(6);
    for (const half of [curves.slice(0, 2), curves.slice(3, 5)]) expect(half).toEqual([lineColour({ index: 0 }), lineColour({ index: 1 })]);
    expect(svg).toContain("Down, into the LAN, Mbit/s; the best line alone, ovh, gives 0.40<");
    // Nothing was sent up, so there is nothing to compare.
    expect(svg).toContain("Up, out of the LAN, Mbit/s<");
  });

  it("has every ping, lost ones of each in a row of their own", () => {
    expect(svg.match(/<circle [^>]*r="1.5"/g)).toHaveLength(2);
    const rows = [...svg.matchAll(/y="([\d.]+)" width="1.5" height="9" fill="#cc0000"/g)].map(([, y]) => y);
    expect(new Set(rows).size).toBe(2);
  });

  it("shows when a line was out of the bond, in red", () => {
    expect(svg.match(/height="8" fill="#cc0000"/g)).toHaveLength(1);
  });

  it("breaks a long title, and no label of an event lies over another or out of the picture", () => {
    expect(texts(svg).filter(({ size }) => size === 17)).toHaveLength(2);
    expect(svg).toContain("A &#60;b&#62; &#38; c");
    const labels = texts(svg).filter(({ what }) => result.notes.some(({ text }) => text === what));
    expect(labels).toHaveLength(result.notes.length);
    for (const [index, one] of labels.entries()) {
      expect(one.x + one.what.length * 5).toBeLessThan(1000);
      for (const other of labels.slice(index + 1))
        if (other.y === one.y) {
          const [left, right] = one.x < other.x ? [one, other] : [other, one];
          expect(right.x - left.x).toBeGreaterThan(left.what.length * 5);
        }
    }
  });

  it("says once what happens again and again", () => {
    const flaps = Array.from({ length: 12 }, (_, index) => ({ at: index / 10 + 0.1, text: index % 2 === 0 ? "ovh cut" : "ovh restored" }));
    const flapping = pictureOf(scenario, ["ovh", "orange"], { ...result, notes: flaps }, null);
    expect(
      texts(flapping)
        .filter(({ what }) => what.includes("times"))
        .map(({ what }) => what),
    ).toEqual(["ovh cut (6 times)", "ovh restored (6 times)"]);
  });
});

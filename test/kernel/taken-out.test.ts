import { beforeAll, describe, expect, it } from "vitest";
import { runHalves } from "./halves";

/** What taken-out.sh said of each step. */
let results: Map<string, string>;

beforeAll(async () => {
  results = await runHalves("unequal", ["unequal.sh", "taken-out.sh"], "TAKEN_OUT_LOG");
}, 900_000);

const allUp = "tap0 up tap1 up tap0 up tap1 up";

function numbers(step: string): number[] {
  expect(results.get(step), step).toMatch(/^\d+ \d+$/);
  return (results.get(step) ?? "").split(" ").map(Number);
}

describe.each(["taken out", "in turn"])("a line under load: %s", (step) => {
  it("leaves both ends' bonds, and comes back to them", () => {
    expect(results.get(`${step}: slaves`)).toBe("tap0 down tap1 up tap0 down tap1 up");
    expect(results.get(`${step}: slaves later`)).toBe(allUp);
    // Probes alone, and signs.
    for (const bytes of numbers(`${step}: over it`)) expect(bytes).toBeLessThan(600);
  });

  it("loses nothing on the way out, nor on the way back", () => {
    const [, sent, lost] = /^(\d+) sent, (\d+) lost/.exec(results.get(step) ?? "") ?? [];
    expect(Number(sent)).toBeGreaterThan(1000);
    expect(Number(lost)).toBe(0);
    expect(results.get(`${step}: pings`)).toBe("");
  });
});

describe("the last line that carries", () => {
  it("is let in while the others are dead, and only so long", () => {
    const [sent = 0, answered = 0] = numbers("last: pings");
    expect(sent).toBe(60);
    expect(answered).toBe(60);
    expect(results.get("last: slaves")).toBe("tap0 up tap1 down tap0 up tap1 down");
    expect(results.get("last: later")).toBe("tap0 down tap1 up tap0 down tap1 up");
  });

  it("stays where all are to be out", () => {
    expect(results.get("both: slaves")).toBe(allUp);
  });
});

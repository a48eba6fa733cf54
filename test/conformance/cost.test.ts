import { beforeAll, describe, expect, it } from "vitest";
import { type Day, simulate } from "../bench/day";
import { bars } from "../bench/runtime";
import { isDown, pagesOpen } from "../bench/schedule";
import { root } from "../support/builds";

const HOUR = 3600;

let hour: Day;

beforeAll(async () => {
  hour = await simulate(root, HOUR);
}, 120_000);

/** How many looks of the hour, without its first minute, are so. */
function looks(so: (second: number) => boolean): number {
  return Array.from({ length: HOUR + 1 }, (_, second) => second).filter((second) => second >= 60 && so(second)).length;
}

/** `scripts/bench runtime` has the figures of a day. */
describe("what the box's program costs in an hour", () => {
  it("is small, as is its page over the wire", () => {
    expect(hour.bundle).toBeLessThanOrEqual(bars.bundle);
    expect(hour.page).toBeGreaterThan(20_000);
    expect(hour.page).toBeLessThan(bars.page);
  });

  it("is a look for each second, whoever has the page open", () => {
    expect(hour.atRest.count).toBe(looks((second) => pagesOpen(second) === 0 && !isDown(second)));
    expect(hour.withPages.count).toBe(looks((second) => pagesOpen(second) > 0 && !isDown(second)));
    expect(hour.atRest.us).toBeGreaterThan(0);
  });

  it("is memory that does not grow: what a page shows of the last ten minutes, and room for what is thrown away", () => {
    expect(hour.heap.end - hour.heap.minute).toBeLessThan(2e6);
    expect(hour.resident.most - hour.resident.minute).toBeLessThan(15e6);
  });

  it("is little on the card: one file of a fixed size, then a few places in it", () => {
    // It was written once as a whole.
    expect(hour.written.bytes).toBeGreaterThan(hour.history);
    expect(hour.history).toBeGreaterThan(500_000);
    expect(hour.history).toBeLessThan(520_000);
    expect(4096 * hour.written.pages - hour.history).toBeLessThan(bars.written / 24);
  });
});

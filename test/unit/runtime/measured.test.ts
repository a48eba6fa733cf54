import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { observe } from "../../../overlay/runtime/observe";
import { parseMeasured } from "../../../overlay/runtime/parse/measured";
import { config, FakeBox } from "./fixture";

const measured = (box: FakeBox) => observe(box.root, config).lines.map((line) => line.measured);

describe("what the striper has measured", () => {
  it("is a round trip with and without queues, a jitter and a loss", () => {
    using box = new FakeBox();
    box.measure([
      { down: 15_000, up: 16_000, took: 19_000, lost: 20 },
      { down: 30_000, up: 30_500, sent: 50 },
    ]);
    expect(measured(box)).toEqual([
      { rtt: 35, idle: 31, jitter: 0.25, loss: 0.02 },
      { rtt: 60.5, idle: 60.5, jitter: 0.25, loss: null },
    ]);
  });

  it("is right however far the clocks of both ends are apart", () => {
    using box = new FakeBox();
    // The far end's clock is ahead by more than half of what a stamp can count.
    box.measure([{ down: 15_000 - 3_000_000_000, up: 16_000 + 3_000_000_000, took: 15_500 - 3_000_000_000 }]);
    expect(measured(box)[0]).toMatchObject({ idle: 31, rtt: 31.5 });
  });

  it("is nothing where no stamp has come, or none of late, or no striper is there", () => {
    using box = new FakeBox();
    expect(measured(box)).toEqual([null, null]);
    box.measure([
      { down: 15_000, up: 16_000 },
      { down: 15_000, up: 16_000, known: false },
    ]);
    expect(measured(box).map((one) => one !== null)).toEqual([true, false]);
    box.measure([{ down: 15_000, up: 16_000 }], 4);
    expect(measured(box)).toEqual([null, null]);
  });

  it("never throws, whatever the kernel prints", () => {
    fc.assert(fc.property(fc.string(), (text) => parseMeasured(text, 2, 0n).length === 2));
    fc.assert(fc.property(fc.array(fc.nat()), (words) => parseMeasured(`0: {{0,},[${words.join(",")},],}`, 8, 5n).length === 8));
  });
});

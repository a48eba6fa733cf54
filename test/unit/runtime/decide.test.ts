import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Decider, type Decision, type Sight, sightsOf } from "../../../overlay/runtime/decide";
import type { Verdict } from "../../../overlay/runtime/judge";
import type { State } from "../../../overlay/runtime/observe";
import { config } from "./fixture";

const limits = { loss: 0.25, delay: 2000 };
const well: Sight = { up: true, ails: false, loss: 0, found: null, delay: 30, takenOut: null };
const down: Sight = { ...well, up: false, loss: null, delay: null };
const lossy: Sight = { ...well, ails: true, loss: 0.4 };
const s = 1000;

/** A box that does what is decided: what its lines are like is given by the second, and whether they are out follows. */
class Trace {
  private readonly decider: Decider;
  private now = 0;
  readonly out = new Set<number>();

  constructor(limit: typeof limits | null = limits) {
    this.decider = new Decider(limit);
  }

  /** @returns what was decided, with the second in which it was. */
  run(seconds: number, ...lines: Sight[]): [second: number, line: number, what: string][] {
    return Array.from({ length: seconds }, () => this.second(lines)).flat();
  }

  private second(lines: Sight[]): [number, number, string][] {
    const sights = lines.map((sight, line) => (this.out.has(line) ? { ...sight, ...down, takenOut: "box" as const } : sight));
    const decisions = this.decider.look(sights, this.now++ * s);
    for (const { line, act } of decisions) {
      if (act === "take-out") this.out.add(line);
      if (act === "let-in") this.out.delete(line);
    }
    return decisions.map((decision) => [this.now - 1, decision.line, nameOf(decision)]);
  }
}

const nameOf = ({ act, health }: Decision): string => act ?? health;

describe("a line that loses two packets of five", () => {
  it("is taken out after ten seconds, tried after a minute, and comes back when it is well", () => {
    const trace = new Trace();
    expect(trace.run(5, well, well)).toEqual([]);
    expect(trace.run(20, lossy, well)).toEqual([
      [8, 0, "degraded"],
      [15, 0, "take-out"],
    ]);
    expect(trace.run(100, well, well)).toEqual([
      [75, 0, "let-in"],
      [96, 0, "healthy"],
    ]);
  });

  it("stays out longer each time that it is still sick, up to 16 minutes", () => {
    const trace = new Trace();
    const times = (act: string) =>
      trace
        .run(4000, lossy, well)
        .filter(([, , what]) => what === act)
        .map(([second]) => second);
    // In: 10 s at first, then the look after it was let in and 5 s on trial. Out: 60, 120, 240, 480, 960, 960 s.
    expect(times("take-out")).toEqual([10, 76, 202, 448, 934, 1900, 2866, 3832]);
  });

  it("stays when no other line carries, or all are sick", () => {
    expect(new Trace().run(60, lossy, { ...well, up: false })).toEqual([]);
    const trace = new Trace();
    expect(trace.run(60, lossy, lossy).filter(([, , what]) => what === "take-out")).toEqual([]);
    expect(trace.out.size).toBe(0);
  });

  it("stays where the profile says so", () => {
    expect(new Trace(null).run(60, lossy, well)).toEqual([]);
  });

  it("is taken for as sick as it was while nothing is known of it", () => {
    const trace = new Trace();
    trace.run(6, lossy, well);
    expect(trace.run(3, { ...lossy, ...down }, well)).toEqual([[6, 0, "out"]]);
    expect(trace.run(3, lossy, well)).toContainEqual([10, 0, "take-out"]);
  });
});

describe("what is no reason", () => {
  it.each<[string, Sight]>([
    ["loss of 10 %", { ...well, ails: true, loss: 0.1 }],
    ["a satellite's delay", { ...well, delay: 700 }],
    ["jitter, and a rate far below the profile's", { ...well, ails: true }],
  ])("%s", (_, sight) => {
    expect(new Trace().run(120, sight, well).filter(([, , what]) => what === "take-out")).toEqual([]);
  });

  it("an interruption of nine seconds", () => {
    const trace = new Trace();
    const all = [trace.run(9, lossy, well), trace.run(5, well, well), trace.run(9, lossy, well), trace.run(5, well, well)].flat();
    expect(all.map(([, , what]) => what)).not.toContain("take-out");
  });
});

describe("a delay of seconds", () => {
  it("is one", () => {
    expect(new Trace().run(12, { ...well, delay: 2500 }, well)).toEqual([[10, 0, "take-out"]]);
  });
});

describe("two lines", () => {
  const takenOut = (decisions: [number, number, string][]) => decisions.filter(([, , what]) => what === "take-out");

  it("that are sick do not take turns: the one that is tried again has to be well before the other leaves", () => {
    const trace = new Trace();
    expect(takenOut(trace.run(20, lossy, well))).toEqual([[10, 0, "take-out"]]);
    // Now the other one is sick as well: what was out is tried, since two bad lines are better than one, and both stay.
    const later = trace.run(3600, lossy, lossy);
    expect(later.filter(([, , what]) => what === "let-in")).toEqual([[30, 0, "let-in"]]);
    expect(takenOut(later)).toEqual([]);
    expect(trace.out.size).toBe(0);
  });

  it("of which one is well again: the other leaves after the trial", () => {
    const trace = new Trace();
    trace.run(20, lossy, well);
    expect(trace.run(60, well, lossy)).toEqual([
      [23, 1, "degraded"],
      [30, 0, "let-in"],
      [51, 0, "healthy"],
      [51, 1, "take-out"],
    ]);
  });

  it("of which one comes and goes: the sick one stays, since it is all that there is meanwhile", () => {
    const trace = new Trace();
    trace.run(20, lossy, well);
    const flaps = Array.from({ length: 30 }, () => [trace.run(4, lossy, down), trace.run(8, lossy, well)]).flat(2);
    expect(flaps.filter(([, line]) => line === 0)).toEqual([[20, 0, "let-in"]]);
    expect(trace.out.size).toBe(0);
  });

  it("of which one was down and has just come back: it carries for ten seconds before the sick one leaves", () => {
    const trace = new Trace();
    trace.run(60, lossy, down);
    expect(takenOut(trace.run(30, lossy, well))).toEqual([[70, 0, "take-out"]]);
  });
});

describe("what the striper has found of a line, and holds on to", () => {
  const found: Sight = { ...well, ails: true, found: 0.255 };

  it("is no reason while nothing more is lost", () => {
    const trace = new Trace();
    trace.run(1, well, well);
    expect(trace.run(145, found, well).map(([, , what]) => what)).toEqual(["degraded"]);
    expect(trace.run(60, well, well).map(([, , what]) => what)).toEqual(["healthy"]);
    expect(trace.run(60, found, well).map(([, , what]) => what)).toEqual(["degraded"]);
  });

  it("is one when it was found again", () => {
    expect(new Trace().run(160, found, well).filter(([, , what]) => what === "take-out")).toEqual([[150, 0, "take-out"]]);
  });

  it("is kept apart from what was counted of late", () => {
    const { lines } = structuredClone(config);
    const seen = (loss: number | null, ailsDown: number | null, aside: number | null) => {
      const ailment = (much: number | null) => (much === null ? null : ({ ails: "loses", much } as const));
      const measured = loss === null ? null : { rtt: 30, idle: 30, jitter: 0, loss };
      const dealing = { up: null, down: null, ailsDown: ailment(ailsDown), aside: ailment(aside) };
      const state = { lines: lines.map(() => ({ measured, dealing, takenOut: null })) } as unknown as State;
      const [{ loss: counted, found } = well] = sightsOf(state, { lines: [] } as unknown as Verdict);
      return [counted, found];
    };
    expect(seen(0.01, 0.255, null)).toEqual([0.01, null]);
    expect(seen(0.01, 0.255, 0.1)).toEqual([0.01, 0.1]);
    expect(seen(null, 0.255, 0.1)).toEqual([null, 0.255]);
    expect(seen(null, null, null)).toEqual([null, null]);
  });
});

describe("a line of which too few packets come to count what is lost", () => {
  it("is taken for what it was: what is known of its delay does not make it well", () => {
    const trace = new Trace();
    trace.run(6, lossy, well);
    trace.run(8, { ...lossy, loss: null }, well);
    expect(trace.run(2, lossy, well)).toContainEqual([14, 0, "take-out"]);
  });
});

describe("a line that a person has taken out", () => {
  it("is never let in by the box", () => {
    const trace = new Trace();
    trace.run(1, well, well);
    expect(trace.run(5000, { ...well, up: false, takenOut: "person" }, well)).toEqual([[1, 0, "out"]]);
    expect(trace.run(5, well, well)).toEqual([[5001, 0, "healthy"]]);
  });
});

describe("a sick line that a person lets in", () => {
  it("is looked at anew", () => {
    const trace = new Trace();
    trace.run(12, lossy, well);
    trace.out.clear();
    expect(trace.run(20, lossy, well)).toEqual([
      [12, 0, "degraded"],
      [22, 0, "take-out"],
    ]);
  });
});

describe("a line that the box had taken out before the program started again", () => {
  it("is tried a minute after that", () => {
    const trace = new Trace();
    trace.out.add(0);
    expect(trace.run(100, well, well)).toEqual([
      [60, 0, "let-in"],
      [81, 0, "healthy"],
    ]);
  });
});

describe("whatever is seen", () => {
  const sight = fc.record({
    up: fc.boolean(),
    ails: fc.boolean(),
    found: fc.option(fc.double({ min: 0, max: 0.255, noNaN: true })),
    loss: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    delay: fc.option(fc.double({ min: 0, max: 10_000, noNaN: true })),
    takenOut: fc.constantFrom(null, null, "person" as const, "box" as const),
  });

  it("a line is taken out only while another one carries that is not taken out", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(sight, { minLength: 3, maxLength: 3 }), fc.integer({ min: 0, max: 20_000 })), { maxLength: 50 }),
        (looks) => {
          const decider = new Decider(limits);
          let clock = 0;
          for (const [sights, passed] of looks) {
            clock += passed;
            for (const { line, act } of decider.look(sights, clock)) {
              if (act === "take-out")
                expect(sights.some(({ up, takenOut }, index) => index !== line && up && takenOut === null)).toBe(true);
              if (act === "let-in") expect(sights[line]?.takenOut).toBe("box");
            }
          }
        },
      ),
    );
  });
});

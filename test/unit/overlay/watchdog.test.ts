import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../support/builds";
import { type Outcome, run } from "../../support/programs";
import { temporaryFolder } from "../../support/trees";

const PROGRAM = join(root, "overlay/common/usr/local/sbin/bondbox-watchdog");

/** As on the box, whose files come from two layers. */
const environment = (folder: string) => ({
  BONDBOX_WATCHDOG_CONF: join(folder, "conf"),
  BONDBOX_LIB: join(root, "overlay/box/usr/local/lib/bondbox"),
});

/** Those of profile home: balance-rr over two lines, an ARP interval of 300 ms. */
const FIGURES = {
  ...{
    IDLE_PAUSE: 0.2,
    LOAD_PAUSE: 0.05,
    LOAD: 2,
    MISSED_PACKETS: 6,
    MISSED_MS: 100,
    CARRIES: 3,
    CARRIED_MS: 400,
    SILENT_MS: 750,
    SETTLE_MS: 600,
  },
  ...{ RELAPSE_MS: 60_000, HOLD_MS: 5000, LONGEST_HOLD_MS: 60_000, BLIND_MS: 10_000 },
};

function replay(trace: string, figures: object = {}): Outcome {
  const folder = temporaryFolder();
  const rows = Object.entries({ BOND: "bond0", ...FIGURES, ...figures }).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, "conf"), `${rows.join("")}each_line() {\n  "$@" ovh tap0\n  "$@" orange tap1\n}\n`);
  writeFileSync(join(folder, "trace"), trace);
  return run("bash", [PROGRAM, "--replay", "trace"], { cwd: folder, env: environment(folder) });
}

/** What the taps receive for a while: packets per look of tap0 and of tap1. */
interface Span {
  /** ms */
  for: number;
  tap0: number;
  tap1: number;
  /** ms between two looks: 200 idle, 50 under load. */
  every?: number;
  /** No other line carries. */
  alone?: boolean;
}

const probes = (time: number): Span => ({ for: time, tap0: 1, tap1: 1 });
const ovhSilent = (time: number): Span => ({ for: time, tap0: 0, tap1: 1 });
const load = (time: number): Span => ({ for: time, tap0: 9, tap1: 9, every: 50 });
const ovhSilentUnderLoad = (time: number): Span => ({ for: time, tap0: 0, tap1: 9, every: 50 });

/** A trace for --replay. */
function traceOf(spans: Span[], ...lacks: string[]): string {
  const rows = [...lacks.map((ability) => `lacks ${ability}`), "time bond0 tap0 tap1", "0 0 0 0"];
  let [time, tap0, tap1] = [0, 0, 0];
  for (const span of spans) {
    rows.push(span.alone ? "alone" : "together");
    for (const end = time + span.for; time < end;) {
      time += span.every ?? 200;
      tap0 += span.tap0;
      tap1 += span.tap1;
      rows.push(`${time} ${tap0 + tap1} ${tap0} ${tap1}`);
    }
  }
  return `${rows.join("\n")}\n`;
}

/** The times of decisions are those of looks; a rule of 750 ms is kept at the first look after it. */
describe("the watchdog decides", () => {
  it.each<[rule: string, Span[], decisions: string[], lacks?: string[]]>([
    ["nothing while both lines are heard", [probes(3000), load(1000), probes(3000)], []],

    // Silence: 750 ms without a frame.
    [
      "to leave a line that is silent for more than 750 ms, and to take it back at once",
      [probes(2000), ovhSilent(1000), probes(1000)],
      ["2800 ovh leave", "3200 ovh admit"],
    ],
    ["nothing about a silence of 750 ms", [probes(2000), ovhSilent(600), probes(1000)], []],
    [
      "about each line by itself",
      [probes(2000), { for: 1000, tap0: 0, tap1: 0 }, probes(600)],
      ["2800 ovh leave", "2800 orange leave", "3200 ovh admit", "3200 orange admit"],
    ],

    // Doubt: three looks under load without a packet, of a line that has just carried.
    [
      "to doubt a line under load after three looks, to leave it, and to switch its carrier on again for the probes",
      [load(1000), ovhSilentUnderLoad(2000)],
      ["1150 ovh doubt", "1800 ovh leave", "2400 ovh settle"],
    ],
    [
      "to trust a line again that is heard in doubt",
      [load(1000), ovhSilentUnderLoad(200), load(1000)],
      ["1150 ovh doubt", "1250 ovh trust"],
    ],
    ["no doubt after two looks", [load(1000), ovhSilentUnderLoad(100), load(1000)], []],
    ["no doubt of a line that brought only probes", [probes(2000), { for: 600, tap0: 0, tap1: 9, every: 50 }, probes(1000)], []],
    ["no doubt while the other line is idle, too", [load(1000), ovhSilent(600), load(400)], []],
    [
      "no doubt long after the line carried",
      [load(1000), { for: 400, tap0: 0, tap1: 0, every: 50 }, { for: 200, tap0: 0, tap1: 9, every: 50 }, load(400)],
      [],
    ],
    [
      "to doubt a line whose loss stalls the flow, so that the others fall silent as well",
      [load(1000), { for: 50, tap0: 0, tap1: 9, every: 50 }, { for: 100, tap0: 0, tap1: 0, every: 50 }, ovhSilent(1000)],
      ["1150 ovh doubt", "1950 ovh leave"],
    ],
    [
      "to doubt a line while the others bring single packets that it should share",
      [load(1000), { for: 400, tap0: 0, tap1: 1, every: 50 }, load(400)],
      ["1300 ovh doubt", "1450 ovh trust"],
    ],
    ["no doubt where the others bring less than six packets", [load(1000), { for: 300, tap0: 0, tap1: 1, every: 60 }, load(400)], []],
    [
      "to admit without a carrier switched off when it never doubted",
      [load(1000), ovhSilent(1600), probes(400)],
      ["1800 ovh leave", "2800 ovh admit"],
    ],

    // Hold: a line that fails within a minute of its return must be heard without a gap.
    [
      "to hold a relapsing line for 5 s",
      [probes(2000), ovhSilent(1000), probes(1000), ovhSilent(1000), probes(6000)],
      ["2800 ovh leave", "3200 ovh admit", "4800 ovh leave", "10200 ovh admit"],
    ],
    [
      "to hold it for 10 s the next time",
      [probes(2000), ...[ovhSilent(1000), probes(1000), ovhSilent(1000), probes(6000), ovhSilent(1000), probes(12_000)]],
      ["2800 ovh leave", "3200 ovh admit", "4800 ovh leave", "10200 ovh admit", "11800 ovh leave", "22200 ovh admit"],
    ],
    [
      "to hold no line while no other carries",
      [probes(2000), ovhSilent(1000), probes(1000), ovhSilent(1000), { ...probes(1000), alone: true }],
      ["2800 ovh leave", "3200 ovh admit", "4800 ovh leave", "5200 ovh admit"],
    ],
    [
      "to end a hold when the other lines end",
      [probes(2000), ovhSilent(1000), probes(1000), ovhSilent(1000), probes(2000), { ...probes(1000), alone: true }],
      ["2800 ovh leave", "3200 ovh admit", "4800 ovh leave", "7200 ovh admit"],
    ],
    [
      "to count a hold from the last gap on",
      [probes(2000), ...[ovhSilent(1000), probes(1000), ovhSilent(1000), probes(3000), ovhSilent(1000), probes(6000)]],
      ["2800 ovh leave", "3200 ovh admit", "4800 ovh leave", "14200 ovh admit"],
    ],
    [
      "that a short gap is none",
      [probes(2000), ...[ovhSilent(1000), probes(1000), ovhSilent(1000), probes(3000), ovhSilent(400), probes(3000)]],
      ["2800 ovh leave", "3200 ovh admit", "4800 ovh leave", "10200 ovh admit"],
    ],
    [
      "no hold a minute after the return",
      [probes(2000), ovhSilent(1000), probes(62_000), ovhSilent(1000), probes(1000)],
      ["2800 ovh leave", "3200 ovh admit", "65800 ovh leave", "66200 ovh admit"],
    ],
    [
      "no hold for the first start of a tunnel",
      [ovhSilent(3000), probes(1000), ovhSilent(1000), probes(1000)],
      ["800 ovh leave", "3200 ovh admit", "4800 ovh leave", "5200 ovh admit"],
    ],

    // Kernels that cannot do it.
    [
      "to leave a line without a doubt where carriers cannot be switched (before Linux 5.0)",
      [load(1000), ovhSilentUnderLoad(1000), load(400)],
      ["1150 ovh doubt failed", "1300 ovh doubt failed", "1450 ovh doubt failed", "1800 ovh leave", "2050 ovh admit"],
      ["carrier"],
    ],
    [
      "to try a line after 10 s, then after 20 s, where it cannot listen to a silent one (before Linux 4.5)",
      [probes(2000), ovhSilent(31_000), probes(1000)],
      ["2800 ovh leave failed", "12200 ovh admit", "13000 ovh leave failed", "32400 ovh admit"],
      ["carrier", "clsact"],
    ],
  ])("%s", (_, spans, decisions, lacks = []) => {
    const { status, stdout, stderr } = replay(traceOf(spans, ...lacks));
    expect({ status, stderr, decisions: stdout.split("\n").slice(0, -1) }).toEqual({ status: 0, stderr: "", decisions });
  });

  it("to double the hold up to a minute, and no further", () => {
    const failures = Array.from({ length: 7 }, () => [ovhSilent(1000), probes(64_000)]).flat();
    // A minute after its return a line would be forgiven; here it fails again before that.
    const { stdout } = replay(traceOf([probes(2000), ...failures]), { RELAPSE_MS: 70_000 });
    const times = stdout.match(/^\d+/gm)?.map(Number) ?? [];
    const holds = Array.from({ length: 7 }, (_, index) => (times[2 * index + 1] as number) - (times[2 * index] as number) - 400);
    expect(holds).toEqual([0, 5000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  });

  it("nothing of the sort with one line, where no packets of others are dealt", () => {
    const { stdout } = replay(traceOf([load(1000), ovhSilentUnderLoad(2000)]), { LOAD: 1_000_000_000, MISSED_PACKETS: 1_000_000_000 });
    expect(stdout).toBe("1800 ovh leave\n");
  });
});

it("records looks that it can replay", () => {
  const folder = temporaryFolder();
  // The one device that every machine has stands for all.
  const conf = Object.entries(FIGURES).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, "conf"), `BOND=lo\n${conf.join("")}each_line() { "$@" ovh lo; }\n`);
  const env = environment(folder);
  const { stdout, stderr } = run("timeout", ["2", "bash", PROGRAM, "--record"], { env });
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^time lo lo\n(\d+ \d+ \d+\n){2,}$/);
  writeFileSync(join(folder, "trace"), stdout);
  expect(run("bash", [PROGRAM, "--replay", join(folder, "trace")], { env })).toMatchObject({ status: 0, stderr: "" });
});

describe("a trace that is wrong", () => {
  it.each([
    ["0 0 0 0\n", 'bondbox-watchdog: trace:1: no row "time bond0 TAP ..." with every tap before it\n'],
    ["time bond0 tap0\n0 0 0\n", 'bondbox-watchdog: trace:2: no row "time bond0 TAP ..." with every tap before it\n'],
    ["# made\ntime bond0 tap0 tap1\n0 0 0 0\n\n200 1 x 0\n", "bondbox-watchdog: trace:5: not a whole number for each device\n"],
    ["time bond0 tap0 tap1\n0 0 0\n", "bondbox-watchdog: trace:2: not a whole number for each device\n"],
  ])("%j", (trace, message) => {
    const { status, stdout, stderr } = replay(trace);
    expect({ status, stdout }).toEqual({ status: 65, stdout: "" });
    expect(stderr).toBe(message);
  });

  it("that is not there", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "conf"), 'BOND=bond0\neach_line() { "$@" ovh tap0; }\n');
    const outcome = run("bash", [PROGRAM, "--replay", "/no/such/trace"], { env: environment(folder) });
    expect(outcome).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("/no/such/trace: No such file") });
  });
});

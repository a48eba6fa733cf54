import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { makePlan } from "../../../builder/plan/plan";
import { loadProfile } from "../../../builder/profile/load";
import type { JobResult, TrafficResult } from "../../lab/job";
import { runLab } from "../../lab/lab";
import type { MachineInput, Ran } from "../../lab/machine";
import { calibrationOf } from "../../lab/plan-job";
import { loadScenario } from "../../lab/scenario";
import { root } from "../../support/builds";

const home = join(root, "profiles/home.yaml");
const plan = makePlan(loadProfile(readFileSync(home, "utf8"), home), "home");
/** Its bar is met where the lines are up after 3 s, which the machine's stand-in says. */
const scenarioWith = (atMost: number) => {
  const text = `title: My own\nseconds: 2\ntraffic: [{ name: p, kind: ping }]\nfigures: [{ name: u, kind: up, atMost: ${atMost} }]\n`;
  return { ...loadScenario(text, "my.yaml"), name: "my", file: "my.yaml" };
};
const expected = new Map(calibrationOf(scenarioWith(3), plan).expected.map(({ traffic, value }) => [traffic, value]));

// What takes minutes: a machine that gives what is expected, its root file system, and a build.
vi.mock("../../lab/machine", () => ({ runMachine: (input: MachineInput) => Promise.resolve(ranOn(input)) }));
vi.mock("../../lab/base", () => ({ makeBase: (_: string, system: object) => Promise.resolve({ system, versions: {} }) }));
vi.mock("../../lab/qemu", () => ({ checkMemory: () => {} }));
vi.mock("../../lab/prepare", () => ({
  Workshop: class {
    agent = (): string => "";
    prepare = () => Promise.resolve({ loaded: { plan }, artefacts: "" });
  },
}));

function ranOn({ jobs, log }: MachineInput): Ran {
  writeFileSync(log, "what the console said");
  return { results: jobs.map((job) => resultOf(job.traffic)), error: null, cpu: 1 };
}

function resultOf(traffic: { name: string; kind: string }[]): JobResult {
  const one = ({ name, kind }: { name: string; kind: string }): TrafficResult => {
    const value = expected.get(name) ?? 0;
    if (kind === "ping") return { kind: "ping", pings: [[29, value]] };
    const rates = Array.from({ length: 310 }, (_, index): [number, number] => [index / 10, value]);
    return { kind: "flow", rates, retransmits: 0, datagrams: [], lost: 0, error: null, bytes: 1, processor: null };
  };
  const all = Object.fromEntries(traffic.map((wanted) => [wanted.name, one(wanted)]));
  return { up: 3, traffic: all, samples: [], notes: [], fragments: 0, ipv6: null, idle: 1, logs: { "box.log": "what the box said" } };
}

const folder = mkdtempSync(join(tmpdir(), "bondbox-logs-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Which bars were met, and the logs that a run leaves, with their text. */
async function logsOf(atMost: number, keepLogs: boolean): Promise<{ passed: number; failed: number; logs: Record<string, string> }> {
  const out = join(folder, "out");
  const settings = { root, version: "0", out, profile: null, runs: 1, jobs: 1, keep: false, keepLogs, fresh: false, print: () => {} };
  const { passed, failed } = await runLab([scenarioWith(atMost)], settings);
  const logs = join(out, "logs");
  const files = existsSync(logs) ? readdirSync(logs, { recursive: true, encoding: "utf8" }).filter((path) => path.includes(".")) : [];
  return { passed, failed, logs: Object.fromEntries(files.map((path) => [path, readFileSync(join(logs, path), "utf8")])) };
}

/** Each of the two lines is measured down, up and by ping. */
const calibrated = 6;
const ofRun = { "my-1/box.log": "what the box said", "my-1/result.json": expect.stringContaining('"up":3') };
const console = "what the console said";

it("a run that met every bar leaves no logs", async () => {
  expect(await logsOf(3, false)).toEqual({ passed: calibrated + 1, failed: 0, logs: {} });
});

it("a run that missed a bar leaves its logs", async () => {
  expect(await logsOf(2, false)).toEqual({ passed: calibrated, failed: 1, logs: ofRun });
});

it("with --keep-logs a run that met every bar leaves its logs, and each machine what its console said", async () => {
  expect(await logsOf(3, true)).toEqual({
    passed: calibrated + 1,
    failed: 0,
    logs: { ...ofRun, "my-1/machine.log": console, "lines-1/machine.log": console },
  });
});

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type BoxConfig, loadConfig } from "../config";
import { type Decided, Decider, sightsOf } from "../decide";
import { History } from "../history";
import { judge, type Verdict } from "../judge";
import { headlines, texts } from "../messages";
import { Alerts } from "../notify/alerts";
import { spool } from "../notify/spool";
import { observe, type State } from "../observe";
import { OutageLog } from "../outage-log";
import { ratesBetween } from "../rates";
import { makeReport, type Report, withHealth } from "../report";
import { Rings } from "../rings";
import { sampleOf } from "../samples";
import { letIn, takeOut } from "../taken-out";
import { stopSignal } from "../stop";
import { Usage } from "../usage";
import { Site } from "../web/site";
import type { Command } from "./command";

/** ms */
const interval = 1000;
const reportPath = "/run/bondbox/status.json";
/** The latest ones, which the page shows. */
const decisionsKept = 10;

export const watch: Command = {
  summary: "print changes, keep the history, show the page",
  options: [],
  async run({ root }) {
    const stop = stopSignal();
    const watcher = new Watch(root);
    do watcher.look();
    while (await pause(interval, stop));
    watcher.end();
    return 0;
  },
};

/** All that the box's service does, once a second. */
class Watch {
  private readonly history: History;
  private readonly outages: OutageLog;
  private readonly usage: Usage;
  private readonly rings: Rings;
  private readonly decider: Decider;
  private readonly alerts: Alerts;
  private readonly site: Site;
  /** What a person has done on the page since the last look, as rows of the journal. */
  private readonly asked: string[] = [];
  private readonly latest: Decided[] = [];
  private readonly troubles = { report: "", history: "", out: "" };
  private before: State;
  private printed = new Map<string, string>();

  /** @param root where /etc, /proc, /sys, /run and /var are looked for. Throws a UserError if box.json is not there or damaged. */
  constructor(private readonly root: string) {
    const config = loadConfig(root);
    this.before = observe(root, config);
    this.history = new History(root);
    this.outages = new OutageLog(root);
    this.usage = new Usage(root, this.before.clock);
    const names = config.lines.map(({ name }) => name);
    this.rings = new Rings(root, names, this.before.clock);
    this.decider = new Decider(config.sick);
    this.alerts = new Alerts(config.notify?.after ?? 0);
    const { rings, outages, asked } = this;
    this.site = new Site({ root, rings, outages, closed: config.page.closed, record: (row) => asked.push(row) });
  }

  /** Looks at the box, decides, and says what is new. */
  look(): void {
    const { root } = this;
    // Read each time, because the box may have switched to another server.
    const config = loadConfig(root);
    const state = observe(root, config);
    const verdict = judge(config, state);
    const decisions = this.decide(config, state, verdict);
    const made = makeReport(config, { state, verdict, rates: ratesBetween(this.before, state) });
    const report = { ...withHealth(made, this.decider.all, state.clock), decisions: [...this.latest] };
    // The page asks for them as soon as it gets the report.
    const outageError = this.outages.record(verdict, state.time, state.clock);
    this.warn("report", `${reportPath} cannot be written`, publish(join(root, reportPath), report));
    const sample = sampleOf(report);
    this.site.show(report, sample);
    const news = headlines(config, verdict);
    const rows = [...this.asked.splice(0), ...changes(this.printed, news), ...decisions];
    for (const row of rows) process.stdout.write(`${row}\n`);
    const failures = [
      this.history.record(rows, state.time, state.clock),
      outageError,
      this.usage.count(config, state),
      this.rings.add(sample, state.clock),
    ];
    this.warn("history", "the history cannot be written", failures.find((text) => text !== "") ?? "");
    if (config.notify !== null) spool(root, this.alerts.next(report, state.clock), config.notify.to);
    this.before = state;
    this.printed = news;
  }

  /** Lets the page's readers go, and writes what is still to be written. */
  end(): void {
    const { time, clock } = this.before;
    this.site.end();
    this.history.record(this.asked, time, clock);
    this.history.write(time, clock);
    this.outages.write(clock);
    this.usage.write(clock);
    this.rings.write(clock);
  }

  /** Takes out and lets in lines. @returns the rows of the journal: each decision is one, with the figures on which it rests. */
  private decide(config: BoxConfig, state: State, verdict: Verdict): string[] {
    const decisions = this.decider.look(sightsOf(state, verdict), state.clock);
    const named = decisions.map(({ line, ...decision }) => ({ ...decision, time: state.time, line: config.lines[line]?.name ?? "" }));
    this.warn(
      "out",
      "a line cannot be taken out or let in",
      named.map((one) => carryOut(this.root, one)).find((text) => text !== "") ?? "",
    );
    const said = named.filter((one) => texts.en.decided(one) !== "");
    this.latest.push(...said);
    this.latest.splice(0, this.latest.length - decisionsKept);
    return said.map((one) => `line ${one.line}: ${texts.en.decided(one)}`);
  }

  /** Says what cannot be done, once until it is something else. */
  private warn(about: keyof Watch["troubles"], what: string, why: string): void {
    if (why !== "" && why !== this.troubles[about]) process.stderr.write(`bondbox: ${what}: ${why}\n`);
    this.troubles[about] = why || this.troubles[about];
  }
}

/** The texts that have changed, one row each: "line ovh: up". */
export function changes(before: Map<string, string>, after: Map<string, string>): string[] {
  return [...after].filter(([subject, text]) => before.get(subject) !== text).map(([subject, text]) => `${subject}: ${text}`);
}

/** Does what was decided. @returns why it could not be done, or "". */
function carryOut(root: string, { line, act }: Decided): string {
  try {
    if (act === "take-out") takeOut(root, line, "box");
    if (act === "let-in") letIn(root, line);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

/** Writes a file completely or not at all, as readers look at any moment. @returns why it failed, or "". */
function publish(path: string, report: Report): string {
  const draft = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(draft, `${JSON.stringify(report, null, 2)}\n`);
    renameSync(draft, path);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

/** @returns false when it is time to end. */
async function pause(time: number, stop: AbortSignal): Promise<boolean> {
  try {
    await sleep(time, undefined, { signal: stop });
  } catch {
    // The abort, which the signal reports below.
  }
  return !stop.aborted;
}

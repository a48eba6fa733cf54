import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "../config";
import { History } from "../history";
import { judge } from "../judge";
import { headlines } from "../messages";
import { observe } from "../observe";
import { ratesBetween } from "../rates";
import { makeReport, type Report } from "../report";
import { Alerts } from "../notify/alerts";
import { spool } from "../notify/spool";
import { Rings } from "../rings";
import { sampleOf } from "../samples";
import { Usage } from "../usage";
import { Site } from "../web/site";
import type { Command } from "./command";

/** ms */
const interval = 1000;
const reportPath = "/run/bondbox/status.json";

export const watch: Command = {
  summary: "print changes, keep the history, show the page",
  options: [],
  async run({ root }) {
    const stop = stopSignal();
    const { lines, page, notify } = loadConfig(root);
    let before = observe(root, loadConfig(root));
    let printed = new Map<string, string>();
    let writeError = "";
    const history = new History(root);
    const usage = new Usage(root, before.clock);
    let historyError = "";
    const rings = new Rings(
      root,
      lines.map(({ name }) => name),
      before.clock,
    );
    /** What people have asked for on the page, as rows of the journal. */
    const asked: string[] = [];
    const site = new Site({ root, rings, closed: page.closed, record: (row) => asked.push(row) });
    const alerts = new Alerts(notify?.after ?? 0);
    do {
      // Read each time, because the box may have switched to another server.
      const config = loadConfig(root);
      const state = observe(root, config);
      const verdict = judge(config, state);
      const rates = ratesBetween(before, state);
      const report = makeReport(config, { state, verdict, rates });
      const error = publish(join(root, reportPath), report);
      const sample = sampleOf(report);
      site.show(report, sample);
      if (error !== "" && error !== writeError) {
        process.stderr.write(`bondbox: ${reportPath} cannot be written: ${error}\n`);
      }
      const news = headlines(config, verdict);
      const rows = [...asked.splice(0), ...changes(printed, news)];
      for (const row of rows) {
        process.stdout.write(`${row}\n`);
      }
      const failures = [history.record(rows, state.time, state.clock), usage.count(config, state), rings.add(sample, state.clock)];
      const failure = failures.find((text) => text !== "") ?? "";
      if (failure !== "" && failure !== historyError) {
        process.stderr.write(`bondbox: the history cannot be written: ${failure}\n`);
      }
      historyError = failure || historyError;
      if (notify !== null) spool(root, alerts.next(report, state.clock), notify.to);
      before = state;
      printed = news;
      writeError = error;
    } while (await pause(interval, stop));
    site.end();
    history.record(asked, before.time, before.clock);
    history.write(before.time, before.clock);
    usage.write(before.clock);
    rings.write(before.clock);
    return 0;
  },
};

/** The texts that have changed, one row each: "line ovh: up". */
export function changes(before: Map<string, string>, after: Map<string, string>): string[] {
  return [...after].filter(([subject, text]) => before.get(subject) !== text).map(([subject, text]) => `${subject}: ${text}`);
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

/** Aborts when systemd stops the service, and on Ctrl-C. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  process.once("SIGTERM", () => controller.abort());
  process.once("SIGINT", () => controller.abort());
  return controller.signal;
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

import { setTimeout as sleep } from "node:timers/promises";
import { type BoxConfig, loadConfig } from "./config";
import { judge, type Verdict } from "./judge";
import { observe, type State } from "./observe";
import { ratesBetween } from "./rates";
import { makeReport, type Report } from "./report";

/** What is known of the box after one look at it. */
export interface Seen {
  config: BoxConfig;
  state: State;
  verdict: Verdict;
  report: Report;
}

/** Rates are taken over this time, ms. */
const sample = 1000;

/**
 * Looks at the box once. Without an earlier look all rates are unknown.
 * @param root where /etc, /proc, /sys and /run are looked for
 * @param before an earlier look, from which rates are taken
 * Throws a UserError if box.json is not there or wrong.
 */
export function look(root: string, before?: State): Seen {
  const config = loadConfig(root);
  const state = observe(root, config);
  const verdict = judge(config, state);
  return { config, state, verdict, report: makeReport(config, { state, verdict, rates: ratesBetween(before ?? state, state) }) };
}

/** Looks at the box for a second, so that rates are known. Its argument is that of `look`. */
export async function lookForRates(root: string): Promise<Seen> {
  const { state } = look(root);
  await sleep(sample);
  return look(root, state);
}

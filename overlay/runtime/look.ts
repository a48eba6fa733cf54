import { loadConfig } from "./config";
import { judge } from "./judge";
import { observe } from "./observe";
import { ratesBetween } from "./rates";
import { makeReport, type Report } from "./report";

/**
 * What the box is like at this moment, without rates: they need two moments.
 * @param root where /etc, /proc, /sys and /run are looked for
 */
export function look(root: string): Report {
  const config = loadConfig(root);
  const state = observe(root, config);
  return makeReport(config, { state, verdict: judge(config, state), rates: ratesBetween(state, state) });
}

import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "../config";
import { judge } from "../judge";
import { observe } from "../observe";
import { printReport } from "../print";
import { ratesBetween } from "../rates";
import { exitCode, makeReport } from "../report";
import type { Command } from "./command";

/** Rates are taken over this time, ms. */
const sample = 1000;
const widest = 80;

export const status: Command = {
  summary: "show lines, rates, and what is down and why",
  options: ["json"],
  async run({ root, json }) {
    const config = loadConfig(root);
    const before = observe(root, config);
    await sleep(sample);
    const state = observe(root, config);
    const report = makeReport(config, { state, verdict: judge(config, state), rates: ratesBetween(before, state) });
    const text = json ? `${JSON.stringify(report, null, 2)}\n` : printReport(report, terminal());
    process.stdout.write(text);
    return exitCode(report);
  },
};

/** NO_COLOR: https://no-color.org */
function terminal(): { colours: boolean; width: number } {
  // A serial console has 0 columns.
  const { isTTY, columns } = process.stdout;
  const colours = isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return { colours, width: Math.min(columns || widest, widest) };
}

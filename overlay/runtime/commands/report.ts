import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "../config";
import { exit } from "../errors";
import { judge } from "../judge";
import { observe } from "../observe";
import { ratesBetween } from "../rates";
import { exitCode, makeReport, type Report } from "../report";
import { observeSetup } from "../setup";
import { statusFile } from "../status-file";
import { observeStorage } from "../storage";
import type { Command } from "./command";

/** Between two looks while it waits, ms. */
const interval = 2000;

export const report: Command = {
  summary: "print the text of bondbox-status.txt",
  options: ["wait"],
  async run({ root, wait }) {
    const end = performance.now() + wait * 1000;
    let found = look(root);
    while (exitCode(found) !== exit.allUp && performance.now() < end) {
      await sleep(interval);
      found = look(root);
    }
    process.stdout.write(statusFile({ report: found, storage: observeStorage(root), setup: observeSetup(root) }));
    return exitCode(found);
  },
};

function look(root: string): Report {
  const config = loadConfig(root);
  const state = observe(root, config);
  return makeReport(config, { state, verdict: judge(config, state), rates: ratesBetween(state, state) });
}

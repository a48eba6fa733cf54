import { setTimeout as sleep } from "node:timers/promises";
import { exit } from "../errors";
import { look } from "../look";
import { exitCode } from "../report";
import { observeSetup } from "../setup";
import { statusFile } from "../status-file";
import { observeStorage } from "../storage";
import { observeUpdates } from "../updates";
import type { Command } from "./command";

/** Between two looks while it waits, ms. */
const interval = 2000;

export const report: Command = {
  summary: "print the text of bondbox-status.txt",
  options: ["wait"],
  async run({ root, wait }) {
    const end = performance.now() + wait * 1000;
    let found = look(root).report;
    while (exitCode(found) !== exit.allUp && performance.now() < end) {
      await sleep(interval);
      found = look(root).report;
    }
    process.stdout.write(
      statusFile({ report: found, storage: observeStorage(root), setup: observeSetup(root), updates: observeUpdates(root) }),
    );
    return exitCode(found);
  },
};

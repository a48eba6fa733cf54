import { lookForRates } from "../look";
import { printReport } from "../print";
import { exitCode } from "../report";
import { terminal } from "../terminal";
import { observeUpdates, updateSentences } from "../updates";
import type { Command } from "./command";

export const status: Command = {
  summary: "show lines, rates, and what is down and why",
  options: ["json"],
  async run({ root, json }) {
    const { report } = await lookForRates(root);
    const updates = observeUpdates(root);
    process.stdout.write(
      json ? `${JSON.stringify({ ...report, updates }, null, 2)}\n` : printReport(report, terminal(), updateSentences(updates)),
    );
    return exitCode(report);
  },
};

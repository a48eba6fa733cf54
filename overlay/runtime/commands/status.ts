import { lookForRates } from "../look";
import { printReport } from "../print";
import { exitCode } from "../report";
import { terminal } from "../terminal";
import type { Command } from "./command";

export const status: Command = {
  summary: "show lines, rates, and what is down and why",
  options: ["json"],
  async run({ root, json }) {
    const { report } = await lookForRates(root);
    process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : printReport(report, terminal()));
    return exitCode(report);
  },
};

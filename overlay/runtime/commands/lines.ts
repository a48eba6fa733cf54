import { lookForRates } from "../look";
import { printLines } from "../print-lines";
import { exitCode } from "../report";
import { terminal } from "../terminal";
import type { Command } from "./command";

export const lines: Command = {
  summary: "show each line: rates, delay, loss, month's data",
  options: ["json"],
  details: ["It ends as status does. With --json it prints the list that status --json has", "as lines."],
  async run({ root, json }) {
    const { report } = await lookForRates(root);
    process.stdout.write(json ? `${JSON.stringify(report.lines, null, 2)}\n` : printLines(report, terminal()));
    return exitCode(report);
  },
};

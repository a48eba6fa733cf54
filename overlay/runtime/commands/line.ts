import { setTimeout as sleep } from "node:timers/promises";
import { errors, exit } from "../errors";
import { look } from "../look";
import type { LineReport } from "../report";
import { canLeave, letIn, takenOut, takeOut } from "../taken-out";
import type { Command } from "./command";

/** Until both ends have left a line, or use it again, ms. */
const patience = 10_000;
const interval = 200;

export const line: Command = {
  summary: "take a line out of the bond, let it in again",
  options: [],
  subject: "NAME",
  words: ["out", "in"],
  async run({ root, subject: name, word }) {
    const { lines } = look(root).report;
    const before = lines.find((one) => one.name === name);
    if (before === undefined)
      throw errors.unknownLine(
        name,
        lines.map((one) => one.name),
      );
    if (word === "out") {
      if (before.up && !canLeave(lines, name, takenOut(root))) throw errors.staysIn(name);
      change(`line ${name} out`, () => takeOut(root, name, "person"));
      const { up } = await until(root, name, ({ up }) => !up);
      return say(
        up
          ? [`Line ${name} is to be out, but the bond still uses it after ${patience / 1000} s: systemctl status bondbox-watchdog`]
          : [`Line ${name} is out of the bond at both ends, until the box restarts or you run: sudo bondbox line ${name} in`],
        up ? exit.refused : exit.allUp,
      );
    }
    change(`line ${name} in`, () => letIn(root, name));
    const { up, why } = await until(root, name, (now) => now.up);
    return say(
      up ? [`Line ${name} is in the bond.`] : [`Line ${name} may be in the bond, but it is down. ${why?.text ?? ""}`],
      up ? exit.allUp : exit.someDown,
    );
  },
};

function change(command: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === "EACCES" || code === "EPERM" ? errors.needsRoot(command) : error;
  }
}

/** The line when that is so, or when patience has ended. */
async function until(root: string, name: string, is: (line: LineReport) => boolean): Promise<LineReport> {
  const end = performance.now() + patience;
  while (true) {
    const found = look(root).report.lines.find((one) => one.name === name) as LineReport;
    if (is(found) || performance.now() > end) return found;
    await sleep(interval);
  }
}

function say(rows: string[], code: number): number {
  process.stdout.write(rows.map((row) => `${row}\n`).join(""));
  return code;
}

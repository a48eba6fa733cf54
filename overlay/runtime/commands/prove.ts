import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { confirm } from "../confirm";
import { errors, exit } from "../errors";
import { look, type Seen } from "../look";
import { explain } from "../messages";
import { Pings } from "../prove/pings";
import { gaveWay, printProof } from "../prove/print";
import { ableLines, proveLine, times } from "../prove/prove";
import { stopSignal } from "../stop";
import { terminal } from "../terminal";
import type { Command } from "./command";

const question =
  "This takes each line out of the bond for 5 s, one after the other, to see whether\nthe others take over. Calls may stutter. Continue?";

export const prove: Command = {
  summary: "test whether each line can fail unnoticed",
  options: ["yes"],
  details: [
    "One line after the other is out of the bond for 5 s, as if it had failed, while",
    "a ping goes through the bond ten times a second. Start a download to see its",
    "rate, too. It asks first, unless --yes is given. It needs root. The last line",
    "that carries stays in, and every line is let in again, on Ctrl-C as well.",
    "",
    "It ends with 0: all lines gave way and came back, and nothing stood still for",
    "more than a second; 1: not so; 2: it could not be tried; 130: stopped.",
  ],
  async run({ root, yes }) {
    const { stdin, stdout } = process;
    if (!yes && !stdin.isTTY) throw errors.nobodyToAsk();
    checkRights(root);
    const seen = look(root);
    checkLines(root, seen);
    const stop = stopSignal();
    try {
      if (!yes && !(await confirm(question, stdin, stdout, stop))) return exit.allUp;
      return await Pings.during(seen.config.server.inner, async (pings) => {
        let code: number = exit.allUp;
        for (const { name } of seen.config.lines) {
          stdout.write(`Line ${name} ...\n`);
          const proof = await proveLine(root, name, pings, { times, stop });
          stdout.write(printProof(proof, terminal()));
          if (!gaveWay(proof)) code = exit.someDown;
        }
        return code;
      });
    } catch (error) {
      if (!stop.aborted) throw error;
      process.stderr.write("bondbox: stopped; every line that it has taken out is let in again\n");
      return exit.stopped;
    }
  },
};

function checkRights(root: string): void {
  try {
    accessSync(join(root, "/run/bondbox"), constants.W_OK);
  } catch {
    throw errors.needsRoot("prove");
  }
}

function checkLines(root: string, { verdict }: Seen): void {
  const able = ableLines(root, verdict);
  if (able.length > 1) return;
  const others = verdict.lines.filter(({ name }) => !able.includes(name));
  throw errors.lastLine(
    able[0] ?? null,
    others.map(({ name, why }) => `${name}: ${why === null ? "taken out" : explain(why).short}`),
  );
}

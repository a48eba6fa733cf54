import { examineBox } from "../doctor/box";
import { exitCodeOf, firstFailure } from "../doctor/examine";
import { printRows } from "../doctor/print";
import { terminal } from "../terminal";
import type { Command } from "./command";

export const doctor: Command = {
  summary: "find what is wrong first, from modem to server",
  options: ["json"],
  details: [
    "It looks at the box's port and address, each line's modem, each line beyond it,",
    "each tunnel, the bond, the server, the default route, names, the clock, the",
    "card, the striper, the TCP lane, and what other programs take away. It changes",
    "nothing.",
    "A check that could only fail because an earlier one did is skipped.",
    "",
    "It ends with the code of the first thing that is wrong:",
    "   0  nothing is wrong         15  the bond, or the default route",
    "  10  the box's port, address  16  names",
    "  11  a modem                  17  the clock",
    "  12  a line beyond its modem  18  the card",
    "  13  a tunnel                 19  the striper, or the TCP lane",
    "  14  the server               20  another program interferes",
  ],
  async run({ root, json }) {
    const rows = await examineBox(root);
    const text = json ? `${JSON.stringify({ first: firstFailure(rows), checks: rows }, null, 2)}\n` : printRows(rows, terminal());
    process.stdout.write(text);
    return exitCodeOf(rows);
  },
};

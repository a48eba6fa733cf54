import { readHistory } from "../history";
import type { Command } from "./command";

export const history: Command = {
  summary: "show when lines went down and came back",
  options: [],
  async run({ root }) {
    process.stdout.write(readHistory(root) || "Nothing has been recorded yet.\n");
    return 0;
  },
};

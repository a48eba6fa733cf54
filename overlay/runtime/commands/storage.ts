import { observeStorage, setMarker, storageRows } from "../storage";
import type { Command } from "./command";

export const storage: Command = {
  summary: "show or change how the card is protected",
  options: [],
  words: ["status", "unlock", "lock"],
  async run({ root, word }) {
    if (word === "unlock" || word === "lock") say(change(root, word));
    else say(storageRows(observeStorage(root)));
    return 0;
  },
};

function change(root: string, word: "unlock" | "lock"): string[] {
  const before = observeStorage(root);
  if (word === "unlock" && !before.protected && before.reason === null) return ["the card is not protected: what you change lasts already"];
  setMarker(root, word === "unlock");
  if (word === "unlock")
    return before.protected
      ? [
          "unlocked from the next start on: start the box anew to make changes that last",
          "when you are done: bondbox storage lock, and start it anew again",
        ]
      : ["unlocked; it stays so until bondbox storage lock"];
  return [before.protected ? "locked: the card is protected, and stays so" : "locked: start the box anew, and the card is protected again"];
}

function say(rows: string[]): void {
  process.stdout.write(rows.map((row) => `${row}\n`).join(""));
}

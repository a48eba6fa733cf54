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
  if (word === "unlock" && !before.protected && before.reason === null) return ["The card is not protected: your changes last already."];
  setMarker(root, word === "unlock");
  if (word === "unlock")
    return before.protected
      ? [
          "Unlocked from the next start on: restart the box to make changes that last.",
          "When you are done: sudo bondbox storage lock, and restart it again.",
        ]
      : ["Unlocked until you run: sudo bondbox storage lock."];
  return [before.protected ? "Locked: the card stays protected." : "Locked: restart the box, and the card is protected again."];
}

function say(rows: string[]): void {
  process.stdout.write(rows.map((row) => `${row}\n`).join(""));
}

import type { Half } from "./half";
import { messages } from "./messages";

/**
 * Prints how the last push ended on each half.
 * @param halves those that are asked
 * @returns 0: it was kept, or there was none; 3: it was undone, or is on trial
 */
export async function showStatus(halves: Half[], { root, say }: { root: string; say: (text: string) => void }): Promise<number> {
  const states = [];
  for (const half of halves) {
    const { trial, build } = await half.inspect(root);
    const log = trial.state === "none" || trial.state === "confirmed" ? [] : (await half.progress()).log;
    say(messages.status(half.name, trial, build?.version ?? null, log));
    states.push(trial.state);
  }
  return states.every((state) => state === "none" || state === "confirmed") ? 0 : 3;
}

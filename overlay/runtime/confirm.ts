import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";

/**
 * Asks a person on a terminal.
 * @param question that is answered with yes or no; no is what Enter means
 * @param stop ends it early; it then throws an AbortError
 */
export async function confirm(question: string, input: Readable, output: Writable, stop: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input, output });
  terminal.once("SIGINT", () => terminal.close());
  try {
    // Ctrl-C and a terminal that is closed give no answer.
    const closed = new Promise<string>((done) => terminal.once("close", () => done("")));
    return /^y(es)?$/i.test((await Promise.race([terminal.question(`${question} [y/N] `, { signal: stop }), closed])).trim());
  } finally {
    terminal.close();
  }
}

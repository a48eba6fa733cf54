import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NotifyTarget } from "../config";
import { type Outcome, post, runCommand } from "../notify/deliver";
import { type Waiting, waiting } from "../notify/spool";
import type { Command } from "./command";

/** To whom alerts go, as JSON: an URL may hold a secret, so only root reads it. */
const keyPath = "/etc/bondbox/notify.key";

/** Between two looks, ms. */
const interval = 500;
/** Pauses between two tries, which grow while they fail, ms. */
const pauses = { first: 2000, longest: 600_000 };

export const notify: Command = {
  summary: "deliver the notifications that wait",
  options: [],
  async run({ root }) {
    const queues = [new Queue("url"), new Queue("command")];
    const receivers = receiversOf(root);
    for (let all = waiting(root); all.length > 0; all = waiting(root)) {
      await Promise.all(queues.map((queue) => queue.next(all, receivers[queue.target])));
      await sleep(interval);
    }
    return 0;
  },
};

type Deliver = (text: string) => Promise<Outcome>;

function receiversOf(root: string): Partial<Record<NotifyTarget, Deliver>> {
  let named: Partial<Record<NotifyTarget, string>>;
  try {
    named = JSON.parse(readFileSync(join(root, keyPath), "utf8")) as typeof named;
  } catch {
    // Each queue reports that it has nobody to deliver to.
    return {};
  }
  const { url, command } = named;
  return {
    ...(url !== undefined && { url: (text: string) => post(url, text) }),
    ...(command !== undefined && { command: (text: string) => runCommand(command, text) }),
  };
}

/** What waits for one receiver, in order. */
class Queue {
  private pause = pauses.first;
  private due = 0;
  private newest = "";
  private printed = "";

  constructor(readonly target: NotifyTarget) {}

  /** Tries to deliver the oldest, if it is time. */
  async next(all: Waiting[], deliver: Deliver | undefined): Promise<void> {
    const mine = all.filter(({ target }) => target === this.target);
    const [first, last] = [mine[0], mine.at(-1)];
    if (first === undefined || last === undefined) return;
    // News may be that the internet is back.
    if (last.path !== this.newest) [this.due, this.pause, this.newest] = [0, pauses.first, last.path];
    if (performance.now() < this.due) return;
    const outcome = (await deliver?.(first.text)) ?? {
      done: false,
      again: false,
      why: `${keyPath} is missing or damaged: build again and copy the card again`,
    };
    if (!outcome.done && outcome.why !== this.printed) process.stderr.write(`bondbox: notify.${this.target}: ${outcome.why}\n`);
    this.printed = outcome.done ? "" : outcome.why;
    if (outcome.done || !outcome.again) return rmSync(first.path, { force: true });
    this.due = performance.now() + this.pause;
    this.pause = Math.min(2 * this.pause, pauses.longest);
  }
}

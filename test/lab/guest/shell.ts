import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { marks } from "../job";

export { sleep };

/** Runs a program to its end. @throws with what it said. */
export function run(command: string[], input = ""): string {
  const [program = "", ...args] = command;
  try {
    return execFileSync(program, args, { encoding: "utf8", input, stdio: ["pipe", "pipe", "pipe"], maxBuffer: 64 << 20 });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command.join(" ")}: ${stderr}${stdout}`.trim());
  }
}

/** The same where a failure is an answer, too. */
export function attempt(command: string[]): string | null {
  try {
    return run(command);
  } catch {
    return null;
  }
}

export const inside = (namespace: string, command: string[]): string[] => ["ip", "netns", "exec", namespace, ...command];

/** A program in the background, what it says line by line. */
export class Running {
  readonly lines: { at: number; text: string }[] = [];
  readonly ended: Promise<number>;
  private readonly child: ChildProcess;

  constructor(command: string[]) {
    const [program = "", ...args] = command;
    this.child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      let rest = "";
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        const pieces = (rest + chunk).split("\n");
        rest = pieces.pop() ?? "";
        for (const text of pieces) this.lines.push({ at: Date.now(), text });
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code) => resolve(code ?? -1));
      this.child.on("error", () => resolve(-1));
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get text(): string {
    return this.lines.map(({ text }) => text).join("\n");
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.child.kill(signal);
  }

  /** Waits for its end, kills it when that takes longer. @returns its exit code. */
  async within(ms: number): Promise<number> {
    const timer = setTimeout(() => this.kill(), ms);
    const code = await this.ended;
    clearTimeout(timer);
    return code;
  }
}

/** @returns false: it has not come true in time. */
export async function until(seconds: number, condition: () => boolean): Promise<boolean> {
  const end = Date.now() + seconds * 1000;
  while (!condition()) {
    if (Date.now() > end) return false;
    await sleep(50);
  }
  return true;
}

export function progress(text: string): void {
  process.stdout.write(`${marks.progress}${text}\n`);
}

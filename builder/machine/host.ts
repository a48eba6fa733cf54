/**
 * The one place below builder/ that touches the process it runs in: folder, signals, other processes.
 * Everything else gets data and returns data.
 */
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";

const cleanUps: (() => void)[] = [];

function interrupted(signal: NodeJS.Signals): void {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
  process.exit(signal === "SIGINT" ? 130 : 143);
}

/**
 * Runs a clean-up when the process is interrupted (Ctrl-C, kill).
 * @returns a function that cancels it.
 */
export function onInterrupt(cleanUp: () => void): () => void {
  if (cleanUps.length === 0) process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  cleanUps.push(cleanUp);
  return () => {
    const at = cleanUps.indexOf(cleanUp);
    if (at >= 0) cleanUps.splice(at, 1);
    if (cleanUps.length === 0) process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  };
}

const ofErrors = ["uncaughtException", "unhandledRejection"] as const;

/**
 * Loads a library, and takes away the handlers that it sets for all errors of the process: those are for the command to report.
 * @param load imports it
 */
export async function loadQuietly<T>(load: () => Promise<T>): Promise<T> {
  const before = ofErrors.map((event) => new Set(process.listeners(event as "uncaughtException")));
  const library = await load();
  for (const [index, event] of ofErrors.entries())
    for (const listener of process.listeners(event as "uncaughtException"))
      if (!before[index]?.has(listener)) process.removeListener(event, listener);
  return library;
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A path for messages: relative to the current folder if it is inside, otherwise absolute. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === "" ? "." : near.startsWith("..") ? path : near;
}

/** Prints a text to standard output, with a line end. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints a text to standard error, with a line end. */
export function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Standard error as a place to draw on. */
export const terminal = {
  isTerminal: process.stderr.isTTY === true,
  write: (text: string): void => void process.stderr.write(text),
  /** Milliseconds of a steady clock. */
  now: (): number => performance.now(),
};

/** Whether somebody can answer a question. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true;
}

/**
 * Asks on standard error.
 * @returns the answer without surrounding blanks; "" if the input ends.
 */
export function ask(question: string): Promise<string> {
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    // The terminal is in raw mode here, so Ctrl-C sends no signal by itself.
    dialogue.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    dialogue.on("close", () => resolve(""));
    dialogue.question(question, (answer) => {
      resolve(answer.trim());
      dialogue.close();
    });
  });
}

/**
 * Asks on standard error for what must not be seen.
 * @returns the answer; "" if the input ends.
 */
export function askHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const dialogue = createInterface({ input: process.stdin, output: silent, terminal: true });
  return new Promise((resolve) => {
    const answer = (text: string): void => {
      process.stderr.write("\n");
      resolve(text);
    };
    dialogue.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    dialogue.on("close", () => answer(""));
    dialogue.question("", (text) => {
      dialogue.removeAllListeners("close");
      dialogue.close();
      answer(text);
    });
  });
}

/** Such as "linux"; see process.platform. */
export function platform(): NodeJS.Platform {
  return process.platform;
}

/** The number of this process, for names of temporary files. */
export const processId = process.pid;

/**
 * The environment for a program whose output we read: ours, in English.
 * @param more further variables.
 */
export function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: "C.UTF-8", ...more };
}

/**
 * Where bondbox keeps what it can download or make again.
 * @param kind such as "images".
 * @returns absolute path, $XDG_CACHE_HOME/bondbox/KIND.
 */
export function cacheFolder(kind: string): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "bondbox", kind);
}

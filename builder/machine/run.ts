import { type ChildProcessByStdio, spawn } from "node:child_process";
import { delimiter } from "node:path";
import type { Readable, Writable } from "node:stream";
import { environment, onInterrupt } from "./host";

export interface Outcome {
  /** Exit status; null if a signal ended the program, or if it did not run. */
  status: number | null;
  stdout: Buffer;
  stderr: string;
  /** Why there is no status: no such program, or no end within `timeoutMs`. */
  failure: "missing" | "timeout" | null;
}

export interface RunOptions {
  /** What the program reads from its standard input; nothing by default. */
  input?: string;
  cwd?: string;
  /** Variables in addition to this process's own, which already ask for English messages. */
  env?: Record<string, string>;
  /** Receives the output piece by piece; Outcome.stdout is empty then. While a promise is pending, the program waits. */
  onOutput?: (chunk: Buffer) => void | Promise<void>;
  /** After so long the program is killed and no longer waited for, ms. */
  timeoutMs?: number;
}

/** The most that is kept of each output, bytes. A program that prints more is killed, before memory runs out. */
const LIMIT = 256 << 20;

/** Where programs are searched. Debian keeps /usr/sbin, where the tools for file systems are, out of a user's PATH. */
export function searchPath(): string {
  return [environment().PATH ?? "", "/usr/sbin", "/sbin"].join(delimiter);
}

/**
 * Runs a program to its end; an interrupt of this process kills it. A status other than 0 is for the caller to judge.
 * @throws if it exists and cannot be started, or prints more than LIMIT.
 */
export async function run(name: string, args: string[], options: RunOptions = {}): Promise<Outcome> {
  const { input = "", cwd, env, timeoutMs } = options;
  const child = spawn(name, args, { cwd, env: environment({ PATH: searchPath(), ...env }), stdio: ["pipe", "pipe", "pipe"] });
  const done = onInterrupt(() => child.kill("SIGKILL"));
  const timeout = timeoutMs === undefined ? null : timer(timeoutMs);
  // A program that stops reading early gives the reason with its status.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  try {
    const running = finished(child, options);
    running.catch(() => {});
    return await (timeout === null ? running : Promise.race([running, timeout.outcome]));
  } finally {
    timeout?.cancel();
    // A program that waits for broken hardware cannot be killed. Unless its pipes are closed, this process would wait for it at its end.
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      child.stdin.destroy();
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
    }
    done();
  }
}

const nothing = { status: null, stdout: Buffer.alloc(0), stderr: "" };

async function finished(child: ChildProcessByStdio<Writable, Readable, Readable>, { onOutput }: RunOptions): Promise<Outcome> {
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  try {
    const [status, stdout, stderr] = await Promise.all([ended, collect(child.stdout, onOutput), collect(child.stderr)]);
    return { status, stdout, stderr: stderr.toString(), failure: null };
  } catch (error) {
    const { code, syscall = "" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && syscall.startsWith("spawn")) return { ...nothing, failure: "missing" };
    throw error;
  }
}

async function collect(stream: Readable, onOutput?: RunOptions["onOutput"]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (onOutput !== undefined) await onOutput(chunk);
    else if ((bytes += chunk.length) > LIMIT) throw new Error(`a program printed more than ${LIMIT} bytes`);
    else chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function timer(ms: number): { outcome: Promise<Outcome>; cancel: () => void } {
  let cancel = (): void => {};
  const outcome = new Promise<Outcome>((resolve) => {
    const pending = setTimeout(() => resolve({ ...nothing, failure: "timeout" }), ms);
    cancel = () => clearTimeout(pending);
  });
  return { outcome, cancel };
}

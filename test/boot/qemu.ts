import type { ChildProcess } from "node:child_process";
import { createConnection, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { BootFailure } from "./errors";

/** An emulated machine does not outlive this program. */
export function ends(child: ChildProcess): void {
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("close", () => process.removeListener("exit", kill));
}

const ended = new WeakMap<ChildProcess, Promise<null>>();

/** @returns null when it has ended; the same promise every time. */
export function qemuEnds(child: ChildProcess): Promise<null> {
  const known = ended.get(child);
  if (known !== undefined) return known;
  const promise = new Promise<null>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(null);
    child.once("close", () => resolve(null)).once("error", () => resolve(null));
  });
  ended.set(child, promise);
  return promise;
}

/** A socket that a QEMU is about to open. @throws BootFailure when it ends first. */
export async function connectTo(path: string, child: ChildProcess): Promise<Socket> {
  for (;;) {
    const socket = await new Promise<Socket | null>((resolve) => {
      const trying = createConnection(path);
      trying.once("connect", () => resolve(trying)).once("error", () => resolve(null));
    });
    if (socket !== null) return socket;
    if (child.exitCode !== null || child.signalCode !== null) throw new BootFailure("QEMU ended at its start");
    await sleep(100);
  }
}

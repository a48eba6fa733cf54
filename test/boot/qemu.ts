import type { ChildProcess } from "node:child_process";
import { createConnection, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { BootFailure } from "./errors";

/** The emulated machines that are on. */
export const machines = new Set<ChildProcess>();

/** Adds a machine to those that are on, and makes it end with this program at the latest. */
export function watchMachine(child: ChildProcess): void {
  const kill = (): void => void child.kill("SIGKILL");
  machines.add(child);
  process.once("exit", kill);
  child.once("close", () => {
    machines.delete(child);
    process.removeListener("exit", kill);
  });
}

const ended = new WeakMap<ChildProcess, Promise<null>>();

/** @returns a promise of null for when the machine has ended; the same one every time */
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

/** Connects to a socket that a QEMU is about to open. @throws BootFailure when QEMU ends first */
export async function connectTo(path: string, child: ChildProcess): Promise<Socket> {
  for (;;) {
    const socket = await new Promise<Socket | null>((resolve) => {
      const trying = createConnection(path);
      trying.once("connect", () => resolve(trying)).once("error", () => resolve(null));
    });
    if (socket !== null) return socket;
    if (child.exitCode !== null || child.signalCode !== null) throw new BootFailure("QEMU ended right after its start");
    await sleep(100);
  }
}

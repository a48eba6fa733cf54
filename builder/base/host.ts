/**
 * The one place below builder/ that touches the process it runs in: folder, signals, other processes.
 * Everything else gets data and returns data.
 */
import { relative } from "node:path";

const cleanUps: (() => void)[] = [];

function interrupted(signal: NodeJS.Signals): void {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
  process.exit(signal === "SIGINT" ? 130 : 143);
}

/** Runs the clean-up when the process is told to stop (Ctrl-C, kill). @returns what takes it back. */
export function onInterrupt(cleanUp: () => void): () => void {
  if (cleanUps.length === 0) process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  cleanUps.push(cleanUp);
  return () => {
    const at = cleanUps.indexOf(cleanUp);
    if (at >= 0) cleanUps.splice(at, 1);
    if (cleanUps.length === 0) process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  };
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A path as a person reads it: from the current folder where it is below that. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === "" ? "." : near.startsWith("..") ? path : near;
}

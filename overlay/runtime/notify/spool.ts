import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NotifyConfig, NotifyTarget } from "../config";
import type { Alert } from "./alerts";

/** What waits to be delivered, a file each, the oldest first by name. bondbox-notify.path starts the delivery when there is one. */
const folder = "/run/bondbox/notify";
/** So many may wait for each target: the oldest go first. They are in memory. */
const most = 50;

/** An alert that waits. */
export interface Waiting {
  /** Of its file, which is removed when it is delivered. */
  path: string;
  target: NotifyTarget;
  /** The alert as JSON. */
  text: string;
}

/**
 * Puts alerts where the delivery finds them, which is another program: a receiver that does not answer cannot hold up the watch.
 * @param root where /run is looked for
 * @param to to whom they go
 */
export function spool(root: string, alerts: Alert[], to: NotifyConfig["to"]): void {
  const targets = (["url", "command"] as const).filter((target) => to[target]);
  try {
    for (const alert of alerts) for (const target of targets) put(root, target, JSON.stringify(alert));
  } catch (error) {
    process.stderr.write(`bondbox: ${folder} cannot be written, so nobody is notified: ${(error as Error).message}\n`);
  }
}

function put(root: string, target: NotifyTarget, text: string): void {
  mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
  const before = waiting(root).filter((one) => one.target === target);
  for (const { path } of before.slice(0, Math.max(0, before.length + 1 - most))) rmSync(path, { force: true });
  // The delivery looks at any moment.
  const draft = join(root, `${folder}.new`);
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, join(root, folder, `${process.hrtime.bigint()}`.padStart(20, "0") + `.${target}`));
}

/**
 * What waits, the oldest first.
 * @param root where /run is looked for
 */
export function waiting(root: string): Waiting[] {
  let names: string[];
  try {
    names = readdirSync(join(root, folder)).sort();
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const [, target] = /^\d+\.(url|command)$/.exec(name) ?? [];
    if (target === undefined) return [];
    const path = join(root, folder, name);
    try {
      return [{ path, target: target as NotifyTarget, text: readFileSync(path, "utf8") }];
    } catch {
      // It was the oldest of too many.
      return [];
    }
  });
}

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What bondbox-update knows and did (docs/updates.md). */
export interface Updates {
  /** Security updates that are not installed; null: nobody has asked yet. */
  waiting: number | null;
  /** Since when the oldest of them waits, as far as the box has seen, and when it asked last; seconds since 1970. */
  oldest: number | null;
  checked: number | null;
  /** Why the archives could not be asked. */
  trouble: string | null;
  /** How the last one ended; null: there was none. */
  last: "making" | "trying" | "kept" | "undone" | "failed" | null;
  /** Why it was undone, or failed. */
  reason: string | null;
}

const folder = "/var/lib/bondbox/keep/updates";
const states = ["making", "trying", "kept", "undone", "failed"] as const;

/** Looks at the box below `root`. A missing file is an answer. @returns null: this box has nothing to do with updates */
export function observeUpdates(root: string): Updates | null {
  const of = (name: string): string | null => read(join(root, folder, name));
  const [waiting, state, trouble] = [of("waiting"), of("state"), of("trouble")];
  if (waiting === null && state === null && trouble === null) return null;
  const values = new Map((waiting ?? "").split("\n").map((row) => row.split(" ") as [string, string]));
  const [first = "", reason] = (state ?? "").split("\n");
  return {
    waiting: number(values.get("count")),
    oldest: number(values.get("oldest")),
    checked: number(values.get("checked")),
    trouble: trouble?.trim() ?? null,
    last: states.find((name) => name === first.split(" ")[0]) ?? null,
    reason: reason === undefined || reason === "" ? null : reason,
  };
}

/** What a person must know of them: the same sentences as long as nothing happens. */
export function updateSentences(updates: Updates | null): string[] {
  if (updates === null) return [];
  const { last, reason, trouble } = updates;
  return [
    ...waitingSentence(updates),
    ...(last === "undone" ? [`The last update was undone: ${reason}.`] : []),
    ...(last === "failed" ? [`The last update could not be made: ${reason}.`] : []),
    ...(last === "trying" ? ["An update is on trial: it is kept if the bond carries."] : []),
    ...(trouble === null ? [] : [`Nobody knows what waits now: ${trouble}.`]),
  ];
}

function waitingSentence({ waiting, oldest }: Updates): string[] {
  if (waiting === null) return [];
  if (waiting === 0 || oldest === null) return ["No security update waits."];
  const since = new Date(oldest * 1000).toISOString().slice(0, 10);
  return [waiting === 1 ? `1 security update waits, since ${since}.` : `${waiting} security updates wait, the oldest since ${since}.`];
}

function number(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

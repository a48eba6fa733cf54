import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What bondbox-setup has left for people to read. */
export interface Setup {
  /** How long each phase of the last set-up took, in order. */
  phases: { name: string; seconds: number }[];
  /** Sentences about what did not work, although the box does. */
  notes: string[];
  /** A changed card is on the boot partition, but not all of it: the copy was interrupted. */
  cardIncomplete: boolean;
}

const home = "/var/lib/bondbox";

/** Looks at the box below `root`. Changes nothing, and a missing file is an answer, not an error. */
export function observeSetup(root: string): Setup {
  const copied = read(root, "/boot/firmware/bondbox/id");
  return {
    phases: rows(read(root, `${home}/state/times`)).map((row) => {
      const [name = "", seconds] = row.split(" ");
      return { name, seconds: Number(seconds) || 0 };
    }),
    notes: rows(read(root, `${home}/state/notes`)),
    cardIncomplete: copied !== null && copied !== read(root, `${home}/id`),
  };
}

function rows(text: string | null): string[] {
  return (text ?? "").split("\n").filter((row) => row !== "");
}

function read(root: string, path: string): string | null {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return null;
  }
}

import type { Found } from "./effects";

/** What inspect.sh says of a half. */
export interface State {
  /** Version and profile of the build that is there; null: there is none of bondbox. */
  build: { version: string; profile: string } | null;
  /** Names its set of keys. */
  keys: string | null;
  /** Of the card; null: it was not set up by one, or this is a server. */
  id: string | null;
  /** Of what was pushed last; null: what is there came by card. */
  pushed: string | null;
  /** SHA-256 of the server's install.sh; null: it has kept none. */
  script: string | null;
  /** Whether anything of bondbox is there. */
  begun: boolean;
  /** Whether install.sh has come to its end there. */
  ready: boolean;
  /** What /etc/os-release says it is: ID and VERSION_ID, as targets are called, and its name for people; null: nothing. */
  system: { id: string; title: string } | null;
  /** Another one after each start. */
  boot: string;
  /** KiB. */
  free: number;
  /** Of the last push. */
  trial: Trial;
  protected: boolean;
  systemd: boolean;
  lines: { name: string; tap: string }[];
  /** Whether it can install packages beside the system that runs. */
  updates: boolean;
  files: Found[];
}

export interface Trial {
  state: "none" | "armed" | "trying" | "tried" | "failed" | "confirmed" | "undone";
  /** Why it failed or was undone, or "". */
  reason: string;
}

/** Whether a push waits there for its end. */
export function isPending({ state }: Trial): boolean {
  return ["armed", "trying", "tried"].includes(state);
}

/**
 * Reads what inspect.sh printed.
 * @param text rows of a word and its values
 */
export function parseState(text: string): State {
  const rows = text.split("\n").map((row) => row.split(" "));
  const all = (kind: string): string[][] => rows.filter(([word]) => word === kind).map(([, ...values]) => values);
  const one = (kind: string): string | null => all(kind)[0]?.join(" ").trim() ?? null;
  const [version, profile] = all("build")[0] ?? [];
  const [system, ...title] = all("system")[0] ?? [];
  return {
    build: version === undefined || profile === undefined ? null : { version, profile },
    keys: one("keys"),
    id: one("id"),
    pushed: one("pushed"),
    script: one("script"),
    begun: one("begun") === "yes",
    ready: one("ready") === "yes",
    system: system === undefined ? null : { id: system, title: title.join(" ").trim() || system },
    boot: one("boot") ?? "",
    free: Number(one("free") ?? 0),
    trial: readTrial(one("trial") ?? ""),
    protected: one("mode") === "protected",
    systemd: one("systemd") === "yes",
    lines: all("line").map(([name = "", tap = ""]) => ({ name, tap })),
    updates: one("updates") === "yes",
    files: [
      ...all("file").map(([sum = "", mode = "", ...path]) => ({ path: path.join(" "), sum, mode: Number.parseInt(mode, 8) })),
      ...all("link").map(([sum = "", ...path]) => ({ path: path.join(" "), sum, mode: 0o777 })),
    ],
  };
}

const states: readonly string[] = ["armed", "trying", "tried", "failed", "confirmed", "undone"];

function readTrial(text: string): Trial {
  const [state = "", ...reason] = text.split(" ");
  return { state: states.includes(state) ? (state as Trial["state"]) : "none", reason: reason.join(" ").trim() };
}

/** How a trial goes on, as "trial.sh state" prints it. */
export interface Progress extends Trial {
  /** What worked before and does not yet. */
  wrong: string[];
  /** Its last rows. */
  log: string[];
}

/**
 * Reads what "trial.sh state" printed.
 * @param text rows of a word and a text
 */
export function parseProgress(text: string): Progress {
  const all = (kind: string): string[] =>
    text.split("\n").flatMap((row) => (row.startsWith(`${kind} `) ? [row.slice(kind.length + 1)] : []));
  const trial = readTrial(`${all("state")[0] ?? ""} ${all("reason").join(" ")}`);
  return { ...trial, wrong: all("wrong").filter(Boolean), log: all("log") };
}

import { orList } from "../base/errors";
import type { Action, Changes } from "./effects";
import type { HalfName } from "./half";
import type { Progress, State, Trial } from "./inspect";

/** The most files that are named. */
const SHOWN = 12;

function list(title: string, paths: string[]): string[] {
  const more = paths.length > SHOWN ? [`    … and ${paths.length - SHOWN} more`] : [];
  return paths.length === 0 ? [] : [`  ${title}:`, ...paths.slice(0, SHOWN).map((path) => `    ${path}`), ...more];
}

/** How long the bond is away, as far as that can be said before. */
function pauseOf(actions: Action[]): string {
  const names = actions.map(({ unit }) => unit);
  if (names.includes("bondbox-network.service") || names.includes("bondbox-bond.service")) return "  about 20 s without the bond";
  const tunnels = names.filter((unit) => unit.startsWith("bondbox-tunnel@"));
  if (tunnels.length > 0) return "  tunnels restart: about 10 s without these lines";
  return "  the bond goes on";
}

/** What push says to a person, in order. */
export const messages = {
  changes: (half: HalfName, { added, changed, removed }: Changes, actions: Action[]): string =>
    [
      added.length + changed.length + removed.length === 0 ? `${half}: nothing changes` : `${half}:`,
      ...list("added", added),
      ...list("changed", changed),
      ...list("removed", removed),
      ...(actions.length === 0
        ? []
        : [`  ${actions.map(({ verb, unit }) => `${verb} ${unit.replace(/\.service$/, "")}`).join(", ")}`, pauseOf(actions)]),
    ].join("\n"),
  /** Both ends of a tunnel have to change at once. */
  keys: (changes: boolean): string[] => (changes ? ["The keys change: both halves at once."] : []),
  reason: (text: string): string => text.split("\n")[0]?.slice(0, 200) ?? "",
  nothing: ({ goesBack }: { goesBack?: true }): string =>
    `Nothing to do: everything is as ${goesBack ? "it was before the last push" : "the profile says"}.`,
  question: (within: number): string => `Try this? What is not confirmed within ${within} s goes back by itself. [y/N] `,
  /** Packages come in a system of their own, so the box restarts. */
  lacking: (names: string[]): string =>
    ["box, before that:", ...list("packages", names), "  the box restarts: about a minute without internet"].join("\n"),
  packages: (count: number, bytes: number): string =>
    `copying ${count === 1 ? "1 package" : `${count} packages`} (${(bytes / 1e6).toFixed(0)} MB) to the box`,
  updating: (state: string): string =>
    state === "trying" ? "the box restarts into it" : "the box installs them beside the system that runs; this takes some minutes",
  packagesBack: (reason: string): string => `The packages were not kept: ${reason}. The box is as it was before.`,
  packagesDone: "the box runs with them",
  staging: "copying the files",
  armed: (within: number): string => `from now on everything goes back by itself after ${within} s`,
  applying: (half: HalfName): string => `changing the ${half}`,
  confirming: "everything that worked before works again; confirming",
  done: (halves: HalfName[]): string => `Done: ${orList(halves).replace(" or ", " and ")} run what the profile says, and keep it.`,
  wentBack: (halves: HalfName[]): string =>
    `Done: ${orList(halves).replace(" or ", " and ")} ${halves.length > 1 ? "run" : "runs"} what was there before the last push, and ${halves.length > 1 ? "keep" : "keeps"} it. push --rollback once more goes forward again.`,
  staysAsItIs: (half: HalfName): string => `${half}: took no part in the last push, and stays as it is`,
  goingBack: (reason: string): string => `Going back: ${reason}`,
  back: (half: HalfName, { state, reason, log }: Progress): string => {
    const said: Partial<Record<Progress["state"], string>> = {
      undone: `The ${half} is as it was before${reason === "" ? "" : ` (${reason})`}.`,
      confirmed: `The ${half} had confirmed before that, and keeps what was tried: push again.`,
    };
    return [said[state] ?? `The ${half} was not changed.`, ...log.slice(-5).map((row) => `    ${row}`)].join("\n");
  },
  status: (half: HalfName, { state, reason }: Trial, version: string | null, log: string[]): string => {
    if (version === null) return `${half}: no bondbox`;
    const said: Record<Trial["state"], string> = {
      none: "nothing was pushed since it was set up",
      armed: "a push is on trial: it is about to be installed",
      trying: "a push is on trial: it is being installed, or does not work yet",
      tried: "a push is on trial: it works, and waits to be confirmed",
      failed: "a push failed, and is about to be undone",
      confirmed: "the last push was confirmed, and is kept",
      undone: "the last push was undone",
    };
    return [`${half} (bondbox ${version}): ${said[state]}${reason === "" ? "" : `: ${reason}`}`, ...log.map((row) => `    ${row}`)].join(
      "\n",
    );
  },
  fresh: (address: string, { begun, system }: State): string =>
    `server at ${address}: ${system?.title ?? "unknown system"}, ${begun ? "a part of bondbox: its install.sh has not come to its end" : "no bondbox yet"}`,
  freshQuestion: "Install bondbox there? [y/N] ",
  freshStarted: "install.sh is running there, and goes on if this connection ends",
  freshDeaf: "the connection broke; the installation goes on, and this waits to follow it",
  row: (text: string): string => `    ${text}`,
  freshAlready: (address: string): string => `Nothing to do: the server at ${address} has this already, and is ready.`,
  freshDone: (address: string): string =>
    `Done: the server at ${address} is ready, and its host key is remembered. From now on push changes it.`,
  unknown: (half: HalfName): string =>
    `The ${half} cannot be reached. It has gone back by itself by now, or it goes back when it starts. See it with push --status.`,
};

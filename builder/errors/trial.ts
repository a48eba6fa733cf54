import { coded, EnvironmentError, orList, show, UsageError } from "../base/errors";

type Half = "box" | "server";

const size = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
/** The last rows of what a program printed, without what a terminal would act on. */
const lastRows = (text: string): string => show(text.trim().split("\n").slice(-3).join("; ").slice(0, 300));

/** Rows of install.sh's log, below a message. */
const below = (log: string[]): string => log.map((row) => `\n    ${row}`).join("");
const goOn =
  "Fix that, and run the same command again: it goes on from there. Or take away what is there: sudo sh /root/bondbox/install.sh --remove, on the server.";

/** Errors of a push. Where one of them ends it, both halves are as they were before, or go back by themselves. */
export const trial = coded("trial", {
  notInstalled: (half: Half): UsageError =>
    new UsageError(
      `that ${half} has no bondbox`,
      half === "box"
        ? "A box is set up by its card the first time: see SETUP in dist/."
        : "Set it up the first time: --only server --fresh root@ADDRESS, or see SETUP in dist/.",
    ),
  otherProfile: (half: Half, there: string, here: string): UsageError =>
    new UsageError(
      `that ${half} has profile ${show(there)}, and this is ${show(here)}`,
      `Write --profile ${there}, or check the ${half}'s address.`,
    ),
  newerThere: (half: Half, there: string, here: string): UsageError =>
    new UsageError(`that ${half} has bondbox ${there}, newer than this ${here}`, "Update this copy of bondbox (git pull) and push again."),
  tooOld: (half: Half): UsageError =>
    new UsageError(
      `that ${half} was set up by hand or by an older bondbox, and could not go back by itself`,
      half === "box"
        ? "Copy bootfs to its card once, with scripts/copy-bootfs; from then on push works."
        : "Run the new server/install.sh on it once; from then on push works.",
    ),
  packagesMissing: (names: string[]): UsageError =>
    new UsageError(
      `this box lacks packages, or has older ones, and cannot install any beside the system that runs: ${names.join(", ")}`,
      "Copy bootfs to its card once, with scripts/copy-bootfs: the packages are on it.",
    ),
  noKeys: (folder: string): UsageError =>
    new UsageError(
      `there are no keys of this profile in ${folder}, and the box and the server have some`,
      "Restore your backup of that folder, or give its place with --secrets.",
    ),
  pending: (half: Half): UsageError =>
    new UsageError(
      `another push, or an update, is on trial on the ${half}`,
      "Wait until it is confirmed or has gone back; push --status shows how it is.",
    ),
  noSuchHalf: (name: string): UsageError =>
    new UsageError(`--only ${show(name)}: there is no such half`, "Write --only box or --only server."),
  keysOfBoth: (): UsageError =>
    new UsageError("the keys change, and one half alone would hear nothing any more", "Push both halves: leave out --only."),
  notWanted: (): UsageError => new UsageError("nothing was changed", "Answer y, or write --yes."),
  mustAsk: (): UsageError => new UsageError("nobody is there to ask", "Write --yes to push without a question, or --dry-run to look only."),
  noRoom: (half: Half, bytes: number): EnvironmentError =>
    new EnvironmentError(
      `the ${half} has no room for ${size(bytes)}; nothing was changed`,
      `Free some space on the ${half} and push again.`,
    ),
  failed: (half: Half, what: string, said: string): EnvironmentError =>
    new EnvironmentError(`${what} failed on the ${half}: ${lastRows(said)}`, "Push again; if it persists, see push --status."),
  wentWrong: (half: Half, reason: string, log: string[]): EnvironmentError =>
    new EnvironmentError(`the ${half} could not be changed: ${lastRows(reason || log.join("\n"))}`, "Fix the profile and push again."),
  tooSlow: (half: Half, wrong: string[]): EnvironmentError =>
    new EnvironmentError(
      `the ${half} did not come back to what it was before in time${wrong.length === 0 ? "" : `: ${wrong.join(", ")}`}`,
      "Fix the profile and push again, with a larger --confirm-within if it was only slow.",
    ),
  lost: (half: Half): EnvironmentError =>
    new EnvironmentError(
      `the ${half} could not be reached any more at its new settings`,
      `Check the ${half}'s address in the profile and push again.`,
    ),
  nothingBefore: (halves: Half[]): UsageError =>
    new UsageError(
      `there is nothing to go back to: no push was confirmed on the ${orList(halves)} since it was set up`,
      "Bring the profile to what it was (git), and push it.",
    ),
  damagedBefore: (half: Half): UsageError =>
    new UsageError(`the generation before on the ${half} is damaged`, "Bring the profile to what it was (git), and push it."),
  keysApart: (): UsageError =>
    new UsageError(
      "what the box and the server had before have different keys, and would not hear each other",
      "Bring the profile to what it was (git), restore its keys from the backup of secrets/, and push it.",
    ),
  freshAddress: (text: string): UsageError =>
    new UsageError(
      `--fresh ${show(text)} is no USER@ADDRESS`,
      "Write --fresh root@203.0.113.10. A port belongs into ~/.ssh/config, under that address.",
    ),
  freshServer: (): UsageError =>
    new UsageError("--fresh is for the server alone: a box is set up by its card", "Write --only server --fresh root@ADDRESS."),
  freshElsewhere: (address: string, known: string[]): UsageError =>
    new UsageError(
      `${show(address)} is no server of this profile: the box would look for ${orList(known)}`,
      `Write --fresh root@${known[0]}, or first put that address into the profile: server.address, or one of server.backups.`,
    ),
  notFresh: (): UsageError =>
    new UsageError("that server has bondbox already", "Push without --fresh: that tries what changes, and can go back."),
  otherSystem: (title: string | null, target: string, own: string | null): UsageError =>
    new UsageError(
      `that server runs ${title === null ? "an unknown system" : show(title)}, and the profile's server.target is ${target}`,
      own === null
        ? `Install ${target} on it, at its provider. docs/server.md has the systems that a server may run.`
        : `Write target: ${own} in the profile, or install ${target} on it, at its provider.`,
    ),
  freshBusy: (): UsageError =>
    new UsageError("another install.sh is running on that server", "Wait until it has ended, and run the same command again."),
  freshRefused: (log: string[]): UsageError =>
    new UsageError(`install.sh has changed nothing on the server:${below(log)}`, "Fix that, and run the same command again."),
  freshFailed: (log: string[]): EnvironmentError =>
    new EnvironmentError(`install.sh failed on the server, where a part of bondbox is now:${below(log)}`, goOn),
  freshCutOff: (log: string[]): EnvironmentError =>
    new EnvironmentError(
      `install.sh did not come to its end on the server, which was restarted meanwhile or stopped it:${below(log)}`,
      goOn,
    ),
  freshLost: (why: string): EnvironmentError =>
    new EnvironmentError(
      `install.sh goes on on the server, but cannot be followed any more: ${why}`,
      "Run the same command again, once the server can be reached: it follows what is running, or says how it has ended.",
    ),
});

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, type BuildOptions, type BuiltHalves, type LoadedProfile, planProfile } from "../build/build";
import { ask, canAsk, print, printError, shownPath } from "../machine/host";
import { Steps } from "../base/steps";
import { formatError, trial as texts, usage } from "../errors";
import { checkAddress, fresh, parseWhere } from "../push/fresh";
import { readPackages } from "../push/packages";
import { push } from "../push/push";
import { reach, reachNew } from "../push/reach";
import { rollback } from "../push/rollback";
import { showStatus } from "../push/status";
import type { HalfName } from "../push/half";
import { type Command, help, parseCommand, type Values, version, wholeNumber } from "./command";
import { helpOf } from "./help";
import { type Program, reportError } from "./run";

export const pushCommand = {
  name: "push",
  summary: "brings a running box and its server to what the profile says, and goes back by itself unless that works.",
  usage: [
    ["push --profile NAME", "builds, shows what changes, asks, tries it, keeps it or goes back"],
    ["push --profile NAME --dry-run", "shows what would change"],
    ["push --profile NAME --status", "how the last push ended on each half"],
    ["push --profile NAME --rollback", "goes back to what was there before the last push, by the same trial"],
    ["push --profile NAME --only server --fresh root@ADDRESS", "sets up a rented server that has nothing but SSH"],
  ],
  bareWord: "profile",
  options: [
    { name: "profile", short: "p", value: "NAME", help: "a profile in profiles/, or the path of a YAML file" },
    { name: "only", value: "HALF", help: "change the box or the server alone: box, server" },
    { name: "updates", help: "bring Debian's newest packages to the box, too" },
    { name: "dry-run", help: "change neither half" },
    { name: "yes", help: "do not ask" },
    { name: "confirm-within", value: "SECONDS", help: "how long the new state is tried at most (180)" },
    { name: "status", help: "print how the last push ended, and change nothing" },
    { name: "rollback", help: "go back to what was there before the last confirmed push; a second one goes forward again" },
    { name: "fresh", value: "USER@ADDRESS", help: "set up this server, which has no bondbox yet: the profile's, or one of its backups" },
    { name: "user", value: "NAME", help: "log in as this user, instead of the one in ~/.ssh/config or the profile's ssh.user" },
    { name: "box", value: "ADDRESS", help: "where the box is now, if not at the profile's address" },
    { name: "server", value: "ADDRESS", help: "where the server is now, such as one of its backups" },
    { name: "accept", value: "FINGERPRINT", help: "take this SSH host key (SHA256:...) for right the first time" },
    { name: "secrets", value: "DIR", help: "the keys are in this folder instead of secrets/" },
    version,
    help,
  ],
  notes: [
    "Your own ~/.ssh/config, agent, jump hosts and known_hosts count. The box's host key is known from the build, the server's is asked for through the bond.",
  ],
  exitCodes: [
    [0, "confirmed and running, or there was nothing to do"],
    [1, "nothing was changed: the profile or the command line is wrong, or a half refuses"],
    [2, "nothing was changed: this machine or the connection failed"],
    [3, "undone: both halves are as they were before, or go back by themselves"],
    [4, "--fresh: the new server is not complete, or is not heard any more; the last rows say what is there"],
    [70, "a bug"],
    [130, "stopped by Ctrl-C: what is on trial goes back by itself"],
  ],
} as const satisfies Command;

/**
 * Runs push.
 * @returns its exit code.
 */
export async function runPush(program: Program): Promise<number> {
  try {
    return await run(program);
  } catch (error) {
    return reportError(error, "push", program.version);
  }
}

type Flags = Values<typeof pushCommand>;

async function run({ root, version: release, args }: Program): Promise<number> {
  const flags = parseCommand(pushCommand, args).values;
  if (flags.help) return (print(helpOf(pushCommand)), 0);
  if (flags.version) return (print(`bondbox ${release}`), 0);
  if (flags.profile === undefined) throw usage.noProfile();
  checkTogether(flags);
  const loaded = planProfile(root, flags.profile);
  const secrets = flags.secrets === undefined ? join(root, "secrets") : resolve(flags.secrets);
  const { plan } = loaded;
  const folder = join(secrets, plan.profile);
  if (flags.fresh !== undefined) return runFresh(flags.fresh, loaded, { root, release, secrets, flags });
  if (!existsSync(folder)) throw texts.noKeys(shownPath(folder));
  const halves = reach(plan, { ...flags, secrets: folder }, namesOf(flags.only));
  if (flags.status) return showStatus(halves, { root, say: print });
  checkAsking(flags);
  const within = wholeNumber(flags["confirm-within"], "--confirm-within", { most: 3600, usual: 180 });
  const common = { root, version: release, halves, within, dryRun: flags["dry-run"], ...person(flags) };
  if (flags.rollback) return rollback(common, plan.profile);
  const card = { base: null, image: false, update: flags.updates, mirror: null, log: printError };
  const built = await buildHalves(loaded, { root, release, secrets }, card);
  const packages = (): ReturnType<typeof readPackages> => readPackages(join(outOf(root, loaded), "bootfs/bondbox"));
  return push({ ...common, plan, built, updates: flags.updates, packages });
}

/** How push talks to a person, and waits. */
function person({ yes }: Flags) {
  return {
    ask: async (question: string): Promise<boolean> => yes || /^y(es)?$/i.test(await ask(question)),
    say: print,
    pause: (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms)),
  };
}

/** Options of which one makes the other senseless. */
const apart: [keyof Flags, keyof Flags][] = [
  ["status", "dry-run"],
  ["rollback", "status"],
  ["rollback", "updates"],
  ["fresh", "rollback"],
  ["fresh", "status"],
  ["fresh", "server"],
  ["fresh", "box"],
  ["fresh", "confirm-within"],
  ["fresh", "updates"],
  ["status", "updates"],
];

function checkTogether(flags: Flags): void {
  const isGiven = (name: keyof Flags): boolean => flags[name] !== undefined && flags[name] !== false;
  const pair = apart.find(([one, other]) => isGiven(one) && isGiven(other));
  if (pair !== undefined) throw usage.together(`--${pair[0]}`, `--${pair[1]}`);
  if (flags.updates && flags.only === "server") throw usage.together("--updates", "--only server");
}

function checkAsking(flags: Flags): void {
  if (!flags.yes && !flags["dry-run"] && !canAsk()) throw texts.mustAsk();
}

interface Place {
  root: string;
  release: string;
  /** Absolute path of the folder with the keys of all profiles. */
  secrets: string;
}

const outOf = (root: string, { plan }: LoadedProfile): string => join(root, "dist", plan.profile);

/** Builds both halves, without an image. */
async function buildHalves(loaded: LoadedProfile, { root, release, secrets }: Place, card: BuildOptions["card"]): Promise<BuiltHalves> {
  const out = outOf(root, loaded);
  const { halves, notes } = await build(loaded, {
    root,
    out,
    secrets,
    rotateKeys: false,
    version: release,
    steps: new Steps(() => {}),
    card,
  });
  for (const note of notes) printError(`Note: ${note}`);
  return halves;
}

/** A server that has no bondbox yet. It may be the first thing that is set up, so keys are made if there are none. */
async function runFresh(text: string, loaded: LoadedProfile, { flags, ...place }: Place & { flags: Flags }): Promise<number> {
  if (namesOf(flags.only).join() !== "server") throw texts.freshServer();
  const { plan } = loaded;
  const where = parseWhere(text);
  if (where.user !== undefined && flags.user !== undefined) throw usage.together("--fresh USER@ADDRESS", "--user");
  const at = { address: where.address, user: where.user ?? flags.user };
  await checkAddress(at.address, plan);
  checkAsking(flags);
  const { install } = await buildHalves(loaded, place, null);
  return fresh({
    root: place.root,
    plan,
    install,
    server: reachNew(at, { ...flags, secrets: join(place.secrets, plan.profile) }),
    where: at,
    dryRun: flags["dry-run"],
    fail: (error) => printError(formatError("push", error)),
    ...person(flags),
  });
}

function namesOf(only: Flags["only"]): HalfName[] {
  if (only === undefined) return ["server", "box"];
  if (only !== "box" && only !== "server") throw texts.noSuchHalf(only);
  return [only];
}

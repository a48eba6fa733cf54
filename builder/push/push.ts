import { randomBytes } from "node:crypto";
import { sha256 } from "../base/hash";
import type { BuiltHalves } from "../build/build";
import { trial as texts } from "../errors";
import type { Artefact, Entry } from "../render/tree";
import { type Action, actionsOf, type Changes, changesOf, stopsOf } from "./effects";
import type { Shape } from "./generation";
import type { Half, HalfName } from "./half";
import { isPending, type Progress, type State } from "./inspect";
import { messages } from "./messages";
import { bringPackages, lacking, type Wanted, wantedPackages } from "./packages";
import { payloadOf, type Trial } from "./payload";

export interface PushRequest {
  /** Of the repository. */
  root: string;
  version: string;
  plan: Shape;
  built: BuiltHalves;
  /** The folder packages/ of the card, which is read when it is needed. */
  packages: () => Artefact[];
  /** Those that take part. */
  halves: Half[];
  /** Seconds until everything goes back by itself. */
  within: number;
  dryRun: boolean;
  /** Whether the newest packages go to the box, too, and not only those that it does not have at all. */
  updates: boolean;
  /** What was built is the generation before. */
  goesBack?: true;
  /** Asks whether to go on; the answer. */
  ask: (question: string) => Promise<boolean>;
  say: (text: string) => void;
  /** Waits, ms. */
  pause: (ms: number) => Promise<void>;
}

/** One half and what is going to happen to it. */
interface Part {
  half: Half;
  state: State;
  changes: Changes;
  actions: Action[];
  /** Packages that it does not have. */
  lacks: Wanted[];
}

/** The server goes back later than the box: whoever leads the box to its decision must not be gone before it. */
const SERVER_LONGER = 20;
/** How often a half is asked, ms. */
const PAUSE = 1000;
/** Files that install.sh makes by itself. */
const OWN = ["/etc/apt/apt.conf.d/60bondbox-keep", "/var/lib/cloud/scripts/per-boot/bondbox", "/etc/sudoers.d/bondbox"];

/**
 * Brings the halves to what was built, tries it, and keeps it or goes back.
 * @returns 0: it runs and is kept, or there was nothing to do; 3: it was undone
 * @throws UsageError, EnvironmentError where nothing was changed
 */
export async function push(request: PushRequest): Promise<number> {
  const { halves, say, dryRun, ask, within } = request;
  const parts: Part[] = [];
  for (const half of halves) parts.push(await look(half, request));
  const changed = parts.filter(({ changes }) => isChange(changes));
  const lacks = parts.flatMap((part) => part.lacks);
  for (const part of parts) say(messages.changes(part.half.name, part.changes, part.actions));
  if (lacks.length > 0) say(messages.lacking(lacks.map(({ name, version }) => `${name} ${version}`)));
  if (changed.length + lacks.length === 0) return (say(messages.nothing(request)), 0);
  const keysChange = parts.some(({ state }) => state.keys !== request.built.keySet);
  if (keysChange && parts.length === 1) throw texts.keysOfBoth();
  for (const text of messages.keys(keysChange)) say(text);
  if (dryRun) return 0;
  if (!(await ask(messages.question(within)))) throw texts.notWanted();
  const box = parts.find((part) => part.lacks.length > 0);
  if (box !== undefined && !(await bring(box, request))) return 3;
  return changed.length === 0 ? 0 : tryOut(changed, request);
}

/** The packages first: what is changed may need them. @returns whether they are installed */
async function bring({ half }: Part, request: PushRequest): Promise<boolean> {
  const reason = await bringPackages(half, request.packages(), request);
  request.say(reason === null ? messages.packagesDone : messages.packagesBack(reason));
  return reason === null;
}

async function look(half: Half, request: PushRequest): Promise<Part> {
  const state = await half.inspect(request.root);
  check(half.name, state, request);
  const lacks = half.name === "box" ? await lacking(half, wantedPackages(request.built.card?.files ?? []), request.updates) : [];
  if (lacks.length > 0 && !state.updates) throw texts.packagesMissing(lacks.map(({ name }) => name));
  const found = state.files.filter(({ path }) => half.name === "box" || !OWN.includes(path));
  const changes = changesOf(found, wanted(half.name, request.built), sha256);
  return {
    half,
    state,
    changes,
    actions: actionsOf(
      changes,
      request.plan.lines.map(({ name }) => name),
    ),
    lacks,
  };
}

function wanted(name: HalfName, { box, server }: BuiltHalves): Entry[] {
  return name === "box" ? box : server;
}

function isChange({ added, changed, removed }: Changes): boolean {
  return added.length + changed.length + removed.length > 0;
}

/** Refuses what is not a half of this profile, or waits for the end of another push. */
function check(name: HalfName, { build, id, script, trial }: State, { plan, version }: PushRequest): void {
  if (build === null) throw texts.notInstalled(name);
  if (build.profile !== plan.profile) throw texts.otherProfile(name, build.profile, plan.profile);
  if (isNewer(build.version, version)) throw texts.newerThere(name, build.version, version);
  if (name === "box" ? id === null : script === null) throw texts.tooOld(name);
  if (isPending(trial)) throw texts.pending(name);
}

function isNewer(there: string, here: string): boolean {
  return there.localeCompare(here, "en", { numeric: true }) > 0;
}

/** From here on nothing may end without a confirmation or a way back. */
async function tryOut(parts: Part[], request: PushRequest): Promise<number> {
  const { within, say } = request;
  const token = randomBytes(32).toString("hex");
  const id = randomBytes(4).toString("hex");
  const time = `${new Date().toISOString()}-${id}`;
  const together = parts.length === 2;
  const find = (name: HalfName): Part | undefined => parts.find(({ half }) => half.name === name);
  const [server, box] = [find("server"), find("box")];
  say(messages.staging);
  for (const part of parts) await part.half.stage(await payloadFor(part, { token, together, push: time }, request), id);
  await arm(parts, within, id);
  try {
    say(messages.armed(within));
    const until = performance.now() + within * 1000;
    if (server !== undefined) await applyServer(server.half, { until, together }, request);
    if (box !== undefined) await applyBox(box.half, until, request);
    say(messages.confirming);
    const decides = (box ?? server) as Part;
    await decides.half.command("confirm");
    return await end(parts, decides.half, request);
  } catch (error) {
    return await undo(parts, error, request);
  }
}

/** Sees to it that each half goes back by itself; if one cannot, none is changed. */
async function arm(parts: Part[], within: number, id: string): Promise<void> {
  const armed: Half[] = [];
  try {
    for (const { half } of parts) {
      await half.arm(within + (half.name === "server" && parts.length > 1 ? SERVER_LONGER : 0), id);
      armed.push(half);
    }
  } catch (error) {
    for (const half of armed) await half.command("rollback", "the other half could not be prepared").catch(() => {});
    throw error;
  }
}

function payloadFor({ half, state, actions }: Part, of: Pick<Trial, "token" | "together" | "push">, request: PushRequest): Promise<Buffer> {
  const { plan, root, built } = request;
  const { card, install } = built;
  const files: Trial["files"] =
    half.name === "server"
      ? [{ path: "install.sh", mode: 0o700, content: install }]
      : (card?.files ?? []).map((file) => ({ ...file, path: `card/${file.path}` }));
  const generation = half.name === "server" ? sha256(install).slice(0, 16) : (card?.id ?? "");
  const stops = half.name === "server" ? [] : stopsOf(actions);
  return payloadOf(root, plan, { half: half.name, generation, ...of, before: state.lines, actions, stops, files });
}

/** What a step waits for. */
interface Deadline {
  /** ms of performance.now(). */
  until: number;
  together: boolean;
}

/**
 * Changes the server. From the LAN it is reached through the bond, which may be down until the box has changed, too: whoever waited for
 * the server's word would wait for ever.
 */
async function applyServer(half: Half, { until, together }: Deadline, { say, pause }: PushRequest): Promise<void> {
  say(messages.applying("server"));
  await half.command("start");
  for (;;) {
    const progress = await half.progressOrNull();
    if (progress?.state === "tried" || (progress === null && together)) return;
    if (progress !== null && progress.state !== "trying") throw texts.wentWrong("server", progress.reason, progress.log);
    if (performance.now() > until) throw texts.tooSlow("server", progress?.wrong ?? []);
    await pause(PAUSE);
  }
}

async function applyBox(half: Half, until: number, { say, pause }: PushRequest): Promise<void> {
  say(messages.applying("box"));
  await half.command("start");
  let last: Progress | null = null;
  for (;;) {
    const progress = await half.progressOrNull();
    if (progress?.state === "tried") return;
    if (progress !== null && progress.state !== "trying") throw texts.wentWrong("box", progress.reason, progress.log);
    last = progress ?? last;
    if (performance.now() > until) throw last === null ? texts.lost("box") : texts.tooSlow("box", last.wrong);
    await pause(PAUSE);
  }
}

/**
 * The half that decides reports that it has kept what was tried, which the box does only after the server has. The server itself may be out
 * of the laptop's reach by now: where the box has another address, the LAN's machines still send to the old one.
 */
async function end(parts: Part[], decides: Half, request: PushRequest): Promise<number> {
  let progress = await decides.progressOrNull();
  for (let tries = 0; progress?.state !== "confirmed" && tries < 20; tries++) {
    await request.pause(PAUSE);
    progress = await decides.progressOrNull();
  }
  if (progress?.state !== "confirmed") throw texts.wentWrong(decides.name, progress?.reason ?? "", progress?.log ?? []);
  return kept(parts, request);
}

function kept(parts: Part[], { say, goesBack }: PushRequest): number {
  const names = parts.map(({ half }) => half.name);
  say(goesBack ? messages.wentBack(names) : messages.done(names));
  return 0;
}

/** Asks both to go back, and waits until they have: what cannot be reached does it by itself. */
async function undo(parts: Part[], error: unknown, request: PushRequest): Promise<number> {
  const { say, pause, within } = request;
  const reason = error instanceof Error ? error.message : String(error);
  say(messages.goingBack(reason));
  const left = new Set(parts.map(({ half }) => half));
  const confirmed = new Map<Half, Progress>();
  const until = performance.now() + (within + 2 * SERVER_LONGER + 60) * 1000;
  while (left.size > 0 && performance.now() < until) {
    for (const half of left) {
      await half.command("rollback", messages.reason(reason)).catch(() => {});
      const progress = await half.progressOrNull();
      if (progress !== null && !isPending(progress) && progress.state !== "failed") {
        left.delete(half);
        if (progress.state === "confirmed") confirmed.set(half, progress);
        else say(messages.back(half.name, progress));
      }
    }
    if (left.size > 0) await pause(PAUSE);
  }
  // It was the answer to the confirmation alone that did not arrive.
  if (confirmed.size === parts.length) return kept(parts, request);
  for (const [half, progress] of confirmed) say(messages.back(half.name, progress));
  for (const half of left) say(messages.unknown(half.name));
  return 3;
}

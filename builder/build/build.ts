import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { shownPath } from "../machine/host";
import type { Card } from "../card/content";
import { addImage, bootfsOf, imageFiles, cardOf, type CardOptions, type Supplies, suppliesOf } from "../card/make";
import { environmentError, files, usage } from "../errors";
import { type Keys, keysOf } from "../keys/keys";
import type { SshKey } from "../keys/ssh-key";
import { checkFolder } from "../machine/folders";
import { withLock } from "../machine/lock";
import { sha256 } from "../base/hash";
import { type Manifest, MANIFEST, manifestOf } from "../pack/manifest";
import { type Artefact } from "../render/tree";
import { checkOurs, writeOutput } from "../pack/output";
import { bundleRuntime } from "../pack/runtime";
import { packUserData } from "../pack/user-data";
import { tarOf } from "../pack/tar";
import { makePlan } from "../plan/plan";
import { type Secrets, splitSecrets } from "../plan/secrets";
import type { Plan } from "../plan/types";
import { loadProfile } from "../profile/load";
import { suggest } from "../base/suggest";
import { renderBox } from "../render/box";
import { packedLimit, renderMetaData, renderUserData } from "../render/cloud-init";
import { layersOf, type OverlayFile, type RenderContext, readLayers, readParts } from "../render/overlay";
import { renderInstall, renderServer, serverSources } from "../render/server";
import { passwordHash } from "../render/secrets";
import { type Bundle, renderSetup } from "../render/setup";
import { topologySvg } from "../picture/topology";
import type { Entry } from "../render/tree";
import type { Steps } from "../base/steps";
import { targets } from "../targets";
import { boxes } from "../targets/boxes";

export interface LoadedProfile {
  plan: Plan;
  /** Absolute path of the profile's file. */
  path: string;
  /** SHA-256 of the profile's values without its secrets, which could be guessed from it: comments and the order of keys do not change it. */
  hash: string;
  secrets: Secrets;
}

/**
 * Reads a profile and plans it.
 * @param root of the repository.
 * @param wanted a name in profiles/, or a path.
 * @throws UsageError, DocumentError, EnvironmentError
 */
export function planProfile(root: string, wanted: string): LoadedProfile {
  const path = findProfile(root, wanted);
  const name = basename(path).replace(/\.ya?ml$/, "");
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) throw usage.profileName(name);
  const profile = loadProfile(readText(path), shownPath(path));
  const [secrets, shown] = splitSecrets(profile);
  return { plan: makePlan(profile, name), path, hash: sha256(canonical(shown)), secrets };
}

function findProfile(root: string, wanted: string): string {
  if (/[/\\]|\.ya?ml$/.test(wanted)) {
    const path = resolve(wanted);
    if (isThere(path)) return path;
    // home.yaml is meant as a name as often as home.
    const named = join(root, "profiles", wanted);
    if (!/[/\\]/.test(wanted) && isThere(named)) return named;
    const near = suggest(basename(wanted), yamlFiles(dirname(path)));
    // The whole path, so that it can be typed as it is shown.
    throw usage.noSuchProfile(wanted, near === null ? null : join(dirname(wanted), near), []);
  }
  const path = join(root, "profiles", `${wanted}.yaml`);
  if (isThere(path)) return path;
  const known = yamlFiles(join(root, "profiles")).map((file) => file.replace(/\.ya?ml$/, ""));
  throw usage.noSuchProfile(wanted, suggest(wanted, known), known);
}

/**
 * Whether something is at a path.
 * @throws EnvironmentError where that cannot be seen, or a link leads nowhere: "there is no such profile" would be the wrong cause
 */
function isThere(path: string): boolean {
  const shown = shownPath(path);
  try {
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) return true;
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw files.danglingLink(shown);
    return false;
  } catch (error) {
    throw environmentError(error, shown) ?? error;
  }
}

/** Names of the YAML files in a folder, if it can be read. */
function yamlFiles(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));
  } catch {
    return [];
  }
}

/** Bytes. A profile of 64 lines with a comment at each has 40,000. */
const LARGEST_PROFILE = 1e6;

/** @throws UsageError where it is no file, or too large to be a profile; EnvironmentError where it cannot be read */
function readText(path: string): string {
  const shown = shownPath(path);
  try {
    const found = statSync(path);
    // A device or a pipe may have no end.
    if (!found.isFile()) throw usage.notAFile(shown, found.isDirectory() ? yamlFiles(path).map((name) => join(shown, name)) : []);
    if (found.size > LARGEST_PROFILE) throw usage.profileTooLarge(shown, found.size);
    return readFileSync(path, "utf8");
  } catch (error) {
    throw environmentError(error, shown) ?? error;
  }
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

export interface BuildOptions {
  root: string;
  /** Absolute path of the output folder. */
  out: string;
  /** Absolute path of the folder with the keys of all profiles. */
  secrets: string;
  rotateKeys: boolean;
  version: string;
  steps: Steps;
  /** null: make no card. */
  card: CardOptions | null;
}

export interface Built {
  bundle: Bundle;
  /** Whether an image of the card was made. */
  image: boolean;
  /** Sentences for the person who builds. */
  notes: string[];
  /** Both halves as they were made, for push. */
  halves: BuiltHalves;
}

export interface BuiltHalves {
  /** Names the set of keys. */
  keySet: string;
  box: Entry[];
  /** What bondbox-setup needs of the card, without its packages; null: no card was made. */
  card: { id: string; files: Artefact[] } | null;
  server: Entry[];
  install: string;
}

/** Builds both halves and the card, and writes them to the output folder. */
export async function build(loaded: LoadedProfile, options: BuildOptions): Promise<Built> {
  const { card, steps } = options;
  checkFolders(options, loaded.path);
  const secrets = join(options.secrets, loaded.plan.profile);
  for (const folder of [options.out, secrets]) checkFolder(folder);
  const supplies = card && (await steps.timeAsync("supplies", () => suppliesOf(loaded.plan, loaded.path, card)));
  // From reading the keys until the files are in place, no other build may change either folder.
  return withLock(secrets, () => withLock(options.out, () => buildAlone(loaded, { ...options, secrets, supplies })));
}

/** The output folder is replaced as a whole, so nothing else may be in it, and it may not be where something else is. */
function checkFolders({ out, secrets, root }: BuildOptions, profile: string): void {
  const [real, keys] = [realPath(out), realPath(secrets)];
  const inside = (folder: string, path: string): boolean =>
    path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  const held: [path: string, what: string][] = [
    [profile, "the profile"],
    [secrets, "the folder of the keys"],
    [root, "bondbox itself"],
  ];
  const within = held.find(([path]) => inside(real, realPath(path)));
  if (within !== undefined) throw usage.outHolds(shownPath(out), shownPath(within[0]), within[1]);
  if (inside(keys, real)) throw usage.outInside(shownPath(out), shownPath(secrets));
}

/** A path without symbolic links, also where its end does not exist yet. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(realPath(dirname(path)), basename(path));
  }
}

async function buildAlone(
  { plan, hash, path, secrets: own }: LoadedProfile,
  { root, out, secrets, rotateKeys, version, steps, card, supplies }: BuildOptions & { supplies: Supplies | null },
): Promise<Built> {
  const lines = plan.lines.map(({ name }) => name);
  const { tunnel } = targets[plan.server.target].openvpn;
  const before = checkOurs(out, imageFiles);
  const keys = steps.time("keys", () =>
    keysOf({ lines, kind: tunnel, folder: secrets, profile: path, address: plan.lan.address, rotate: rotateKeys }),
  );
  const runtime = await steps.timeAsync("runtime", () => bundleRuntime(root));
  const context = contextOf(plan, { root, version, keys });
  const halves = await steps.timeAsync("render", () =>
    render(context, { root, hash, out, version, runtime, host: keys.host, secrets: own }),
  );
  const overlayTar = await steps.timeAsync("tar", () => tarOf(halves.box));
  const { generated, parts } = context;
  const made = supplies && steps.time("card", () => cardOf(plan, supplies, { root, generated, parts, overlayTar }));
  const artefacts: Artefact[] = [
    { path: "box/overlay.tar", mode: 0o600, content: overlayTar },
    ...halves.artefacts,
    ...(made === null ? [] : bootfsOf(made)),
  ];
  const manifest = manifestOf({
    version,
    profile: plan.profile,
    profileHash: hash,
    target: plan.server.target,
    boxTarget: plan.box.target,
    keySet: keys.id,
    runtimeHash: sha256(runtime),
    ...halves,
    artefacts,
  });
  const base = supplies?.base ?? null;
  const files = [...artefacts, { path: MANIFEST, mode: 0o644, content: manifest }];
  await steps.timeAsync("write", () =>
    writeOutput(out, files, async (folder) => {
      if (made !== null && base !== null) await addImage(plan, made, { base, folder, place: out, log: card?.log ?? (() => {}) });
      await keys.save();
    }),
  );
  const notes = [
    ...keyNotes(keys, { before, profile: plan.profile, secrets, all: lines.length, rotated: rotateKeys }),
    ...passwordNotes(own, { keySet: keys.id, profile: plan.profile }),
    ...(supplies?.notes ?? []),
  ];
  const { box, server, install } = halves;
  return {
    bundle: halves.bundle,
    image: base !== null,
    notes,
    halves: { keySet: keys.id, box, server, install, card: made && carried(made) },
  };
}

/** A card's folder without its packages, which a box has already. */
export function carried({ id, bootfs }: Card): NonNullable<BuiltHalves["card"]> {
  const inside = bootfs.filter(({ path }) => path.startsWith("bondbox/") && !path.endsWith(".deb"));
  return { id, files: inside.map((file) => ({ ...file, path: file.path.slice("bondbox/".length) })) };
}

/** A profile that holds a password in the clear is often copied, and kept in more places than the card. */
function passwordNotes({ password }: Secrets, names: { keySet: string; profile: string }): string[] {
  if (password === undefined) return [];
  const hash = passwordHash(password, names);
  return hash === password
    ? []
    : [`The profile holds the status page's password in the clear. To keep it out of the profile, write this instead: password: "${hash}"`];
}

/** New keys are never made in silence: a box and a server of different sets do not hear each other. */
function keyNotes(
  { id, made, hostMade, notes: found }: Keys,
  { before, profile, secrets, all, rotated }: { before: Manifest | null; profile: string; secrets: string; all: number; rotated: boolean },
): string[] {
  const folder = shownPath(secrets);
  const notes = [
    ...found,
    // With keys of its lines it is a box that is set up already.
    ...(hostMade && made.length < all && !rotated
      ? [`The box gets an SSH host key from ${folder}: ssh will report once that it changed, and how to forget the old one.`]
      : []),
  ];
  const backUp = `Back up ${folder}: without it, a later build cannot match this box and server.`;
  const ofLines = made.length === all ? "" : ` for ${made.join(", ")}`;
  const old = before !== null && before.profile === profile && before.keySet !== null && before.keySet !== id;
  if (made.length > 0 && (old || rotated || made.length < all))
    return [
      ...notes,
      `New keys were made${ofLines} (key set ${id}). A box and a server that are set up already do not hear each other until both have the new files. ${backUp}`,
    ];
  if (made.length > 0)
    return [
      ...notes,
      // Without the last build nothing shows whether this is the first one, or one in a new clone.
      `New keys were made in ${folder} (key set ${id}). ${backUp} If a box and a server of this profile are set up already, they do not match these keys: restore your backup of ${folder} and build again, or set up both with these files.`,
    ];
  if (old)
    return [
      ...notes,
      `The keys are others than those of the last build (key set ${id}): set up both the box and the server with these files.`,
    ];
  return notes;
}

function contextOf(plan: Plan, { root, version, keys }: { root: string; version: string; keys: Keys }): RenderContext {
  return {
    plan,
    generated: headOf(plan, version),
    parts: readParts(join(root, "overlay/parts")),
    keys: keys.byLine,
    keySet: keys.id,
  };
}

/**
 * @param about the state of the profile, for papers. Files of both halves do not name it: what an edit leaves as it is then has no other
 * byte, and neither push nor install.sh restarts anything for it.
 */
function headOf({ profile }: Plan, version: string, about = ""): string {
  return `Generated by bondbox ${version} from profile ${profile}${about}; edit the profile instead.`;
}

interface Halves {
  box: Entry[];
  server: Entry[];
  install: string;
  artefacts: Artefact[];
  bundle: Bundle;
}

async function render(
  context: RenderContext,
  {
    root,
    hash,
    out,
    ...ofBox
  }: { root: string; hash: string; out: string; version: string; runtime: string; host: SshKey; secrets: Secrets },
): Promise<Halves> {
  const { plan } = context;
  const layers = ["common", ...boxes[plan.box.target].layers, ...layersOf(plan, "box")];
  const box = renderBox({ overlay: readLayers(root, layers), ...ofBox }, context);
  const target = targets[plan.server.target];
  const sources = serverSources(root, target, plan);
  const server = renderServer(sources, context);
  const install = renderInstall(sources, server, context);
  const { packed, text } = await packUserData(install, lastOf(out), packedLimit);
  const userData = renderUserData(packed, target, context.generated);
  const picture = topologySvg(plan);
  const { markdown, page, bundle } = renderSetup(
    source(root, `overlay/docs/SETUP.${plan.language}.markdown.hbs`),
    { userDataBytes: Buffer.byteLength(userData), packedBytes: packed.length },
    picture,
    { ...context, generated: headOf(plan, ofBox.version, ` (${hash.slice(0, 16)})`) },
  );
  const artefacts: Artefact[] = [
    // A backup is the same server at another address.
    ...plan.server.bundles.flatMap(({ folder }) => bundleOf(folder, { userData, packed: text, install })),
    { path: "SETUP.md", mode: 0o644, content: markdown },
    { path: "SETUP.html", mode: 0o644, content: page },
    { path: "topology.svg", mode: 0o644, content: picture },
  ];
  return { box, server, install, artefacts, bundle };
}

/** The packed user-data of the last build; null: there is none. */
function lastOf(out: string): string | null {
  try {
    return readFileSync(join(out, "server/user-data.base64"), "ascii");
  } catch {
    return null;
  }
}

/** Everything that sets up one server, in a folder of its own. */
function bundleOf(folder: string, { userData, packed, install }: { userData: string; packed: string; install: string }): Artefact[] {
  return [
    { path: `${folder}/user-data`, mode: 0o600, content: userData },
    { path: `${folder}/user-data.base64`, mode: 0o600, content: packed },
    { path: `${folder}/seed/user-data`, mode: 0o600, content: userData },
    { path: `${folder}/seed/meta-data`, mode: 0o600, content: renderMetaData(`bondbox-${sha256(userData).slice(0, 16)}`) },
    { path: `${folder}/install.sh`, mode: 0o700, content: install },
  ];
}

function source(root: string, path: string): OverlayFile {
  return { path, text: readFileSync(join(root, path), "utf8") };
}

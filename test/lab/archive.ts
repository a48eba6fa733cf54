import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { archivesIn, lastLines, type KnownArchive, knownArchives, PrivateApt, sourceRow } from "../../builder/pack/packages/apt";
import { LabError } from "./errors";
import { type Release, releases } from "./target";

/** Debian's archives as this machine's apt knows them, for a release that may be another than its own. @throws LabError */
export async function sourcesOf(release: Release): Promise<string[]> {
  const rows = rowsFor(await knownArchives(), release);
  if (rows.length === 0) throw LabError.noSources();
  return rows;
}

/** Where the packages are that Debian makes for a release after it has come out, such as newer kernels. @throws LabError */
export async function backportsOf(release: Release): Promise<string[]> {
  const rows = backportRows(await knownArchives(), release);
  if (rows.length === 0) throw LabError.noSources();
  return rows;
}

/**
 * Rows of a sources.list: those of Debian's releases with the one in question in their place. Pure.
 * @param targets apt-get indextargets
 */
export function sourceRows(targets: string, release: Release): string[] {
  return rowsFor(archivesIn(targets), release);
}

function rowsFor(known: KnownArchive[], release: Release): string[] {
  const ours = known.filter((archive) => releases.some((name) => name === archive.release));
  return [...new Set(ours.map(({ uri, part, component }) => sourceRow(uri, `${release}${part}`, component)))];
}

/** They are next to the release itself, in all archives. Pure. */
export function backportRows(known: KnownArchive[], release: Release): string[] {
  const ours = known.filter(({ part, release: name }) => part === "" && releases.some((one) => one === name));
  return [...new Set(ours.map(({ uri, component }) => sourceRow(uri, `${release}-backports`, component)))];
}

/** A release's package lists are read again after this time, s. */
const listsLast = 86400;

/**
 * Versions that apt would install today on a machine of a release, as the host's own lists know only its own.
 * @param sources the release's archives
 * @param state where the lists are kept
 * @param architecture of that machine; null: as the host's
 * @throws LabError that names the packages apt does not know.
 */
export async function candidatesOf(
  names: string[],
  sources: string[],
  state: string,
  architecture: string | null = null,
): Promise<string[]> {
  const apt = await PrivateApt.make({ folder: state, sources, architecture });
  const stamp = join(state, "updated");
  const age = existsSync(stamp) ? (Date.now() - statSync(stamp).mtimeMs) / 1000 : Infinity;
  if (age > listsLast) await update(apt, stamp);
  let found = await candidates(apt, names);
  // The recipe is newer than the lists.
  if (found.size < names.length && (await update(apt, stamp))) found = await candidates(apt, names);
  const unknown = names.filter((name) => !found.has(name));
  if (unknown.length > 0) throw LabError.unknownPackages(unknown);
  return names.map((name) => found.get(name) as string);
}

/** @returns false: there is no network; the old lists must do. */
async function update(apt: PrivateApt, stamp: string): Promise<boolean> {
  const done = (await apt.update()).status === 0;
  if (done) writeFileSync(stamp, "");
  return done;
}

async function candidates(apt: PrivateApt, names: string[]): Promise<Map<string, string>> {
  const policy = await apt.run("apt-cache", "policy", ...names);
  if (policy.status !== 0) throw new LabError("the package lists could not be read", lastLines(policy));
  const found = [...policy.stdout.matchAll(/^(\S+):\n(?: {2}Installed: .*\n)? {2}Candidate: (?!\(none\))(.*)$/gm)];
  return new Map(found.map(([, name = "", version = ""]) => [name, version]));
}

import { existsSync } from "node:fs";
import { packages as texts } from "../../errors";
import { lastLines, debianKeyring, type Outcome, PrivateApt, sourceRow } from "./apt";
import type { Archives } from "./archives";
import type { Asked, Lock, LockedPackage } from "./lock";

export interface Resolving extends Asked {
  archives: Archives;
  /** An empty folder for apt. */
  folder: string;
  keyring?: string;
  log: (line: string) => void;
}

/**
 * What has to be installed for the packages on any Raspberry Pi OS Lite of a release: all that they depend on, without what every Debian
 * has. apt resolves it and checks the archive's signatures.
 * @throws EnvironmentError when that is not possible.
 */
export async function resolvePackages({ release, names, archives, folder, keyring = debianKeyring, log }: Resolving): Promise<Lock> {
  const main = sourceRow(archives.main, release, "main", keyring);
  const updates = sourceRow(archives.main, `${release}-updates`, "main", keyring);
  const security = sourceRow(archives.security, `${release}-security`, "main", keyring);
  const aptFor = (sources: string[]): Promise<PrivateApt> => PrivateApt.make({ folder, sources, architecture: "arm64" });
  const failed = (outcome: Outcome): Error => texts.notResolved(release, archives.main, lastLines(outcome));

  let apt = await aptFor([main]);
  const first = await apt.update();
  if (first.absent) throw texts.noApt();
  if (first.status !== 0) throw existsSync(keyring) ? failed(first) : texts.noKeyring(keyring);
  const base = await baseStatus(apt);
  if (typeof base !== "string") throw failed(base);

  apt = await aptFor([main, updates, security]);
  let second = await apt.update();
  // Only where there are none: with the network's failure for a reason, today's versions would be older than yesterday's.
  if (second.status !== 0 && second.stderr.includes(`${archives.security} ${release}-security Release' does not have a Release file`)) {
    log(`${archives.security} has no security updates for Debian ${release}: the packages are those of its last point release`);
    apt = await aptFor([main, updates]);
    second = await apt.update();
  }
  if (second.status !== 0) throw failed(second);
  apt.install(base);
  const found = await stanzasFor(apt, names);
  if ("status" in found) throw failed(found);
  return { release, names, packages: found.map(packageIn) };
}

/** What a Lite has for certain. */
const everywhere = ["?priority(required)"];

/**
 * The dpkg status of a system that has what every Debian has: its packages of priority "required". A Lite has more, but what it has of
 * that depends on the image's date, and what must be of one version (iptables with its libraries) has to travel together. In the
 * versions of the release itself, as an image may be older than its latest updates.
 * @param apt with the lists of the release.
 * @returns the outcome of an apt that fails.
 */
export async function baseStatus(apt: PrivateApt, names: string[] = everywhere): Promise<string | Outcome> {
  const stanzas = await stanzasFor(apt, names);
  return "status" in stanzas ? stanzas : stanzas.map((stanza) => `${stanza}\nStatus: install ok installed\n\n`).join("");
}

/** The archive's description of each package that would be installed. @returns the outcome of an apt that fails. */
async function stanzasFor(apt: PrivateApt, names: string[]): Promise<string[] | Outcome> {
  // What the base has may become newer, but must not go.
  const simulated = await apt.run("apt-get", "--simulate", "--no-remove", "install", ...names);
  if (simulated.status !== 0) return simulated;
  const versions = [...simulated.stdout.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm)].map(([, name, version]) => `${name}=${version}`);
  const shown = await apt.run("apt-cache", "show", ...versions.sort());
  if (shown.status !== 0) return shown;
  const stanzas = shown.stdout.split(/\n{2,}/).filter((stanza) => stanza.trim() !== "");
  // A version that two of the archives have stands there twice.
  return [...new Map(stanzas.toReversed().map((stanza) => [field(stanza, "Package"), stanza])).values()].toReversed();
}

function packageIn(stanza: string): LockedPackage {
  return {
    name: field(stanza, "Package"),
    version: field(stanza, "Version"),
    architecture: field(stanza, "Architecture"),
    sha256: field(stanza, "SHA256"),
    size: Number(field(stanza, "Size")),
    path: field(stanza, "Filename"),
  };
}

function field(stanza: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, "m").exec(stanza)?.[1] ?? "";
}

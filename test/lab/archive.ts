import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LabError } from "./errors";
import { type Release, releases } from "./target";

/** In every release's own package debian-archive-keyring, which holds the keys of its neighbours, too. */
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Debian's archives as this machine's apt knows them, for a release that may be another than its own. @throws LabError */
export function sourcesOf(release: Release): string {
  const targets = command("apt-get", ["indextargets", "--format", targetFormat], "apt's sources could not be read");
  const rows = sourceRows(targets, release);
  if (rows.length === 0) throw LabError.noSources();
  return `${rows.join("\n")}\n`;
}

const targetFormat = "$(CREATED_BY)|$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)";

/** Rows of a sources.list: those of Debian's releases with the one in question in their place. Pure. */
export function sourceRows(targets: string, release: Release): string[] {
  const rows = targets.split("\n").flatMap((row) => {
    const [by, origin, codename = "", uri, component] = row.split("|");
    const [, known, part = ""] = /^([a-z]+)(-updates|-security)?$/.exec(codename) ?? [];
    const ours = by === "Packages" && origin === "Debian" && releases.some((name) => name === known);
    return ours ? [`deb [signed-by=${keyring}] ${uri} ${release}${part} ${component}`] : [];
  });
  return [...new Set(rows)];
}

/** A release's package lists are read again after this time, s. */
const listsLast = 86400;

/**
 * Versions that apt would install today on a machine of a release, as the host's own lists know only its own.
 * @param archive the release's sources @param state where the lists are kept @param architecture of that machine; null: as the host's
 * @throws LabError that names the packages apt does not know.
 */
export function candidatesOf(names: string[], archive: string, state: string, architecture: string | null = null): string[] {
  const apt = new Apt(archive, state, architecture);
  if (apt.age() > listsLast) apt.update();
  let found = apt.candidates(names);
  // The recipe is newer than the lists.
  if (found.size < names.length && apt.update()) found = apt.candidates(names);
  const unknown = names.filter((name) => !found.has(name));
  if (unknown.length > 0) throw LabError.unknownPackages(unknown);
  return names.map((name) => found.get(name) as string);
}

/** An apt with sources and lists of its own, and nothing installed. */
class Apt {
  private readonly settings: string[];
  private readonly stamp: string;

  constructor(archive: string, state: string, architecture: string | null) {
    const [sources, status, cache] = [join(state, "sources.list"), join(state, "status"), join(state, "cache")];
    for (const folder of [join(state, "lists/partial"), join(cache, "archives/partial")]) mkdirSync(folder, { recursive: true });
    writeFileSync(sources, archive);
    writeFileSync(status, "");
    this.stamp = join(state, "updated");
    const folders = [`Dir::State=${state}`, `Dir::State::status=${status}`, `Dir::Cache=${cache}`, `Dir::Etc::sourcelist=${sources}`];
    const nothing = ["sourceparts", "preferences", "preferencesparts"].map((name) => `Dir::Etc::${name}=-`);
    const other = architecture === null ? [] : [`APT::Architecture=${architecture}`, `APT::Architectures=${architecture}`];
    this.settings = [...folders, ...nothing, ...other, "APT::Update::Error-Mode=any"].flatMap((setting) => ["-o", setting]);
  }

  /** Of its lists, s. */
  age(): number {
    return existsSync(this.stamp) ? (Date.now() - statSync(this.stamp).mtimeMs) / 1000 : Infinity;
  }

  /** @returns false: there is no network; the old lists must do. */
  update(): boolean {
    const done = spawnSync("apt-get", [...this.settings, "-qq", "update"]).status === 0;
    if (done) writeFileSync(this.stamp, "");
    return done;
  }

  candidates(names: string[]): Map<string, string> {
    const policy = command("apt-cache", [...this.settings, "policy", ...names], "the package lists could not be read");
    const found = [...policy.matchAll(/^(\S+):\n(?: {2}Installed: .*\n)? {2}Candidate: (?!\(none\))(.*)$/gm)];
    return new Map(found.map(([, name = "", version = ""]) => [name, version]));
  }
}

function command(program: string, args: string[], complaint: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 64 << 20,
    env: { ...process.env, LC_ALL: "C" },
  });
  if (error || status !== 0) throw new LabError(complaint, (error?.message ?? stderr).trim());
  return stdout;
}

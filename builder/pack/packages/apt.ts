import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../machine/run";

/** Debian's keys as its package debian-archive-keyring lays them; each release's has those of its neighbours, too. */
export const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** How a program ended, and what it printed. */
export interface Outcome {
  /** Null if it could not be started or was killed. */
  status: number | null;
  stdout: string;
  stderr: string;
  /** There is no such program. */
  absent: boolean;
}

/**
 * A row of a sources.list.
 * @param options in addition to the keyring, such as "check-valid-until=no".
 */
export function sourceRow(uri: string, suite: string, component: string, keyring: string = debianKeyring, ...options: string[]): string {
  return `deb [${[`signed-by=${keyring}`, ...options].join(" ")}] ${uri} ${suite} ${component}`;
}

export interface PrivateRoot {
  /** Its state is kept there. */
  folder: string;
  /** Rows of its sources.list. */
  sources: string[];
  /** Debian's name of the architecture that it installs for; null: this machine's. */
  architecture: string | null;
  /** Where its package lists are, when that is outside the folder. */
  lists?: string;
}

/**
 * apt with a root of its own, where nothing is installed: of this machine's settings it reads only how the network is reached, and it
 * writes nothing outside of its folder. It needs no root and checks the signatures.
 */
export class PrivateApt {
  private constructor(
    private readonly folder: string,
    private readonly config: string,
  ) {}

  static async make({ folder, sources, architecture, lists = join(folder, "lists") }: PrivateRoot): Promise<PrivateApt> {
    for (const path of [join(lists, "partial"), join(folder, "archives/partial")]) mkdirSync(path, { recursive: true });
    const apt = new PrivateApt(folder, join(folder, "apt.conf"));
    writeFileSync(join(folder, "sources.list"), sources.map((row) => `${row}\n`).join(""));
    apt.install("");
    const settings: [string, string][] = [
      ["Dir::State", folder],
      ["Dir::State::lists", lists],
      ["Dir::State::status", join(folder, "status")],
      ["Dir::Cache", folder],
      ["Dir::Cache::archives", join(folder, "archives")],
      ["Dir::Etc::sourcelist", join(folder, "sources.list")],
      ...["main", "parts", "sourceparts", "preferences", "preferencesparts", "netrc", "netrcparts"].map(nowhere),
      ["APT::Sandbox::User", "root"],
      ["APT::Install-Recommends", "false"],
      ["APT::Update::Error-Mode", "any"],
      ["Acquire::Languages", "none"],
      ["Acquire::GzipIndexes", "true"],
      // No other architecture than the one.
      ["APT::Architectures::", ""],
      ...(architecture === null ? [] : [["APT::Architecture", architecture] as [string, string]]),
    ];
    const rows = [...(await networkSettings()), ...settings.map(([name, value]) => `${name} "${value}";`)];
    // A proxy's setting may hold a password.
    writeFileSync(apt.config, `${rows.join("\n")}\n`, { mode: 0o600 });
    return apt;
  }

  /**
   * What counts as installed.
   * @param status as in /var/lib/dpkg/status.
   */
  install(status: string): void {
    writeFileSync(join(this.folder, "status"), status);
  }

  update(): Promise<Outcome> {
    return this.run("apt-get", "update");
  }

  /** Runs a program of apt's. */
  run(program: string, ...args: string[]): Promise<Outcome> {
    return output(program, ["-qq", ...args], { APT_CONFIG: this.config });
  }
}

function nowhere(name: string): [string, string] {
  return [`Dir::Etc::${name}`, "/dev/null"];
}

/** How this machine's apt reaches the network: proxies, timeouts. Nothing that says what is trusted. */
async function networkSettings(): Promise<string[]> {
  const { stdout } = await output("apt-config", ["dump"]);
  return stdout.split("\n").filter((row) => /^Acquire::(https?(::|\s)|ForceIPv[46]\s|Retries\s)/i.test(row) && !/::Verify-/i.test(row));
}

/** The last lines of a program's error output. */
export function lastLines({ stderr, absent }: Outcome): string {
  if (absent) return "apt-get was not found";
  const rows = stderr.trim().split("\n");
  const errors = rows.filter((row) => row.startsWith("E: "));
  return (errors.length > 0 ? errors : rows).slice(-3).join("\n  ");
}

/** One of Debian's archives as this machine's apt knows it. */
export interface KnownArchive {
  uri: string;
  /** Such as trixie. */
  release: string;
  part: "" | "-updates" | "-security";
  component: string;
}

/** Debian's archives that this machine's apt knows; none on a system without apt. */
export async function knownArchives(): Promise<KnownArchive[]> {
  return archivesIn((await output("apt-get", ["indextargets", "--format", targetFormat])).stdout);
}

const targetFormat = "$(CREATED_BY)|$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)";

/** Those that "apt-get indextargets" names. Pure. */
export function archivesIn(targets: string): KnownArchive[] {
  return targets.split("\n").flatMap((row) => {
    const [by, origin, codename = "", uri = "", component = ""] = row.split("|");
    const [, release, part = ""] = /^([a-z]+)(-updates|-security)?$/.exec(codename) ?? [];
    if (by !== "Packages" || origin !== "Debian" || release === undefined) return [];
    return [{ uri, release, part: part as KnownArchive["part"], component }];
  });
}

async function output(program: string, args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  const { status, stdout, stderr, failure } = await run(program, args, { env: { LC_ALL: "C", ...env } });
  return { status, stdout: stdout.toString(), stderr, absent: failure === "missing" };
}

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../builder/machine/host";

/** Where unpacked packages are kept, by name and version. */
const cache = cacheFolder("debs");

/** Folder with the files of a package that unpackDebs has unpacked. */
export function debFolder(name: string): string {
  const folder = existsSync(cache) ? readdirSync(cache).find((entry) => entry.startsWith(`${name}_`)) : undefined;
  if (folder === undefined) throw new Error(`the Debian package ${name} is not unpacked: run scripts/test, which does it`);
  return join(cache, folder, "root");
}

/** Downloads Debian packages with apt, which checks their signatures, and unpacks them beside the system. */
export function unpackDebs(names: string[]): void {
  for (const name of names) unpack(name);
}

function unpack(name: string): void {
  const version = candidate(name) ?? (command("apt-get", ["-qq", "update"]), candidate(name));
  if (version === null) throw new Error(`apt knows no package ${name}: run "sudo apt-get update" and look at its sources`);
  const folder = join(cache, `${name}_${version.replaceAll(":", "%")}`);
  if (existsSync(folder)) return;
  mkdirSync(cache, { recursive: true });
  for (const entry of readdirSync(cache)) if (entry.startsWith(`${name}_`)) rmSync(join(cache, entry), { recursive: true, force: true });
  const work = mkdtempSync(join(cache, "download-"));
  try {
    if (command("apt-get", ["-qq", "-o", "APT::Sandbox::User=root", "download", name], work) !== 0) {
      // A list that is older than the archive names packages that are gone.
      command("apt-get", ["-qq", "update"]);
      if (command("apt-get", ["-qq", "-o", "APT::Sandbox::User=root", "download", name], work) !== 0)
        throw new Error(`the Debian package ${name} could not be downloaded`);
    }
    const deb = readdirSync(work).find((entry) => entry.endsWith(".deb"));
    if (deb === undefined || command("dpkg-deb", ["-x", join(work, deb), join(work, "root")]) !== 0)
      throw new Error(`the Debian package ${name} could not be unpacked`);
    rmSync(join(work, deb));
    renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function candidate(name: string): string | null {
  const { stdout } = spawnSync("apt-cache", ["policy", name], { encoding: "utf8" });
  const version = /Candidate: (\S+)/.exec(stdout ?? "")?.[1];
  return version === undefined || version === "(none)" ? null : version;
}

function command(program: string, args: string[], cwd?: string): number {
  return spawnSync(program, args, { stdio: ["ignore", "ignore", "inherit"], ...(cwd === undefined ? {} : { cwd }) }).status ?? 1;
}

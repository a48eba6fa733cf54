import { readFileSync } from "node:fs";
import { join } from "node:path";
import { built } from "../support/builds";
import { planned } from "../support/trees";
import type { System } from "../lab/target";
import { runEmulated } from "./emulated";
import { type GuestFiles, overlayDir } from "./guest";

/**
 * Runs scripts, one after the other, over both halves of a build in one kernel, after halves.sh, which lays them and two lines between them.
 * @param name of the profile in test/profiles
 * @param scripts their files, in this folder; they have the bond's addresses as $peer (the server's) and $box
 * @param show the name of an environment variable that has the whole output printed
 * @param release of Debian, whose kernel it is
 * @returns what each of its results said
 * @throws KernelError when they did not come to their end
 */
export async function runHalves(
  name: string,
  scripts: string[],
  show: string,
  release: System["release"] = "trixie",
): Promise<Map<string, string>> {
  const half = built(name);
  const files: GuestFiles = {};
  for (const folder of ["etc/bondbox", "usr/local"]) Object.assign(files, await overlayDir(join(half.box, folder), `/p/box/${folder}`));
  for (const [path, { mode, content }] of half.server) files[join("/p/srv", path)] = { content, mode: Number.parseInt(mode, 8) };
  const { serverAddress, boxAddress } = planned(name).tunnel;
  const text = (file: string): string => readFileSync(join(import.meta.dirname, file), "utf8");
  const whole = `peer=${serverAddress} box=${boxAddress}\n${["halves.sh", ...scripts].map(text).join("")}`;
  const { output } = await runEmulated(whole, { files, release, modules: ["tun", "bonding max_bonds=0", "sch_netem"] });
  if (process.env[show]) process.stdout.write(output);
  return new Map([...output.matchAll(/^@@ (.*)\n([^@]*)/gm)].map(([, what = "", said = ""]) => [what, said.trim()]));
}

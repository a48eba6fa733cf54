import { join } from "node:path";
import { complain, parseCommand, type Program } from "../../builder/command/command";
import { UsageError } from "../../builder/errors";
import { base as needed } from "../packages";
import { installPackages } from "../support/install";
import { makeBase, type Release, releases } from "./base";

const help = `make-base: makes a stand-in for Raspberry Pi OS Lite (64 bit) from Debian's arm64 packages, for the boot tests.

  scripts/make-base [--release trixie|bookworm]

It has the layout, users, cloud-init and network of the real image, and Debian's kernel. No Raspberry Pi starts it. Made once, then kept;
prints where. Exit codes: 0 made, 1 the command line is wrong, 2 it could not be made, 70 a bug.`;

const options = { release: { type: "string", default: "trixie" }, help: { type: "boolean", short: "h", default: false } } as const;

/** The command. @returns its exit code. */
export async function makeBaseCommand({ root, version, args }: Program): Promise<number> {
  try {
    const { release, help: asked } = parseCommand("make-base", { args, options, allowPositionals: false }).values;
    if (asked) {
      console.log(help);
      return 0;
    }
    if (!(releases as readonly string[]).includes(release))
      throw new UsageError(`--release ${release}: no such stand-in`, `There is ${releases.join(" and ")}.`);
    const tell = (text: string): void => void process.stderr.write(`make-base: ${text}\n`);
    installPackages(Object.keys(needed), tell);
    console.log((await makeBase(join(root, "test/boot/base"), release as Release, tell)).image);
    return 0;
  } catch (error) {
    return complain(error, "make-base", version);
  }
}

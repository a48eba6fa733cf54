import { join } from "node:path";
import { type Command, help, parseCommand } from "../../builder/command/command";
import { helpOf } from "../../builder/command/help";
import { type Program, reportError } from "../../builder/command/run";
import { UsageError } from "../../builder/errors";
import { base as needed } from "../packages";
import { installPackages } from "../support/install";
import { makeBase, type Release, releases } from "./base";

const help = `make-base: makes a stand-in for Raspberry Pi OS Lite (64 bit) from Debian's arm64 packages, for the boot tests.

  scripts/make-base [--release trixie|bookworm]

It has the layout, users, cloud-init and network of the real image, and Debian's kernel. It does not boot on a Raspberry Pi. It is made
once and kept; the command prints its path. Exit codes: 0 made, 1 the command line is wrong, 2 it could not be made, 70 a bug.`;

const options = { release: { type: "string", default: "trixie" }, help: { type: "boolean", short: "h", default: false } } as const;

/** The command. @returns its exit code. */
export async function makeBaseCommand({ root, version, args }: Program): Promise<number> {
  try {
    const { values } = parseCommand(command, args);
    const release = values.release ?? "trixie";
    if (values.help) {
      console.log(helpOf(command));
      return 0;
    }
    if (!(releases as readonly string[]).includes(release))
      throw new UsageError(`--release ${release}: no such stand-in`, `There is ${releases.join(" and ")}.`);
    const log = (text: string): void => void process.stderr.write(`make-base: ${text}\n`);
    installPackages(Object.keys(needed), log);
    console.log((await makeBase(join(root, "test/boot/base"), release as Release, log)).image);
    return 0;
  } catch (error) {
    return reportError(error, "make-base", version);
  }
}

import { join } from "node:path";
import { type Command, help, parseCommand } from "../../builder/command/command";
import { helpOf } from "../../builder/command/help";
import { type Program, reportError } from "../../builder/command/run";
import { UsageError } from "../../builder/errors";
import { base as needed } from "../packages";
import { installPackages } from "../support/install";
import { makeBase, type Release, releases } from "./base";

const command = {
  name: "make-base",
  summary: "makes a stand-in for Raspberry Pi OS Lite (64-bit) from Debian's arm64 packages, for the boot tests.",
  usage: [["scripts/make-base --release trixie", "makes it once, keeps it, and prints where it is"]],
  options: [{ name: "release", value: "NAME", help: "trixie (default) or bookworm" }, help],
  notes: ["It has the layout, users, cloud-init and network of the real image, and Debian's kernel. No Raspberry Pi boots from it."],
  exitCodes: [
    [0, "done"],
    [1, "the command line is wrong"],
    [2, "it could not be made"],
    [70, "a bug"],
  ],
} as const satisfies Command;

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

import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { usage } from "../errors";
import { card, cardError } from "../errors/card";
import { print } from "../machine/host";
import { type Command, help, parseCommand } from "./command";
import { helpOf } from "./help";
import { type Program, reportError } from "./run";
import { type Copied, copyBootfs as copy } from "../card/copy";

export const copyBootfsCommand = {
  name: "copy-bootfs",
  summary: "copies the box's files onto the boot partition of a card.",
  usage: [
    ["copy-bootfs DIR", 'DIR is where the card\'s partition "bootfs" is mounted'],
    ["copy-bootfs DIR --profile NAME", "if there are builds of several profiles"],
  ],
  takesArguments: true,
  options: [
    { name: "profile", short: "p", value: "NAME", help: "copy dist/NAME/bootfs" },
    { name: "from", value: "DIR", help: "copy DIR/bootfs of another output folder" },
    help,
  ],
  notes: [
    "The card must hold the Raspberry Pi OS Lite (64-bit) that the profile names in box.target, as Raspberry Pi Imager writes it. This is also how a box that is already running gets a changed profile: it applies the files when it boots.",
  ],
  exitCodes: [
    [0, "done"],
    [1, "the card or the command line is wrong"],
    [2, "the card or the machine failed"],
    [70, "a bug"],
  ],
} as const satisfies Command;

/**
 * Runs copy-bootfs.
 * @returns its exit code.
 */
export async function copyBootfs({ root, version, args }: Program): Promise<number> {
  try {
    print(run(root, args));
    return 0;
  } catch (error) {
    return reportError(cardError(error) ?? error, "copy-bootfs", version);
  }
}

/** @returns the text to print. */
function run(root: string, args: string[]): string {
  const { values, positionals } = parseCommand(copyBootfsCommand, args);
  if (values.help) return helpOf(copyBootfsCommand);
  const [folder, extra] = positionals;
  if (folder === undefined) throw card.noTarget();
  if (extra !== undefined) throw usage.extraArgument(extra, "copy-bootfs");
  if (values.profile !== undefined && values.from !== undefined) throw usage.together("--profile", "--from");
  const from = values.from === undefined ? join(root, "dist", values.profile ?? onlyBuild(root)) : resolve(values.from);
  return summary(folder, copy(join(from, "bootfs"), resolve(folder)));
}

/** The name of the only build. */
function onlyBuild(root: string): string {
  const dist = join(root, "dist");
  const built = existsSync(dist) ? readdirSync(dist).filter((name) => existsSync(join(dist, name, "bootfs/bondbox/target"))) : [];
  if (built.length !== 1) throw card.whichProfile(built);
  return built[0] as string;
}

function summary(folder: string, { files, bytes, isBox }: Copied): string {
  return [
    `${files} files, ${(bytes / 1e6).toFixed(1)} MB, copied to ${folder} and verified.`,
    `Eject the card, insert it into the Raspberry Pi and switch it on.`,
    isBox
      ? `The card belongs to a box that is already set up: it applies the change when it boots, and restarts once.`
      : `The first boot takes some minutes and needs no internet. The screen shows the progress, and bondbox-status.txt on the card the result.`,
    `The files contain keys: the box moves them off this partition when it boots.`,
  ].join("\n");
}

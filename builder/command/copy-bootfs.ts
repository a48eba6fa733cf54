import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { complain, parseCommand, type Program } from "./command";
import { card, usage } from "../errors";
import { type Copied, copyBootfs as copy } from "../card/copy";

const help = `copy-bootfs: puts the box's files onto the boot partition of a card.

  copy-bootfs DIR                 DIR is where the card's partition "bootfs" is mounted
  copy-bootfs DIR --profile NAME  takes dist/NAME/bootfs; needed where several are built
  copy-bootfs DIR --from FOLDER   takes FOLDER/bootfs of another output folder

The card must hold the Raspberry Pi OS Lite (64-bit) that the profile names in
box.target, as Raspberry Pi Imager writes it. For a box that runs already it is
the way to a changed profile: it is taken up at the next start.

Exit codes: 0 done, 1 the card or the command line is wrong, 2 the card or the machine failed, 70 a bug.`;

const options = {
  profile: { type: "string", short: "p" },
  from: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Runs copy-bootfs. @returns its exit code. */
export async function copyBootfs({ root, version, args }: Program): Promise<number> {
  try {
    print(run(root, args));
    return 0;
  } catch (error) {
    return complain(card.failed(error) ?? error, "copy-bootfs", version);
  }
}

/** @returns what to say. */
function run(root: string, args: string[]): string {
  const { values, positionals } = parseCommand("copy-bootfs", { args, options, allowPositionals: true });
  if (values.help) return help;
  const [folder, extra] = positionals;
  if (folder === undefined) throw card.noTarget();
  if (extra !== undefined) throw usage.unknownOption(extra, "copy-bootfs");
  if (values.profile !== undefined && values.from !== undefined) throw usage.together("--profile", "--from");
  const from = values.from === undefined ? join(root, "dist", values.profile ?? onlyBuild(root)) : resolve(values.from);
  return summary(folder, copy(join(from, "bootfs"), resolve(folder)));
}

/** The one profile that is built. */
function onlyBuild(root: string): string {
  const dist = join(root, "dist");
  const built = existsSync(dist) ? readdirSync(dist).filter((name) => existsSync(join(dist, name, "bootfs/bondbox/target"))) : [];
  if (built.length !== 1) throw card.whichProfile(built);
  return built[0] as string;
}

function summary(folder: string, { files, bytes, isBox }: Copied): string {
  return [
    `${files} files, ${(bytes / 1e6).toFixed(1)} MB, are on ${folder} and were read back.`,
    `Eject the card, put it into the Raspberry Pi and switch it on.`,
    isBox
      ? `It is the card of a box: the box takes the change up at this start, and starts anew once.`
      : `The first start takes some minutes and needs no internet. The screen says how far it is, and bondbox-status.txt on the card how it went.`,
    `The files hold keys: the box moves them off this partition at its first start.`,
  ].join("\n");
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

import { existsSync, fstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { ask, canAsk, onInterrupt, platform, print, printError, shownPath, terminal } from "../machine/host";
import { type Command, help, parseCommand, version } from "./command";
import { helpOf } from "./help";
import { type Program, reportError } from "./run";
import { usage } from "../errors";
import { run as runProgram } from "../machine/run";
import { copyImage } from "../flash/copy";
import { type Drive, findDrive, isCandidate, listDrives } from "../flash/drives";
import { type Image, withImage } from "../flash/image";
import { Progress } from "../disk/progress";
import { refusal, type Request } from "../flash/refusal";
import { type Target, withDevice, withFile } from "../flash/target";
import { size } from "../base/format";
import { flash as texts } from "../errors";
import { messages } from "./flash-card-messages";
import { readUses } from "../flash/uses";

export const flashCardCommand = {
  name: "flash-card",
  summary: "writes an image to a card, reads it back and compares.",
  usage: [
    ["flash-card [IMAGE]", "asks for the drive; IMAGE is dist/home/home.img by default"],
    ["flash-card --list", "lists the drives, and why some of them cannot be used"],
  ],
  takesArguments: true,
  options: [
    { name: "to", value: "TARGET", help: "write to this drive, such as /dev/sdb, or to this file" },
    { name: "list", help: "list the drives" },
    { name: "yes", help: "erase the drive without asking" },
    { name: "big", help: "allow drives larger than 128 GB" },
    version,
    help,
  ],
  notes: [
    "The image must be raw. If its block map is next to it (home.img.bmap), only the used blocks are written. The card boots only after all of it was read back and is correct.",
  ],
  exitCodes: [
    [0, "done"],
    [1, "nothing was written: the command line, the image or the drive is wrong"],
    [2, "the machine, the drive or the reader failed"],
    [70, "a bug"],
    [130, "stopped by Ctrl-C"],
  ],
} as const satisfies Command;

interface Flags {
  image: string;
  to: string | undefined;
  yes: boolean;
  big: boolean;
}

/**
 * Runs flash-card.
 * @returns its exit code.
 */
export async function flashCard(program: Program): Promise<number> {
  try {
    await run(program);
    return 0;
  } catch (error) {
    return reportError(error, "flash-card", program.version);
  }
}

async function run({ root, version: release, args }: Program): Promise<void> {
  const { values, positionals } = parseCommand(flashCardCommand, args);
  if (values.help) return print(helpOf(flashCardCommand));
  if (values.version) return print(`bondbox ${release}`);
  if (platform() !== "linux") throw texts.platform(platform());
  if (values.list && values.to !== undefined) throw usage.together("--list", "--to");
  if (values.list) return print(await listText(values.big));
  if (positionals[1] !== undefined) throw texts.tooManyImages(positionals[1]);
  const image = resolve(positionals[0] ?? join(root, "dist/home/home.img"));
  await withImage(image, (opened) => flash(opened, { image: shownPath(image), to: values.to, yes: values.yes, big: values.big }));
}

async function listText(big: boolean): Promise<string> {
  const drives = (await listDrives()).filter(isCandidate);
  if (drives.length === 0) return messages.nothingFound;
  const request: Request = { imageSize: 0, imageOn: null, image: null, big, named: false, uses: readUses() };
  return [messages.listHead, ...drives.map((drive) => `  ${describe(drive)}  ${refusal(drive, request)?.message ?? messages.fits}`)].join(
    "\n",
  );
}

function describe({ path, size: bytes, title, bus }: Drive): string {
  return [path.padEnd(12), size(bytes).padStart(8), title, ...(bus === null ? [] : [`(${bus})`])].join("  ");
}

async function flash(image: Image, flags: Flags): Promise<void> {
  const progress = new Progress(terminal);
  const release = onInterrupt(() => terminal.write(messages.stopped[progress.target](progress.path)));
  try {
    if (flags.to === undefined || isDevice(flags.to)) await flashDrive(image, progress, flags);
    else await flashFile(image, progress, { ...flags, to: resolve(flags.to) });
  } finally {
    progress.end();
    release();
  }
}

async function flashDrive(image: Image, progress: Progress, flags: Flags): Promise<void> {
  const request = { imageSize: image.size, imageOn: image.device, image: image.path, big: flags.big, named: flags.to !== undefined };
  const drive = flags.to === undefined ? await choose(request) : await named(flags.to, request);
  const now = contents(drive);
  terminal.write(messages.erases(flags.image, image.mapped, describe(drive)) + (now.length > 0 ? messages.contains(now) : ""));
  if (!flags.yes) await confirm(messages.loses(now.length > 0));
  await checkAgain(drive, request);
  await withDevice(drive.path, drive.number, async (target) => {
    // The drive could have been swapped until it was opened; from here on it cannot.
    await checkIdentity(drive);
    await work(image, target, progress);
  });
  // udev does this where it runs. If it fails, the card is still correct.
  await runProgram("blockdev", ["--rereadpt", drive.path]);
  printError(messages.next);
}

async function flashFile(image: Image, progress: Progress, { to, yes }: Flags & { to: string }): Promise<void> {
  const there = statSync(to, { throwIfNoEntry: false });
  if (there !== undefined && isSameFile(there, fstatSync(image.fd))) throw texts.sameFile(to);
  if (there !== undefined && !there.isFile()) throw texts.noFile(to, "it is not a file");
  if (there !== undefined && !yes) await confirm(messages.losesFile(to));
  await withFile(to, image.size, (target) => work(image, target, progress));
}

/** Compares the inodes, so that a hard link counts as the same file. */
const isSameFile = (a: Stats, b: Stats): boolean => a.dev === b.dev && a.ino === b.ino;

async function work(image: Image, target: Target, progress: Progress): Promise<void> {
  if (!image.hasMap) printError(messages.wholeImage);
  const start = performance.now();
  await copyImage(image, target, progress);
  print(messages.done(target.path, image.mapped, (performance.now() - start) / 1000));
}

type Terms = Omit<Request, "uses">;

/**
 * The drive behind --to.
 * @throws UsageError if it is refused.
 */
async function named(path: string, terms: Terms): Promise<Drive> {
  const drive = await findDrive(realpathSync(path));
  accept(drive, terms);
  return drive;
}

/** Asks for one of the drives that fit. */
async function choose(terms: Terms): Promise<Drive> {
  const uses = readUses();
  const drives = (await listDrives()).filter(isCandidate);
  const fitting = drives.filter((drive) => refusal(drive, { ...terms, uses }) === null);
  const lines = drives.map((drive) => {
    const number = fitting.indexOf(drive) + 1;
    return `  ${number > 0 ? `${number})` : "  "} ${describe(drive)}${number > 0 ? "" : `  ${refusal(drive, { ...terms, uses })?.message}`}`;
  });
  printError([messages.listHead, ...lines].join("\n"));
  if (fitting.length === 0) throw texts.noCandidate();
  if (!canAsk()) throw texts.noChoice();
  const answer = await ask(messages.which(fitting.length));
  if (answer === "") throw texts.notChosen();
  const drive = /^\d+$/.test(answer) ? fitting[Number(answer) - 1] : undefined;
  if (drive === undefined) throw texts.notANumber(answer, fitting.length);
  return drive;
}

/** @throws UsageError when this drive is not to be written to */
function accept(drive: Drive, terms: Terms): void {
  const refused = refusal(drive, { ...terms, uses: readUses() });
  if (refused !== null) throw texts.refused(drive.path, refused);
}

/** Names move when something is plugged in or out, and desktops mount what they see. */
async function checkAgain(drive: Drive, terms: Terms): Promise<void> {
  accept(await checkIdentity(drive), terms);
}

async function checkIdentity({ path, identity }: Drive): Promise<Drive> {
  const now = existsSync(path) ? await findDrive(path) : null;
  if (now?.identity !== identity) throw texts.moved(path);
  return now;
}

/** What is on a drive, in a person's words. */
function contents({ children }: Drive): string[] {
  return children.map(({ name, label, fsType }) => `${label ?? name}${fsType === null ? "" : ` (${fsType})`}`);
}

/** @throws UsageError unless the answer is yes. */
async function confirm(question: string): Promise<void> {
  if (!canAsk()) throw texts.noAnswer();
  if ((await ask(question)).toLowerCase() !== "yes") throw texts.declined();
}

/**
 * Whether the path is a drive.
 * @throws UsageError if it should be one but does not exist.
 */
function isDevice(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isBlockDevice()) return true;
  if (/^\/dev\/(?!shm\/)/.test(resolve(path))) throw texts.noDevice(path);
  return false;
}

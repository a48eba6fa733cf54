import { spawnSync } from "node:child_process";
import { existsSync, fstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { onInterrupt, shownPath } from "../base/host";
import { complain, parseCommand, type Program } from "./command";
import { usage } from "../errors";
import { copyImage } from "../flash/copy";
import { type Drive, findDrive, isCandidate, listDrives } from "../flash/drives";
import { type Image, withImage } from "../flash/image";
import { Progress, type Screen } from "../disk/progress";
import { refusal, type Wish } from "../flash/refusal";
import { type Target, withDevice, withFile } from "../flash/target";
import { size } from "../base/format";
import { flashErrors } from "../errors/flash";
import { help, sayings } from "./flash-card-texts";
import { readUses } from "../flash/uses";

const options = {
  to: { type: "string" },
  list: { type: "boolean", default: false },
  yes: { type: "boolean", default: false },
  big: { type: "boolean", default: false },
  version: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

interface Flags {
  image: string;
  to: string | undefined;
  yes: boolean;
  big: boolean;
}

/** Runs flash-card. @returns its exit code. */
export async function flashCard(program: Program): Promise<number> {
  try {
    await run(program);
    return 0;
  } catch (error) {
    return complain(error, "flash-card", program.version);
  }
}

async function run({ root, version, args }: Program): Promise<void> {
  const { values, positionals } = parseCommand("flash-card", { args, options, allowPositionals: true });
  if (values.help) return print(help);
  if (values.version) return print(`bondbox ${version}`);
  if (process.platform !== "linux") throw flashErrors.platform(process.platform);
  if (values.list && values.to !== undefined) throw usage.together("--list", "--to");
  if (values.list) return print(await listText(values.big));
  if (positionals[1] !== undefined) throw flashErrors.tooManyImages(positionals[1]);
  const image = resolve(positionals[0] ?? join(root, "dist/home/home.img"));
  await withImage(image, (opened) => flash(opened, { image: shownPath(image), to: values.to, yes: values.yes, big: values.big }));
}

async function listText(big: boolean): Promise<string> {
  const drives = (await listDrives()).filter(isCandidate);
  if (drives.length === 0) return sayings.nothingFound;
  const wish: Wish = { imageSize: 0, imageOn: null, image: null, big, named: false, uses: readUses() };
  return [sayings.listHead, ...drives.map((drive) => `  ${describe(drive)}  ${refusal(drive, wish)?.reason ?? sayings.fits}`)].join("\n");
}

function describe({ path, size: bytes, title, bus }: Drive): string {
  return [path.padEnd(12), size(bytes).padStart(8), title, ...(bus === null ? [] : [`(${bus})`])].join("  ");
}

async function flash(image: Image, flags: Flags): Promise<void> {
  const progress = new Progress(screen());
  const release = onInterrupt(() => process.stderr.write(sayings.stopped[progress.target](progress.path)));
  try {
    if (flags.to === undefined || isDevice(flags.to)) await flashDrive(image, progress, flags);
    else await flashFile(image, progress, { ...flags, to: resolve(flags.to) });
  } finally {
    progress.end();
    release();
  }
}

async function flashDrive(image: Image, progress: Progress, flags: Flags): Promise<void> {
  const wish = { imageSize: image.size, imageOn: image.device, image: image.path, big: flags.big, named: flags.to !== undefined };
  const drive = flags.to === undefined ? await choose(wish) : await named(flags.to, wish);
  const now = contents(drive);
  process.stderr.write(sayings.erases(flags.image, image.mapped, describe(drive)) + (now.length > 0 ? sayings.contains(now) : ""));
  if (!flags.yes) await confirm(sayings.loses(now.length > 0));
  await checkAgain(drive, wish);
  await withDevice(drive.path, drive.number, async (target) => {
    // Held now, it cannot change any more; until here it could.
    await checkIdentity(drive);
    await work(image, target, progress);
  });
  // As udev does where it runs; the card is right also where this fails.
  spawnSync("blockdev", ["--rereadpt", drive.path], { stdio: "ignore" });
  process.stderr.write(`${sayings.next}\n`);
}

async function flashFile(image: Image, progress: Progress, { to, yes }: Flags & { to: string }): Promise<void> {
  const there = statSync(to, { throwIfNoEntry: false });
  if (there !== undefined && isSameFile(there, fstatSync(image.fd))) throw flashErrors.sameFile(to);
  if (there !== undefined && !there.isFile()) throw flashErrors.noFile(to, "it is no file");
  if (there !== undefined && !yes) await confirm(sayings.losesFile(to));
  await withFile(to, image.size, (target) => work(image, target, progress));
}

/** Also by another name, such as a hard link. */
const isSameFile = (a: Stats, b: Stats): boolean => a.dev === b.dev && a.ino === b.ino;

async function work(image: Image, target: Target, progress: Progress): Promise<void> {
  if (!image.hasMap) process.stderr.write(`${sayings.wholeImage}\n`);
  const start = performance.now();
  await copyImage(image, target, progress);
  print(sayings.done(target.path, image.mapped, (performance.now() - start) / 1000));
}

type Terms = Omit<Wish, "uses">;

/** The drive that was named. @throws UsageError when it is refused */
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
    return `  ${number > 0 ? `${number})` : "  "} ${describe(drive)}${number > 0 ? "" : `  ${refusal(drive, { ...terms, uses })?.reason}`}`;
  });
  process.stderr.write(`${[sayings.listHead, ...lines].join("\n")}\n`);
  if (fitting.length === 0) throw flashErrors.noCandidate();
  if (!process.stdin.isTTY) throw flashErrors.noChoice();
  const answer = await ask(sayings.which(fitting.length));
  if (answer === "") throw flashErrors.notChosen();
  const drive = /^\d+$/.test(answer) ? fitting[Number(answer) - 1] : undefined;
  if (drive === undefined) throw flashErrors.notANumber(answer, fitting.length);
  return drive;
}

/** @throws UsageError when this drive is not to be written to */
function accept(drive: Drive, terms: Terms): void {
  const refused = refusal(drive, { ...terms, uses: readUses() });
  if (refused !== null) throw flashErrors.refused(drive.path, refused);
}

/** Names move when something is plugged in or out, and desktops mount what they see. */
async function checkAgain(drive: Drive, terms: Terms): Promise<void> {
  accept(await checkIdentity(drive), terms);
}

async function checkIdentity({ path, identity }: Drive): Promise<Drive> {
  const now = existsSync(path) ? await findDrive(path) : null;
  if (now?.identity !== identity) throw flashErrors.moved(path);
  return now;
}

/** What is on a drive, in a person's words. */
function contents({ children }: Drive): string[] {
  return children.map(({ name, label, fsType }) => `${label ?? name}${fsType === null ? "" : ` (${fsType})`}`);
}

/** @throws UsageError unless the answer is a yes */
async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) throw flashErrors.noAnswer();
  if ((await ask(question)).toLowerCase() !== "yes") throw flashErrors.declined();
}

/** @returns the answer; nothing when the input ends */
function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    // The terminal is in raw mode here, where Ctrl-C sends no signal by itself.
    terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    terminal.on("close", () => resolve(""));
    terminal.question(question, (answer) => {
      resolve(answer.trim());
      terminal.close();
    });
  });
}

/** Whether the path is a device, or would be one. @throws UsageError when there is none of this name */
function isDevice(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isBlockDevice()) return true;
  if (/^\/dev\/(?!shm\/)/.test(resolve(path))) throw flashErrors.noDevice(path);
  return false;
}

function screen(): Screen {
  return { isTerminal: process.stderr.isTTY, write: (text) => void process.stderr.write(text), now: () => performance.now() };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

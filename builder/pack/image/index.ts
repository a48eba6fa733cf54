import { constants, rmSync } from "node:fs";
import { chmod, copyFile, mkdtemp, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { environmentError, folderError, image, UsageError } from "../../errors";
import { makeFolder } from "../../machine/folders";
import { onInterrupt } from "../../machine/host";
import { publish } from "../../machine/write";
import type { Entry } from "../../render/tree";
import { Steps } from "../../base/steps";
import type { BoxOs } from "../../targets/boxes";
import type { Artefact } from "../../render/tree";
import { type Base, checkRoom, readBase } from "./base";
import { bmapOf } from "../../disk/bmap";
import { withFile } from "../../disk/file";
import { type Volume, VolumeError } from "./volume";
import * as ext4 from "./ext4";
import * as fat from "./fat";
import { checkSystem } from "./identify";
import { besides, imagerManifest, sumLine } from "./imager";
import { needPrograms, runProgram } from "./programs";
import { mappedOf } from "./mapped";
import { bytesIn, type Range } from "../../disk/ranges";
import { sumsOf } from "../../disk/sums";
import { unpack } from "./unpack";

export { pinnedImage } from "./download";
export { imageFiles } from "./imager";
export { checkBase } from "./unpack";

export interface ImageInput {
  /** A Raspberry Pi OS Lite: .img, .img.xz, .img.zst, .img.gz or .zip. */
  base: string;
  /** Path of the image to make. */
  out: string;
  /** Where it will be when the caller has put it in its place; out, when left out. The list for Raspberry Pi Imager names it. */
  place?: string;
  /** Of the profile. */
  name: string;
  box: BoxOs;
  /** Laid on the boot partition. */
  boot: Artefact[];
  /** Laid on the root file system. */
  root: Entry[];
  /** Folder, such as cacheFolder("images"). */
  cache: string;
  log: (line: string) => void;
  /** Times the parts: copy, lay, and at the same time sums and check. */
  steps?: Steps;
}

export interface MadeImage {
  bytes: number;
  /** What a card must get. */
  mappedBytes: number;
  sha256: string;
}

/**
 * Makes a card's image: a copy of the base with our files in it, checked, and beside it its block map, its sha256 and the list for
 * Raspberry Pi Imager. The same input gives the same bytes.
 * @throws UsageError where the base is not what the box needs, EnvironmentError where a program or space is missing. Then nothing is left.
 */
export async function makeImage(input: ImageInput): Promise<MadeImage> {
  needPrograms(["cp", "debugfs", "e2fsck", "fsck.fat", "mcopy", "mdir", "mmd"]);
  const raw = await unpack(input.base, input.cache, input.log);
  makeFolder(dirname(input.out), 0o700);
  // The programs get plain names in a folder of their own; contents on their way hold keys, and are its owner's alone there.
  const work = await mkdtemp(join(resolve(dirname(input.out)), `.${basename(input.out)}.work-`));
  const cleanUp = (): void => rmSync(work, { recursive: true, force: true });
  const done = onInterrupt(cleanUp);
  try {
    await symlink(resolve(raw), join(work, BASE));
    const made = await makeIn(work, input);
    await moveOut(work, input);
    return made;
  } catch (error) {
    // An unpacked copy would be used again, though the packed file may be whole.
    if (raw !== input.base && isDamage(error)) rmSync(raw, { force: true });
    throw environmentError(error) ?? error;
  } finally {
    cleanUp();
    done();
  }
}

function isDamage(error: unknown): boolean {
  const codes = [image.damaged("", "", ""), image.unusable("", "", ""), image.fileSystem("", "", "", "")].map(({ code }) => code);
  return error instanceof UsageError && codes.includes(error.code);
}

const BASE = "base.img";
const CARD = "card.img";

/** Both file systems of an image in the folder of the work. */
interface Volumes {
  boot: Volume;
  root: Volume;
}

async function makeIn(work: string, input: ImageInput): Promise<MadeImage> {
  const base = await readBase(join(work, BASE), input.base);
  const on = (name: string): Volumes => ({
    boot: { cwd: work, name, partition: base.boot },
    root: { cwd: work, name, partition: base.root },
  });
  try {
    return await makeFrom(base, on, work, input);
  } catch (error) {
    if (isFull(error)) throw folderError({ code: "ENOSPC" }, dirname(resolve(input.place ?? input.out)));
    throw await causeOf(error, input.base, on(BASE));
  }
}

/** Whether the disk of the image is full: for us, or for one of the programs. */
function isFull(error: unknown): boolean {
  if (error instanceof VolumeError) return /No space left on device|Disk quota exceeded/.test(error.message);
  return ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/**
 * Why an image could not be made. Damage shows in whatever it hits first, such as a system without its files, so the checkers of
 * the file systems are asked before anything else is believed. That takes seconds, so it is not done where all goes well.
 */
async function causeOf(error: unknown, file: string, { boot, root }: Volumes): Promise<unknown> {
  const environment = environmentError(error);
  if (environment !== null) return environment;
  const words = await ext4.complaints(root);
  if (words !== null) return image.damaged(file, "root", words);
  const wordsFat = await fat.fatComplaints(boot, [boot.partition]);
  if (wordsFat !== null) return image.damaged(file, "boot", wordsFat);
  return error instanceof VolumeError ? image.unusable(file, error.partition, error.message) : error;
}

async function makeFrom(base: Base, on: (name: string) => Volumes, work: string, input: ImageInput): Promise<MadeImage> {
  const steps = input.steps ?? new Steps(() => {});
  await checkSystem(input.base, on(BASE), input.box);
  const placed = await ext4.place(on(BASE).root, input.root);
  const [folder, place] = [dirname(resolve(input.out)), resolve(input.place ?? input.out)];
  await checkRoom(base, { placed, boot: input.boot, path: join(work, BASE), shown: input.base, folder, place });
  await steps.timeAsync("copy", () => copy(work, dirname(place), base.length));
  const { boot, root } = on(CARD);
  // The time of the base, so that it neither depends on today nor looks like 1970 on a box without a clock.
  const time = base.superblock.writtenAt || 1;
  const mapped = await steps.timeAsync("lay", async () => {
    await ext4.inject(root, placed, { folder: work, time });
    await fat.injectFat(boot, input.boot, { folder: work, time });
    return withFile(join(work, CARD), "r", (file) => mappedOf(file, base));
  });
  const [sums] = await Promise.all([
    steps.timeAsync("sums", () => sumsOf(join(work, CARD), base.length, mapped)),
    steps.timeAsync("check", () => check(work, input, { volumes: { boot, root }, placed, time, mapped })),
  ]);
  const beside = besides(join(work, CARD), input.name);
  const manifest = { name: input.name, title: input.box.title, image: place, size: base.length, sha256: sums.whole, time };
  await writeFile(beside.bmap, bmapOf(base.length, sums.ranges));
  await writeFile(beside.sum, sumLine(sums.whole, input.out));
  await writeFile(beside.manifest, imagerManifest(manifest));
  return { bytes: base.length, mappedBytes: bytesIn(mapped), sha256: sums.whole };
}

/** Gives the finished image and what stands beside it their names. */
async function moveOut(work: string, { out, name }: ImageInput): Promise<void> {
  const [from, to] = [besides(join(work, CARD), name), besides(out, name)];
  publish(join(work, CARD), out);
  for (const kind of ["bmap", "sum", "manifest"] as const) publish(from[kind], to[kind]);
}

/** Copies the base: as a reference where the file system can, else without its zeros. The copy is its owner's alone: it will hold keys. */
async function copy(work: string, folder: string, length: number): Promise<void> {
  const [from, to] = [join(work, BASE), join(work, CARD)];
  await duplicate(from, to, () => image.diskFull(folder, length, 0));
  await chmod(to, 0o600);
}

async function duplicate(from: string, to: string, full: () => Error): Promise<void> {
  try {
    return await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
  } catch {
    // This file system cannot: the usual case.
  }
  // A file that has holes already need not be searched for zeros.
  const { blocks, size } = await stat(from);
  const sparse = blocks * 512 < size ? "auto" : "always";
  const { status, stderr } = await runProgram("cp", [`--sparse=${sparse}`, from, to]);
  if (/No space left/.test(stderr)) throw full();
  // A cp that does not know of sparse files.
  if (status !== 0) await copyFile(from, to);
}

/** Has both file systems judged, and everything that was written read back. */
async function check(
  work: string,
  input: ImageInput,
  { volumes: { boot, root }, placed, time, mapped }: { volumes: Volumes; placed: ext4.Placed[]; time: number; mapped: Range[] },
): Promise<void> {
  const used = mapped
    .map(({ start, end }) => ({ start: Math.max(start, boot.partition.start), end: Math.min(end, boot.partition.end) }))
    .filter(({ start, end }) => end > start);
  // Where the base is not damaged, an unclean image is a bug.
  const words = await ext4.complaints(root);
  if (words !== null) throw new Error(`e2fsck of the image that was made: ${words}`);
  const wordsFat = await fat.fatComplaints(boot, used);
  if (wordsFat !== null) throw new Error(`fsck.fat of the image that was made: ${wordsFat}`);
  await ext4.verify(root, placed, { folder: work, time });
  await fat.verifyFat(boot, input.boot);
}

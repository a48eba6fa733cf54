import { type FileHandle, rm, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Artefact } from "../../render/tree";
import { readAt, withFile } from "../../disk/file";
import { type Volume, VolumeError } from "./volume";
import { findings, runProgram } from "./programs";
import type { RunOptions } from "../../machine/run";
import { pieces, type Range } from "../../disk/ranges";
import type { Partition } from "./table";

/** A FAT32 file system. Source: Microsoft's FAT specification 1.03. */
export interface Fat {
  label: string;
  bytesPerCluster: number;
  clusters: number;
  /** Where the first FAT is, in bytes of the file system. */
  table: number;
  /** Where cluster 2 is, in bytes of the file system. */
  data: number;
  /** Bytes of the whole. */
  bytes: number;
  /** Why the figures cannot be right, or null. */
  fault: string | null;
}

/** Clusters are one sector to 128 sectors, sectors 512 to 4096 bytes, both powers of two. */
const SECTOR_SIZES = [512, 1024, 2048, 4096];
const CLUSTER_SIZES = [1, 2, 4, 8, 16, 32, 64, 128];

/** Reads the boot sector. @returns null where there is no FAT32. */
export function readFat(sector: Buffer): Fat | null {
  if (sector.length < 512 || sector.readUInt16LE(510) !== 0xaa55) return null;
  const bytesPerSector = sector.readUInt16LE(11);
  const sectorsPerCluster = sector[13] as number;
  const reserved = sector.readUInt16LE(14);
  const fats = sector[16] as number;
  const total = sector.readUInt32LE(32);
  const sectorsPerFat = sector.readUInt32LE(36);
  // FAT12 and FAT16 have a size of the FAT in the older field; other file systems none of these figures.
  const isFat32 = sector.readUInt16LE(22) === 0 && sectorsPerFat > 0 && fats > 0 && sectorsPerCluster > 0 && bytesPerSector >= 512;
  const dataSector = reserved + fats * sectorsPerFat;
  if (!isFat32 || total <= dataSector) return null;
  const clusters = Math.floor((total - dataSector) / sectorsPerCluster);
  const sizes = SECTOR_SIZES.includes(bytesPerSector) && CLUSTER_SIZES.includes(sectorsPerCluster);
  const isListed = (clusters + 2) * 4 <= sectorsPerFat * bytesPerSector;
  return {
    label: sector.toString("latin1", 71, 82).trimEnd(),
    bytesPerCluster: sectorsPerCluster * bytesPerSector,
    clusters,
    table: reserved * bytesPerSector,
    data: dataSector * bytesPerSector,
    bytes: total * bytesPerSector,
    fault: !sizes ? "its sectors or clusters have an impossible size" : isListed ? null : "its table is too short for its clusters",
  };
}

/** The clusters that nothing uses, in bytes of the image, ascending. */
export async function freeClusters(file: FileHandle, partition: Partition, fat: Fat): Promise<Range[]> {
  const table = await readAt(file, partition.start + fat.table, (fat.clusters + 2) * 4);
  const ranges: Range[] = [];
  for (let cluster = 2; cluster < fat.clusters + 2; cluster++) {
    if ((table.readUInt32LE(cluster * 4) & 0x0fffffff) !== 0) continue;
    const start = partition.start + fat.data + (cluster - 2) * fat.bytesPerCluster;
    const last = ranges.at(-1);
    if (last?.end === start) last.end += fat.bytesPerCluster;
    else ranges.push({ start, end: start + fat.bytesPerCluster });
  }
  return ranges;
}

const device = ({ name, partition }: Volume): string => `${name}@@${partition.start}`;

/** A path as mtools reads it; no characters that it takes for patterns, or that depend on the language. */
function onVolume(path: string): string {
  if (/[^\x20-\x7e]|[*?[\]\\":<>|]/.test(path))
    throw new Error(`${JSON.stringify(path)} cannot be the name of a file on the boot partition`);
  return `::/${path}`;
}

/** Runs a program of mtools that must succeed. @throws VolumeError with its words otherwise */
async function mtools(name: string, args: string[], options: RunOptions): Promise<Buffer> {
  const { status, stdout, stderr } = await runProgram(name, args, options);
  if (status !== 0 || stderr !== "") throw new VolumeError("boot", `${name} reports: ${stderr.trim() || `status ${status}`}`);
  return stdout;
}

/** Names in the root folder, lower case. @throws VolumeError */
export async function rootNames(volume: Volume): Promise<string[]> {
  const stdout = await mtools("mdir", ["-b", "-a", "-i", device(volume), "::/"], { cwd: volume.cwd });
  return [...stdout.toString().matchAll(/^::\/([^/\n]+)\/?$/gm)].map(([, name = ""]) => name.toLowerCase());
}

/** The text of a file, or null where there is none. */
export async function readFatText(volume: Volume, path: string): Promise<string | null> {
  const { status, stdout } = await runProgram("mcopy", ["-n", "-i", device(volume), onVolume(path), "-"], { cwd: volume.cwd });
  return status === 0 ? stdout.toString() : null;
}

/** Bytes that the files take in whole clusters, folders included. */
export function fatRoomFor(files: Artefact[], { bytesPerCluster }: Fat): number {
  const clusters = files.reduce((sum, { content }) => sum + Math.ceil(Buffer.byteLength(content) / bytesPerCluster) + 2, 0);
  return (clusters + foldersOf(files).length) * bytesPerCluster;
}

function foldersOf(files: Artefact[]): string[] {
  const parents = (path: string): string[] => (posix.dirname(path) === "." ? [] : [...parents(posix.dirname(path)), posix.dirname(path)]);
  return [...new Set(files.flatMap(({ path }) => parents(path)))].sort();
}

/**
 * Writes the files, all times fixed.
 * @param folder for the contents on their way.
 * @param time s since 1970.
 */
export async function injectFat(volume: Volume, files: Artefact[], { folder, time }: { folder: string; time: number }): Promise<void> {
  const options = { cwd: volume.cwd, env: { SOURCE_DATE_EPOCH: String(time) } };
  for (const path of foldersOf(files)) await mtools("mmd", ["-D", "s", "-i", device(volume), onVolume(path)], options);
  for (const { path, content } of files) {
    await writeFile(join(folder, "content"), content, { mode: 0o600 });
    await mtools("mcopy", ["-D", "o", "-i", device(volume), "content", onVolume(path)], options);
  }
  await rm(join(folder, "content"), { force: true });
}

/** Reads every file back. @throws at the first difference. */
export async function verifyFat(volume: Volume, files: Artefact[]): Promise<void> {
  for (const { path, content } of files) {
    const back = await mtools("mcopy", ["-n", "-i", device(volume), onVolume(path), "-"], { cwd: volume.cwd });
    if (!back.equals(Buffer.from(content as string))) throw new Error(`${path} of the boot partition is not what was written`);
  }
}

/** Bytes that are copied at once. */
const PIECE = 4 << 20;

/** What fsck.fat says against the file system, or null. It knows no offset: it gets a copy, of what is used. */
export async function fatComplaints(volume: Volume, used: Range[]): Promise<string | null> {
  const { start, end } = volume.partition;
  const copy = join(volume.cwd, `${volume.name}.fat`);
  await withFile(join(volume.cwd, volume.name), "r", (from) =>
    withFile(copy, "w", async (to) => {
      await to.truncate(end - start);
      const zeros = Buffer.alloc(PIECE);
      for (const piece of used.flatMap((range) => pieces(range, PIECE))) {
        const bytes = await readAt(from, piece.start, piece.end - piece.start);
        if (bytes.equals(zeros.subarray(0, bytes.length))) continue;
        await to.write(bytes, 0, bytes.length, piece.start - start);
      }
    }),
  );
  const found = await findings("fsck.fat", ["-n", copy], /^(fsck\.fat \d|$)|clusters$/);
  await rm(copy);
  return found;
}

import { closeSync, constants, existsSync, fstatSync, openSync, read, readFileSync, readSync, realpathSync } from "node:fs";
import { promisify } from "node:util";
import { type Bmap, BmapError, type MappedRange, parseBmap } from "../disk/bmap";
import { bytesIn, pieces } from "../disk/ranges";
import { flash as texts } from "../errors";
import { deviceNumber } from "./uses";

const readAt = promisify(read);

/** An image file that is open for reading. */
export interface Image {
  path: string;
  fd: number;
  /** Bytes. */
  size: number;
  /** What must be written: the mapped blocks, or all of it. */
  ranges: MappedRange[];
  /** Bytes of all ranges. */
  mapped: number;
  /** Whether there is a block map. */
  hasMap: boolean;
  /** Number of the device that it lies on, such as "8:1". */
  device: string;
  /** Changes when somebody writes to the file. */
  stamp: string;
}

/** Without a map the image is hashed in pieces of this size, so that a mismatch has a place. */
const PIECE = 64 << 20;

/** How packed files begin, with the command that unpacks them. */
const packed: [magic: string, name: string, command: string][] = [
  ["fd377a585a00", "xz", "xz -dk"],
  ["1f8b", "gzip", "gunzip -k"],
  ["28b52ffd", "zstd", "zstd -dk"],
  ["504b0304", "zip", "unzip"],
  ["425a68", "bzip2", "bunzip2 -k"],
];

/** Opens an image and its block map, which lies beside it. @throws UsageError when it is none */
export async function withImage<T>(path: string, use: (image: Image) => Promise<T>): Promise<T> {
  const fd = open(path);
  try {
    return await use(inspect(path, fd));
  } finally {
    closeSync(fd);
  }
}

function open(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ENOENT" ? texts.noImage(path) : texts.unreadable(path, String(code));
  }
}

function inspect(path: string, fd: number): Image {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw texts.notAFile(path);
  const start = Buffer.alloc(512);
  readSync(fd, start, 0, 512, 0);
  for (const [magic, name, command] of packed) if (start.toString("hex").startsWith(magic)) throw texts.packed(path, name, command);
  // The last two bytes of a partition table, and of the table in front of a GPT.
  if (start.readUInt16LE(510) !== 0xaa55) throw texts.noTable(path);
  if (stat.size % 512 !== 0 || stat.size < 8192) throw texts.cutOff(path, stat.size);
  const map = readMap(path, stat.size);
  const ranges = map?.ranges ?? pieces({ start: 0, end: stat.size }, PIECE).map((piece) => ({ ...piece, sha256: null }));
  const mapped = bytesIn(ranges);
  const real = realpathSync(path);
  return { path: real, fd, size: stat.size, ranges, mapped, hasMap: map !== null, device: deviceNumber(stat.dev), stamp: stampOf(fd) };
}

/** What differs between one content of a file and the next. */
export function stampOf(fd: number): string {
  const { size, mtimeNs, ino } = fstatSync(fd, { bigint: true });
  return [ino, size, mtimeNs].join(" ");
}

/** The map beside the image: home.img.bmap or home.bmap. */
function readMap(path: string, size: number): Bmap | null {
  const file = [`${path}.bmap`, path.replace(/\.[^./]+$/, ".bmap")].find((candidate) => candidate !== path && existsSync(candidate));
  if (file === undefined) return null;
  let map: Bmap;
  try {
    map = parseBmap(readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof BmapError) throw texts.badMap(file, error.message);
    throw texts.unreadable(file, String((error as NodeJS.ErrnoException).code));
  }
  if (map.imageSize !== size) throw texts.badMap(file, `it is for an image of ${map.imageSize} bytes, and this one has ${size}`);
  return map;
}

/** Fills the buffer from the image. @throws EnvironmentError when it has become shorter, or its disk fails */
export async function readImage(image: Image, buffer: Buffer, offset: number): Promise<void> {
  for (let done = 0; done < buffer.length;) {
    const { bytesRead } = await readAt(image.fd, buffer, done, buffer.length - done, offset + done).catch(
      (error: NodeJS.ErrnoException) => {
        throw texts.imageUnreadable(image.path, offset + done, error.code ?? "");
      },
    );
    if (bytesRead === 0) throw texts.imageChanged(image.path);
    done += bytesRead;
  }
}

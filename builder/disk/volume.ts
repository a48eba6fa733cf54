import { type FileHandle, open } from "node:fs/promises";
import type { Partition } from "../pack/image/table";

/** A file system inside an image file, as the programs are told of it. */
export interface Volume {
  /** The folder that the programs run in. */
  cwd: string;
  /** The image's name in it: a plain word, since the programs read "?" and "@@" as the end of a name. */
  name: string;
  partition: Partition;
}

/** Bytes of a file. Fewer where it ends. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Runs the work with an open file. */
export async function withFile<T>(path: string, flags: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, 0o600);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

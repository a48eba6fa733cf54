import { type FileHandle, open } from "node:fs/promises";

/**
 * Reads from a file.
 * @param position bytes from its start.
 * @param length bytes.
 * @returns fewer bytes if the file ends before.
 */
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

/**
 * Runs the work with an open file.
 * @param flags such as "r"; a file that is created is readable by its owner only.
 */
export async function withFile<T>(path: string, flags: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, 0o600);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

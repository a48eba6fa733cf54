import type { Action } from "../errors/flash";
import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  read,
  readFileSync,
  readSync,
  write,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import type { Range } from "../disk/ranges";
import { flash as texts } from "../errors";
import { deviceNumber } from "./uses";

const [readAt, writeAt, syncAll] = [promisify(read), promisify(write), promisify(fsync)];

/** Where an image goes. Offsets and lengths are multiples of 512, buffers are aligned. */
export class Target {
  constructor(
    readonly path: string,
    /** The word for it in messages. */
    readonly word: "card" | "file",
    private readonly fd: number,
    /** Where the kernel shows the device for as long as it is there; null for a file. */
    private readonly presence: string | null,
  ) {}

  async write(buffer: Buffer, offset: number): Promise<void> {
    for (let done = 0; done < buffer.length;) {
      const { bytesWritten } = await this.#trying("write", { start: offset + done, end: offset + buffer.length }, () =>
        writeAt(this.fd, buffer, done, buffer.length - done, offset + done),
      );
      done += bytesWritten;
    }
  }

  async read(buffer: Buffer, offset: number): Promise<void> {
    for (let done = 0; done < buffer.length;) {
      const { bytesRead } = await this.#trying("read", { start: offset + done, end: offset + buffer.length }, () =>
        readAt(this.fd, buffer, done, buffer.length - done, offset + done),
      );
      // A drive's size was looked at before; one that goes away between two requests has none any more.
      if (bytesRead === 0) throw this.presence === null ? texts.short(this.path, offset + done) : texts.gone(this.path, "read");
      done += bytesRead;
    }
  }

  /** Until the device says that it has everything for good. */
  async sync(): Promise<void> {
    await this.#trying("sync", null, () => syncAll(this.fd));
  }

  /**
   * Writes, syncs and reads back in one go that no signal comes between.
   * @param buffer then holds what was read
   */
  exchangeSync(buffer: Buffer, offset: number): void {
    const at = { start: offset, end: offset + buffer.length };
    this.#tryingSync("write", at, () => writeSync(this.fd, buffer, 0, buffer.length, offset));
    this.#tryingSync("sync", null, () => fsyncSync(this.fd));
    buffer.fill(0xa5);
    this.#tryingSync("read", at, () => readSync(this.fd, buffer, 0, buffer.length, offset));
  }

  async #trying<T>(action: Action, at: Range | null, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#failure(action, at, error);
    }
  }

  #tryingSync(action: Action, at: Range | null, work: () => unknown): void {
    try {
      work();
    } catch (error) {
      throw this.#failure(action, at, error);
    }
  }

  #failure(action: Action, at: Range | null, error: unknown): Error {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (this.word === "file" && ["ENOSPC", "EDQUOT", "EFBIG"].includes(code)) return texts.noSpace(this.path);
    const gone = this.presence !== null && (!isThere(this.presence) || /ENXIO|ENODEV|ENOMEDIUM|-123$/.test(code));
    return gone ? texts.gone(this.path, action) : texts.io(this, action, at, code);
  }
}

/** Whether the kernel still has the device, with any size. */
function isThere(presence: string): boolean {
  try {
    return readFileSync(`${presence}/size`, "utf8").trim() !== "0";
  } catch {
    return false;
  }
}

/** Past the page cache: what is read back comes from the card. */
const direct = constants.O_DIRECT;

/**
 * Opens a whole device for this program alone. The kernel refuses that (EBUSY) for whatever is mounted or otherwise held, also where
 * this program cannot see it.
 *
 * @param number it must have, such as "8:16": names move.
 */
export async function withDevice<T>(path: string, number: string, use: (target: Target) => Promise<T>): Promise<T> {
  const fd = openDevice(path);
  try {
    const stat = fstatSync(fd);
    if (!stat.isBlockDevice() || deviceNumber(stat.rdev) !== number) throw texts.moved(path);
    return await use(new Target(path, "card", fd, `/sys/dev/block/${number}`));
  } finally {
    closeSync(fd);
  }
}

function openDevice(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_EXCL | direct);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "EBUSY") throw texts.busy(path);
    if (code === "EROFS") throw texts.writeProtected(path);
    if (code === "EACCES" || code === "EPERM") throw texts.noPermission(path);
    if (/ENOENT|ENXIO|ENODEV|ENOMEDIUM|-123$/.test(code)) throw texts.gone(path, "open");
    throw texts.io({ path, word: "card" }, "open", null, code);
  }
}

/** Makes or overwrites a file of this size, with holes wherever nothing is written. Others may not read it: images hold keys. */
export async function withFile<T>(path: string, size: number, use: (target: Target) => Promise<T>): Promise<T> {
  const fd = openFile(path, size);
  try {
    return await use(new Target(path, "file", fd, null));
  } finally {
    closeSync(fd);
  }
}

function openFile(path: string, size: number): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC;
  try {
    const fd = openBest(path, flags, size);
    ftruncateSync(fd, size);
    return fd;
  } catch (error) {
    throw texts.noFile(path, (error as NodeJS.ErrnoException).code ?? "");
  }
}

/** Not every file system knows direct I/O, and none for a part of a block. */
function openBest(path: string, flags: number, size: number): number {
  if (size % 4096 !== 0) return openSync(path, flags, 0o600);
  try {
    return openSync(path, flags | direct, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
    return openSync(path, flags, 0o600);
  }
}

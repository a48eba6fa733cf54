import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { EnvironmentError, environmentError, image as texts } from "../../errors";
import { download, downloadReason, type DownloadWatch, HttpError, sizeOf } from "../../machine/download";
import { makeFolder } from "../../machine/folders";
import { withLock } from "../../machine/lock";
import { publish, syncFile, writeFile } from "../../machine/write";
import type { PinnedImage } from "../../targets/boxes";
import { size as sizeText } from "../../base/format";
import { logScreen, ProgressLine } from "../../disk/progress-line";

/** Between two attempts, ms. */
const PAUSE = 1000;

/**
 * A published image in the cache: downloaded once, going on where an earlier download stopped, and never used before its sha256 is right.
 * @param cache folder, such as cacheFolder("images").
 * @param log gets a line of progress every few seconds.
 * @returns path of the verified file.
 * @throws EnvironmentError where there is no way to it, or it is another file than was published.
 */
export async function pinnedImage(image: PinnedImage, cache: string, log: (line: string) => void): Promise<string> {
  const path = join(cache, image.file);
  makeFolder(cache, 0o700);
  try {
    return await withLock(path, async () => {
      if (!(await isVerified(path, image.sha256))) await fetchImage(image, path, log);
      return path;
    });
  } catch (error) {
    throw environmentError(error) ?? error;
  }
}

/** What a verified file looked like: as long as it does, it need not be read again. */
function signature(path: string, sha256: string): string {
  const { size, mtimeMs, ino } = statSync(path);
  return JSON.stringify({ sha256, size, mtimeMs, ino });
}

async function isVerified(path: string, sha256: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  const note = `${path}.verified`;
  if (existsSync(note) && readFileSync(note, "utf8") === signature(path, sha256)) return true;
  if ((await hashOf(path)) !== sha256) return false;
  writeFile(note, signature(path, sha256), { mode: 0o600 });
  return true;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function fetchImage({ url, file, sha256 }: PinnedImage, path: string, log: (line: string) => void): Promise<void> {
  const part = `${path}.part`;
  const progress = new DownloadProgress(file, log);
  for (;;) {
    const before = sizeOf(part);
    try {
      await download(new URL(url), part, { secure: true, watch: progress });
      break;
    } catch (error) {
      // What the person or the disk must mend does not get better by itself, nor does a server that gives nothing.
      if (error instanceof EnvironmentError) throw error;
      if (environmentError(error) !== null) throw error;
      if (error instanceof HttpError || sizeOf(part) <= before) throw texts.noDownload(url, downloadReason(error));
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
  // The note that it was verified must not outlive it in a power cut.
  syncFile(part);
  const found = await hashOf(part);
  if (found !== sha256) {
    rmSync(part);
    throw texts.wrongSum(url, sha256, found);
  }
  publish(part, path, { sync: true });
  writeFile(`${path}.verified`, signature(path, sha256), { mode: 0o600 });
  progress.done();
}

/** Progress of one file over all attempts to get it. */
class DownloadProgress implements DownloadWatch {
  readonly #line: ProgressLine;
  readonly #start = performance.now();
  /** Bytes that this run downloaded. */
  #fresh = 0;
  #isResumed = false;

  constructor(
    private readonly file: string,
    private readonly log: (line: string) => void,
  ) {
    this.#line = new ProgressLine(logScreen(log));
  }

  begin(done: number, total: number): void {
    if (!this.#isResumed) {
      const size = Number.isNaN(total) ? "" : ` (${sizeText(total)})`;
      this.log(`downloading ${this.file}${size}${done > 0 ? `, resuming after ${sizeText(done)}` : ""}`);
    }
    this.#isResumed = true;
    this.#line.begin("", total, done);
  }

  add(bytes: number): void {
    this.#fresh += bytes;
    this.#line.add(bytes);
  }

  done(): void {
    const seconds = (performance.now() - this.#start) / 1000;
    this.log(`downloading ${this.file}: done, ${sizeText(this.#fresh)} in ${seconds.toFixed(0)} s`);
  }
}

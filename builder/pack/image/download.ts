import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { EnvironmentError, environmentError, image as texts } from "../../errors";
import { makeFolder } from "../../machine/folders";
import { withLock } from "../../machine/lock";
import { publish, syncFile, writeFile } from "../../machine/write";
import type { PinnedImage } from "../../targets/boxes";
import { size as sizeText } from "../../base/format";
import { ProgressLine } from "../../disk/progress-line";

/** Without a byte for so long, a connection counts as lost, ms. */
const SILENCE = 30_000;

/** Between two attempts, ms. */
const PAUSE = 1000;

const REDIRECTS = 5;

/**
 * A published image in the cache: downloaded once, going on where an earlier download stopped, and never used before its sha256 is right.
 * @param cache folder, such as cacheFolder("images"). @param tell gets a line of progress every few seconds.
 * @returns path of the verified file. @throws EnvironmentError where there is no way to it, or it is another file than was published.
 */
export async function pinnedImage(image: PinnedImage, cache: string, tell: (line: string) => void): Promise<string> {
  const path = join(cache, image.file);
  makeFolder(cache, 0o700);
  try {
    return await withLock(path, async () => {
      if (!(await isVerified(path, image.sha256))) await download(image, path, tell);
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

async function download({ url, file, sha256 }: PinnedImage, path: string, tell: (line: string) => void): Promise<void> {
  const part = `${path}.part`;
  const progress = new DownloadProgress(file, tell);
  for (;;) {
    const before = sizeOf(part);
    try {
      await fetchRest(new URL(url), part, progress);
      break;
    } catch (error) {
      // What the person or the disk must mend does not get better by itself, nor does a server that gives nothing.
      if (error instanceof EnvironmentError) throw error;
      if (environmentError(error) !== null) throw error;
      if (sizeOf(part) <= before) throw texts.noDownload(url, reasonOf(error));
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
class DownloadProgress {
  readonly #line: ProgressLine;
  readonly #start = performance.now();
  /** Bytes that this run downloaded. */
  #fresh = 0;
  #isResumed = false;

  constructor(
    private readonly file: string,
    private readonly tell: (line: string) => void,
  ) {
    this.#line = new ProgressLine({ isTerminal: false, write: (text) => tell(text.trimEnd()), now: () => performance.now() });
  }

  /**
   * An attempt begins.
   * @param done bytes that are there already.
   * @param total bytes; NaN if the server does not say.
   */
  begin(done: number, total: number): void {
    if (!this.#isResumed) {
      const size = Number.isNaN(total) ? "" : ` (${sizeText(total)})`;
      this.tell(`downloading ${this.file}${size}${done > 0 ? `, resuming after ${sizeText(done)}` : ""}`);
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
    this.tell(`downloading ${this.file}: done, ${sizeText(this.#fresh)} in ${seconds.toFixed(0)} s`);
  }
}

const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

const reasons: Record<string, string> = {
  ENOTFOUND: "its name is unknown, or there is no network",
  EAI_AGAIN: "its name cannot be asked for: there is no network, or no name server",
  ECONNREFUSED: "the server refuses the connection",
  ENETUNREACH: "there is no network",
  EHOSTUNREACH: "there is no way to the server",
  ETIMEDOUT: "the server does not answer",
};

function reasonOf(error: unknown): string {
  // Where a name has several addresses, one error for each.
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] };
  return reasons[code ?? errors?.[0]?.code ?? ""] ?? (message || String(code));
}

/** Downloads what a file lacks. */
async function fetchRest(url: URL, part: string, progress: DownloadProgress): Promise<void> {
  let have = sizeOf(part);
  let response = await request(url, have);
  if (response.statusCode === 416) {
    // Nothing comes after what we have: it is whole, which the hash will tell, or it is too long, and the hash will tell that, too.
    response.destroy();
    if (have === lengthOf(response)) return;
    have = 0;
    response = await request(url, have);
  }
  // A server that cannot go on sends all from the start.
  if (response.statusCode === 200) have = 0;
  else if (response.statusCode !== 206 || !response.headers["content-range"]?.startsWith(`bytes ${have}-`)) {
    response.destroy();
    throw texts.noDownload(url.href, `the server answers ${response.statusCode} ${response.statusMessage ?? ""}`.trimEnd());
  }
  const total = have + Number(response.headers["content-length"] ?? Number.NaN);
  checkSpace(part, total - have);
  progress.begin(have, total);
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      progress.add(chunk.length);
      done(null, chunk);
    },
  });
  await pipeline(response, count, createWriteStream(part, { flags: have === 0 ? "w" : "a", mode: 0o600 }));
  if (sizeOf(part) < total) throw new Error("the connection broke off");
}

/** The whole length that a 416 tells. */
function lengthOf(response: IncomingMessage): number {
  return Number(/\/(\d+)$/.exec(response.headers["content-range"] ?? "")?.[1] ?? Number.NaN);
}

function checkSpace(part: string, needed: number): void {
  const { bavail, bsize } = statfsSync(join(part, ".."));
  if (needed > bavail * bsize) throw texts.diskFull(join(part, ".."), needed, bavail * bsize);
}

async function request(url: URL, from: number, redirects = 0): Promise<IncomingMessage> {
  const isLoopback = ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback)) throw texts.insecure(url.href);
  const { get } = url.protocol === "https:" ? https : http;
  // Packed on the way, the bytes could not be counted.
  const headers = { "accept-encoding": "identity", ...(from > 0 ? { range: `bytes=${from}-` } : {}) };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = get(url, { headers, timeout: SILENCE }, resolve);
    asked.on("timeout", () => asked.destroy(Object.assign(new Error("the server is silent"), { code: "ETIMEDOUT" })));
    asked.on("error", reject);
  });
  const { location } = response.headers;
  if ((response.statusCode ?? 0) < 300 || (response.statusCode ?? 0) >= 400 || location === undefined) return response;
  response.destroy();
  if (redirects >= REDIRECTS) throw texts.noDownload(url.href, "it leads from one address to the next without end");
  return request(new URL(location, url), from, redirects + 1);
}

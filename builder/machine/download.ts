import { createWriteStream, existsSync, statfsSync, statSync } from "node:fs";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { dirname } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { image as texts } from "../errors";

/** Without a byte for so long, a connection counts as lost, ms. */
const SILENCE = 30_000;

const REDIRECTS = 5;

/** Learns how a download gets on. */
export interface DownloadWatch {
  /**
   * An attempt begins.
   * @param done bytes that are there already.
   * @param total bytes; NaN if the server does not say.
   */
  begin(done: number, total: number): void;
  add(bytes: number): void;
}

export interface DownloadOptions {
  /** Refuse plain HTTP, but for the loopback. Not for a file whose sum is known from elsewhere. */
  secure: boolean;
  /** Bytes that the file has; a server that sends more is not let fill the disk. */
  size?: number;
  watch?: DownloadWatch;
}

/** The server has no such file, or does not give it. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    text: string,
  ) {
    super(`the server answers ${status} ${text}`.trimEnd());
  }
}

/** What the server sends cannot be the file. */
export class TooLongError extends Error {
  constructor(size: number) {
    super(`the server sends more than the ${size} bytes that the file has`);
  }
}

/** Bytes of a file; 0 if it is not there. */
export const sizeOf = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

const reasons: Record<string, string> = {
  ENOTFOUND: "its name is unknown, or there is no network",
  EAI_AGAIN: "its name cannot be asked for: there is no network, or no name server",
  ECONNREFUSED: "the server refuses the connection",
  ENETUNREACH: "there is no network",
  EHOSTUNREACH: "there is no way to the server",
  ETIMEDOUT: "the server does not answer",
};

/**
 * Why a download failed, in words.
 * @param error what download threw
 */
export function downloadReason(error: unknown): string {
  // Where a name has several addresses, one error for each.
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] };
  return reasons[code ?? errors?.[0]?.code ?? ""] ?? (message || String(code));
}

/**
 * Downloads what a file lacks.
 * @param part the file; it need not be there.
 * @throws HttpError; TooLongError; EnvironmentError for a full disk, or plain HTTP; any other error for a connection that broke.
 */
export async function download(url: URL, part: string, { secure, size = Infinity, watch }: DownloadOptions): Promise<void> {
  let have = sizeOf(part);
  let response = await request(url, have, secure);
  if (response.statusCode === 416) {
    // Nothing comes after what we have: it is whole or too long, and its hash will show which.
    response.destroy();
    if (have === lengthOf(response)) return;
    have = 0;
    response = await request(url, have, secure);
  }
  // A server that cannot go on sends all from the start.
  if (response.statusCode === 200) have = 0;
  else if (response.statusCode !== 206 || !response.headers["content-range"]?.startsWith(`bytes ${have}-`)) {
    response.destroy();
    throw new HttpError(response.statusCode ?? 0, response.statusMessage ?? "");
  }
  const total = have + Number(response.headers["content-length"] ?? Number.NaN);
  if (total > size) throw new TooLongError(size);
  checkSpace(part, total - have);
  let sum = have;
  watch?.begin(have, total);
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      sum += chunk.length;
      if (sum > size) return done(new TooLongError(size));
      watch?.add(chunk.length);
      done(null, chunk);
    },
  });
  await pipeline(response, count, createWriteStream(part, { flags: have === 0 ? "w" : "a", mode: 0o600 }));
  if (sizeOf(part) < total) throw new Error("the connection broke off");
}

/** The whole length, as a 416 gives it. */
function lengthOf(response: IncomingMessage): number {
  return Number(/\/(\d+)$/.exec(response.headers["content-range"] ?? "")?.[1] ?? Number.NaN);
}

function checkSpace(part: string, needed: number): void {
  const { bavail, bsize } = statfsSync(dirname(part));
  if (needed > bavail * bsize) throw texts.diskFull(dirname(part), needed, bavail * bsize);
}

async function request(url: URL, from: number, secure: boolean, redirects = 0): Promise<IncomingMessage> {
  const isLoopback = ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && (isLoopback || !secure))) throw texts.insecure(url.href);
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
  if (redirects >= REDIRECTS) throw new Error("it leads from one address to the next without end");
  return request(new URL(location, url), from, secure, redirects + 1);
}

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { folderError, packages as texts } from "../../errors";
import { download, downloadReason, HttpError, TooLongError } from "../../machine/download";
import { publish } from "../../machine/write";
import { lastLines, PrivateApt } from "./apt";
import { type Archives, uriOf } from "./archives";
import { cachedPath, isPackage } from "./cache";
import type { LockedPackage } from "./lock";

/** How a file of so many bytes is fetched: null when it has come, "gone" when the server no longer has it, else why it has not. */
export type Transport = (uri: string, target: string, size: number) => Promise<string | null>;

/** Where apt keeps its own downloader, which knows this machine's proxies. */
const aptHelper = "/usr/lib/apt/apt-helper";

/**
 * The way that this machine has.
 * @param folder an empty one for apt.
 */
export async function transportFor(folder: string, helper: string = aptHelper): Promise<Transport> {
  if (!existsSync(helper)) return byNode;
  const apt = await PrivateApt.make({ folder, sources: [], architecture: null });
  return async (uri, target) => {
    const outcome = await apt.run(helper, "download-file", uri, target);
    if (outcome.status === 0) return null;
    if (/No space left on device|Disk quota exceeded/.test(outcome.stderr)) throw folderError({ code: "ENOSPC" }, cacheOf(target));
    return /\b(404|410)\b/.test(outcome.stderr) ? "gone" : lastLines(outcome);
  };
}

/** The cache, which the person may know; the file in the work folder there is gone when the error is read. */
const cacheOf = (target: string): string => dirname(dirname(target));

const byNode: Transport = async (uri, target, size) => {
  try {
    // The lock file knows the sum, so plain HTTP will do, as it does for apt.
    await download(new URL(uri), target, { secure: false, size });
    return null;
  } catch (error) {
    // Such as the page of a network that wants a login first: the sum will not be right either.
    if (error instanceof TooLongError) return null;
    if (error instanceof HttpError && [404, 410].includes(error.status)) return "gone";
    const machine = folderError(error, cacheOf(target));
    if (machine !== null) throw machine;
    return downloadReason(error);
  }
};

/** Files that are fetched at once. */
const atOnce = 4;

export interface Fetching {
  archives: Archives;
  cache: string;
  /** For what is not whole yet. */
  folder: string;
  transport: Transport;
  log: (line: string) => void;
}

/**
 * Fetches packages into the cache: each is checked first, and then put there as a whole.
 * @throws EnvironmentError when one cannot be had.
 */
export async function fetchPackages(wanted: LockedPackage[], { archives, cache, folder, transport, log }: Fetching): Promise<void> {
  const bytes = wanted.reduce((sum, { size }) => sum + size, 0);
  log(`fetching ${wanted.length} packages for the card (${megabytes(bytes)} MB, once) from ${archives.main}`);
  const left = [...wanted].sort((a, b) => b.size - a.size);
  let [come, shown] = [0, 0];
  const worker = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      await fetchOne(one, { archives, cache, folder, transport });
      come += one.size;
      // A slow line takes minutes.
      if (come - shown < bytes / 4 || come === bytes) continue;
      log(`  ${megabytes(come)} of ${megabytes(bytes)} MB`);
      shown = come;
    }
  };
  const workers = Array.from({ length: atOnce }, () =>
    worker().catch((error: unknown) => {
      left.length = 0;
      throw error;
    }),
  );
  // All have ended before the folder goes.
  const failed = (await Promise.allSettled(workers)).find(({ status }) => status === "rejected");
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
}

async function fetchOne(one: LockedPackage, { archives, cache, folder, transport }: Omit<Fetching, "log">): Promise<void> {
  const [uri, target] = [uriOf(one.path, archives), join(folder, `${one.sha256}.deb`)];
  const reason = await transport(uri, target, one.size);
  if (reason === "gone") throw texts.gone(one.name, one.version, uri);
  if (reason !== null) throw texts.notFetched(uri, reason);
  if (!(await isPackage(target, one))) throw texts.otherContent(one.name, one.version, uri, one.sha256);
  publish(target, cachedPath(cache, one));
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

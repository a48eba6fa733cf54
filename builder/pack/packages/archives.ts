import { packages as texts } from "../../errors";
import { knownArchives } from "./apt";

/** Where Debian's packages are fetched from, without a slash at the end. */
export interface Archives {
  main: string;
  /** Security updates. */
  security: string;
}

/**
 * The archives to fetch from: those of the mirror that is named, else those that this machine's apt knows.
 * @throws UsageError where the mirror is no address of one, EnvironmentError where none is known.
 */
export async function archivesFrom(mirror: string | null): Promise<Archives> {
  if (mirror !== null) return beside(checked(mirror));
  // Another kind of address, such as mirror+file:, is understood by apt's own sources only.
  const known = (await knownArchives()).filter(({ uri, component }) => /^https?:/.test(uri) && component === "main");
  const main = known.find(({ part }) => part === "")?.uri;
  if (main === undefined) throw texts.noArchive();
  const security = known.find(({ part }) => part === "-security")?.uri;
  return { ...beside(main), ...(security === undefined ? {} : { security: bare(security) }) };
}

/** A mirror has the security updates beside the archive, if at all. */
function beside(uri: string): Archives {
  const main = bare(uri);
  return { main, security: `${main}-security` };
}

function bare(uri: string): string {
  return uri.replace(/\/+$/, "");
}

function checked(mirror: string): string {
  if (!/^https?:\/\/[^\s[\]]+$/.test(mirror)) throw texts.mirror(mirror);
  return mirror;
}

/** Address of a file of the lock. */
export function uriOf(path: string, { main, security }: Archives): string {
  // Debian's security archive keeps its files there, and no other does.
  const archive = path.startsWith("pool/updates/") ? security : main;
  return [archive, ...path.split("/").map(encodeURIComponent)].join("/");
}

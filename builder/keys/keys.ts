import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { sha256 } from "../base/hash";
import { environmentError, keys } from "../errors";
import { makeFolder } from "../machine/folders";
import { platform } from "../machine/host";
import { recoverFolder, swapFolder } from "../machine/swap";
import { writeFiles } from "../machine/write";
import { type Identity, makeIdentity, readIdentity } from "./certificate";
import { KNOWN_HOSTS, withHost } from "./known-hosts";
import { makeSshKey, readSshKey, type SshKey } from "./ssh-key";
import { readStaticKey, staticKey } from "./static-keys";

/** The secrets of one tunnel. */
export type TunnelKeys =
  { kind: "static-key"; key: string } | { kind: "tls"; /** For tls-crypt. */ crypt: string; box: Identity; server: Identity };

export interface Keys {
  byLine: Map<string, TunnelKeys>;
  /** By which people and programs know the box's SSH server. New tunnel keys leave it as it is. */
  host: SshKey;
  /** Names the set, and tells nothing of the keys: box, server and manifest carry it. */
  id: string;
  /** Lines whose keys did not exist before, or are to be new. */
  made: string[];
  /** The box's SSH key did not exist before. */
  hostMade: boolean;
  /** Sentences for the person who builds. */
  notes: string[];
  /** Writes the new keys. Call it when nothing else can fail. */
  save(): Promise<void>;
}

export interface KeysInput {
  /** Names of the lines. */
  lines: string[];
  /** Of the tunnels. */
  kind: TunnelKeys["kind"];
  /** Absolute path of secrets/<profile>. */
  folder: string;
  /** Absolute path of the profile's file. The keys are for it alone. */
  profile: string;
  /** The box's, in the LAN. */
  address: string;
  /** Makes new keys for all lines; the old ones are kept in previous/<id>/. */
  rotate: boolean;
}

/**
 * The keys of a profile: those of earlier builds, and new ones for new lines.
 * @throws EnvironmentError, UsageError where they are broken, out of reach or another profile's
 */
export function keysOf(input: KeysInput): Keys {
  const { lines, kind, folder, profile, rotate } = input;
  if (existsSync(dirname(folder))) recoverFolder(folder);
  checkOwner(folder, profile);
  const notes = closed(folder);
  const store = new Store(folder, rotate);
  const byLine = new Map(lines.map((line) => [line, tunnelKeys(kind, line, store)]));
  const host = hostKey(new Store(folder, false), store.fresh);
  return {
    byLine,
    host,
    id: keySetId(byLine),
    made: lines.filter((line) => store.isFresh(line)),
    hostMade: store.fresh.has(HOST),
    notes,
    save: () => save(store, host, input),
  };
}

function tunnelKeys(kind: TunnelKeys["kind"], line: string, store: Store): TunnelKeys {
  return kind === "tls" ? tlsKeys(line, store) : { kind, key: staticKeyOf(`${line}.key`, store) };
}

function tlsKeys(line: string, store: Store): TunnelKeys {
  const identityOf = (half: "box" | "server"): Identity => {
    // One name for all: certificates that differ in key and signature alone pack well, and user-data has to be small.
    const make = (): string => makeIdentity("bondbox").pem;
    return readIdentity(
      store.get(`${line}.${half}.key`, "a private key with its certificate", make, (text) => readIdentity(text)?.pem),
    ) as Identity;
  };
  return { kind: "tls", crypt: cryptKey(line, store), box: identityOf("box"), server: identityOf("server") };
}

/**
 * Keeps strangers out before any certificate is looked at. One for all lines, since the same two machines have them all and user-data has
 * to be small; a line that has one of its own, of an earlier version, keeps it.
 */
function cryptKey(line: string, store: Store): string {
  const own = ownCrypt(line);
  return staticKeyOf(store.has(own) ? own : CRYPT, store);
}

/** The name of a line has no underscore. */
const HOST = "ssh_host_ed25519.key";

/**
 * The box's SSH key. Every computer that has been logged in from knows it, so it is no part of a set of keys.
 * @param store of what is kept
 * @param fresh gets a new one
 */
function hostKey(store: Store, fresh: Map<string, string>): SshKey {
  const key = readSshKey(
    store.get(
      HOST,
      "an SSH host key",
      () => makeSshKey().pem,
      (text) => readSshKey(text)?.pem,
    ),
  ) as SshKey;
  for (const [name, text] of store.fresh) fresh.set(name, text);
  return key;
}

const ownCrypt = (line: string): string => `${line}.crypt.key`;

const CRYPT = "tls-crypt.key";

function staticKeyOf(name: string, store: Store): string {
  return store.get(name, "an OpenVPN static key", () => staticKey(randomBytes(256)), readStaticKey);
}

/** Such as 3f9a-12bc-77d0. Static keys have 2,048 random bits, so a hash of one gives nothing away. */
export function keySetId(byLine: Map<string, TunnelKeys>): string {
  const parts = [...byLine]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([line, one]) => [
      line,
      ...(one.kind === "tls" ? [sha256(one.crypt), one.box.fingerprint, one.server.fingerprint] : [sha256(one.key)]),
    ]);
  const hash = sha256(`bondbox key set ${JSON.stringify(parts)}`);
  return [0, 4, 8].map((at) => hash.slice(at, at + 4)).join("-");
}

/** In a folder of keys: where its profile is, as seen from there, so that both can be moved or copied together. */
const OWNER = "profile.path";
/** In a folder of keys: the sets that it had before, each in a folder named by its id. */
const PREVIOUS = "previous";

/** Two profiles of one name, in different folders, must not share keys. One that was moved is still the same. */
function checkOwner(folder: string, profile: string): void {
  const recorded = ownerOf(folder);
  if (recorded === null) return;
  const other = resolve(folder, recorded);
  if (other !== realpathSync(profile) && existsSync(other)) throw keys.otherProfile(folder, other, profile);
}

function ownerOf(folder: string): string | null {
  return readText(join(folder, OWNER))?.trim() ?? null;
}

/** @returns null: a folder of an earlier version has none, and one that cannot be read is reported with its keys */
function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Takes away others' permission to read the keys: a copied or unpacked folder is often open. @returns what to tell the person */
function closed(folder: string): string[] {
  if (platform() === "win32" || !existsSync(folder)) return [];
  try {
    const open = [folder, ...keyFilesIn(folder).map((name) => join(folder, name))].filter((path) => (statSync(path).mode & 0o077) !== 0);
    for (const path of open) chmodSync(path, statSync(path).mode & 0o700);
    return open.length === 0
      ? []
      : [
          `${folder} could be read by other users of this computer; that is corrected. If somebody may have read the keys, make new ones with --rotate-keys.`,
        ];
  } catch (error) {
    throw environmentError(error) ?? error;
  }
}

const keyFilesIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith(".key"));

/** Paths of all files below a folder, relative. */
function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** The key files of one folder: created in memory on first use. */
class Store {
  readonly fresh = new Map<string, string>();

  constructor(
    private readonly folder: string,
    private readonly rotate: boolean,
  ) {}

  /**
   * @param name of the file.
   * @param what the file should be, for the error.
   * @param make creates a new key.
   * @param read extracts the key from the file's text; null or undefined if it is damaged.
   */
  get(name: string, what: string, make: () => string, read: (text: string) => string | null | undefined): string {
    const kept = this.fresh.get(name) ?? (this.rotate ? null : this.load(name));
    if (kept !== null) {
      const found = read(kept);
      if (found === null || found === undefined) throw keys.broken(join(this.folder, name), what);
      return found;
    }
    const made = make();
    this.fresh.set(name, made);
    return made;
  }

  /** Whether a key of an earlier build is used. */
  has(name: string): boolean {
    return !this.rotate && existsSync(join(this.folder, name));
  }

  /** Whether a line has a key that was not there before. */
  isFresh(line: string): boolean {
    return [CRYPT, `${line}.key`, `${line}.box.key`, `${line}.server.key`].some((name) => this.fresh.has(name));
  }

  private load(name: string): string | null {
    const path = join(this.folder, name);
    try {
      return readFileSync(path, "utf8").replaceAll("\r\n", "\n");
    } catch (error) {
      // Only a missing key may be created: one that cannot be read is in use.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw environmentError(error, path) ?? error;
    }
  }
}

/** Writes new keys, all or none of them. Synced: a box that was installed with a key cannot be reached with another one. */
async function save({ fresh }: Store, host: SshKey, input: KeysInput): Promise<void> {
  const { folder, profile } = input;
  const owner = relative(folder, realpathSync(profile));
  const files = new Map(fresh);
  if (ownerOf(folder) !== owner) files.set(OWNER, `${owner}\n`);
  const known = readText(join(folder, KNOWN_HOSTS));
  const wanted = withHost(known, { name: input.address, key: host.line, half: "box" });
  if (known !== wanted) files.set(KNOWN_HOSTS, wanted);
  if (files.size === 0) return;
  try {
    if (input.rotate && existsSync(folder))
      return await swapFolder(folder, (temporary) => Promise.resolve(rotateInto(temporary, files, input)));
    makeFolder(folder, 0o700);
    chmodSync(folder, 0o700);
    writeAll(folder, files);
  } catch (error) {
    throw environmentError(error) ?? error;
  }
}

function writeAll(folder: string, files: Map<string, string | Buffer>): void {
  const list = [...files].map(([name, content]) => ({ path: join(folder, name), content }));
  writeFiles(list, { mode: 0o600, sync: true });
}

/** Makes the folder of keys anew: the old set in previous/, the new one in its place. */
function rotateInto(temporary: string, files: Map<string, string>, input: KeysInput): void {
  const { folder } = input;
  const old = new Map(filesBelow(folder).map((path) => [path, readFileSync(join(folder, path))]));
  const ofTunnels = keyFilesIn(folder).filter((name) => name !== HOST);
  const before = ofTunnels.map((name): [string, Buffer] => [join(PREVIOUS, oldId(input), name), old.get(name) as Buffer]);
  const all = new Map<string, string | Buffer>([...old, ...before, ...files]);
  // Else the next build would take it for the line's.
  for (const line of input.lines) all.delete(ownCrypt(line));
  makeFolder(temporary, 0o700);
  for (const path of all.keys()) makeFolder(dirname(join(temporary, path)), 0o700);
  writeAll(temporary, all);
}

/** The id of the set that is there; of one that is broken, a name that says so. */
function oldId({ lines, kind, folder }: KeysInput): string {
  const store = new Store(folder, false);
  try {
    const byLine = new Map(lines.map((line) => [line, tunnelKeys(kind, line, store)]));
    return store.fresh.size === 0 ? keySetId(byLine) : `incomplete-${keySetId(byLine)}`;
  } catch {
    return "broken";
  }
}

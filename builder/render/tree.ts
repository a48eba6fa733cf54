/** One entry of a file tree, as it will be on the target. */
export type Entry = FileEntry | LinkEntry | DirectoryEntry;

interface Owned {
  /** Absolute. */
  path: string;
  mode: number;
  owner: "root";
  group: "root";
}

export interface FileEntry extends Owned {
  kind: "file";
  content: Buffer;
  /** What it holds may be guessed, and its hash would tell whether a guess is right: the manifest has none. */
  guessable?: true;
}

export interface LinkEntry extends Owned {
  kind: "link";
  target: string;
}

export interface DirectoryEntry extends Owned {
  kind: "directory";
}

const root = { owner: "root", group: "root" } as const;

export function file(path: string, content: string | Uint8Array): FileEntry {
  const bytes = Buffer.from(content as string);
  return { kind: "file", path, mode: modeOf(path, bytes), ...root, content: bytes };
}

export function link(path: string, target: string): LinkEntry {
  return { kind: "link", path, mode: 0o777, ...root, target };
}

/** Whether a file holds a secret. */
function isSecret(path: string): boolean {
  return /(\.|_)key$/.test(path);
}

function modeOf(path: string, content: Buffer): number {
  if (isSecret(path)) return 0o600;
  if (path.startsWith("/etc/sudoers.d/")) return 0o440;
  return content.subarray(0, 2).toString() === "#!" ? 0o755 : 0o644;
}

/** Whether only bondbox creates this folder. The system's own folders keep their owners and modes. */
function isOurs(path: string): boolean {
  return /\/bondbox(\/setup)?$|\/[^/]+\.wants$|\/(authorized_keys|rt_tables)\.d$/.test(path);
}

/** Adds the folders that the entries need, and sorts by path, so that parents come before children. */
export function complete(entries: Entry[]): Entry[] {
  const all = new Map(entries.map((entry) => [entry.path, entry]));
  if (all.size < entries.length) throw new Error("two files of one tree have the same path");
  for (const { path } of entries) {
    for (let parent = dirname(path); parent !== "/"; parent = dirname(parent)) {
      if (isOurs(parent) && !all.has(parent)) {
        all.set(parent, { kind: "directory", path: parent, mode: parent === "/etc/openvpn/bondbox" ? 0o700 : 0o755, ...root });
      }
    }
  }
  return [...all.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

function dirname(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** One file of the output folder. */
export interface Artefact {
  /** Relative to the output folder. */
  path: string;
  mode: number;
  content: string | Buffer;
}

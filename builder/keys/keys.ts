import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { environmentError, keys } from "../errors";
import { makeFolder } from "../machine/folders";
import { writeFiles } from "../machine/write";
import { type Identity, makeIdentity, readIdentity } from "./certificate";
import { readStaticKey, staticKey } from "./static-keys";

/** The secrets of one tunnel. */
export type TunnelKeys =
  { kind: "static-key"; key: string } | { kind: "tls"; /** For tls-crypt. */ crypt: string; box: Identity; server: Identity };

export interface Keys {
  byLine: Map<string, TunnelKeys>;
  /** Writes the new keys. Call it when nothing else can fail. */
  save(): void;
}

/**
 * The keys of a profile: those of earlier builds, and new ones for new lines.
 * @param lines names of the lines.
 * @param kind of the tunnels.
 * @param folder absolute path of secrets/<profile>.
 * @param rotate make new keys for all lines.
 */
export function keysOf(lines: string[], kind: TunnelKeys["kind"], folder: string, rotate: boolean): Keys {
  const store = new Store(folder, rotate);
  return {
    byLine: new Map(lines.map((line) => [line, kind === "tls" ? tlsKeys(line, store) : { kind, key: staticKeyOf(`${line}.key`, store) }])),
    save: () => store.save(),
  };
}

function tlsKeys(line: string, store: Store): TunnelKeys {
  const identityOf = (half: "box" | "server"): Identity => {
    const make = (): string => makeIdentity(`bondbox ${half} ${line}`).pem;
    return readIdentity(
      store.get(`${line}.${half}.key`, "a private key with its certificate", make, (text) => readIdentity(text)?.pem),
    ) as Identity;
  };
  return { kind: "tls", crypt: staticKeyOf(`${line}.crypt.key`, store), box: identityOf("box"), server: identityOf("server") };
}

function staticKeyOf(name: string, store: Store): string {
  return store.get(name, "an OpenVPN static key", () => staticKey(randomBytes(256)), readStaticKey);
}

/** The key files of one folder: created in memory on first use, written by save(). */
class Store {
  private readonly fresh = new Map<string, string>();

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
    const kept = this.rotate ? null : this.load(name);
    if (kept !== null) {
      const found = read(kept);
      if (found === null || found === undefined) throw keys.broken(join(this.folder, name), what);
      return found;
    }
    const made = make();
    this.fresh.set(name, made);
    return made;
  }

  private load(name: string): string | null {
    try {
      return readFileSync(join(this.folder, name), "utf8").replaceAll("\r\n", "\n");
    } catch (error) {
      // Only a missing key may be created: one that cannot be read is in use.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw environmentError(error) ?? error;
    }
  }

  save(): void {
    if (this.fresh.size === 0) return;
    try {
      makeFolder(this.folder, 0o700);
      chmodSync(this.folder, 0o700);
      const files = [...this.fresh].map(([name, content]) => ({ path: join(this.folder, name), content }));
      // Synced: a box that was installed with a key cannot be reached with another one.
      writeFiles(files, { mode: 0o600, sync: true });
    } catch (error) {
      throw environmentError(error) ?? error;
    }
  }
}

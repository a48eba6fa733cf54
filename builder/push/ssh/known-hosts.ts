import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

/** One line of a known_hosts. Format: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
interface Row {
  file: string;
  line: number;
  revoked: boolean;
  hosts: string;
  kind: string;
  key: string;
}

export interface Verdict {
  kind: "known" | "unknown" | "changed" | "revoked";
  /** Where the other key, or the revoked one, is. */
  at: { file: string; line: number; key: Buffer } | null;
}

/** Files with hosts that are known. */
export class KnownHosts {
  private readonly rows: Row[];

  /** @param files those that are not there hold nothing */
  constructor(files: string[]) {
    this.rows = files.flatMap(rowsOf);
  }

  /**
   * Whether a host's key is known.
   * @param name as known_hosts has it, see knownName
   * @param key as it is sent over the wire (RFC 4253, 6.6)
   */
  judge(name: string, key: Buffer): Verdict {
    const text = key.toString("base64");
    const ours = this.rows.filter(({ hosts }) => matches(hosts, name));
    const at = ({ file, line, key: other }: Row): Verdict["at"] => ({ file, line, key: Buffer.from(other, "base64") });
    const revoked = ours.find((row) => row.revoked && row.key === text);
    if (revoked !== undefined) return { kind: "revoked", at: at(revoked) };
    const valid = ours.filter((row) => !row.revoked);
    if (valid.some((row) => row.key === text)) return { kind: "known", at: null };
    const other = valid.find(({ kind }) => kind === kindOf(key));
    return other === undefined ? { kind: "unknown", at: null } : { kind: "changed", at: at(other) };
  }

  /** Kinds of the keys by which a host is known. A server may have more: those are asked for first. */
  kinds(name: string): string[] {
    return this.rows.filter((row) => !row.revoked && matches(row.hosts, name)).map(({ kind }) => kind);
  }
}

/** How known_hosts names a host: with its port, unless that is 22. */
export function knownName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** The kind that a key itself says it is, such as "ssh-ed25519". */
export function kindOf(key: Buffer): string {
  return key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");
}

function rowsOf(file: string): Row[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((row, index) => {
    const words = row.trim().split(/\s+/);
    const mark = words[0]?.startsWith("@") ? words.shift() : undefined;
    const [hosts, kind, key] = words;
    // Keys that an authority has signed are none that the library can check.
    if (hosts === undefined || kind === undefined || key === undefined || hosts.startsWith("#") || mark === "@cert-authority") return [];
    return [{ file, line: index + 1, revoked: mark === "@revoked", hosts, kind, key }];
  });
}

function matches(hosts: string, name: string): boolean {
  const [, salt, hash] = /^\|1\|([^|]+)\|([^|]+)$/.exec(hosts) ?? [];
  if (salt !== undefined && hash !== undefined) {
    const own = createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest();
    const other = Buffer.from(hash, "base64");
    return own.length === other.length && timingSafeEqual(own, other);
  }
  const patterns = hosts.toLowerCase().split(",");
  const fits = (pattern: string): boolean => new RegExp(`^${pattern.split("").map(asRegExp).join("")}$`).test(name);
  return !patterns.some((one) => one.startsWith("!") && fits(one.slice(1))) && patterns.some((one) => !one.startsWith("!") && fits(one));
}

function asRegExp(letter: string): string {
  return letter === "*" ? ".*" : letter === "?" ? "." : letter.replace(/[\\^$.|+()[\]{}]/g, "\\$&");
}

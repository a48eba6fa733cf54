import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environmentError, secrets } from "../errors";
import { makeFolder } from "../folders";

/** OpenVPN's static key: 2048 bits as 16 lines of 32 hexadecimal digits. Source: openvpn(8), --genkey. */
const FORMAT = /^-----BEGIN OpenVPN Static key V1-----\n(?:[0-9a-f]{32}\n){16}-----END OpenVPN Static key V1-----\n$/;

/** @param bytes 256 random ones. */
export function staticKey(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return `-----BEGIN OpenVPN Static key V1-----\n${(hex.match(/.{32}/g) as string[]).join("\n")}\n-----END OpenVPN Static key V1-----\n`;
}

export interface Keys {
  /** Static keys by line name. */
  byLine: Map<string, string>;
  /** Writes what is new; call it when nothing else can fail. */
  save(): void;
}

/** The keys of a profile: those of earlier builds, new ones for new lines. @param folder secrets/<profile>. @param rotate new ones for all. */
export function keysOf(lines: string[], folder: string, rotate: boolean): Keys {
  const fresh: string[] = [];
  const byLine = new Map<string, string>();
  for (const line of lines) {
    const kept = rotate ? null : readKey(join(folder, `${line}.key`));
    if (kept === null) fresh.push(line);
    byLine.set(line, kept ?? staticKey(randomBytes(256)));
  }
  return { byLine, save: () => saveKeys(folder, fresh, byLine) };
}

function readKey(path: string): string | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8").replaceAll("\r\n", "\n");
  } catch (error) {
    // Only a key that is not there may be made anew: one that cannot be read is in use.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw environmentError(error) ?? error;
  }
  // Comments before the key, as "openvpn --genkey" writes them, are not kept.
  const key = text.slice(Math.max(0, text.indexOf("-----BEGIN")));
  if (!FORMAT.test(key)) throw secrets.broken(path);
  return key;
}

function saveKeys(folder: string, fresh: string[], byLine: Map<string, string>): void {
  if (fresh.length === 0) return;
  try {
    makeFolder(folder, 0o700);
    chmodSync(folder, 0o700);
    // All are written before the first takes its place: a full disk leaves no mixture.
    for (const line of fresh) writeFileSync(join(folder, `${line}.key.new`), byLine.get(line) as string, { mode: 0o600 });
    for (const line of fresh) renameSync(join(folder, `${line}.key.new`), join(folder, `${line}.key`));
  } catch (error) {
    throw environmentError(error) ?? error;
  }
}

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeIdentity } from "../../builder/keys/certificate";
import { makeSshKey } from "../../builder/keys/ssh-key";
import { staticKey } from "../../builder/keys/static-keys";
import type { Plan } from "../../builder/plan/types";

/**
 * Keys that are no secret, and everywhere the same: with others the files of a build were other bytes, and no run could be repeated.
 * @param folder secrets of a profile, as the builder keeps them
 * @param plan names the lines, and the kind of their keys
 * @param set names another set of tunnel keys
 */
export function layKeys(folder: string, { lines, tunnel }: Plan, set = ""): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ofLine = (name: string): Record<string, string> =>
    tunnel.staticKey === null ? tlsKeys(name, set) : { [`${name}.key`]: staticKey(bytesOf(set + name)) };
  const host = { "ssh_host_ed25519.key": makeSshKey(bytesOf("host").subarray(0, 32)).pem };
  const shared = tunnel.staticKey === null ? { "tls-crypt.key": staticKey(bytesOf(`${set}crypt`)) } : {};
  for (const files of [host, shared, ...lines.map(({ name }) => ofLine(name))])
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text, { mode: 0o600 });
}

/** A line's keys by their file. */
function tlsKeys(line: string, set: string): Record<string, string> {
  const identity = (half: string): string => makeIdentity(`bondbox ${half} ${line}`, bytesOf(`${set}${line} ${half}`).subarray(0, 32)).pem;
  return {
    [`${line}.box.key`]: identity("box"),
    [`${line}.server.key`]: identity("server"),
  };
}

/** 256 bytes that are the same for the same name. */
function bytesOf(name: string): Buffer {
  return Buffer.concat(Array.from({ length: 8 }, (_, index) => createHash("sha256").update(`bondbox lab ${name} ${index}`).digest()));
}

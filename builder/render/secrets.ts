import { createHash } from "node:crypto";
import { hashPassword, readPasswordHash } from "../../overlay/runtime/web/password";
import type { Secrets } from "../plan/secrets";
import { type FileEntry, file } from "./tree";

/**
 * The password as the card has it.
 *
 * The salt is made of the set of keys and the profile's name, so that a build can be repeated. It need not be secret, only another one on
 * every box: sets of keys are random, so no table of hashes fits two boxes. docs/status-page.md#password
 */
export function passwordHash(password: string, { keySet, profile }: { keySet: string; profile: string }): string {
  if (readPasswordHash(password) !== null) return password;
  const salt = createHash("sha256").update(`bondbox page ${keySet} ${profile}`).digest().subarray(0, 16);
  return hashPassword(password, salt);
}

/** The files with the secrets, for the box alone. */
export function secretFiles({ password, notify }: Secrets, names: { keySet: string; profile: string }): FileEntry[] {
  const files = [
    ...(password === undefined ? [] : [file("/etc/bondbox/page.key", `${passwordHash(password, names)}\n`)]),
    ...(notify === undefined ? [] : [file("/etc/bondbox/notify.key", `${JSON.stringify(notify)}\n`)]),
  ];
  return files.map((entry) => ({ ...entry, guessable: true }));
}

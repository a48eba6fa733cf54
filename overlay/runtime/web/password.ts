import { scrypt, scryptSync, timingSafeEqual } from "node:crypto";

/** The status page's password, as the card has it: nobody can read the password from it. */
export interface PasswordHash {
  /** Cost, block size and parallelism. Source: RFC 7914 */
  N: number;
  r: number;
  p: number;
  salt: Buffer;
  hash: Buffer;
}

/** 32 MiB and about 0.1 s on a computer of today: a guess costs that much, too. */
const cost = { N: 32_768, r: 8, p: 1 };
/** bytes */
const sizes = { salt: 16, hash: 32 };

/**
 * Hashes a password for the card: "scrypt:N:r:p:SALT:HASH".
 * @param password as a person types it
 * @param salt 16 bytes
 */
export function hashPassword(password: string, salt: Buffer): string {
  const hash = scryptSync(plain(password), salt, sizes.hash, { ...cost, maxmem: memory(cost) });
  return ["scrypt", cost.N, cost.r, cost.p, salt.toString("base64url"), hash.toString("base64url")].join(":");
}

/**
 * Reads what `hashPassword` has made.
 * @returns null: it is damaged.
 */
export function readPasswordHash(text: string): PasswordHash | null {
  const [, N, r, p, salt = "", hash = ""] = /^scrypt:(\d{5,6}):(\d):(\d):([\w-]{22}):([\w-]{43})$/.exec(text.trim()) ?? [];
  if (N === undefined) return null;
  return { N: Number(N), r: Number(r), p: Number(p), salt: Buffer.from(salt, "base64url"), hash: Buffer.from(hash, "base64url") };
}

/** Whether it is this password. It is computed beside the program's own thread, and takes as long whatever the answer is. */
export function isPassword(password: string, { N, r, p, salt, hash }: PasswordHash): Promise<boolean> {
  return new Promise((resolve, reject) =>
    scrypt(plain(password), salt, hash.length, { N, r, p, maxmem: memory({ N, r }) }, (error, found) =>
      error === null ? resolve(timingSafeEqual(found, hash)) : reject(error),
    ),
  );
}

/** Keyboards differ in how they write the same letter. Source: Unicode Standard Annex #15 */
const plain = (password: string): string => password.normalize("NFKC");

/** What scrypt needs, and some more, bytes. Source: RFC 7914, section 2 */
const memory = ({ N, r }: { N: number; r: number }): number => 128 * N * r + 2 ** 20;

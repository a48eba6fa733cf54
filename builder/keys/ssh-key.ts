import { createHash, createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { PRIVATE_KEY } from "./certificate";

/** An SSH server's key: Ed25519, as OpenSSH keeps it. */
export interface SshKey {
  /** Private and public key, the text of ssh_host_ed25519_key. */
  pem: string;
  /** The public key alone, such as "ssh-ed25519 AAAA…", without a comment. */
  line: string;
  /** As ssh prints it, such as "SHA256:9BZv…". */
  fingerprint: string;
}

const TYPE = "ssh-ed25519";
/** Source: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key */
const MAGIC = "openssh-key-v1\0";
/** Bytes before the public key of a file without a passphrase: the magic, "none" twice, no options, one key. */
const HEAD = Buffer.concat([Buffer.from(MAGIC), field("none"), field("none"), field(""), number(1)]);

/**
 * Makes a key. The same seed gives the same bytes.
 * @param seed 32 random bytes
 */
export function makeSshKey(seed: Buffer = randomBytes(32)): SshKey {
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE_KEY, seed]), format: "der", type: "pkcs8" });
  const point = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  const publicKey = blob(point);
  // Any number, but twice the same: it says that the key was decrypted well, and nothing is encrypted here.
  const check = number(0);
  const secret = Buffer.concat([check, check, field(TYPE), field(point), field(Buffer.concat([seed, point])), field("")]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const rows = Buffer.concat([HEAD, field(publicKey), field(Buffer.concat([secret, padding]))])
    .toString("base64")
    .match(/.{1,70}/g) as string[];
  return of(`-----BEGIN OPENSSH PRIVATE KEY-----\n${rows.join("\n")}\n-----END OPENSSH PRIVATE KEY-----\n`, publicKey);
}

/**
 * Reads a key that makeSshKey made.
 * @param pem the file's text
 * @returns null where it is damaged or of another kind
 */
export function readSshKey(pem: string): SshKey | null {
  const bytes = Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64");
  const { length } = Buffer.concat([
    HEAD,
    field(blob(Buffer.alloc(32))),
    number(0),
    number(0),
    number(0),
    field(TYPE),
    field(Buffer.alloc(32)),
  ]);
  const seed = bytes.subarray(length + 4, length + 36);
  if (seed.length < 32) return null;
  const key = makeSshKey(seed);
  return key.pem === pem ? key : null;
}

function of(pem: string, publicKey: Buffer): SshKey {
  return { pem, line: `${TYPE} ${publicKey.toString("base64")}`, fingerprint: sshFingerprint(publicKey) };
}

/**
 * How OpenSSH shows a key to people.
 * @param key in the form that is sent over the wire (RFC 4253, 6.6)
 */
export function sshFingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

function blob(point: Buffer): Buffer {
  return Buffer.concat([field(TYPE), field(point)]);
}

/** A string of RFC 4251, section 5: its length first. */
function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

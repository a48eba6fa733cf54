import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";

/** One end of a TLS tunnel: its private key and its self-signed certificate, which the other end knows by fingerprint. */
export interface Identity {
  /** Private key and certificate as PEM. */
  pem: string;
  /** The certificate alone. */
  certificate: string;
  /** SHA-256 of the certificate, as openvpn(8) expects it in peer-fingerprint: "AB:CD:...". */
  fingerprint: string;
}

/** The bytes before the 32 bytes of an Ed25519 key in PKCS #8. Source: RFC 8410, section 7. */
export const PRIVATE_KEY = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * Makes an identity. The same seed gives the same bytes, since Ed25519 signatures are deterministic.
 * @param name common name of the certificate, for logs.
 * @param seed 32 random bytes.
 */
export function makeIdentity(name: string, seed: Buffer = randomBytes(32)): Identity {
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE_KEY, seed]), format: "der", type: "pkcs8" });
  return identity(key, pemOf("CERTIFICATE", certify(key, name)));
}

/**
 * Reads an identity that makeIdentity made.
 * @param pem private key and certificate.
 * @returns null if either is missing or damaged, or they do not belong together.
 */
export function readIdentity(pem: string): Identity | null {
  try {
    const key = createPrivateKey(pem);
    const certificate = new X509Certificate(pem);
    const whole = certificate.checkPrivateKey(key) && certificate.verify(certificate.publicKey);
    return whole ? identity(key, pemOf("CERTIFICATE", certificate.raw)) : null;
  } catch {
    return null;
  }
}

function identity(key: KeyObject, certificate: string): Identity {
  const pem = `${key.export({ format: "pem", type: "pkcs8" })}${certificate}`;
  return { pem, certificate, fingerprint: new X509Certificate(certificate).fingerprint256 };
}

/**
 * A self-signed certificate: the other end trusts its fingerprint, so there is no authority. It never expires, because a Raspberry Pi
 * has no clock that runs without power. Source: RFC 5280, section 4.1; RFC 8410.
 */
function certify(key: KeyObject, name: string): Buffer {
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" });
  const subject = sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name)))));
  const notAuthority = sequence(oid("551d13"), der(0x01, Buffer.from([0xff])), der(0x04, sequence()));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    // The only one of its issuer. Random digits would not compress, and user-data has to be small.
    der(0x02, Buffer.from([1])),
    ED25519,
    subject,
    sequence(der(0x17, Buffer.from("700101000000Z")), der(0x18, Buffer.from("99991231235959Z"))),
    subject,
    publicKey,
    der(0xa3, sequence(notAuthority)),
  );
  return sequence(body, ED25519, der(0x03, Buffer.from([0]), sign(null, body, key)));
}

/** One DER value: tag, length, content. Source: ITU-T X.690, section 8.1. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

const ED25519 = sequence(oid("2b6570"));

function pemOf(label: string, bytes: Buffer): string {
  const rows = bytes.toString("base64").match(/.{1,64}/g) as string[];
  return `-----BEGIN ${label}-----\n${rows.join("\n")}\n-----END ${label}-----\n`;
}

/** A public key as a profile may hold it: the line of a .pub file, taken apart. */
interface Parts {
  type: string;
  base64: string;
  /** Its words. */
  comment: string[];
}

function partsOf(text: string): Parts {
  const [type = "", base64 = "", ...comment] = text.trim().split(/\s+/);
  return { type, base64, comment };
}

/** What a comment can hold and stay a plain word in every shell, table and YAML file. */
const HARMLESS = /^[A-Za-z0-9@._+-]+$/;

/**
 * A public key in one form: type, key, and the comment if it is harmless. OpenSSH ignores the comment (sshd(8), AUTHORIZED_KEYS FILE
 * FORMAT), so one that files would have to quote, such as DOMAIN\user or <user@example.org>, is dropped.
 * @param text the line of a .pub file, which the schema and faultOfSshKey have accepted.
 */
export function plainSshKey(text: string): string {
  const { type, base64, comment } = partsOf(text);
  return [type, base64, ...(comment.every((word) => HARMLESS.test(word)) ? comment : [])].join(" ");
}

/**
 * What is wrong with a public key, or null: a key that was not copied completely would only be noticed when the login fails.
 * @param text the line of a .pub file, which the schema has accepted.
 */
export function faultOfSshKey(text: string): string | null {
  const { type, base64 } = partsOf(text);
  const blob = Buffer.from(base64, "base64");
  // OpenSSH's decoder wants the padding, and nothing in the bits that the last letter has left over.
  if (blob.toString("base64") !== base64) return "its last letters are missing";
  const fields = fieldsOf(blob);
  if (fields === null) return "it was cut off, or letters were lost or added";
  const inner = fields[0]?.toString("latin1") ?? "";
  if (inner !== type)
    return /^[a-z0-9@.-]+$/.test(inner) ? `its letters are those of a key of type ${inner}` : "its first letters are wrong";
  return fits(type, fields.slice(1)) ? null : "it does not have the parts of such a key";
}

/** The parts of a key: each has its length in 4 bytes before it (RFC 4251, section 5). null: a part is not complete. */
function fieldsOf(blob: Buffer): Buffer[] | null {
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length;) {
    if (at + 4 > blob.length) return null;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return null;
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

/** Bytes of an uncompressed point on each curve: 1 + twice the size of its field. Source: RFC 5656, section 3.1; SEC 1, section 2.3.3. */
const pointBytes: Record<string, number> = { nistp256: 65, nistp384: 97, nistp521: 133 };

/** Whether these are the parts of a key after its type. Sources: RFC 8709, 4253 (section 6.6), 5656; OpenSSH's PROTOCOL.u2f for "sk-". */
function fits(type: string, fields: Buffer[]): boolean {
  const security = type.startsWith("sk-") ? 1 : 0;
  const [first, second] = fields;
  if (type.includes("ed25519")) return fields.length === 1 + security && first?.length === 32;
  if (type === "ssh-rsa")
    return fields.length === 2 && first !== undefined && first.length > 0 && second !== undefined && second.length > 0;
  const curve = /nistp\d+/.exec(type)?.[0] ?? "";
  return fields.length === 2 + security && first?.toString("latin1") === curve && second?.length === pointBytes[curve];
}

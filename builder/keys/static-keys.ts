/** OpenVPN's static key file: 2048 bits as 16 lines of 32 hexadecimal digits, also used for tls-crypt. Source: openvpn(8), --genkey. */
const FORMAT = /^-----BEGIN OpenVPN Static key V1-----\n(?:[0-9a-f]{32}\n){16}-----END OpenVPN Static key V1-----\n$/;

/**
 * @param bytes 256 random bytes.
 * @returns the text of a key file.
 */
export function staticKey(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return `-----BEGIN OpenVPN Static key V1-----\n${(hex.match(/.{32}/g) as string[]).join("\n")}\n-----END OpenVPN Static key V1-----\n`;
}

/**
 * The key in a file's text, without the comments that "openvpn --genkey" writes before it.
 * @param text of the file.
 * @returns null if there is none.
 */
export function readStaticKey(text: string): string | null {
  const key = text.slice(Math.max(0, text.indexOf("-----BEGIN")));
  return FORMAT.test(key) ? key : null;
}

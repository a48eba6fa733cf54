/** The digits of RFC 1924. No quote, backslash, comma, colon or space is among them, so YAML needs no escapes. */
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/**
 * Bytes as text that Python's `base64.b85decode` reads: each 4 bytes are a number, the first byte its highest, and that number is 5 digits
 * in base 85. The last group is filled up with zeros, and as many digits are cut off as zeros were added. So text is 25 % longer than its
 * bytes, in base64 33 %.
 * Source: https://docs.python.org/3/library/base64.html#base64.b85encode
 */
export function base85(bytes: Uint8Array): string {
  const filled = Buffer.alloc(Math.ceil(bytes.length / 4) * 4);
  filled.set(bytes);
  let text = "";
  for (let at = 0; at < filled.length; at += 4) text += groupOf(filled.readUInt32BE(at));
  return text.slice(0, text.length - (filled.length - bytes.length));
}

/** The five digits of a number of 32 bits. */
function groupOf(number: number): string {
  let digits = "";
  for (let rest = number; digits.length < 5; rest = Math.floor(rest / 85)) digits = DIGITS.charAt(rest % 85) + digits;
  return digits;
}

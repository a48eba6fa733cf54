import { base85 } from "../../builder/base/base85";

/** The value of each digit of base 85, by its code: it is the last one of that number. */
const valueOf = new Map(Array.from({ length: 85 }, (_, value) => [base85(Uint8Array.of(0, 0, 0, value)).charCodeAt(4), value]));
const last = base85(Uint8Array.of(0, 0, 0, 84)).slice(4);

/** What Python's base64.b85decode makes of a text: a last group is filled up with the highest digit. */
export function fromBase85(text: string): Buffer {
  const missing = (5 - (text.length % 5)) % 5;
  const filled = text + last.repeat(missing);
  const bytes = Buffer.alloc((filled.length / 5) * 4);
  for (let group = 0; group * 5 < filled.length; group++) {
    let number = 0;
    for (let at = group * 5; at < group * 5 + 5; at++) number = number * 85 + (valueOf.get(filled.charCodeAt(at)) ?? NaN);
    bytes.writeUInt32BE(number, group * 4);
  }
  return bytes.subarray(0, bytes.length - missing);
}

import { gunzipSync } from "node:zlib";
import { loadQuietly } from "../machine/host";

export interface PackedUserData {
  /** gzip in base64, in lines that a form takes. */
  text: string;
  /** Bytes without the base64, which is what providers count. */
  packedBytes: number;
}

/**
 * Packs user-data as small as gzip can be: 16 KB is all that Amazon takes, and zlib's own packing is 6 % larger. It takes half a second, so
 * what the last build packed is taken again if it holds the same.
 * @param config the plain user-data
 * @param last text of the last build; null: there is none
 */
export async function packUserData(config: string, last: string | null): Promise<PackedUserData> {
  const packed = holding(config, last) ?? (await zopfli(config));
  return { text: inLines(packed), packedBytes: packed.length };
}

async function zopfli(config: string): Promise<Buffer> {
  const { gzipAsync } = await loadQuietly(() => import("@gfx/zopfli"));
  return Buffer.from(await gzipAsync(Buffer.from(config), { numiterations: 1 }));
}

/** @returns what a text holds, if that is this content, written as we write it */
function holding(config: string, text: string | null): Buffer | null {
  if (text === null) return null;
  try {
    const packed = Buffer.from(text, "base64");
    return inLines(packed) === text && gunzipSync(packed).toString() === config ? packed : null;
  } catch {
    return null;
  }
}

function inLines(packed: Buffer): string {
  return `${(packed.toString("base64").match(/.{1,76}/g) as string[]).join("\n")}\n`;
}

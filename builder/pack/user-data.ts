import { gunzipSync } from "node:zlib";
import { loadQuietly } from "../machine/host";

export interface PackedUserData {
  /** In gzip. Its length is what providers count. */
  packed: Buffer;
  /** The same in base64, in lines that a form takes. */
  text: string;
}

/**
 * Packs the script of user-data as small as gzip can be: some providers take 16 or 32 KB, and zlib's own packing is 6 % larger (and Node's
 * differs from build to build). To pack takes half a second, so what the last build packed is taken again if it holds the same. Where that is
 * a few bytes too many, it takes some seconds.
 * @param script install.sh
 * @param last text of the last build; null: there is none
 * @param limit bytes that it should fit in.
 */
export async function packUserData(script: string, last: string | null, limit: number): Promise<PackedUserData> {
  const packed = holding(script, last) ?? (await zopfli(script, limit));
  return { packed, text: inLines(packed) };
}

async function zopfli(script: string, limit: number): Promise<Buffer> {
  const { gzipAsync } = await loadQuietly(() => import("@gfx/zopfli"));
  const pack = async (numiterations: number) => Buffer.from(await gzipAsync(Buffer.from(script), { numiterations }));
  const packed = await pack(5);
  // More rounds gain ten bytes or so.
  return packed.length > limit && packed.length < limit + 30 ? pack(60) : packed;
}

/** @returns what a text holds, if that is this content, written as we write it */
function holding(script: string, text: string | null): Buffer | null {
  if (text === null) return null;
  try {
    const packed = Buffer.from(text, "base64");
    return inLines(packed) === text && gunzipSync(packed).toString() === script ? packed : null;
  } catch {
    return null;
  }
}

function inLines(packed: Buffer): string {
  return `${(packed.toString("base64").match(/.{1,76}/g) as string[]).join("\n")}\n`;
}

import { createHash, webcrypto } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { sha256 } from "../manifest";
import { readAt } from "./disk";
import { pieces } from "./ranges";
import type { Range } from "./table";

export const BLOCK = 4096;

/** Longest range of a block map. Short enough to name the place of a fault on a card, long enough to keep the map small. */
const LONGEST = 8 << 20;

export interface Sum extends Range {
  sha256: string;
}

export interface Sums {
  /** Of the whole image. */
  whole: string;
  ranges: Sum[];
}

/**
 * Hashes an image, and each of its mapped ranges, in one reading. The whole is hashed here, the ranges at the same time in Node's own
 * threads: on two processors this takes as long as the whole alone.
 */
export async function sumsOf(file: FileHandle, length: number, mapped: Range[]): Promise<Sums> {
  const whole = createHash("sha256");
  const wanted = mapped.flatMap((range) => pieces(range, LONGEST));
  const ranges: Promise<Sum>[] = [];
  let next = 0;
  let ahead = readAt(file, 0, Math.min(LONGEST, length));
  for (let at = 0; at < length; at += LONGEST) {
    const chunk = await ahead;
    if (chunk.length < Math.min(LONGEST, length - at)) throw new Error("the image became shorter while it was read");
    ahead = readAt(file, at + LONGEST, Math.max(0, Math.min(LONGEST, length - at - LONGEST)));
    for (let range = wanted[next]; range !== undefined && range.start < at + LONGEST; range = wanted[++next])
      ranges.push(sumOf(range, chunk.subarray(range.start - at, range.end - at)));
    whole.update(chunk);
    // The threads must not fall behind: each waiting range holds its bytes.
    await ranges.at(-4);
  }
  return { whole: whole.digest("hex"), ranges: await Promise.all(ranges) };
}

async function sumOf(range: Range, bytes: Uint8Array): Promise<Sum> {
  return { ...range, sha256: Buffer.from(await webcrypto.subtle.digest("SHA-256", bytes)).toString("hex") };
}

/** A block map, version 2.0, as bmaptool, Raspberry Pi Imager and others read it. @param length of the image, bytes. */
export function bmapOf(length: number, sums: Sum[]): string {
  const blocks = (bytes: number): number => Math.ceil(bytes / BLOCK);
  const mappedBlocks = sums.reduce((sum, { start, end }) => sum + blocks(end) - start / BLOCK, 0);
  const ranges = sums.map(({ start, end, sha256 }) => {
    const [first, last] = [start / BLOCK, blocks(end) - 1];
    return `        <Range chksum="${sha256}"> ${first === last ? first : `${first}-${last}`} </Range>`;
  });
  const nothing = "0".repeat(64);
  const text = `<?xml version="1.0" ?>
<!-- The blocks of the image that a card must get, made by bondbox; "bmaptool copy" writes them. Everything else is free space. -->
<bmap version="2.0">
    <ImageSize> ${length} </ImageSize>
    <BlockSize> ${BLOCK} </BlockSize>
    <BlocksCount> ${blocks(length)} </BlocksCount>
    <MappedBlocksCount> ${mappedBlocks} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> ${nothing} </BmapFileChecksum>
    <BlockMap>
${ranges.join("\n")}
    </BlockMap>
</bmap>
`;
  // By definition the hash of this file with zeros in the hash's place.
  return text.replace(nothing, sha256(text));
}

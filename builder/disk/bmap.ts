import { sha256 } from "../base/hash";
import type { Sum } from "./sums";

export const BLOCK = 4096;

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

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { parseBmap } from "../../../builder/disk/bmap";

const hash = (letter: string): string => letter.repeat(64);

interface Shape {
  version?: string;
  imageSize?: number | string;
  blockSize?: number;
  blocks?: number;
  mapped?: number;
  type?: string;
  ranges?: string[];
}

/** A map as bmaptool 3.6 writes it, with its own checksum. */
function map({
  version = "2.0",
  imageSize = 40_000,
  blockSize = 4096,
  blocks = 10,
  mapped = 4,
  type = "sha256",
  ranges,
}: Shape = {}): string {
  const lines = ranges ?? [
    `<Range chksum="${hash("a")}"> 0-1 </Range>`,
    `<Range chksum="${hash("b")}"> 5 </Range>`,
    "<Range> 9-9 </Range>",
  ];
  const text = `<?xml version="1.0" ?>
<!-- less data is copied: <MappedBlocksCount> blocks instead of <BlocksCount> blocks. -->
<bmap version="${version}">
    <ImageSize> ${imageSize} </ImageSize>
    <BlockSize> ${blockSize} </BlockSize>
    <BlocksCount> ${blocks} </BlocksCount>
    <MappedBlocksCount> ${mapped}   </MappedBlocksCount>
    <ChecksumType> ${type} </ChecksumType>
    <BmapFileChecksum> ${"0".repeat(64)} </BmapFileChecksum>
    <BlockMap>
        ${lines.join("\n        ")}
    </BlockMap>
</bmap>
`;
  return text.replace("0".repeat(64), createHash("sha256").update(text).digest("hex"));
}

describe("a block map", () => {
  it("gives its ranges in bytes; the last one ends with the image", () => {
    expect(parseBmap(map())).toEqual({
      imageSize: 40_000,
      blockSize: 4096,
      mappedBlocks: 4,
      ranges: [
        { start: 0, end: 8192, sha256: hash("a") },
        { start: 20_480, end: 24_576, sha256: hash("b") },
        { start: 36_864, end: 40_000, sha256: null },
      ],
    });
  });

  it.each<[string, string, RegExp]>([
    ["some other text", "hello", /no block map/],
    ["a version of the future", map({ version: "3.0" }), /version is 3\.0/],
    ["version 1", map({ version: "1.4" }), /version is 1\.4/],
    ["other checksums", map({ type: "sha1" }), /sha1/],
    ["a changed file", map().replace("0-1", "0-2"), /own checksum/],
    ["no size", map({ imageSize: "" }), /no ImageSize/],
    ["a size that is no number", map({ imageSize: "0x10" }), /ImageSize is 0x10/],
    ["a size of nothing", map({ imageSize: 0 }), /ImageSize is 0/],
    ["odd blocks", map({ blockSize: 4097 }), /blocks have 4097 bytes/],
    ["small blocks", map({ blockSize: 512 }), /blocks have 512 bytes/],
    ["a wrong number of blocks", map({ blocks: 11 }), /11 blocks of 4096 bytes are not 40000/],
    ["a wrong sum", map({ mapped: 5 }), /4 blocks instead of 5/],
    ["no ranges", map({ ranges: [], mapped: 4 }), /0 blocks instead of 4/],
    ["ranges that overlap", map({ ranges: ["<Range> 0-2 </Range>", "<Range> 2 </Range>"] }), /2-2 is out of place/],
    ["ranges in no order", map({ ranges: ["<Range> 3-5 </Range>", "<Range> 0 </Range>"] }), /0-0 is out of place/],
    ["a range that runs backwards", map({ ranges: ["<Range> 5-0 </Range>"] }), /5-0 is out of place/],
    ["a range beyond the end", map({ ranges: ["<Range> 7-10 </Range>"] }), /7-10 is out of place/],
    ["a range that is none", map({ ranges: ["<Range> all </Range>"] }), /"all" is no range/],
    ["a map without the first block", map({ ranges: ["<Range> 1-4 </Range>"] }), /leaves out the first block/],
  ])("is refused: %s", (_, text, reason) => {
    expect(() => parseBmap(text)).toThrow(reason);
  });
});

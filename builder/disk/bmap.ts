import { sha256 } from "../base/hash";
import type { Range } from "./ranges";
import type { Sum } from "./sums";

/** Bytes of a block in the maps that we write. */
export const BLOCK = 4096;

/**
 * Writes a block map, version 2.0, as bmaptool, Raspberry Pi Imager and others read it.
 * @param length of the image, bytes.
 * @param sums the mapped ranges, ascending, each beginning at a multiple of BLOCK.
 */
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
  // The checksum is defined as that of this file with zeros in its place.
  return text.replace(nothing, sha256(text));
}

/**
 * The mapped parts of an image.
 *
 * What is not mapped keeps its old content on the card. A map may therefore leave out only what the file systems of the image call
 * free: a block of zeros that belongs to a file, a folder or a table must be mapped like any other.
 */
export interface Bmap {
  /** Bytes. */
  imageSize: number;
  /** Bytes. */
  blockSize: number;
  mappedBlocks: number;
  /** Ascending, without overlap, the first one from 0; the last one ends at the latest where the image ends. */
  ranges: MappedRange[];
}

export interface MappedRange extends Range {
  /** Hex; null if the map has no checksums. */
  sha256: string | null;
}

/** A block map that cannot be used. The message says why. */
export class BmapError extends Error {}

/** Reads a block map of version 2. @throws BmapError */
export function parseBmap(xml: string): Bmap {
  // Its comments show the names of its elements.
  const body = xml.replace(/<!--[\s\S]*?-->/g, "");
  const version = /<bmap\s+version\s*=\s*"([^"]*)"/.exec(body)?.[1];
  if (version === undefined) throw new BmapError("it is no block map");
  if (!/^2\.\d+$/.test(version)) throw new BmapError(`its version is ${version}, and 2.0 is known`);
  const type = element(body, "ChecksumType");
  if (type !== "sha256") throw new BmapError(`its checksums are ${type}, and sha256 is known`);
  checkItself(xml, element(body, "BmapFileChecksum"));
  const [imageSize, blockSize, blocks, mappedBlocks] = (["ImageSize", "BlockSize", "BlocksCount", "MappedBlocksCount"] as const).map(
    (name) => number(element(body, name), name),
  ) as [number, number, number, number];
  if (blockSize < 4096 || blockSize > 1 << 20 || (blockSize & (blockSize - 1)) !== 0)
    throw new BmapError(`its blocks have ${blockSize} bytes`);
  if (blocks !== Math.ceil(imageSize / blockSize)) throw new BmapError(`${blocks} blocks of ${blockSize} bytes are not ${imageSize} bytes`);
  return { imageSize, blockSize, mappedBlocks, ranges: readRanges(body, { imageSize, blockSize, blocks, mappedBlocks }) };
}

interface Frame {
  imageSize: number;
  blockSize: number;
  blocks: number;
  mappedBlocks: number;
}

function readRanges(body: string, { imageSize, blockSize, blocks, mappedBlocks }: Frame): MappedRange[] {
  const ranges: MappedRange[] = [];
  let next = 0;
  let mapped = 0;
  for (const [, attributes = "", text = ""] of body.matchAll(/<Range\b([^>]*)>([^<]*)<\/Range>/g)) {
    const [, from, to] = /^\s*(\d{1,15})(?:\s*-\s*(\d{1,15}))?\s*$/.exec(text) ?? [];
    if (from === undefined) throw new BmapError(`${JSON.stringify(text.trim().slice(0, 40))} is no range of blocks`);
    const [first, last] = [Number(from), Number(to ?? from)];
    if (first < next || last < first || last >= blocks) throw new BmapError(`the range ${first}-${last} is out of place`);
    const sha256 = /\bchksum\s*=\s*"([0-9a-f]{64})"/.exec(attributes)?.[1] ?? null;
    ranges.push({ start: first * blockSize, end: Math.min((last + 1) * blockSize, imageSize), sha256 });
    next = last + 1;
    mapped += last + 1 - first;
  }
  if (mapped !== mappedBlocks) throw new BmapError(`its ranges have ${mapped} blocks instead of ${mappedBlocks}`);
  if (ranges[0]?.start !== 0) throw new BmapError("it leaves out the first block, where the partition table is");
  return ranges;
}

/** The file's checksum is made with zeros in its place. */
function checkItself(xml: string, checksum: string): void {
  const blank = xml.replace(new RegExp(`(<BmapFileChecksum>\\s*)${checksum}`), `$1${"0".repeat(64)}`);
  if (sha256(blank) !== checksum) throw new BmapError("it does not match its own checksum");
}

function element(body: string, name: string): string {
  const text = new RegExp(`<${name}>\\s*(\\w+)\\s*</${name}>`).exec(body)?.[1];
  if (text === undefined) throw new BmapError(`it has no ${name}`);
  return text;
}

function number(text: string, name: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value === 0) throw new BmapError(`${name} is ${text}`);
  return value;
}

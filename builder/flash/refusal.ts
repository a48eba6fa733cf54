import type { Refusal } from "../errors/flash";
import type { Drive, Node } from "./drives";
import { refusals } from "../errors";
import type { Use } from "./uses";

/** Largest drive that is taken without --big: cards of "128 GB" have up to 129 GB. */
const BIG_BYTES = 130e9;

export interface Request {
  /** Bytes of the image; 0 for a list without one. */
  imageSize: number;
  /** Number of the device that holds the image, such as "8:1"; null where it is unknown. */
  imageOn: string | null;
  /** Path of the image without links. */
  image: string | null;
  /** Drives over 128 GB are welcome. */
  big: boolean;
  /** The person named the drive, instead of choosing from the list. */
  named: boolean;
  uses: Use[];
}

/** Folders without which a system does not run. */
const system = /^\/($|(usr|var|etc|boot|home|root|opt|srv|nix|tmp)(\/|$))/;

/** Types that are a device by software; a person may name one. */
const virtual = ["loop", "dm"];

/** Why this drive is not written to; null where it is fine. The most telling reason comes first. */
export function refusal(drive: Drive, { imageSize, imageOn, image, big, named, uses }: Request): Refusal | null {
  const nodes = flatten(drive);
  const numbers = new Set(nodes.map(({ number }) => number));
  const used = uses.filter((use) => use.numbers.some((number) => numbers.has(number)));
  const mounts = used.flatMap(({ at }) => at ?? []);
  const root = mounts.find((at) => system.test(at));
  if (root !== undefined) return refusals.system(root);
  if ((imageOn !== null && numbers.has(imageOn)) || (image !== null && drive.backingFile === image)) return refusals.holdsImage();
  if (mounts[0] !== undefined) return refusals.mounted(mounts);
  if (used.length > 0) return refusals.swap();
  const holder = nodes.slice(1).find(({ type }) => type !== "part");
  if (holder !== undefined) return refusals.held(holder.name, holder.type);
  if (drive.type === "part") return refusals.partition();
  const allowed = named && virtual.includes(drive.type);
  if (!allowed && (drive.type !== "disk" || !drive.removable)) return refusals.builtIn();
  if (drive.readOnly) return refusals.readOnly();
  if (drive.size === 0) return refusals.empty();
  if (drive.sector !== 512) return refusals.sector(drive.sector);
  if (drive.size < imageSize) return refusals.tooSmall(drive.size, imageSize);
  if (drive.size > BIG_BYTES && !big) return refusals.big(drive.size);
  return null;
}

function flatten(node: Node): Node[] {
  return [node, ...node.children.flatMap(flatten)];
}

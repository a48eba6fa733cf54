import type { Target } from "./target";
import { flash as texts } from "../errors";

/** Bytes of the first block, which holds the partition table. As long as it is zero nothing boots from the card. */
export const FIRST = 4096;

const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);

/**
 * Makes the first block zero. A card where it is so already, such as a new one, is not written to for that.
 *
 * @param scratch an aligned buffer for one block.
 * @param broken is called before the card changes
 * @throws EnvironmentError when the card ignores what is written
 */
export async function blank(target: Target, scratch: Buffer, broken: () => void): Promise<void> {
  await target.read(scratch, 0);
  broken();
  if (isZero(scratch)) return;
  target.exchangeSync(scratch.fill(0), 0);
  if (!isZero(scratch)) throw texts.ignoresWrites(target.path);
}

/** While the first block is zero, its content to come stands for it in what was read. */
export function takeHead(buffer: Buffer, head: Buffer): void {
  const part = buffer.subarray(0, head.length);
  if (isZero(part)) head.copy(part);
}

/** Gives the first block its content: from now on the card boots. @throws EnvironmentError when it came back differently */
export function seal(target: Target, head: Buffer, scratch: Buffer): void {
  head.copy(scratch);
  target.exchangeSync(scratch, 0);
  if (scratch.equals(head)) return;
  target.exchangeSync(scratch.fill(0), 0);
  throw texts.mismatch(target, { start: 0, end: FIRST }, { at: null, culprit: "card or reader" });
}

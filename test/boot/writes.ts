import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { BootFailure } from "./errors";
import type { Random } from "./random";

/** One entry of a log of writes. Source: the kernel's Documentation/admin-guide/device-mapper/log-writes.rst. */
export interface Write {
  /** Where on the card, bytes. */
  at: number;
  length: number;
  /** Where its data is in the log. */
  data: number;
  /** All that was written before it is on the card for good. */
  flush: boolean;
  /** It is on the card for good itself. */
  durable: boolean;
}

const MAGIC = 0x6a736677736872n;
const flag = { flush: 1n, fua: 2n, discard: 4n, mark: 8n };

/** Reads a log as QEMU's "blklogwrites" leaves it, even when QEMU was killed. */
function readLog(fd: number): Write[] {
  const { size } = fstatSync(fd);
  const head = Buffer.alloc(32);
  readSync(fd, head, 0, 32, 0);
  if (head.readBigUInt64LE(0) !== MAGIC) throw new BootFailure("there is no log of the card's writes");
  const sector = head.readUInt32LE(24);
  const writes: Write[] = [];
  for (let at = sector; at + sector <= size;) {
    readSync(fd, head, 0, 32, at);
    const [place, sectors, flags] = [head.readBigUInt64LE(0), head.readBigUInt64LE(8), head.readBigUInt64LE(16)];
    // The end: nothing has been written there yet.
    if (sectors === 0n && flags === 0n) break;
    const without = (flags & (flag.discard | flag.mark)) !== 0n;
    const length = without ? 0 : Number(sectors) * sector;
    const data = at + sector;
    if (data + length > size) break;
    writes.push({ at: Number(place) * sector, length, data, flush: (flags & flag.flush) !== 0n, durable: (flags & flag.fua) !== 0n });
    at = data + length;
  }
  return writes;
}

/** Of the writes, those that are on the card after the power went, and how much of each: after the last flush, chance decides. Pure. */
export function survivors(writes: Write[], random: Random): Write[] {
  const last = writes.findLastIndex(({ flush }) => flush);
  return writes.flatMap((write, place) => {
    if (write.length === 0) return [];
    if (place <= last || write.durable) return [write];
    const fate = random.between(0, 1);
    if (fate < 0.5) return [];
    // Now and then the power goes in the middle of one.
    const whole = Math.floor(random.between(0, write.length / 512)) * 512;
    return [{ ...write, length: fate < 0.6 ? whole : write.length }];
  });
}

/** Brings a card as it was before the log to what it was when the power went. @returns writes in all and lost */
export function replay(log: string, card: string, random: Random): { all: number; lost: number } {
  const [from, to] = [openSync(log, "r"), openSync(card, "r+")];
  try {
    const writes = readLog(from);
    const kept = survivors(writes, random);
    for (const { at, length, data } of kept) {
      const block = Buffer.alloc(length);
      readSync(from, block, 0, length, data);
      writeSync(to, block, 0, length, at);
    }
    const all = writes.filter(({ length }) => length > 0).length;
    return { all, lost: all - kept.length };
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cmdlineFor } from "../boot/box";
import { Random } from "../boot/random";
import { secretsIn } from "../boot/secrets";
import { replay, survivors, type Write } from "../boot/writes";
import { temporaryFolder } from "../support/trees";

describe("what QEMU gives the kernel", () => {
  it("are the card's own words, but for the name of the serial port", () => {
    const words = "console=serial0,115200 console=tty1 root=PARTUUID=1a2b3c4d-02 rootwait init=/usr/local/sbin/bondbox-init";
    expect(cmdlineFor(words, "trixie")).toMatch(
      /^console=ttyAMA0,115200 console=tty1 root=PARTUUID=1a2b3c4d-02 rootwait init=\/usr\/local\/sbin\/bondbox-init /,
    );
  });
});

describe("random moments", () => {
  it("are within their bounds, and the same for the same seed", () => {
    const of = (seed: number): number[] => {
      const random = new Random(seed);
      return Array.from({ length: 200 }, () => random.between(3, 17));
    };
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
    expect(of(1).every((value) => value >= 3 && value < 17)).toBe(true);
    expect(new Set(of(1).map(Math.floor)).size).toBe(14);
  });
});

describe("lines of keys", () => {
  it("are those between the first and the last line, of secret keys alone", () => {
    const folder = temporaryFolder();
    const row = "0123456789abcdef0123456789abcdef";
    writeFileSync(join(folder, "a.key"), `-----BEGIN OpenVPN Static key V1-----\n${row}\n-----END OpenVPN Static key V1-----\n`);
    writeFileSync(
      join(folder, "b.key"),
      `-----BEGIN CERTIFICATE-----\n${row}\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n${row}x\n-----END PRIVATE KEY-----\n`,
    );
    writeFileSync(join(folder, "notes.txt"), `${row}\n`);
    expect([...secretsIn(folder)].map(([name, text]) => [name, text.toString()])).toEqual([
      ["a.key:2", row],
      ["b.key:5", `${row}x`],
    ]);
  });
});

describe("what a power cut leaves", () => {
  const write = (at: number, rest: Partial<Write> = {}): Write => ({ at, length: 4096, data: 0, flush: false, durable: false, ...rest });
  const flush: Write = { at: 0, length: 0, data: 0, flush: true, durable: false };
  const places = (writes: Write[]): number[] => writes.map(({ at }) => at);

  it("is all before the last flush, and what was written past the cache", () => {
    const late = Array.from({ length: 100 }, (_, at) => write(at));
    const left = survivors([write(1000), flush, write(1001), flush, ...late, write(1002, { durable: true })], new Random(1));
    expect(places(left.slice(0, 2))).toEqual([1000, 1001]);
    expect(places(left)).toContain(1002);
  });

  it("is some of what came later, in any combination, some of it in part", () => {
    const late = Array.from({ length: 400 }, (_, at) => write(at));
    const left = survivors(late, new Random(1));
    expect(left.length).toBeGreaterThan(150);
    expect(left.length).toBeLessThan(250);
    expect(left.some(({ length }) => length < 4096)).toBe(true);
    expect(left.every(({ length }) => length % 512 === 0)).toBe(true);
  });

  it("is laid on the card from the log, up to where the log ends", () => {
    const folder = temporaryFolder();
    const [log, card] = [join(folder, "log"), join(folder, "card")];
    const sector = (values: [at: number, value: bigint][], length = 512): Buffer => {
      const block = Buffer.alloc(length);
      for (const [at, value] of values) block.writeBigUInt64LE(value, at);
      return block;
    };
    const entry = (place: bigint, sectors: bigint, flags: bigint): Buffer => sector([[0, place], [8, sectors], [16, flags]]); // prettier-ignore
    const head = sector([[0, 0x6a736677736872n], [8, 1n], [24, 512n]]); // prettier-ignore
    const parts = [head, entry(2n, 1n, 0n), Buffer.alloc(512, "a"), entry(0n, 0n, 1n), entry(5n, 1n, 2n), Buffer.alloc(512, "b")];
    writeFileSync(log, Buffer.concat([...parts, Buffer.alloc(4096)]));
    writeFileSync(card, Buffer.alloc(8 * 512));
    expect(replay(log, card, new Random(1))).toEqual({ all: 2, lost: 0 });
    const text = readFileSync(card, "latin1").replaceAll("\0", ".");
    expect(text.match(/a+|b+|\.+/g)?.map((run) => `${run[0]}${run.length}`)).toEqual([".1024", "a512", ".1024", "b512", ".1024"]);
  });
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cmdlineFor } from "../boot/box";
import { Random } from "../boot/random";
import { secretsIn } from "../boot/secrets";
import { temporaryFolder } from "../support/trees";

describe("what QEMU gives the kernel", () => {
  it("are the card's own words, but for the name of the serial port", () => {
    const words = "console=serial0,115200 console=tty1 root=PARTUUID=1a2b3c4d-02 rootwait init=/usr/local/sbin/bondbox-init";
    expect(cmdlineFor(words)).toMatch(
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

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Auth } from "../../builder/targets/names";
import {
  efficiency,
  type Envelope,
  fragments,
  hmacSize,
  maxInnerMtu,
  meanTunnelOverhead,
  outerSize,
  wireBytes,
} from "../../builder/plan/sizes";
import { encapsulations } from "../../builder/profile/links";

/** The worked tables of docs/mtu.md are the expected values here. */

const UDP_IP = 28;
const ETHERNET = 14;
const auths = ["SHA1", "SHA256", "SHA512"] as const;
const cbc = (auth: Auth): Envelope => ({ kind: "cbc", auth });
const sha1 = cbc("SHA1");
const aead: Envelope = { kind: "aead" };

function atm(name: string, rateKind: "sync" | "ip" = "sync") {
  const { link, overhead, mpu, mtu } = encapsulations[name] as (typeof encapsulations)[string];
  return { link, rateKind, linkOverhead: overhead, linkMpu: mpu, mtu };
}

function cells(size: number, name: string): number {
  return wireBytes(size, atm(name)) / 53;
}

describe("the tunnel's packets (docs/mtu.md#what-a-tunnel-adds)", () => {
  it.each([
    [98, 148],
    [1042, 1092],
    [1414, 1460],
    [1514, 1572],
  ])("inner frame of %d becomes %d bytes of UDP with SHA1", (frame, udp) => {
    expect(outerSize(frame - ETHERNET, sha1) - UDP_IP).toBe(udp);
  });

  it.each([
    [1400, 1488],
    [1412, 1504],
    [1426, 1520],
    [1434, 1536],
    [1472, 1568],
    [1500, 1600],
  ])("inner %d becomes outer %d (measured, docs/mtu.md#what-a-tunnel-adds)", (inner, outer) => {
    expect(outerSize(inner, sha1)).toBe(outer);
  });

  it("adds 87 to 102 bytes with SHA1, 94 to 95 on average", () => {
    const added = Array.from({ length: 1600 }, (_, inner) => outerSize(inner, sha1) - inner);
    expect(Math.min(...added)).toBe(87);
    expect(Math.max(...added)).toBe(102);
    // Over whole cipher blocks the mean is 94.5; docs/shaping.md and the shaper count 94.
    expect(added.reduce((sum, one) => sum + one) / added.length).toBe(94.5);
    expect(meanTunnelOverhead(sha1)).toBe(94);
  });

  it("adds 12 bytes more with SHA256, 44 with SHA512", () => {
    expect(auths.map((auth) => outerSize(1400, cbc(auth)) - outerSize(1400, sha1))).toEqual([0, 12, 44]);
    expect(auths.map((auth) => meanTunnelOverhead(cbc(auth)))).toEqual([94, 106, 138]);
    expect(hmacSize).toEqual({ SHA1: 20, SHA256: 32, SHA512: 64 });
  });

  it.each([
    [1280, 1346],
    [1426, 1492],
    [1500, 1566],
  ])("inner %d becomes outer %d over TLS (measured, docs/mtu.md#what-a-tunnel-adds)", (inner, outer) => {
    expect(outerSize(inner, aead)).toBe(outer);
  });

  it("adds 66 bytes over TLS, to every packet", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 9000 }), (inner) => outerSize(inner, aead) - inner === 66));
    expect(meanTunnelOverhead(aead)).toBe(66);
  });
});

/** The table's columns for a static key without lzo and for TLS; its other columns are for options that bondbox does not write. */
describe("largest inner MTU without fragments (docs/mtu.md#what-a-tunnel-adds)", () => {
  it.each([
    [1500, 1401, 1401, 1434],
    [1492, 1401, 1385, 1426],
    [1480, 1385, 1369, 1414],
    [1460, 1369, 1353, 1394],
    [1454, 1353, 1353, 1388],
  ])("path MTU %d: SHA1 %d, SHA256 %d, TLS %d", (pathMtu, withSha1, withSha256, withTls) => {
    expect(maxInnerMtu(pathMtu, sha1)).toBe(withSha1);
    expect(maxInnerMtu(pathMtu, cbc("SHA256"))).toBe(withSha256);
    expect(maxInnerMtu(pathMtu, aead)).toBe(withTls);
  });

  it("is the largest that fits, on every path and in every envelope", () => {
    fc.assert(
      fc.property(fc.integer({ min: 576, max: 1500 }), fc.constantFrom(...auths.map(cbc), aead), (pathMtu, envelope) => {
        const largest = maxInnerMtu(pathMtu, envelope);
        expect(outerSize(largest, envelope)).toBeLessThanOrEqual(pathMtu);
        expect(outerSize(largest + 1, envelope)).toBeGreaterThan(pathMtu);
      }),
    );
  });
});

describe("fragments (docs/mtu.md#goodput)", () => {
  it.each([
    [1488, 1492, [1488]],
    [1492, 1492, [1492]],
    [1493, 1492, [1492, 21]],
    [1600, 1492, [1492, 128]],
    [1600, 1500, [1500, 120]],
    [1568, 1492, [1492, 96]],
    // 1480 - 20 is no multiple of 8.
    [1500, 1480, [1476, 44]],
    [1600, 576, [572, 572, 496]],
  ])("%d bytes over a path of %d", (outer, mtu, parts) => {
    expect(fragments(outer, mtu)).toEqual(parts);
  });

  it("fit the path, carry everything, and all but the last end on 8 bytes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 9000 }), fc.integer({ min: 576, max: 1500 }), (outer, mtu) => {
        const parts = fragments(outer, mtu);
        expect(Math.max(...parts)).toBeLessThanOrEqual(mtu);
        expect(parts.reduce((sum, part) => sum + part - 20, 0)).toBe(outer - 20);
        expect(parts.slice(0, -1).every((part) => (part - 20) % 8 === 0)).toBe(true);
        expect(parts.at(-1)).toBeGreaterThan(20);
      }),
    );
  });
});

describe("ATM cells (docs/mtu.md#atm-cells)", () => {
  const sizes = [40, 52, 64, 100, 160, 200, 300, 576, 1000, 1280, 1400, 1478, 1492, 1500];

  it.each([
    ["pppoe-llcsnap", [2, 2, 3, 3, 5, 5, 8, 13, 22, 28, 30, 32, 32, 33]],
    ["pppoa-vcmux", [2, 2, 2, 3, 4, 5, 7, 13, 22, 27, 30, 31, 32, 32]],
  ])("%s", (name, expected) => {
    expect(sizes.map((size) => cells(size, name))).toEqual(expected);
  });

  it.each([
    ["pppoe-llcsnap", [0.377, 0.491, 0.403, 0.629, 0.604, 0.755, 0.708, 0.836, 0.858, 0.863, 0.881, 0.871, 0.88]],
    ["pppoa-vcmux", [0.377, 0.491, 0.604, 0.629, 0.755, 0.755, 0.809, 0.836, 0.858, 0.894, 0.881, 0.9, 0.88, 0.884]],
  ])("IP-rate factor, %s", (name, expected) => {
    const factors = sizes.slice(0, expected.length).map((size) => Number((size / wireBytes(size, atm(name))).toFixed(3)));
    expect(factors).toEqual(expected);
  });

  it.each([
    ["pppoa-vcmux", 10],
    ["pppoa-llc", 14],
    ["pppoe-vcmux", 32],
    ["pppoe-llcsnap", 40],
    ["bridged-vcmux", 24],
    ["bridged-llcsnap", 32],
    ["ipoa-vcmux", 8],
    ["ipoa-llcsnap", 16],
  ])("%s adds %d bytes", (name, overhead) => {
    expect(encapsulations[name]).toMatchObject({ link: "atm", overhead });
  });

  it.each([
    [40, 128, 4, 3],
    [52, 144, 4, 4],
    [64, 160, 5, 4],
    [76, 176, 5, 4],
    [88, 176, 5, 4],
    [100, 192, 5, 5],
    [200, 288, 7, 7],
  ])("static CBC (6.2): inner %d, outer %d, %d cells PPPoE LLC, %d PPPoA VC", (inner, outer, llc, vc) => {
    expect(outerSize(inner, sha1)).toBe(outer);
    expect(cells(outer, "pppoe-llcsnap")).toBe(llc);
    expect(cells(outer, "pppoa-vcmux")).toBe(vc);
  });
});

describe("ATM cells over TLS (docs/mtu.md#atm-cells)", () => {
  it.each([
    [40, 106, 4, 3],
    [52, 118, 4, 3],
    [64, 130, 4, 3],
    [76, 142, 4, 4],
    [88, 154, 5, 4],
    [100, 166, 5, 4],
    [200, 266, 7, 6],
  ])("inner %d, outer %d, %d cells PPPoE LLC, %d PPPoA VC", (inner, outer, llc, vc) => {
    expect(outerSize(inner, aead)).toBe(outer);
    expect(cells(outer, "pppoe-llcsnap")).toBe(llc);
    expect(cells(outer, "pppoa-vcmux")).toBe(vc);
  });
});

describe("other links", () => {
  it.each([
    // 64/65 coding: one byte more for each 64 begun.
    ["pppoe-ptm", 34, 65],
    ["pppoe-ptm", 35, 67],
    ["pppoe-ptm", 1488, 1518 + 24],
    ["bridged-ptm", 1500, 1522 + 24],
    ["ethernet", 1500, 1538],
    ["ethernet", 46, 84],
    ["ethernet", 20, 84],
    ["docsis", 1500, 1518],
    ["docsis", 40, 64],
  ])("%s counts %d bytes as %d", (name, size, expected) => {
    expect(wireBytes(size, atm(name))).toBe(expected);
  });

  it.each(Object.keys(encapsulations))("a rate that counts IP packets takes nothing more for %s", (name) => {
    expect(wireBytes(1488, atm(name, "ip"))).toBe(1488);
    expect(wireBytes(40, atm(name, "ip"))).toBe(40);
  });
});

/** docs/mtu.md#the-example-lines, static CBC SHA1 and TLS AEAD. A: 7232 down, B: 7072/832. bond: 2 x B. */
describe("the guide's lines (docs/mtu.md#the-example-lines)", () => {
  interface Row {
    link: string;
    inner: number;
    outer: number;
    parts: number;
    cells: number;
    efficiency: number;
    a: number;
    b: number;
    down: number;
    sum: number;
    up: number;
  }
  const keys = ["inner", "outer", "parts", "cells", "efficiency", "a", "b", "down", "sum", "up"] as const;
  function row(link: string, ...figures: number[]): Row {
    return { link, ...Object.fromEntries(keys.map((key, i) => [key, figures[i]])) } as Row;
  }

  function check(expected: Row, envelope: Envelope): void {
    const frame = atm(expected.link);
    const outer = outerSize(expected.inner, envelope);
    const parts = fragments(outer, frame.mtu);
    const part = efficiency(expected.inner, outer, frame);
    expect({ outer, parts: parts.length, cells: parts.reduce((sum, one) => sum + cells(one, expected.link), 0) }).toEqual({
      outer: expected.outer,
      parts: expected.parts,
      cells: expected.cells,
    });
    expect(Number(part.toFixed(3))).toBe(expected.efficiency);
    const figures = { a: 7232 * part, b: 7072 * part, down: 2 * 7072 * part, sum: (7232 + 7072) * part, up: 2 * 832 * part };
    for (const [key, value] of Object.entries(figures)) expect([key, Math.round(value)]).toEqual([key, expected[key as keyof Row]]);
  }

  it.each([
    row("pppoe-llcsnap", 1500, 1600, 2, 36, 0.759, 5488, 5367, 10734, 10855, 1263),
    // 1420 / (53 * 35) is 0.76550 from below, so three digits of it are 0.765.
    row("pppoe-llcsnap", 1472, 1568, 2, 35, 0.765, 5536, 5414, 10827, 10950, 1274),
    row("pppoe-llcsnap", 1400, 1488, 1, 32, 0.795, 5748, 5621, 11242, 11369, 1323),
    row("pppoe-llcsnap", 1401, 1488, 1, 32, 0.795, 5752, 5625, 11250, 11377, 1324),
    row("pppoe-llcsnap", 1300, 1392, 1, 30, 0.785, 5676, 5551, 11102, 11227, 1306),
    row("pppoa-vcmux", 1500, 1600, 2, 35, 0.781, 5645, 5520, 11041, 11166, 1299),
    row("pppoa-vcmux", 1385, 1472, 1, 31, 0.811, 5867, 5738, 11475, 11605, 1350),
  ])("$link, inner $inner, static key", (expected) => check(expected, sha1));

  it.each([
    row("pppoe-llcsnap", 1500, 1566, 2, 35, 0.781, 5645, 5520, 11041, 11166, 1299),
    row("pppoe-llcsnap", 1400, 1466, 1, 32, 0.795, 5748, 5621, 11242, 11369, 1323),
    row("pppoe-llcsnap", 1426, 1492, 1, 32, 0.81, 5859, 5729, 11459, 11588, 1348),
    row("pppoe-llcsnap", 1428, 1494, 2, 34, 0.764, 5522, 5400, 10800, 10922, 1271),
    row("pppoe-llcsnap", 1380, 1446, 1, 31, 0.808, 5845, 5716, 11432, 11562, 1345),
    row("pppoa-vcmux", 1500, 1566, 2, 34, 0.804, 5811, 5683, 11365, 11494, 1337),
    row("pppoa-vcmux", 1420, 1486, 1, 32, 0.807, 5833, 5704, 11409, 11538, 1342),
    row("pppoa-vcmux", 1412, 1478, 1, 31, 0.828, 5986, 5854, 11708, 11840, 1377),
  ])("$link, inner $inner, TLS", (expected) => check(expected, aead));

  it.each([
    // 14144 * 1440 / 1696 is 12009.06; twice the rounded 6005 would be 12010.
    ["pppoe-llcsnap", 1492, 0.849, 12009],
    ["pppoa-vcmux", 1478, 0.868, 12276],
  ])("without a tunnel: %s, %d", (link, size, part, down) => {
    const direct = efficiency(size, size, atm(link));
    expect(Number(direct.toFixed(3))).toBe(part);
    expect(Math.round(2 * 7072 * direct)).toBe(down);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  contains,
  formatAddress,
  formatNetwork,
  isHost,
  netmask,
  overlaps,
  parseAddress,
  parseNetwork,
  size,
} from "../../builder/base/ipv4";

const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const prefix = fc.integer({ min: 0, max: 32 });

describe("addresses", () => {
  it.each([
    ["0.0.0.0", 0],
    ["0.0.0.1", 1],
    ["127.0.0.1", 2130706433],
    ["192.168.1.252", 3232236028],
    ["255.255.255.255", 4294967295],
  ])("%s is %d", (text, value) => {
    expect(parseAddress(text)).toBe(value);
    expect(formatAddress(value)).toBe(text);
  });

  it("go to text and back", () => {
    fc.assert(fc.property(address, (value) => parseAddress(formatAddress(value)) === value));
  });
});

describe("networks", () => {
  it.each([
    ["192.168.1.0/24", "192.168.1.0/24", "255.255.255.0", 256],
    ["192.168.1.77/24", "192.168.1.0/24", "255.255.255.0", 256],
    ["172.16.16.3/30", "172.16.16.0/30", "255.255.255.252", 4],
    ["10.255.0.1/8", "10.0.0.0/8", "255.0.0.0", 2 ** 24],
    ["203.0.113.10", "203.0.113.10/32", "255.255.255.255", 1],
    ["203.0.113.11/31", "203.0.113.10/31", "255.255.255.254", 2],
    ["0.0.0.0/0", "0.0.0.0/0", "0.0.0.0", 2 ** 32],
    ["255.255.255.255/1", "128.0.0.0/1", "128.0.0.0", 2 ** 31],
  ])("%s is %s, mask %s, %d addresses", (text, network, mask, count) => {
    const parsed = parseNetwork(text);
    expect(formatNetwork(parsed)).toBe(network);
    expect(netmask(parsed)).toBe(mask);
    expect(size(parsed)).toBe(count);
  });

  it("hold their own addresses and no others", () => {
    const lan = parseNetwork("192.168.1.0/24");
    expect(["192.168.1.0", "192.168.1.255"].map((text) => contains(lan, parseAddress(text)))).toEqual([true, true]);
    expect(["192.168.0.255", "192.168.2.0"].map((text) => contains(lan, parseAddress(text)))).toEqual([false, false]);
    expect(contains(parseNetwork("0.0.0.0/0"), parseAddress("255.255.255.255"))).toBe(true);
  });

  it("keep the first and the last address from hosts", () => {
    const tunnel = parseNetwork("172.16.16.0/30");
    const hosts = [0, 1, 2, 3, 4].filter((i) => isHost(tunnel, tunnel.base + i));
    expect(hosts).toEqual([1, 2]);
    expect(isHost(parseNetwork("203.0.113.10/32"), parseAddress("203.0.113.10"))).toBe(false);
  });

  it.each([
    ["192.168.1.0/24", "192.168.0.0/16", true],
    ["192.168.1.0/24", "192.168.1.0/24", true],
    ["192.168.1.0/24", "192.168.2.0/24", false],
    ["172.16.16.0/30", "172.16.16.4/30", false],
    ["0.0.0.0/0", "203.0.113.10/32", true],
  ])("%s overlaps %s: %s", (a, b, expected) => {
    expect(overlaps(parseNetwork(a), parseNetwork(b))).toBe(expected);
    expect(overlaps(parseNetwork(b), parseNetwork(a))).toBe(expected);
  });

  it("begin at a multiple of their size and hold what they were made from", () => {
    fc.assert(
      fc.property(address, prefix, (value, bits) => {
        const network = parseNetwork(`${formatAddress(value)}/${bits}`);
        expect(network.base % size(network)).toBe(0);
        expect(contains(network, value)).toBe(true);
        expect(parseNetwork(formatNetwork(network))).toEqual(network);
      }),
    );
  });

  it("overlap exactly when they share an address", () => {
    // Small numbers, so that all addresses can be tried.
    const small = fc.tuple(fc.nat(63), fc.integer({ min: 26, max: 32 })).map(([value, bits]) => parseNetwork(`0.0.0.${value}/${bits}`));
    fc.assert(
      fc.property(small, small, (a, b) => {
        const shared = Array.from({ length: 64 }, (_, i) => i).some((i) => contains(a, i) && contains(b, i));
        expect(overlaps(a, b)).toBe(shared);
      }),
    );
  });
});

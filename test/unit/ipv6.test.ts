import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatAddress6, formatNetwork6, parseNetwork6 } from "../../builder/base/ipv6";
import { IPV6_MTU, ipv6Of } from "../../builder/plan/ipv6";
import { makePlan } from "../../builder/plan/plan";
import { loadProfile } from "../../builder/profile/load";

const address = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });

describe("networks", () => {
  it.each([
    ["2001:db8::/32", "2001:db8::/32"],
    ["2001:DB8:0:0:1::/64", "2001:db8::/64"],
    ["2001:db8:1:2:3:4:5:6/64", "2001:db8:1:2::/64"],
    ["2001:db8:0:1::ff/127", "2001:db8:0:1::fe/127"],
    ["::/0", "::/0"],
    ["::1/128", "::1/128"],
    ["fd00:0:0:1::/56", "fd00::/56"],
  ])("%s is %s", (text, network) => {
    const parsed = parseNetwork6(text);
    expect(parsed && formatNetwork6(parsed)).toBe(network);
  });

  it.each([
    "",
    "2001:db8::",
    "2001:db8::/129",
    "2001:db8::/-1",
    "2001:db8::/x",
    "2001:db8::/",
    "2001:db8:::/64",
    "192.0.2.0/24",
    "g::/8",
    "::/1e1",
  ])("%j is none", (text) => {
    expect(parseNetwork6(text)).toBeNull();
  });

  it("go to text and back, with no bit set behind the prefix", () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 128 }), (value, prefix) => {
        const parsed = parseNetwork6(`${formatAddress6(value)}/${prefix}`);
        if (parsed === null) return false;
        const below = 2n ** BigInt(128 - prefix);
        return parsed.base % below === 0n && value - parsed.base < below && isIPv6(formatAddress6(value));
      }),
    );
  });
});

const home = loadProfile(readFileSync("profiles/home.yaml", "utf8"), "home.yaml");
const tunnel = (prefix: string) => ({ ...home, ipv6: "tunnel" as const, server: { ...home.server, prefix } });

describe("the plan", () => {
  it("has no network for a LAN without IPv6", () => {
    expect(ipv6Of(home, 1426).tunnel).toBeNull();
  });

  it.each(["2001:db8:1:2::/64", "2001:db8:1:2::/63"])("takes the first /64 of %s", (prefix) => {
    expect(ipv6Of(tunnel(prefix), 1426).tunnel).toEqual({
      lan: "2001:db8:1:2::/64",
      refusedMacs: [],
      boxLan: "2001:db8:1:2::b0b0/64",
      serverAddress: "fe80::1",
      boxAddress: "fe80::2",
      mss: 1366,
    });
  });

  it("keeps the marks and tables of what is refused apart from the lines'", () => {
    const { lines, ipv6 } = makePlan(home, "home");
    const own = [ipv6.refused.mark, ipv6.refused.table, ipv6.refused.answerTable, ipv6.refused.priority, ipv6.refused.answerPriority];
    expect(lines.flatMap(({ mark, table, rulePriority }) => [mark, table, rulePriority]).filter((figure) => own.includes(figure))).toEqual(
      [],
    );
  });

  it("leaves the bond large enough for IPv6, whatever fills the lines' cells best", () => {
    const lines = home.lines.map((line) => ({ ...line, mtu: 1346 }));
    expect(makePlan({ ...tunnel("2001:db8:1:2::/64"), lines }, "test").tunnel.mtu).toBe(IPV6_MTU);
    expect(makePlan({ ...home, lines }, "test").tunnel.mtu).toBeLessThan(IPV6_MTU);
  });
});

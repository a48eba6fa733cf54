import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../support/builds";
import { run } from "../../support/programs";

const program = join(root, "overlay/box/usr/local/sbin/bondbox-ipv6");

/**
 * Evaluates a Perl expression with the program's functions.
 * @param bytes its arguments `$a[0]`, `$a[1]` …
 * @returns one item per value.
 */
function perl(expression: string, ...bytes: Buffer[]): Buffer[] {
  const script = `require $ARGV[0]; my @a = map { pack 'H*', $_ } @ARGV[1 .. $#ARGV]; print unpack('H*', $_), "\\n" for ${expression};`;
  const { status, stdout, output } = run("perl", ["-we", script, program, ...bytes.map((part) => part.toString("hex"))]);
  expect({ status, output }).toEqual({ status: 0, output: stdout });
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((hex) => Buffer.from(hex, "hex"));
}

// --- the fields, written down from the RFCs and not from the program ---

const u8 = (...values: number[]) => Buffer.from(values);
function u16(value: number): Buffer {
  return u8(value >> 8, value & 0xff);
}
function u32(value: number): Buffer {
  return Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);
}
const zeros = (bytes: number) => Buffer.alloc(bytes);

/** The 16 bytes of an address that is written without "::" or with one. */
function address(text: string): Buffer {
  const [head = "", tail] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => u16(Number.parseInt(group, 16))));
  const [before, after] = [Buffer.concat(groups(head)), Buffer.concat(groups(tail ?? ""))];
  return Buffer.concat([before, zeros(16 - before.length - after.length), after]);
}

interface Header {
  /** 0 where the router leaves it to the host. */
  hopLimit: number;
  flags: number;
  /** s */
  lifetime: number;
}

/** RFC 4861, 4.2: type 134, code 0, checksum, hop limit, flags, router lifetime, reachable time, retransmission timer, options. */
function advertisement({ hopLimit, flags, lifetime }: Header, ...options: Buffer[]): Buffer {
  return Buffer.concat([u8(134, 0), u16(0), u8(hopLimit, flags), u16(lifetime), u32(0), u32(0), ...options]);
}

/** RFC 4861, 4.6.1: source link-layer address. */
const sourceAddress = (mac: Buffer) => Buffer.concat([u8(1, 1), mac]);
/** RFC 4861, 4.6.2: prefix information; flags 0x80 on-link, 0x40 autonomous. */
const prefixOption = (prefix: string, length: number, valid: number, preferred: number, flags = 0xc0) =>
  Buffer.concat([u8(3, 4, length, flags), u32(valid), u32(preferred), u32(0), address(prefix)]);
/** RFC 4861, 4.6.4. */
const mtuOption = (mtu: number) => Buffer.concat([u8(5, 1), u16(0), u32(mtu)]);
/** RFC 4191, 2.3: route information of 3 units; preference in the bits 0x18. */
const routeOption = (prefix: string, length: number, lifetime: number, preference = 0) =>
  Buffer.concat([u8(24, 3, length, preference), u32(lifetime), address(prefix)]);
/** RFC 8106, 5.1: DNS servers. */
const dnsOption = (server: string, lifetime: number) => Buffer.concat([u8(25, 3), u16(0), u32(lifetime), address(server)]);
/** RFC 8106, 5.2: search list, here of example.net, padded to units of 8 bytes. */
const searchOption = (lifetime: number) =>
  Buffer.concat([u8(31, 3), u16(0), u32(lifetime), Buffer.from("\x07example\x03net\x00"), zeros(3)]);
/** RFC 8781, 4: 96 bits of a NAT64 prefix; 13 bits of lifetime in units of 8 s, 3 bits of prefix length code. */
const nat64Option = (prefix: string, scaledLifetime: number, code: number) =>
  Buffer.concat([u8(38, 2), u16((scaledLifetime << 3) | code), address(prefix).subarray(0, 12)]);

/** RFC 8200, 3, and RFC 4443, 2.3: the whole packet; the checksum counts the pseudo-header of RFC 8200, 8.1. */
function packet(from: Buffer, to: Buffer, icmp: Buffer): Buffer {
  const covered = Buffer.concat([from, to, u32(icmp.length), zeros(3), u8(58), icmp]);
  let sum = 0;
  for (let at = 0; at < covered.length; at += 2) sum += covered.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  const filled = Buffer.from(icmp);
  filled.writeUInt16BE(~sum & 0xffff, 2);
  return Buffer.concat([u8(0x60, 0, 0, 0), u16(icmp.length), u8(58, 255), from, to, filled]);
}

const MODEM = address("fe80::1");
const BOX = address("fe80::ba27:ebff:fe12:3456");
const MAC = Buffer.from("b827eb123456", "hex");
const ALL_NODES = address("ff02::1");
const ALL_ROUTERS = address("ff02::2");

describe("a cancelled router advertisement", () => {
  /** RFC 4861, 6.2.5: a router that ceases to be one advertises a lifetime of zero. */
  const nothing: Header = { hopLimit: 0, flags: 0, lifetime: 0 };

  it.each<[string, Buffer, Buffer, live: boolean]>([
    ["router", advertisement({ hopLimit: 64, flags: 0xc0, lifetime: 1800 }), advertisement(nothing), true],
    ["router of high preference", advertisement({ hopLimit: 64, flags: 0x08, lifetime: 9000 }), advertisement(nothing), true],
    ["no router", advertisement({ hopLimit: 64, flags: 0, lifetime: 0 }), advertisement(nothing), false],
    [
      "prefix",
      advertisement({ hopLimit: 64, flags: 0, lifetime: 0 }, prefixOption("2001:db8:a::", 64, 86400, 14400)),
      advertisement(nothing, prefixOption("2001:db8:a::", 64, 0, 0)),
      true,
    ],
    [
      "prefix that is only on the link, for ever",
      advertisement({ hopLimit: 0, flags: 0, lifetime: 0 }, prefixOption("2001:db8:a::", 60, 0xffffffff, 0xffffffff, 0x80)),
      advertisement(nothing, prefixOption("2001:db8:a::", 60, 0, 0, 0x80)),
      true,
    ],
    [
      "route",
      advertisement({ hopLimit: 64, flags: 0, lifetime: 0 }, routeOption("2001:db8:b::", 48, 1800, 0x08)),
      advertisement(nothing, routeOption("2001:db8:b::", 48, 0, 0x08)),
      true,
    ],
    [
      "DNS server",
      advertisement({ hopLimit: 64, flags: 0, lifetime: 0 }, dnsOption("2001:db8:a::1", 1800)),
      advertisement(nothing, dnsOption("2001:db8:a::1", 0)),
      true,
    ],
    [
      "search list",
      advertisement({ hopLimit: 64, flags: 0, lifetime: 0 }, searchOption(1800)),
      advertisement(nothing, searchOption(0)),
      true,
    ],
    [
      "NAT64 prefix, whose length code stays",
      advertisement({ hopLimit: 64, flags: 0, lifetime: 0 }, nat64Option("64:ff9b::", 225, 3)),
      advertisement(nothing, nat64Option("64:ff9b::", 0, 3)),
      true,
    ],
    [
      "options without a lifetime, which are left out",
      advertisement({ hopLimit: 64, flags: 0, lifetime: 1800 }, sourceAddress(MAC), mtuOption(1492)),
      advertisement(nothing),
      true,
    ],
    [
      "all of them, in their order",
      advertisement(
        { hopLimit: 64, flags: 0x80, lifetime: 1800 },
        sourceAddress(MAC),
        prefixOption("2001:db8:a::", 64, 86400, 14400),
        mtuOption(1492),
        routeOption("2001:db8:b::", 48, 1800),
        dnsOption("2001:db8:a::1", 1800),
        searchOption(1800),
      ),
      advertisement(
        nothing,
        prefixOption("2001:db8:a::", 64, 0, 0),
        routeOption("2001:db8:b::", 48, 0),
        dnsOption("2001:db8:a::1", 0),
        searchOption(0),
      ),
      true,
    ],
    [
      "a Thread border router, which leads nowhere but into its mesh",
      advertisement(
        { hopLimit: 0, flags: 0, lifetime: 0 },
        prefixOption("fd12:3456:789a:1::", 64, 1800, 1800),
        routeOption("fdab:cdef:123:4::", 64, 1800),
        // RFC 4191, 2.3: 2 units hold a prefix of up to 64 bits.
        Buffer.concat([u8(24, 2, 64, 0), u32(1800), address("fdab:cdef:123:5::").subarray(0, 8)]),
        prefixOption("fe80::", 64, 1800, 1800),
        routeOption("fc00::", 7, 1800),
      ),
      advertisement(nothing),
      false,
    ],
    [
      "the same in a modem: only what leads out of the house",
      advertisement(
        { hopLimit: 64, flags: 0, lifetime: 1800 },
        prefixOption("2001:db8:a::", 64, 86400, 14400),
        prefixOption("fd12:3456:789a:1::", 64, 1800, 1800),
        routeOption("fdab:cdef:123:4::", 64, 1800),
      ),
      advertisement(nothing, prefixOption("2001:db8:a::", 64, 0, 0)),
      true,
    ],
    // Prefixes that are wider than what stays at home, or only look like it.
    ...(
      [
        ["::", 0],
        ["2000::", 3],
        ["fc00::", 6],
        ["fe80::", 9],
        ["fec0::", 10],
        ["64:ff9b::", 96],
      ] as const
    ).map(([prefix, length]): [string, Buffer, Buffer, boolean] => [
      `a route to ${prefix}/${length}, without being a default router`,
      advertisement({ hopLimit: 0, flags: 0, lifetime: 0 }, prefixOption("fd00::", 64, 1800, 1800), routeOption(prefix, length, 1800)),
      advertisement(nothing, routeOption(prefix, length, 0)),
      true,
    ]),
    [
      "a default route that is written without its prefix",
      advertisement({ hopLimit: 0, flags: 0, lifetime: 0 }, Buffer.concat([u8(24, 1, 0, 0), u32(1800)])),
      advertisement(nothing, Buffer.concat([u8(24, 1, 0, 0), u32(0)])),
      true,
    ],
    [
      "what is cancelled already",
      advertisement(nothing, prefixOption("2001:db8:a::", 64, 0, 0)),
      advertisement(nothing, prefixOption("2001:db8:a::", 64, 0, 0)),
      false,
    ],
    [
      "an option of length zero, which ends the list (RFC 4861, 4.6)",
      advertisement({ hopLimit: 0, flags: 0, lifetime: 9 }, u8(3, 0), zeros(6), dnsOption("2001:db8:a::1", 1800)),
      advertisement(nothing),
      true,
    ],
    [
      "an option that is cut off",
      advertisement(
        { hopLimit: 0, flags: 0, lifetime: 9 },
        dnsOption("2001:db8:a::1", 9),
        prefixOption("2001:db8:a::", 64, 9, 9).subarray(0, 24),
      ),
      advertisement(nothing, dnsOption("2001:db8:a::1", 0)),
      true,
    ],
  ])("%s", (_, announced, expected, live) => {
    const [icmp, alive] = perl("map { $_ // '' } cancelled($a[0])", announced) as [Buffer, Buffer];
    expect(icmp.toString("hex")).toBe(expected.toString("hex"));
    // Perl's false is an empty string or 0.
    expect(["", "0"].includes(alive.toString("latin1"))).toBe(!live);
    const [sent] = perl("packet($a[0], $a[1], (cancelled($a[2]))[0])", MODEM, ALL_NODES, announced);
    expect(sent?.toString("hex")).toBe(packet(MODEM, ALL_NODES, expected).toString("hex"));
  });
});

describe("the box's own packets", () => {
  /** RFC 4191, 2.1: preference high is 01 in the bits 0x18. */
  const header: Header = { hopLimit: 64, flags: 0x08, lifetime: 60 };

  it.each<[string, string, Buffer, Buffer, Buffer]>([
    ["advertisement, high preference", "own_advertisement($a[2])", BOX, ALL_NODES, advertisement(header, sourceAddress(MAC))],
    [
      "advertisement with the LAN's prefix and MTU",
      "own_advertisement($a[2], '2001:db8:1:2::/64', 1401)",
      BOX,
      ALL_NODES,
      advertisement(header, sourceAddress(MAC), prefixOption("2001:db8:1:2::", 64, 7200, 3600), mtuOption(1401)),
    ],
    [
      "last advertisement, when it stops",
      "(cancelled(own_advertisement($a[2], '2001:db8:1:2::/64', 1401), 1))[0]",
      BOX,
      ALL_NODES,
      advertisement({ hopLimit: 0, flags: 0, lifetime: 0 }, prefixOption("2001:db8:1:2::", 64, 0, 0)),
    ],
    [
      "last advertisement, with a network that is no other router's",
      "(cancelled(own_advertisement($a[2], 'fd00:1:2:3::/64', 1401), 1))[0]",
      BOX,
      ALL_NODES,
      advertisement({ hopLimit: 0, flags: 0, lifetime: 0 }, prefixOption("fd00:1:2:3::", 64, 0, 0)),
    ],
    // RFC 4861, 4.1: type 133, code 0, checksum, reserved.
    ["router solicitation", "solicitation()", BOX, ALL_ROUTERS, Buffer.concat([u8(133, 0), u16(0), u32(0)])],
  ])("%s", (_, expression, from, to, icmp) => {
    const [sent] = perl(`packet($a[0], $a[1], ${expression})`, from, to, MAC);
    expect(sent?.toString("hex")).toBe(packet(from, to, icmp).toString("hex"));
  });

  it("have a checksum that is right where its sum overflows more than once", () => {
    const icmp = Buffer.concat([u8(133, 0), u16(0), Buffer.alloc(1400, 0xff)]);
    const all = Buffer.alloc(16, 0xff);
    const [sent] = perl("packet($a[0], $a[1], $a[2])", all, all, icmp);
    expect(sent?.toString("hex")).toBe(packet(all, all, icmp).toString("hex"));
  });
});

import { isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redact } from "../../../overlay/runtime/support/redact";

const one = (text: string, names?: string[]): string => redact([text], names)[0] as string;

const byte = fc.integer({ min: 0, max: 255 });
/** Written with other words than the program's, so that a mistake is not made twice. */
const isPrivate = (text: string): boolean =>
  /^(0|10|127|22[4-9]|2[34]\d|25\d|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[789]\d|1[01]\d|12[0-7]))\./.test(text);
const ipv4 = fc.tuple(byte, byte, byte, byte).map((parts) => parts.join("."));
const publicIpv4 = ipv4.filter((text) => !isPrivate(text));
const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
const publicIpv6 = fc
  .tuple(fc.integer({ min: 0x2000, max: 0x3fff }), fc.array(group, { minLength: 1, maxLength: 6 }), fc.boolean())
  .map(([first, groups, upper]) => {
    const text = [first.toString(16), ...groups.slice(0, -1)].join(":") + "::" + groups.at(-1);
    return upper ? text.toUpperCase() : text;
  });
/** What stands around addresses, and what could be taken for a part of them. */
const context = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom(..."0123456789abcdefx.:-_/<>[]% \n") }),
  fc.constantFrom(
    "addr=",
    "[",
    "]:1194",
    "/24",
    "%eth0",
    "::ffff:",
    "public-",
    "<public-1>",
    "<public-",
    '"',
    "https://",
    "://a@",
    "Authorization: ",
    "\\f",
    ",",
    "-----BEGIN X-----",
  ),
);

describe("redact", () => {
  it("lets no public IPv4 address through, unless with what stands around it it is one of a private network", () => {
    fc.assert(
      fc.property(context, publicIpv4, context, (before, address, after) => {
        const run = `${/\d*$/.exec(before)?.[0]}${address}${/^\d*/.exec(after)?.[0]}`;
        fc.pre(run === address || !isPrivate(run));
        expect(one(before + address + after)).not.toContain(address);
      }),
      { numRuns: 3000 },
    );
  });

  it("lets no public IPv6 address through, unless with what stands around it it is one of a private network", () => {
    fc.assert(
      fc.property(context, publicIpv6, context, (before, address, after) => {
        const text = before + address + after;
        const run = /[0-9a-f:]*$/i.exec(before)?.[0] + address + /^[0-9a-f:]*/i.exec(after)?.[0];
        fc.pre(!(isIPv6(run.replace(/^:(?!:)|(?<!:):$/g, "")) && /^:?f[c-f]/i.test(run)));
        expect(one(text)).not.toContain(address);
      }),
      { numRuns: 3000 },
    );
  });

  it("changes nothing when it is done again", () => {
    const anything = fc.array(fc.oneof(context, ipv4, publicIpv6, fc.stringMatching(/^([0-9a-f]{2}[:-]){5,7}[0-9a-f]{2}$/)));
    fc.assert(
      fc.property(
        fc.array(
          anything.map((parts) => parts.join("")),
          { maxLength: 3 },
        ),
        (texts) => {
          const once = redact(texts, ["vpn.example.net"]);
          expect(redact(once, ["vpn.example.net"])).toEqual(once);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("lets no key through, in base64, as PEM or as OpenVPN writes its own", () => {
    const base64 = fc.uint8Array({ minLength: 30, maxLength: 80 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(context, base64, context, (before, key, after) => {
        for (const text of [key.toString("base64"), key.toString("base64url"), key.toString("hex")])
          expect(one(before + text + after)).not.toContain(text.slice(0, 30));
      }),
      { numRuns: 1000 },
    );
    const row = "0123456789abcdef".repeat(2);
    const key = `-----BEGIN OpenVPN Static key V1-----\n${`${row}\n`.repeat(4)}-----END OpenVPN Static key V1-----`;
    expect(one(`key:\n${key}\nnext`)).toBe("key:\n<removed>\nnext");
    expect(one(`cut off: ${key.slice(0, 60)}`)).toBe("cut off: <removed>");
    expect(one(`journal: ${row}`)).toBe("journal: <removed>");
  });

  it("gives an address the same stand-in in all texts", () => {
    expect(redact(["203.0.113.10:1194 and 198.51.100.7", "UDP from 203.0.113.10, 2001:DB8::1 and 2001:db8::1"])).toEqual([
      "<public-1>:1194 and <public-2>",
      "UDP from <public-1>, <public-3> and <public-3>",
    ]);
    expect(one("203-0-113-10.dsl.example.net, 10.113.0.203.in-addr.arpa, 203.0.113.10")).toBe(
      "<public-1>.dsl.example.net, <public-1>, <public-1>",
    );
  });

  it.each([
    "192.168.1.240 10.0.0.1 172.16.16.1/30 127.0.0.1 169.254.3.4 100.64.0.1 255.255.255.0 0.0.0.0 224.0.0.22",
    "fe80::1 fd12:3456:789a::1/64 ::1 :: ff02::1",
    "2026-11-23T01:00:34Z Linux 6.12.47+rpt-rpi-v8, OpenVPN 2.6.14, 01:00:34",
    "filter parent 1: protocol ip pref 10 u32 chain 0 fh 800::800 order 2048",
    "----------------------------------------------------------------",
    'HOME_URL="https://www.debian.org/" http://192.168.1.252/',
    "bondbox-tunnel@ovh.service /usr/local/lib/bondbox/bondbox.cjs",
  ])("leaves as it is: %s", (text) => {
    expect(one(text)).toBe(text);
  });

  it.each([
    ["link/ether 06:eb:b1:94:c5:25 brd", "link/ether 06:eb:b1:xx:xx:xx brd"],
    ["06-EB-B1-94-C5-25", "06-EB-B1-xx-xx-xx"],
    ["client-id 01:06:eb:b1:94:c5:25", "client-id 01:06:eb:xx:xx:xx"],
    ["enx06ebb194c525: <UP>", "enx06ebb1xxxxxx: <UP>"],
    ["inet6 fe80::8ee6:1aff:fe11:d3/64", "inet6 <local-1>/64"],
    ["::ffff:203.0.113.10 ::ffff:cb00:710a 64:ff9b::cb00:710a", "::ffff:<public-1> <public-2> <public-3>"],
    ["7.1.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR", "<public-1> PTR"],
    ["1194:2001:db8::1 eth0:2001:db8::1:", "<public-1> eth<public-2>:"],
    ['{"Password": "open sesame", "user": "me"}, secret=s3cret', '{"Password": <removed>, "user": "me"}, secret=<removed>'],
    ["Peer VPN.Example.net:1194", "Peer <name>:1194"],
    // A command of notify may print what it calls.
    [
      "curl: (22) https://api.telegram.org/bot123456789:AAF-x_yzAbCdEfGhIjKlMnOpQrStUvWxYz0/sendMessage failed",
      "curl: (22) https://api.telegram.org/<removed> failed",
    ],
    ["POST http://me:s3cret@192.168.1.10:8123?key=1, then", "POST http://192.168.1.10:8123/<removed> then"],
    ["mqtt://me:s3cret@nas", "mqtt://nas/<removed>"],
    ['> Authorization: Basic bWU6czNjcmV0\n{"authorization":"Bearer x y"}', '> Authorization: <removed>\n{"authorization": <removed>'],
  ])("%s becomes %s", (text, expected) => {
    expect(one(text, ["vpn.example.net", "localhost"])).toBe(expected);
  });
});

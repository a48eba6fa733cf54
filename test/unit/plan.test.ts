import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatNetwork6, type Network6, parseNetwork6 } from "../../builder/base/ipv6";
import { bondCapacity } from "../../builder/plan/bond";
import { idleMonth } from "../../builder/plan/idle";
import { makePlan } from "../../builder/plan/plan";
import { portGroups } from "../../builder/plan/qos";
import { efficiency, type Envelope, outerSize } from "../../builder/plan/sizes";
import type { Plan } from "../../builder/plan/types";
import { encapsulations } from "../../builder/profile/links";
import { loadProfile } from "../../builder/profile/load";
import type { Auth, BoxTarget, ServerTarget } from "../../builder/targets/names";
import type { BondMode, Line, PortSpec, Profile } from "../../builder/profile/types";
import { targets } from "../../builder/targets";

/** The same two lines: to the guide's own server, with static keys, and to one of today, over TLS. */
const guide = loadProfile(readFileSync("profiles/guide-2017.yaml", "utf8"), "guide-2017.yaml");
const home = loadProfile(readFileSync("profiles/home.yaml", "utf8"), "home.yaml");

describe("a bypass to everywhere", () => {
  it("is one to any network, so that the rules before it keep the LAN out of it", () => {
    const all = { name: "all", line: "ovh", protocol: "both" as const, networks: ["0.0.0.0/0"] };
    expect(makePlan({ ...guide, bypass: [all] }, "guide-2017").bypass).toEqual([
      { name: "all", line: "ovh", mark: 101, protocol: null, ports: null, network: null, host: null, mac: null },
    ]);
  });
});

/** Expected figures: docs/mtu.md, docs/data-path.md#arp-monitoring and docs/shaping.md. */

const base: Line = { name: "a", modem: "192.168.1.1", down: 8000, up: 1000, rate: "sync", use: "always", link: "atm" };

/** Lines named a, b, c… */
function lines(...given: Partial<Line>[]): Line[] {
  return given.map((line, i) => ({ ...base, name: "abcdefgh"[i] as string, modem: `192.168.1.${10 + i}`, ...line }));
}

function expectedOf({ expected }: Plan): NonNullable<Plan["expected"]> {
  if (expected === null) throw new Error("the profile does not have all rates");
  return expected;
}

function planOf(changes: Partial<Profile> = {}): Plan {
  return makePlan({ ...structuredClone(guide), bypass: [], ...changes }, "test");
}

/** The same to a server of today, or to a target. */
function tlsPlan(changes: Partial<Profile> = {}, target: ServerTarget = "debian-13"): Plan {
  return planOf({ server: { ...structuredClone(home.server), target }, ...changes });
}

function bond(mode: BondMode, more: Partial<Profile["bond"]> = {}): Profile["bond"] {
  return { name: "bond0", mode, arpInterval: 300, ...more };
}

function codes(plan: Plan): string[] {
  return plan.warnings.map(({ code }) => code).filter((code) => code !== "static-key" && code !== "server-address");
}

describe("the guide's network", () => {
  const plan = makePlan(guide, "guide-2017");

  it("has the guide's addresses, taps and ports", () => {
    expect(plan.profile).toBe("guide-2017");
    expect(plan.tunnel).toMatchObject({
      subnet: "172.16.16.0/30",
      netmask: "255.255.255.252",
      prefix: 30,
      serverAddress: "172.16.16.1",
      boxAddress: "172.16.16.2",
      tls: null,
      staticKey: { cipher: "AES-256-CBC", auth: "SHA1" },
      keepalive: { interval: 1, timeout: 60 },
      replayWindow: { packets: 512, seconds: 15 },
      queueLength: 1000,
    });
    expect(plan.lines.map(({ name, tap, port, mark, table }) => ({ name, tap, port, mark, table }))).toEqual([
      { name: "ovh", tap: "tap0", port: 1194, mark: 101, table: 101 },
      { name: "orange", tap: "tap1", port: 1196, mark: 102, table: 102 },
    ]);
    expect(plan.lan).toEqual({
      subnet: "192.168.1.0/24",
      routes: [],
      networks: ["192.168.1.0/24"],
      network: "192.168.1.0",
      netmask: "255.255.255.0",
      prefix: 24,
      address: "192.168.1.252",
      interface: "eth0",
      dns: ["9.9.9.9", "1.1.1.1", "192.168.1.240"],
    });
    expect(plan.bond).toMatchObject({ name: "bond0", mode: "balance-rr", hash: null, arpInterval: 300, detectMs: 750 });
  });

  it("has the networks behind routers of the LAN beside the LAN's own", () => {
    const routes = [
      { network: "192.168.20.0/24", via: "192.168.1.3" },
      { network: "10.0.0.0/8", via: "192.168.1.4" },
    ];
    const { lan, forwards } = planOf({
      lan: { ...guide.lan, routes },
      forwards: [{ port: 80, protocol: "tcp", host: "192.168.20.9" }],
    });
    expect(lan).toMatchObject({ subnet: "192.168.1.0/24", routes, networks: ["192.168.1.0/24", "192.168.20.0/24", "10.0.0.0/8"] });
    expect(forwards).toMatchObject([{ destination: "192.168.20.9", toBox: false }]);
  });

  it("a tunnel is started anew only after a silence in which a live one would have been heard", () => {
    const reconnect = (profile: object) => planOf(profile).bond.reconnect;
    expect(reconnect({ bond: bond("balance-rr") })).toMatchObject({ silentMs: 750, answeredMs: 700, deafMs: 8750 });
    expect(reconnect({ bond: bond("balance-rr", { arpInterval: 2000 }) })).toMatchObject({
      probed: true,
      silentMs: 5000,
      answeredMs: 4000,
    });
    // A line that stands by has only OpenVPN's own pings, one a second.
    expect(reconnect({ bond: bond("active-backup") })).toMatchObject({ probed: false, silentMs: 5000, answeredMs: 4000 });
  });

  it("the watchdog is as patient as the kernel's monitor, and quick where packets are dealt evenly", () => {
    const watchdog = (profile: object) => planOf(profile).bond.watchdog;
    expect(watchdog({ bond: bond("balance-rr") })).toMatchObject({ every: 0.2, load: 2, missed: 6, silentMs: 750, settleMs: 600 });
    expect(watchdog({ bond: bond("balance-rr", { arpInterval: 100 }) })).toMatchObject({ every: 0.1, silentMs: 250, settleMs: 200 });
    expect(watchdog({ bond: bond("balance-xor") }).missed).toBeGreaterThan(1e6);
  });

  it("runs at MTU 1401 and carries 11250 down, 1324 up", () => {
    expect(plan.tunnel).toMatchObject({ mtu: 1401, mss: 1361 });
    expect(plan.lines.map(({ outerSize, maxInnerMtu, goodput }) => ({ outerSize, maxInnerMtu, down: goodput.down }))).toEqual([
      { outerSize: 1488, maxInnerMtu: 1401, down: 5752 },
      { outerSize: 1488, maxInnerMtu: 1401, down: 5625 },
    ]);
    expect(plan.expected?.down).toEqual({ ceiling: 11250, oneFlow: 11250, luckyFlow: 11250, shaped: Math.floor(11250 * 0.95) });
    expect(plan.expected?.up).toMatchObject({ ceiling: 1324, oneFlow: 1324 });
    // Without a tunnel, over the better line (6.4, "none").
    expect(plan.expected?.direct.down).toBe(6140);
  });

  it("is shaped to 13436 down, 851 and 790 up, at an overhead of 134", () => {
    expect(plan.qos).toMatchObject({ enabled: true, share: 0.95, framing: { link: "atm", overhead: 134, mpu: 0 } });
    expect(plan.qos.down).toEqual({ where: "bond", total: 13436 });
    expect(plan.qos.up).toEqual({ where: "tap", total: 851 + 790 });
    expect(plan.lines.map(({ shaped }) => shaped.up)).toEqual([851, 790]);
    expect(plan.lines.map(({ framing }) => framing.overhead)).toEqual([134, 134]);
  });

  it("holds the faster line back by 12500 us", () => {
    expect(plan.lines.map(({ equalizeUs }) => equalizeUs)).toEqual([0, 12500]);
  });

  it("has its bypass on the second line", () => {
    expect(plan.bypass).toEqual([
      { name: "battlenet", line: "orange", mark: 102, protocol: "tcp", ports: "6112", network: null, host: null, mac: null },
      { name: "half-life", line: "orange", mark: 102, protocol: "udp", ports: "27000:30000", network: null, host: null, mac: null },
    ]);
  });

  it("warns of nothing but the old server, and of its address, which is an example's", () => {
    expect(plan.warnings.map(({ code }) => code)).toEqual(["static-key", "server-address"]);
  });
});

describe("the guide's network with a server of today", () => {
  const plan = makePlan(home, "home");

  it("runs at MTU 1426 and carries what both lines do together, 11588 down, 1400 up", () => {
    expect(plan.tunnel).toMatchObject({ mtu: 1426, mss: 1386 });
    expect(plan.lines.map(({ outerSize, maxInnerMtu, goodput }) => ({ outerSize, maxInnerMtu, down: goodput.down }))).toEqual([
      { outerSize: 1492, maxInnerMtu: 1426, down: 5859 },
      { outerSize: 1492, maxInnerMtu: 1426, down: 5729 },
    ]);
    expect(plan.expected?.down).toEqual({ ceiling: 11588, oneFlow: 11588, luckyFlow: 11588, shaped: Math.floor(11588 * 0.95) });
    expect(plan.expected?.up).toMatchObject({ ceiling: 1400, oneFlow: 1400 });
  });

  it("is shaped at an overhead of 106", () => {
    expect(plan.qos.framing).toEqual({ link: "atm", overhead: 106, mpu: 0 });
    expect(plan.lines.map(({ framing }) => framing.overhead)).toEqual([106, 106]);
    expect(plan.qos.down).toEqual({ where: "bond", total: 13588 });
  });

  it("differs in the tunnels and in what follows from them, and warns of nothing but its address", () => {
    expect(plan.warnings.map(({ code }) => code)).toEqual(["server-address"]);
    const { tunnel, lines: ofHome, qos, expected, ...rest } = plan;
    const { tunnel: _t, lines: _l, qos: _q, expected: _e, ...old } = makePlan({ ...guide, server: home.server, bond: home.bond }, "home");
    expect(rest).toEqual(old);
    expect(tunnel).toMatchObject({ serverAddress: "172.16.16.1", boxAddress: "172.16.16.2", staticKey: null });
    expect(ofHome.map(({ name, tap, port, mark }) => [name, tap, port, mark])).toEqual([
      ["ovh", "tap0", 1194, 101],
      ["orange", "tap1", 1196, 102],
    ]);
    expect([qos.down.where, qos.up.where, expected?.direct.down]).toEqual(["bond", "bond", 6140]);
  });
});

/** Expected: docs/server.md#openvpn-versions, and what each system's own OpenVPN says of itself. */
describe("the tunnels of each target", () => {
  const modern = { tls: { ciphers: "AES-256-GCM:CHACHA20-POLY1305:AES-128-GCM", cipher: null, byFingerprint: true } };

  it.each([
    ["debian-13", { ...modern, staticKey: null }, "Debian 13 (trixie)", true],
    ["debian-12", { ...modern, staticKey: null }, "Debian 12 (bookworm)", true],
    ["ubuntu-26.04", { ...modern, staticKey: null }, "Ubuntu 26.04", true],
    ["ubuntu-24.04", { ...modern, staticKey: null }, "Ubuntu 24.04", true],
    // Its OpenVPN 2.5 knows no fingerprints.
    ["ubuntu-22.04", { tls: { ...modern.tls, byFingerprint: false }, staticKey: null }, "Ubuntu 22.04", true],
    ["ubuntu-14.04", { tls: null, staticKey: { cipher: "AES-256-CBC", auth: "SHA1" } }, "Ubuntu 14.04", false],
  ] as const)("%s", (target, tunnel, title, systemd) => {
    const plan = tlsPlan({}, target);
    expect(plan.tunnel).toMatchObject(tunnel);
    expect(plan.server).toMatchObject({ target, title, systemd });
    expect(plan.warnings.map(({ code }) => code)).toEqual([...(target === "ubuntu-14.04" ? ["static-key"] : []), "server-address"]);
  });

  it("are one kind or the other, at the MTU of that kind", () => {
    for (const target of Object.keys(targets) as ServerTarget[]) {
      const { tunnel } = tlsPlan({}, target);
      expect([target, (tunnel.tls === null) !== (tunnel.staticKey === null)]).toEqual([target, true]);
      expect([target, tunnel.mtu]).toEqual([target, tunnel.tls === null ? 1401 : 1426]);
    }
  });

  it.each([
    ["debian-13", "AES-128-GCM", { ciphers: "AES-128-GCM", cipher: "AES-128-GCM" }],
    ["debian-12", "CHACHA20-POLY1305", { ciphers: "CHACHA20-POLY1305", cipher: "CHACHA20-POLY1305" }],
    ["ubuntu-22.04", "AES-256-GCM", { ciphers: "AES-256-GCM", cipher: "AES-256-GCM" }],
  ] as const)("to %s use a cipher that is set on both ends: %s", (target, cipher, tls) => {
    expect(tlsPlan({ tunnel: { ...home.tunnel, cipher } }, target).tunnel.tls).toMatchObject(tls);
  });

  it("with static keys take the profile's cipher and hash", () => {
    const { tunnel } = planOf({ tunnel: { ...guide.tunnel, cipher: "AES-128-CBC", auth: "SHA512" } });
    expect(tunnel.staticKey).toEqual({ cipher: "AES-128-CBC", auth: "SHA512" });
  });

  it("are of the same size whatever cipher TLS uses", () => {
    const sizes = (["auto", "AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305"] as const).map((cipher) => {
      const { tunnel, lines: all } = tlsPlan({ tunnel: { ...home.tunnel, cipher } });
      return [tunnel.mtu, ...all.map(({ outerSize }) => outerSize)];
    });
    expect(new Set(sizes.map(String)).size).toBe(1);
  });
});

describe("the servers", () => {
  const backups = ["203.0.113.20", "198.51.100.10"];

  it("are tried in the profile's order, the first one first", () => {
    const { server } = tlsPlan({ server: { ...home.server, backups } });
    expect(server.bundles).toEqual([
      { address: "203.0.113.10", folder: "server" },
      { address: "203.0.113.20", folder: "backup-1" },
      { address: "198.51.100.10", folder: "backup-2" },
    ]);
    expect(server).toMatchObject({ address: "203.0.113.10", backups, failover: { after: 15, back: 300 }, updates: true });
  });

  it("are changed by the profile's times", () => {
    const failover = { after: 5, back: 0 };
    expect(tlsPlan({ server: { ...home.server, backups, failover } }).server.failover).toEqual(failover);
  });

  it("update themselves unless the profile says otherwise", () => {
    expect(tlsPlan({ server: { ...home.server, updates: false } }).server.updates).toBe(false);
  });
});

describe("IPv6", () => {
  const tunnelTo = (prefix: string, changes: Partial<Profile> = {}): Plan["ipv6"] =>
    tlsPlan({ ipv6: "tunnel", server: { ...home.server, prefix }, ...changes }).ipv6;

  it("is kept out of the LAN unless the profile has it", () => {
    expect(planOf().ipv6).toMatchObject({ tunnel: null });
    expect(tlsPlan().ipv6).toMatchObject({ tunnel: null });
  });

  it("comes through the bond, which it enters and leaves by link-local addresses", () => {
    expect(tunnelTo("2001:db8:1:2::/64").tunnel).toEqual({
      lan: "2001:db8:1:2::/64",
      boxLan: "2001:db8:1:2::b0b0/64",
      refusedMacs: [],
      serverAddress: "fe80::1",
      boxAddress: "fe80::2",
      // MTU 1426 less 40 of IPv6 and 20 of TCP.
      mss: 1366,
    });
  });

  it.each([
    ["2001:db8::/48", "2001:db8::/64", "2001:db8::b0b0/64"],
    ["2001:db8:0:ff00::/56", "2001:db8:0:ff00::/64", "2001:db8:0:ff00::b0b0/64"],
    ["fd12:3456:789a::/48", "fd12:3456:789a::/64", "fd12:3456:789a::b0b0/64"],
  ])("of %s: the LAN has the first network, %s", (prefix, lan, boxLan) => {
    expect(tunnelTo(prefix).tunnel).toMatchObject({ lan, boxLan });
  });

  it("is not there without the word, even where the server has a network", () => {
    expect(tunnelTo("2001:db8:1:2::/64", { ipv6: "block" })).toMatchObject({ tunnel: null });
  });

  it("networks are read and written as RFC 5952 has it", () => {
    for (const text of ["2001:db8::/32", "::/0", "::1/128", "fe80::1:0:0:2/128", "2001:db8:0:1::/64", "1:2:3:4:5:6:7:8/128"]) {
      const network = parseNetwork6(text);
      expect(network && formatNetwork6(network)).toBe(text);
    }
    expect(formatNetwork6(parseNetwork6("2001:DB8:0:0::ffff/32") as Network6)).toBe("2001:db8::/32");
    for (const text of [
      "2001:db8::",
      "2001:db8::/129",
      "2001:db8::/x",
      "2001:db8/64",
      "192.0.2.0/24",
      "1::2::3/64",
      "fe80::1%eth0/64",
      "::192.0.2.1/64",
      "",
    ])
      expect([text, parseNetwork6(text)]).toEqual([text, null]);
  });

  it("networks keep no bit of a host", () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.integer({ min: 0, max: 128 }), (groups, prefix) => {
        const text = groups.map((one) => one.toString(16)).join(":");
        const network = parseNetwork6(`${text}/${prefix}`) as Network6;
        const bits = (value: bigint): string => value.toString(2).padStart(128, "0");
        const all = groups.map((one) => one.toString(2).padStart(16, "0")).join("");
        expect(bits(network.base)).toBe(all.slice(0, prefix).padEnd(128, "0"));
        expect(parseNetwork6(formatNetwork6(network))).toEqual(network);
      }),
    );
  });
});

describe("each line", () => {
  it.each([1, 2, 3, 4])("of %d has a mark, a table, a rule, a tap and a port of its own", (count) => {
    const plan = planOf({ lines: lines(...Array.from({ length: count }, () => ({}))) });
    expect(plan.lines.map(({ index, mark, table, rulePriority, tap, port }) => [index, mark, table, rulePriority, tap, port])).toEqual(
      [
        [0, 101, 101, 1101, "tap0", 1194],
        [1, 102, 102, 1102, "tap1", 1196],
        [2, 103, 103, 1103, "tap2", 1198],
        [3, 104, 104, 1104, "tap3", 1200],
      ].slice(0, count),
    );
  });

  it("counts its ports from firstPort", () => {
    const plan = planOf({ lines: lines({}, {}), tunnel: { ...guide.tunnel, firstPort: 443 } });
    expect(plan.lines.map(({ port }) => port)).toEqual([443, 445]);
  });

  it("asks for names through the bond, a modem last, unless the profile says otherwise", () => {
    const four = planOf({ lines: lines({}, {}, {}, {}) });
    expect(four.lan.dns).toEqual(["9.9.9.9", "1.1.1.1", "192.168.1.10"]);
    expect(planOf({ lan: { ...guide.lan, dns: ["192.0.2.53"] } }).lan.dns).toEqual(["192.0.2.53"]);
  });
});

describe("the tunnel's addresses", () => {
  it.each([
    ["172.16.16.0/30", "172.16.16.1", "172.16.16.2", "255.255.255.252"],
    ["10.99.0.0/16", "10.99.0.1", "10.99.0.2", "255.255.0.0"],
    ["10.0.0.252/30", "10.0.0.253", "10.0.0.254", "255.255.255.252"],
  ])("in %s", (network, serverAddress, boxAddress, netmask) => {
    expect(planOf({ tunnel: { ...guide.tunnel, network } }).tunnel).toMatchObject({ subnet: network, serverAddress, boxAddress, netmask });
  });
});

describe("the best MTU (docs/mtu.md#the-best-mtu)", () => {
  function pair(line: Partial<Line>): Line[] {
    return lines({ down: 7232, up: 896, ...line }, { down: 7072, up: 832, ...line });
  }
  function twice(line: Partial<Line>, auth: Auth = "SHA1"): Plan {
    return planOf({ lines: pair(line), tunnel: { ...guide.tunnel, auth } });
  }

  it.each([
    ["pppoe-llcsnap", 1401, 1401, 11250],
    ["pppoe-vcmux", 1369, 1401, 11338],
    ["pppoa-llc", 1385, 1401, 11475],
    ["pppoa-vcmux", 1385, 1401, 11475],
  ])("%s: %d, where the largest is %d; bond %d", (encapsulation, mtu, largest, down) => {
    const plan = twice({ encapsulation });
    expect(plan.tunnel.mtu).toBe(mtu);
    expect(plan.lines[0]?.maxInnerMtu).toBe(largest);
    expect(plan.expected?.down.ceiling).toBe(down);
  });

  it.each([
    ["pppoe-llcsnap", 1426, 1426, 11459],
    ["pppoe-vcmux", 1390, 1426, 11518],
    ["pppoa-llc", 1408, 1434, 11673],
    ["pppoa-vcmux", 1412, 1434, 11708],
  ])("%s over TLS: %d, where the largest is %d; bond %d", (encapsulation, mtu, largest, down) => {
    const plan = tlsPlan({ lines: pair({ encapsulation }) });
    expect(plan.tunnel.mtu).toBe(mtu);
    expect(plan.lines[0]?.maxInnerMtu).toBe(largest);
    expect(plan.expected?.down.ceiling).toBe(down);
  });

  it("is smaller with SHA256 over PPPoE, and never fragments", () => {
    expect(twice({}, "SHA256").tunnel.mtu).toBe(1385);
    expect(twice({}, "SHA512").lines.map(({ outerSize, mtu }) => outerSize <= mtu)).toEqual([true, true]);
  });

  it.each(["ptm", "ethernet"] as const)("on %s is the largest: nothing there is in cells", (link) => {
    const plan = twice({ link });
    expect(plan.tunnel.mtu).toBe(plan.lines[0]?.maxInnerMtu);
    expect(plan.tunnel.mtu).toBe(1401);
    expect(tlsPlan({ lines: pair({ link }) }).tunnel.mtu).toBe(link === "ptm" ? 1426 : 1434);
  });

  it("is that of the narrowest line", () => {
    const plan = planOf({ lines: lines({}, { mtu: 1454, link: "ethernet" }) });
    expect(plan.tunnel.mtu).toBeLessThanOrEqual(1353);
    expect(plan.lines.map(({ maxInnerMtu }) => maxInnerMtu)).toEqual([1401, 1353]);
  });

  it.each([
    [1500, 1426, 1492],
    [1492, 1426, 1492],
    // Less than would fit: 1448 bytes fill 31 of these lines' ATM cells.
    [1460, 1382, 1448],
    [1450, 1382, 1448],
  ])("is that of the server's port where that takes only %d bytes", (mtu, inner, outer) => {
    const plan = planOf({ server: { ...structuredClone(home.server), target: "debian-13", mtu } });
    expect(plan.tunnel).toMatchObject({ mtu: inner, mss: inner - 40, outerSize: outer });
    // The lines themselves are as before: what goes over them directly has their own size.
    expect(plan.lines.map((line) => line.mtu)).toEqual([1492, 1492]);
  });

  it("carries no less than any other that is not split", () => {
    const arbitraryLine = fc.record({
      encapsulation: fc.constantFrom(...Object.keys(encapsulations)),
      mtu: fc.integer({ min: 576, max: 1500 }),
    });
    fc.assert(
      fc.property(arbitraryLine, fc.constantFrom<Auth | "tls">("SHA1", "SHA256", "SHA512", "tls"), ({ encapsulation, mtu }, auth) => {
        const given = { lines: lines({ encapsulation, link: encapsulations[encapsulation]?.link as Line["link"], mtu }) };
        const plan = auth === "tls" ? tlsPlan(given) : planOf({ ...given, tunnel: { ...guide.tunnel, auth } });
        const line = plan.lines[0] as Plan["lines"][number];
        const envelope: Envelope = auth === "tls" ? { kind: "aead" } : { kind: "cbc", auth };
        const carried = (inner: number): number => efficiency(inner, outerSize(inner, envelope), line);
        const best = Math.max(...Array.from({ length: line.maxInnerMtu - 67 }, (_, i) => carried(68 + i)));
        expect(line.outerSize).toBeLessThanOrEqual(mtu);
        expect(carried(plan.tunnel.mtu)).toBeCloseTo(best, 9);
      }),
      { numRuns: 100 },
    );
  });
});

describe("rates", () => {
  it("of kind ip hold the link's share already: the shaper adds the tunnel's only", () => {
    const plan = planOf({ lines: lines({ rate: "ip", down: 6000 }) });
    const [line] = plan.lines;
    expect(line?.framing).toEqual({ link: "ethernet", overhead: 94, mpu: 0 });
    expect(line?.goodput.down).toBe(Math.round((6000 * (1401 - 52)) / 1488));
    expect(plan.qos.down.total).toBe(5700);
  });

  it.each([
    ["ptm", "pppoe-ptm", { link: "ptm", overhead: 94 + 30, mpu: 0 }, 1542],
    ["ethernet", "ethernet", { link: "ethernet", overhead: 94 + 38, mpu: 84 }, 1526],
    ["atm", "pppoe-llcsnap", { link: "atm", overhead: 94 + 40, mpu: 0 }, 32 * 53],
  ] as const)("of %s lines: framing and goodput", (link, encapsulation, framing, wire) => {
    const plan = planOf({ lines: lines({ link, down: 50000 }) });
    expect(plan.lines[0]).toMatchObject({ link, encapsulation, framing });
    expect(plan.lines[0]?.goodput.down).toBe(Math.round((50000 * (1401 - 52)) / wire));
  });

  it("count a profile's own overhead and MTU", () => {
    const plan = planOf({ lines: lines({ overhead: 44, mtu: 1480 }) });
    expect(plan.lines[0]).toMatchObject({ linkOverhead: 44, mtu: 1480, maxInnerMtu: 1385 });
    expect(plan.lines[0]?.framing.overhead).toBe(94 + 44);
  });

  it.each([
    ["SHA1", 134],
    ["SHA256", 146],
    ["SHA512", 178],
  ] as const)("with static keys and %s are shaped at an overhead of %d over PPPoE LLC", (auth, overhead) => {
    expect(planOf({ tunnel: { ...guide.tunnel, auth } }).qos.framing.overhead).toBe(overhead);
  });

  it("follow the share", () => {
    const plan = planOf({ lines: lines({ down: 1000, up: 500 }, { down: 1000, up: 500 }), qos: { ...guide.qos, share: 0.9 } });
    expect(plan.lines.map(({ shaped }) => shaped)).toEqual([
      { down: 900, up: 450 },
      { down: 900, up: 450 },
    ]);
    expect(plan.qos.down.total).toBe(1800);
  });
});

describe("the bond's modes", () => {
  const pair = lines({ down: 8000, up: 800 }, { down: 6000, up: 600 });
  const goodputs = planOf({ lines: pair }).lines.map(({ goodput }) => goodput.down);
  const [fast, slow] = goodputs as [number, number];

  it.each([
    ["balance-rr", 2 * slow, 2 * slow, 2 * slow],
    ["balance-xor", fast + slow, slow, fast],
    ["active-backup", fast, fast, fast],
    ["broadcast", slow, slow, slow],
  ] as const)("%s carries %d, one flow %d to %d", (mode, ceiling, oneFlow, luckyFlow) => {
    const { down } = expectedOf(planOf({ lines: pair, bond: bond(mode) }));
    // Sums of rounded figures may differ by one.
    expect(Math.abs(down.ceiling - ceiling)).toBeLessThanOrEqual(1);
    expect(Math.abs(down.oneFlow - oneFlow)).toBeLessThanOrEqual(1);
    expect(Math.abs(down.luckyFlow - luckyFlow)).toBeLessThanOrEqual(1);
    expect(down.shaped).toBe(Math.floor(down.ceiling * 0.95));
    expect(bondCapacity(goodputs, { mode, striper: false })).toBe(ceiling);
  });

  it("of unknown rates are followed to a gigabit, and nothing is said of what they carry", () => {
    const [first, second] = pair as [Line, Line];
    const auto = { bond: { name: "bond0", mode: "auto" as const, arpInterval: 300 } };
    const found = tlsPlan({ lines: [first, { ...second, found: { up: true } }], ...auto });
    expect(found.expected).toBeNull();
    expect(found.lines.map(({ leastPrice, price }) => [leastPrice.down === price.down, leastPrice.up])).toEqual([
      [true, found.lines[0]?.price.up],
      [true, 2048],
    ]);
    // One line alone has nothing to be dealt over, but its rate is followed, too.
    expect(tlsPlan({ lines: [{ ...first, found: { down: true } }], ...auto }).bond.striper).toBe(true);
    expect(tlsPlan({ lines: [first], ...auto }).bond.striper).toBe(false);
  });

  it("are not expected to carry in reserve, and both ends know it", () => {
    const [first, second] = pair as [Line, Line];
    const auto = { bond: { name: "bond0", mode: "auto" as const, arpInterval: 300 } };
    const alone = tlsPlan({ lines: [first], ...auto });
    const held = tlsPlan({ lines: [first, { ...second, use: "reserve" }], ...auto });
    expect(expectedOf(held).down.ceiling / expectedOf(alone).down.ceiling).toBeCloseTo(1, 2);
    expect(held.lines.map((line) => line.held)).toEqual([0, 2]);
    // What is spared is used when the rest is full.
    const spared = tlsPlan({ lines: [first, { ...second, use: "spare" }], ...auto });
    expect(expectedOf(spared)).toEqual(expectedOf(tlsPlan({ lines: [first, second], ...auto })));
    expect(spared.lines.map((line) => line.held)).toEqual([0, 1]);
  });

  it("give the shaper what the bond can carry, in the units of the slowest line", () => {
    expect(planOf({ lines: pair, bond: bond("balance-rr") }).qos.down.total).toBe(2 * 5700);
    const xor = planOf({ lines: pair, bond: bond("balance-xor") }).qos.down.total;
    const backup = planOf({ lines: pair, bond: bond("active-backup") }).qos.down.total;
    expect([Math.abs(xor - 7600 - 5700) <= 2, Math.abs(backup - 7600) <= 2]).toEqual([true, true]);
    const where = ({ qos: { down, up } }: Plan) => [down.where, up.where];
    expect(where(planOf({ lines: pair, bond: bond("balance-xor") }))).toEqual(["tap", "tap"]);
    expect(where(planOf({ lines: pair, bond: bond("active-backup") }))[0]).toBe("bond");
    expect(planOf({ lines: pair, bond: bond("broadcast") }).qos.down.total).toBe(5700);
  });

  it("have a hash in balance-xor only, of ports unless the profile says otherwise", () => {
    expect(planOf({ bond: bond("balance-xor") }).bond.hash).toBe("layer3+4");
    expect(planOf({ bond: bond("balance-xor", { hash: "layer2+3" }) }).bond.hash).toBe("layer2+3");
    for (const mode of ["balance-rr", "active-backup", "broadcast"] as const) expect(planOf({ bond: bond(mode) }).bond.hash).toBeNull();
  });

  it("notice a dead line after two and a half probes (docs/data-path.md#arp-monitoring)", () => {
    expect(planOf({ bond: bond("balance-rr", { arpInterval: 100 }) }).bond.detectMs).toBe(250);
    expect(planOf({ bond: bond("active-backup", { arpInterval: 100 }) }).bond.detectMs).toBe(700);
  });

  it("prefer the first line where one carries at a time", () => {
    expect(planOf({ bond: bond("active-backup") }).bond.primary).toBe("tap0");
    expect(planOf({ bond: bond("active-backup"), lines: lines({ down: 7072, up: 20000 }) }).bond.primary).toBeNull();
    expect(planOf({ bond: bond("balance-rr") }).bond.primary).toBeNull();
  });

  it.each([1, 2, 3, 5, 8])("balance-rr over %d equal lines shapes to exactly as many shares", (count) => {
    const plan = planOf({ lines: lines(...Array.from({ length: count }, () => ({ down: 7072, up: 20000 }))) });
    expect(plan.qos.down.total).toBe(count * Math.floor(7072 * 0.95));
    expect(plan.qos.up).toEqual({ where: "bond", total: count * 19000 });
  });
});

describe("the uplink's shaper (docs/shaping.md#uplink-per-tap)", () => {
  it.each([
    [[4999, 4999], "tap"],
    [[5000, 5000], "bond"],
    [[5000, 4999], "tap"],
    [[20000, 5000], "bond"],
  ] as const)("lines of %j kbit/s: %s", (ups, where) => {
    const plan = planOf({ lines: lines(...ups.map((up) => ({ up, link: "ethernet" as const }))) });
    expect(plan.qos.up.where).toBe(where);
    expect(plan.qos.down.where).toBe("bond");
  });

  it("sums the taps, or counts the slowest for each", () => {
    const link = "ethernet" as const;
    expect(planOf({ lines: lines({ up: 2000, link }, { up: 1000, link }) }).qos.up.total).toBe(1900 + 950);
    expect(planOf({ lines: lines({ up: 8000, link }, { up: 6000, link }) }).qos.up.total).toBe(2 * 5700);
  });
});

describe("the equalizer (docs/shaping.md#equalising-the-lines)", () => {
  function delays(rtts: (number | undefined)[], changes: Partial<Profile> = {}): number[] {
    const plan = planOf({ lines: lines(...rtts.map((rtt) => (rtt === undefined ? {} : { rtt }))), ...changes });
    return plan.lines.map(({ equalizeUs }) => equalizeUs);
  }

  it.each([
    [
      [50, 25],
      [0, 12500],
    ],
    [
      [25, 50],
      [12500, 0],
    ],
    [
      [50, 40],
      [0, 5000],
    ],
    [
      [50, 40.1],
      [0, 0],
    ],
    [
      [150, 30],
      [0, 60000],
    ],
    [
      [150, 29.9],
      [0, 0],
    ],
    [
      [60, 40, 20],
      [0, 10000, 20000],
    ],
    [[50], [0]],
  ])("round-trip times of %j ms: %j us", (rtts, expected) => {
    expect(delays(rtts)).toEqual(expected);
  });

  it("needs all times, balance-rr and QoS", () => {
    expect(delays([50, undefined])).toEqual([0, 0]);
    expect(delays([50, 25], { bond: bond("balance-xor") })).toEqual([0, 0]);
    expect(delays([50, 25], { qos: { ...guide.qos, enabled: false } })).toEqual([0, 0]);
  });
});

describe("warnings", () => {
  const link = "ethernet" as const;

  it.each([
    [9000, 5000, []],
    [9020, 5000, ["rate-spread"]],
    [5000, 9020, ["rate-spread"]],
    [5000, 5000, []],
  ])("lines of %d and %d kbit/s: %j (1.8 times)", (a, b, expected) => {
    expect(codes(planOf({ lines: lines({ down: a, link }, { down: b, link }) }))).toEqual(expected);
  });

  /** The advice on lines of these rates, down and up in Mbit/s, named a, b, c. */
  const adviceOn = (mode: BondMode, rates: [number, number][]) => {
    const given = rates.map(([down, up]) => ({ down: down * 1000, up: up * 1000, link, rate: "ip" as const }));
    const plan = planOf({ lines: lines(...given), bond: bond(mode) });
    return plan.warnings.filter(({ code }) => code === "rate-spread");
  };

  it.each<[BondMode, [number, number][], advice: string | null, text: RegExp | null]>([
    [
      "balance-rr",
      [
        [20, 2],
        [18, 2],
        [2, 2],
      ],
      "leave-out",
      /3 x the slowest line: (\d+) kbit\/s down, .* Without c it gives (?!\1)\d+ kbit\/s down/,
    ],
    [
      "balance-rr",
      [
        [20, 2],
        [2, 0.2],
      ],
      "active-backup",
      /active-backup with a as the first line gives each connection/,
    ],
    [
      "balance-rr",
      [
        [2, 0.2],
        [20, 2],
      ],
      "active-backup",
      /active-backup with b as the first line/,
    ],
    [
      "balance-rr",
      [
        [10, 1],
        [10, 1],
        [20, 2],
      ],
      null,
      null,
    ],
    [
      "balance-rr",
      [
        [9.1, 5],
        [5, 5],
      ],
      "none",
      /Other ways give more down, but less in the other direction/,
    ],
    [
      "balance-rr",
      [
        [20, 1],
        [20, 5],
      ],
      "balance-xor",
      /2 x the slowest line: .* balance-xor gives all connections together/,
    ],
    [
      "balance-xor",
      [
        [20, 2],
        [2, 0.2],
      ],
      "active-backup",
      /by chance: \d+ to \d+ kbit\/s down, \d+ to \d+ up. bond.mode active-backup with a/,
    ],
    [
      "balance-xor",
      [
        [20, 2],
        [18, 2],
        [2, 2],
      ],
      "leave-out",
      /Without c it gives/,
    ],
    [
      "balance-xor",
      [
        [40, 10],
        [8, 1],
      ],
      "active-backup",
      /with a as the first line/,
    ],
    [
      "balance-xor",
      [
        [20, 2],
        [10, 1],
      ],
      null,
      null,
    ],
    [
      "active-backup",
      [
        [20, 5],
        [300, 100],
      ],
      "first",
      /active-backup uses a while it works: .* With b as the first line it gives/,
    ],
    [
      "active-backup",
      [
        [300, 100],
        [20, 5],
      ],
      null,
      null,
    ],
    [
      "broadcast",
      [
        [300, 100],
        [20, 5],
      ],
      null,
      null,
    ],
    ["balance-rr", [[20, 2]], null, null],
  ])("%s of lines of %j Mbit/s: %s", (mode, rates, advice, text) => {
    const found = adviceOn(mode, rates);
    expect(found.map(({ about }) => about.advice)).toEqual(advice === null ? [] : [advice]);
    if (text !== null) expect(found[0]?.text).toMatch(text);
  });

  it("of lines that differ name what gives most: six times as much without the line of 2 Mbit/s", () => {
    const about = adviceOn("balance-rr", [
      [20, 2],
      [18, 2],
      [2, 2],
    ])[0]?.about;
    expect(Number(about?.thenDown) / Number(about?.nowDown)).toBeCloseTo(6, 1);
  });

  it("give advice that leaves nothing to advise", () => {
    const rate = fc.tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }));
    const modes = fc.constantFrom<BondMode>("balance-rr", "balance-xor", "active-backup");
    fc.assert(
      fc.property(modes, fc.array(rate, { minLength: 2, maxLength: 4 }), (mode, rates) => {
        const about = adviceOn(mode, rates)[0]?.about;
        if (about === undefined || about.advice === "none") return;
        const gone = String(about.names).split(", ");
        const named = rates.map((one, i) => ({ one, name: "abcd"[i] as string })).filter(({ name }) => !gone.includes(name));
        const sorted = named.sort((a, b) => Number(b.name === about.first) - Number(a.name === about.first)).map(({ one }) => one);
        const next = about.advice === "active-backup" || about.advice === "balance-xor" ? about.advice : mode;
        const again = adviceOn(next, sorted);
        expect(again.filter((one) => one.about.advice !== "none")).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    [[70, 20], []],
    [[70.5, 20], ["rtt-spread"]],
    [[20, 45, 71], ["rtt-spread"]],
    [[100], []],
  ])("round-trip times of %j ms: %j (50 ms)", (rtts, expected) => {
    const plan = planOf({ lines: lines(...rtts.map((rtt) => ({ rtt }))) });
    expect(codes(plan)).toEqual(expected);
  });

  it("count the times that are known, and print them readably", () => {
    const plan = planOf({ lines: lines({ rtt: 80.3 }, {}, { rtt: 20.1 }) });
    const [warning] = plan.warnings.filter(({ code }) => code === "rtt-spread");
    expect(warning?.text).toMatch(/differ by 60(\.2)? ms:/);
  });

  it.each(["balance-xor", "active-backup", "broadcast"] as const)("of times are for balance-rr, not for %s", (mode) => {
    const plan = planOf({ lines: lines({ down: 16000, rtt: 200, link }, { down: 8000, rtt: 20, link }), bond: bond(mode) });
    expect(codes(plan)).toEqual([]);
  });

  it.each<[rates: Partial<Profile["lines"][number]>, expected: string[], text?: string]>([
    [{ down: 20, up: 1 }, ["rate-low", "rate-low"], "down is 20 kbit/s. If 20 Mbit/s are meant, write 20M."],
    [{ down: 256, up: 64 }, []],
    [{ down: 1000, up: 20_000, link }, ["rate-swapped"], "exchange them"],
    [{ down: 20_000, up: 20_000, link }, []],
    [{ down: 1_000_000, up: 1000, link: "atm" }, ["rate-link"], "at most 28000 kbit/s, not 1000000"],
    [{ down: 28_000, up: 1000, link: "atm" }, []],
  ])("rates of %j: %j", (rates, expected, text = "") => {
    const plan = planOf({ lines: lines(rates) });
    expect(codes(plan)).toEqual(expected);
    expect(plan.warnings.map((warning) => warning.text).join("\n")).toContain(text);
  });

  it.each([
    ["10.0.0.4", "private"],
    ["172.16.0.1", "private"],
    ["172.32.0.1", null],
    ["192.168.1.4", "private"],
    ["100.64.0.1", "nat"],
    ["100.128.0.1", null],
    ["169.254.1.1", "link-local"],
    ["192.0.2.1", "example"],
    ["198.19.0.1", "benchmark"],
    ["8.8.8.8", null],
  ])("a server at %s: %s", (address, kind) => {
    const plan = planOf({ server: { ...home.server, address } });
    const found = plan.warnings.filter(({ code }) => code === "server-address").map(({ about }) => about.kind);
    expect(found).toEqual(kind === null ? [] : [kind]);
  });

  it.each([
    [443, ["b: UDP port 445"]],
    [439, []],
    [445, ["a: UDP port 445"]],
    [441, ["c: UDP port 445"]],
    [135, ["a: UDP port 135", "b: UDP port 137", "c: UDP port 139"]],
    [1194, []],
  ])("tunnels from port %d: %j may be filtered", (firstPort, expected) => {
    const plan = planOf({ lines: lines({}, {}, {}), tunnel: { ...guide.tunnel, firstPort } });
    const found = plan.warnings.filter(({ code }) => code === "port-filtered");
    expect(found.map(({ about, text }) => `${about.name}: ${/UDP port \d+/.exec(text)?.[0]}`)).toEqual(expected);
  });

  it("say what static keys mean", () => {
    const about = (target: BoxTarget) => planOf({ box: { ...guide.box, target } }).warnings.find(({ code }) => code === "static-key");
    expect(about("raspios-trixie")?.text).toContain("forward secrecy");
    expect(about("raspios-trixie")?.about).toEqual({ version: "2.6", until: "2030-06" });
    expect(about("raspios-bookworm")?.text).toContain("until 2028-06");
  });
});

describe("ports in iptables' words", () => {
  const ports = (count: number): number[] => Array.from({ length: count }, (_, i) => 1000 + i);

  it("are written as iptables takes them", () => {
    expect(portGroups([6112, "27000-30000", "80-80"])).toEqual(["6112,27000:30000,80"]);
    expect(portGroups([])).toEqual([]);
  });

  it.each([
    [15, [15]],
    [16, [15, 1]],
    [30, [15, 15]],
    [64, [15, 15, 15, 15, 4]],
  ])("%d single ports: groups of %j", (count, sizes) => {
    expect(portGroups(ports(count)).map((group) => group.split(",").length)).toEqual(sizes);
  });

  it("count a range for two", () => {
    const ranges = Array.from({ length: 8 }, (_, i) => `${100 * i + 1}-${100 * i + 50}`);
    expect(portGroups(ranges).map((group) => group.split(",").length)).toEqual([7, 1]);
    // Fourteen single ones leave no room for a range.
    expect(portGroups([...ports(14), "50-60", 70]).map((group) => group.split(",").length)).toEqual([14, 2]);
  });

  it("lose nothing and never take more than 15 places", () => {
    const spec = fc.oneof(
      fc.integer({ min: 1, max: 65535 }),
      fc.tuple(fc.integer({ min: 1, max: 32000 }), fc.integer({ min: 32001, max: 65535 })).map(([low, high]) => `${low}-${high}`),
    );
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 64 }), (specs: PortSpec[]) => {
        const groups = portGroups(specs);
        expect(groups.join(",")).toBe(specs.map((one) => String(one).replace("-", ":")).join(","));
        for (const group of groups) expect(group.split(/[,:]/).length).toBeLessThanOrEqual(15);
      }),
    );
  });
});

describe("bypass", () => {
  function bypass(rule: Partial<Profile["bypass"][number]>): Plan["bypass"] {
    return planOf({ lines: lines({}, {}), bypass: [{ name: "g", line: "b", protocol: "both", ...rule }] }).bypass;
  }
  const common = { name: "g", line: "b", mark: 102, host: null, mac: null };

  it("by port makes a rule for each protocol", () => {
    expect(bypass({ ports: [80, 443] })).toEqual([
      { ...common, protocol: "tcp", ports: "80,443", network: null },
      { ...common, protocol: "udp", ports: "80,443", network: null },
    ]);
    expect(bypass({ ports: [80], protocol: "udp" })).toEqual([{ ...common, protocol: "udp", ports: "80", network: null }]);
  });

  it("by network makes a rule for each, of any protocol", () => {
    expect(bypass({ networks: ["198.51.100.0/24", "192.0.2.7"] })).toEqual([
      { ...common, protocol: null, ports: null, network: "198.51.100.0/24" },
      { ...common, protocol: null, ports: null, network: "192.0.2.7" },
    ]);
    expect(bypass({ networks: ["192.0.2.7"], ports: [] })).toEqual([{ ...common, protocol: null, ports: null, network: "192.0.2.7" }]);
  });

  it("by machine makes a rule for each, by address or MAC address, and refuses the IPv6 of those", () => {
    const hosts = ["192.168.1.40", "A4-77-33-01-02-03"];
    const any = { ...common, protocol: null, ports: null, network: null };
    expect(bypass({ hosts })).toEqual([
      { ...any, host: "192.168.1.40" },
      { ...any, mac: "a4:77:33:01:02:03" },
    ]);
    expect(bypass({ hosts, ports: [80], networks: ["192.0.2.7", "192.0.2.8"] })).toHaveLength(2 * 2 * 2);
    const server = { ...structuredClone(home.server), prefix: "2001:db8:1::/64" };
    const tunnel = planOf({ server, ipv6: "tunnel", bypass: [{ name: "g", line: "ovh", protocol: "both", hosts: [...hosts, ...hosts] }] });
    expect(tunnel.ipv6.tunnel?.refusedMacs).toEqual(["a4:77:33:01:02:03"]);
  });

  it("by both makes every combination, each a list that multiport takes", () => {
    const ports = Array.from({ length: 16 }, (_, i) => 1000 + i);
    const rules = bypass({ ports, networks: ["198.51.100.0/24", "192.0.2.0/24"] });
    expect(rules).toHaveLength(2 * 2 * 2);
    expect(new Set(rules.map((rule) => JSON.stringify(rule))).size).toBe(8);
    for (const { ports: list } of rules) expect(list?.split(",").length).toBeLessThanOrEqual(15);
  });
});

describe("forwards", () => {
  it("keep the port unless the host's is named, and know the box", () => {
    const { forwards } = planOf({
      forwards: [
        { port: 80, protocol: "tcp", host: "192.168.1.10" },
        { port: 2222, protocol: "both", host: "192.168.1.252", hostPort: 22 },
      ],
    });
    expect(forwards).toMatchObject([
      { port: 80, protocols: ["tcp"], host: "192.168.1.10", hostPort: 80, destination: "192.168.1.10", toBox: false },
      { port: 2222, protocols: ["tcp", "udp"], host: "192.168.1.252", hostPort: 22, destination: "192.168.1.252:22", toBox: true },
    ]);
  });

  it.each([
    [{ port: "10000-20000" }, { ports: "10000:20000", hostPorts: "10000:20000", destination: "192.168.1.10" }],
    [
      { port: "80-81", hostPort: "8080-8081" },
      { ports: "80:81", hostPorts: "8080:8081", destination: "192.168.1.10:8080-8081/80" },
    ],
    [
      { port: "80-80", hostPort: 8080 },
      { ports: "80", hostPorts: "8080", destination: "192.168.1.10:8080" },
    ],
  ])("may be of ranges: %j", (written, expected) => {
    const forward = { protocol: "udp" as const, host: "192.168.1.10", ...written };
    expect(planOf({ forwards: [forward] }).forwards[0]).toMatchObject({ ...written, ...expected });
  });
});

describe("what an idle line carries in a month (docs/striper.md#what-an-idle-line-carries)", () => {
  const idle = (arpInterval: number): number => {
    const plan = makePlan({ ...home, bond: { ...home.bond, arpInterval } }, "home");
    return idleMonth(plan.lines[0] as Plan["lines"][number], plan) / 1e9;
  };

  it("knows how often the striper lets a probe through", () => {
    expect(readFileSync("overlay/bpf/striper.c", "utf8")).toContain("#define ASKS (2500 * MS)");
  });

  // Measured at 300 ms: 437 frames of 17,840 bytes in 120 s one way; at 2 s 93 of 4,022. 52 bytes of tunnel come to each.
  it.each([
    [300, ((437 * 52 + 17_840) * 2 * 21_600) / 1e9],
    [2000, ((93 * 52 + 4022) * 2 * 21_600) / 1e9],
  ])("with a probe every %d ms is what was measured", (arpInterval, measured) => {
    expect(idle(arpInterval) / measured).toBeGreaterThan(0.93);
    expect(idle(arpInterval) / measured).toBeLessThan(1.03);
  });
});

describe("the rest of the plan", () => {
  it.each(readdirSync("test/profiles"))("of test/profiles/%s never splits a packet and keeps lines apart", (file) => {
    const plan = makePlan(loadProfile(readFileSync(`test/profiles/${file}`, "utf8"), file), file.replace(/\.yaml$/, ""));
    for (const line of plan.lines) expect(line.outerSize).toBeLessThanOrEqual(line.mtu);
    for (const key of ["mark", "table", "rulePriority", "tap", "port"] as const) {
      expect(new Set(plan.lines.map((line) => line[key])).size).toBe(plan.lines.length);
    }
    for (const { ports } of plan.bypass) expect(ports?.split(/[,:]/).length ?? 0).toBeLessThanOrEqual(15);
  });

  it("follows the profile's words", () => {
    const plan = planOf({ fallback: "none", icmpRedirects: true, ssh: { user: "me", keys: ["ssh-ed25519 AAAA"] } });
    expect(plan).toMatchObject({ fallback: false, icmpRedirects: true, ssh: { user: "me", keys: ["ssh-ed25519 AAAA"] } });
    expect(planOf()).toMatchObject({ fallback: true, icmpRedirects: false, ssh: null });
    expect(planOf({ server: { ...guide.server, interface: "ens3" } }).server.interface).toBe("ens3");
    expect(planOf().server.interface).toBeNull();
  });

  it("prefers the bond to the fallback, and ends in neither", () => {
    const { bondMetric, fallbackMetric, deadEndMetric } = planOf().routes;
    expect(bondMetric).toBeLessThan(fallbackMetric);
    expect(fallbackMetric).toBeLessThan(deadEndMetric);
  });

  it("is the same for the same profile, and leaves the profile as it was", () => {
    const profile = structuredClone(guide);
    expect(makePlan(profile, "x")).toEqual(makePlan(profile, "x"));
    expect(profile).toEqual(guide);
  });

  it("has a sound number everywhere, whatever the schema lets through", () => {
    const line = fc.record({
      down: fc.integer({ min: 1, max: 10_000_000 }),
      up: fc.integer({ min: 1, max: 10_000_000 }),
      rate: fc.constantFrom("sync" as const, "ip" as const),
      link: fc.constantFrom("atm" as const, "ptm" as const, "ethernet" as const),
      overhead: fc.integer({ min: -64, max: 256 }),
      mtu: fc.integer({ min: 576, max: 1500 }),
    });
    const mode = fc.constantFrom<BondMode>("balance-rr", "balance-xor", "active-backup", "broadcast");
    const auths = fc.constantFrom<Auth | "tls">("SHA1", "SHA256", "SHA512", "tls");
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 8 }), mode, auths, (given, chosen, auth) => {
        const common = { lines: lines(...given), bond: bond(chosen) };
        const plan = auth === "tls" ? tlsPlan(common) : planOf({ ...common, tunnel: { ...guide.tunnel, auth } });
        JSON.stringify(plan, (key, value: unknown) => {
          if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`${key} is ${value}`);
          return value;
        });
        expect(plan.qos.down.total).toBeGreaterThan(0);
        expect(plan.qos.up.total).toBeGreaterThan(0);
        expect(plan.tunnel.mtu).toBeGreaterThanOrEqual(128);
      }),
      { numRuns: 300, examples: [[[{ down: 1, up: 1, rate: "sync", link: "atm", overhead: 256, mtu: 576 }], "balance-rr", "SHA512"]] },
    );
  });
});

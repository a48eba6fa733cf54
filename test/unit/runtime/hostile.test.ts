import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadConfig, parseConfig } from "../../../overlay/runtime/config";
import { UserError } from "../../../overlay/runtime/errors";
import { judge } from "../../../overlay/runtime/judge";
import { look } from "../../../overlay/runtime/look";
import { parseArp } from "../../../overlay/runtime/parse/arp";
import { parseBonding } from "../../../overlay/runtime/parse/bonding";
import { parseDevices } from "../../../overlay/runtime/parse/devices";
import { parseLane, parseMultipath } from "../../../overlay/runtime/parse/lane";
import { parseMeasured } from "../../../overlay/runtime/parse/measured";
import { parseTunnelStatus } from "../../../overlay/runtime/parse/openvpn";
import { parsePing } from "../../../overlay/runtime/parse/ping";
import { defaultRoutes, hexAddress, parseRoutes } from "../../../overlay/runtime/parse/route";
import { parseStriper } from "../../../overlay/runtime/parse/striper";
import { printReport } from "../../../overlay/runtime/print";
import { Rings } from "../../../overlay/runtime/rings";
import { redact } from "../../../overlay/runtime/support/redact";
import { takenOut } from "../../../overlay/runtime/taken-out";
import { config, FakeBox, modernBonding, routes, tunnelStatus } from "./fixture";

/** Texts that the parsers know, whole, cut off, with other bytes in them, and any others. */
function like(...samples: string[]): fc.Arbitrary<string> {
  const damaged = fc
    .tuple(fc.constantFrom(...samples), fc.nat(), fc.nat(), fc.oneof(fc.string(), number))
    .map(([sample, at, length, patch]) => {
      const start = at % (sample.length + 1);
      return sample.slice(0, start) + patch + sample.slice(start + (length % 40));
    });
  const words = fc
    .array(fc.oneof(fc.constantFrom(...samples.flatMap((sample) => sample.split(/(\s+)/))), fc.string(), number))
    .map((all) => all.join(""));
  return fc.oneof(
    damaged,
    words,
    fc.string({ unit: "binary" }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString()),
  );
}

const ringsPath = "var/lib/bondbox/history/rings";
const number = fc.oneof(fc.integer(), fc.double(), fc.bigInt()).map(String);
const arp =
  "IP address       HW type     Flags       HW address            Mask     Device\n192.168.1.240    0x1         0x2         8e:e6:1a:ff:11:d3     *        eth0\n";
const netstat = "MPTcpExt: MPCapableSYNRX MPCurrEstab\nMPTcpExt: 1 2\n";

describe("parsers take any text", () => {
  it("of what answers in the LAN", () => {
    fc.assert(
      fc.property(like(arp), (text) => {
        expect([...parseArp(text).values()].every((value) => typeof value === "boolean")).toBe(true);
      }),
    );
  });

  it("of the bond", () => {
    fc.assert(
      fc.property(like(modernBonding([{ tap: "tap0", status: "up", failures: 3 }])), (text) => {
        const { up, slaves } = parseBonding(text);
        expect(typeof up).toBe("boolean");
        for (const slave of slaves)
          expect([typeof slave.interface, typeof slave.status, Number.isInteger(slave.failures)]).toEqual(["string", "string", true]);
      }),
    );
  });

  it("of routes", () => {
    fc.assert(
      fc.property(like(routes), (text) => {
        for (const route of [...parseRoutes(text), ...defaultRoutes(parseRoutes(text))]) {
          expect(route.destination).toMatch(/^\d{1,3}(\.\d{1,3}){3}$/);
          expect(Number.isFinite(route.metric)).toBe(true);
        }
        expect(hexAddress(text)).toMatch(/^\d{1,3}(\.\d{1,3}){3}$/);
      }),
    );
  });

  it("of devices", () => {
    const row =
      "  tap0: 1391088    4862    0    0    0     0          0         0  1391088    4862    0    0    0     0       0          0\n";
    fc.assert(
      fc.property(like(row), (text) => {
        for (const counters of parseDevices(text).values())
          for (const value of Object.values(counters)) expect(value).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it("of OpenVPN", () => {
    fc.assert(
      fc.property(like(tunnelStatus()), (text) => {
        const { updated, ...counters } = parseTunnelStatus(text) ?? { updated: "" };
        expect(typeof updated).toBe("string");
        for (const value of Object.values(counters)) expect(Number.isFinite(value)).toBe(true);
      }),
    );
  });

  it("of the lane", () => {
    fc.assert(
      fc.property(like("on\n", "off steady\n", "off server\n", netstat), (text) => {
        expect([null, true, false]).toContain(parseLane(text)?.on ?? null);
        const count = parseMultipath(text);
        expect(count === null || (Number.isFinite(count) && count >= 0)).toBe(true);
      }),
    );
  });

  it("of the striper", () => {
    fc.assert(
      fc.property(like("1000 0 300 65536 1000 0 0 65536\n"), (text) => {
        for (const { up, down } of parseStriper(text)) for (const rate of [up, down]) expect(rate === null || rate >= 0).toBe(true);
      }),
    );
  });

  it("of what the striper has measured", () => {
    using box = new FakeBox();
    box.measure([{ down: 15_000, up: 16_000 }]);
    const words = fc.array(fc.oneof(fc.nat(), number)).map((all) => `0: {{0,},[${all.join(",")},],}\n`);
    fc.assert(
      fc.property(fc.oneof(like("0: {{0,},[1,2,3,],}\n"), words), fc.nat(8), (text, lines) => {
        expect(parseMeasured(text, lines, process.hrtime.bigint())).toHaveLength(lines);
      }),
    );
  });

  it("of ping", () => {
    const rows = [
      "[1764000000.310290] 64 bytes from 172.16.16.1: icmp_seq=7 ttl=64 time=31.2 ms",
      "[1764000000.310290] no answer yet for icmp_seq=8",
    ];
    fc.assert(
      fc.property(like(...rows), (text) => {
        const ping = parsePing(text);
        expect(ping === null || (Number.isFinite(ping.time) && Number.isInteger(ping.sequence))).toBe(true);
      }),
    );
  });

  it("for redact", () => {
    fc.assert(
      fc.property(fc.array(like(arp, routes)), (texts) => {
        expect(redact(texts)).toHaveLength(texts.length);
      }),
    );
  });
});

describe("box.json", () => {
  const mistake = (work: () => unknown, kinds: (new (...words: never[]) => Error)[]): void => {
    try {
      work();
    } catch (error) {
      expect(kinds.some((kind) => error instanceof kind)).toBe(true);
    }
  };

  it("is read, or refused as what it is: no JSON, or a wrong key", () => {
    const text = JSON.stringify(config);
    const values = fc.oneof(
      fc.json(),
      like(text),
      fc.tuple(replaced(config), fc.jsonValue()).map(([put, value]) => JSON.stringify(put(value))),
    );
    fc.assert(
      fc.property(values, (value) => mistake(() => parseConfig(value), [SyntaxError, TypeError])),
      { numRuns: 500 },
    );
  });

  it("is refused as a mistake of the user, never as a bug, also as bytes", () => {
    using box = new FakeBox();
    const path = join(box.root, "etc/bondbox/box.json");
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.tuple(replaced(config), fc.jsonValue()).map(([put, value]) => Buffer.from(JSON.stringify(put(value)))),
        ),
        (bytes) => {
          writeFileSync(path, bytes);
          mistake(() => loadConfig(box.root), [UserError]);
        },
      ),
    );
  });

  /** Puts a value in some place of an object. */
  function replaced(object: object): fc.Arbitrary<(value: unknown) => object> {
    const paths = pathsOf(object);
    return fc.constantFrom(...paths).map((path) => (value) => {
      const copy = structuredClone(object) as Record<string, unknown>;
      const last = path.at(-1) as string;
      const parent = path.slice(0, -1).reduce((place, key) => place[key] as Record<string, unknown>, copy);
      parent[last] = value;
      return copy;
    });
  }

  function pathsOf(value: unknown, path: string[] = []): string[][] {
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, below]) => [[...path, key], ...pathsOf(below, [...path, key])]);
  }
});

describe("files that others write", () => {
  it("say who has taken a line out, whatever is in them", () => {
    using box = new FakeBox();
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        box.write("run/bondbox/out/ovh", Buffer.from(bytes).toString("latin1"));
        expect(["person", "box"]).toContain(takenOut(box.root).get("ovh"));
      }),
    );
    mkdirSync(join(box.root, "run/bondbox/out/folder"));
    expect(takenOut(box.root).get("folder")).toBe("person");
    box.remove("run/bondbox/out");
    box.write("run/bondbox/out", "no folder");
    expect(takenOut(box.root).size).toBe(0);
  });

  it("are rings, or none", () => {
    using box = new FakeBox();
    const path = join(box.root, ringsPath);
    box.write(ringsPath, "");
    const good = new Rings(box.root, ["ovh"], 0);
    good.add(
      { time: 1_764_000_000_000, bond: { down: 1, up: 1 }, lines: [{ rate: { down: 1, up: 1 }, rtt: 1, jitter: 1, loss: 0, up: 1 }] },
      0,
    );
    good.write(0);
    const headings = fc.oneof(
      fc.constant('bondbox rings 1\n["ovh"]'),
      fc.json().map((names) => `bondbox rings 1\n${names}`),
      fc.string(),
    );
    fc.assert(
      fc.property(headings, fc.uint8Array({ maxLength: 4096 }), fc.nat(8192), (heading, bytes, gap) => {
        writeFileSync(path, Buffer.concat([Buffer.from(heading), Buffer.alloc(gap), Buffer.from(bytes)]));
        const rings = new Rings(box.root, ["ovh", "orange"], 0);
        expect(rings.rows(60, 1_764_000_000).length).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 50 },
    );
  });

  it("make a report, whatever all of them hold", () => {
    using box = new FakeBox();
    const paths = [
      "proc/net/bonding/bond0",
      "proc/net/arp",
      "proc/net/route",
      "proc/net/netstat",
      "run/bondbox/striper",
      "run/bondbox/lane",
      "run/bondbox/ovh.status",
      "run/bondbox/ovh.reach",
      "run/bondbox/gone/firewall",
      "run/bondbox/server",
      "sys/class/net/tap0/mtu",
      "proc/net/dev",
      "var/lib/bondbox/history/usage.json",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths), like(arp, routes, modernBonding([]), tunnelStatus(), "{}"), (path, text) => {
        box.write(path, text);
        const { report, verdict, state } = look(box.root);
        expect(judge(config, state).linesUp).toBe(verdict.linesUp);
        expect(printReport(report, { colours: false, width: 80 })).toMatch(/ of 2 lines up - /);
      }),
      { numRuns: 300 },
    );
  });
});

import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../overlay/runtime/config";
import { parseArp } from "../../../overlay/runtime/parse/arp";
import { parseBonding } from "../../../overlay/runtime/parse/bonding";
import { parseDevices } from "../../../overlay/runtime/parse/devices";
import { parseLane } from "../../../overlay/runtime/parse/lane";
import { parseTunnelStatus } from "../../../overlay/runtime/parse/openvpn";
import { defaultRoutes, hexAddress, parseRoutes } from "../../../overlay/runtime/parse/route";
import { config, guideBonding, modernBonding, routes, tunnelStatus } from "./fixture";

describe("parseBonding", () => {
  it("reads the guide's kernel 4.9", () => {
    expect(parseBonding(guideBonding)).toEqual({
      up: true,
      slaves: [
        { interface: "tap1", status: "up", failures: 0 },
        { interface: "tap0", status: "up", failures: 0 },
      ],
    });
  });

  it("reads kernel 6.12, whose bond is up while one slave is down", () => {
    const text = modernBonding([
      { tap: "tap0", status: "down", failures: 12 },
      { tap: "tap1", status: "up", failures: 1 },
    ]);
    const bonding = parseBonding(text);
    expect(bonding).toMatchObject({ up: true });
    expect(bonding.slaves).toEqual([
      { interface: "tap0", status: "down", failures: 12 },
      { interface: "tap1", status: "up", failures: 1 },
    ]);
  });

  it("reads a bond without slaves, and an empty text", () => {
    expect(parseBonding(modernBonding([]))).toEqual({ up: false, slaves: [] });
    expect(parseBonding("")).toEqual({ up: false, slaves: [] });
  });
});

describe("parseRoutes", () => {
  it("turns the kernel's little-endian numbers into addresses", () => {
    expect(hexAddress("F001A8C0")).toBe("192.168.1.240");
    expect(hexAddress("FCFFFFFF")).toBe("255.255.255.252");
    expect(hexAddress("00000000")).toBe("0.0.0.0");
  });

  it("finds the default routes, lowest metric first", () => {
    const [heading = "", bond = "", eth = ""] = routes.split("\n");
    const found = defaultRoutes(parseRoutes([heading, eth, bond].join("\n")));
    expect(found.map((route) => [route.interface, route.gateway, route.metric])).toEqual([
      ["bond0", "172.16.16.1", 10],
      ["eth0", "192.168.1.240", 100],
    ]);
  });

  it("leaves out routes that are down or refuse, and knows routes without a gateway", () => {
    const [heading = ""] = routes.split("\n");
    const row = (flags: string) => `ppp0\t00000000\t00000000\t${flags}\t0\t0\t0\t00000000\t0\t0\t0`;
    expect(parseRoutes([heading, row("0001"), row("0002"), row("0201")].join("\n"))).toEqual([
      { interface: "ppp0", destination: "0.0.0.0", gateway: null, mask: "0.0.0.0", metric: 0 },
    ]);
    expect(parseRoutes("")).toEqual([]);
  });
});

describe("parseTunnelStatus", () => {
  it("reads the counters", () => {
    expect(parseTunnelStatus(tunnelStatus(3118416, 3118000))).toEqual({
      updated: "2026-11-23 01:00:34",
      tapRead: 26369758,
      tapWrite: 2904410,
      linkRead: 3118416,
      linkWrite: 28598900,
      authRead: 3118000,
    });
  });

  it("gives nothing for a file that is half written or of another kind", () => {
    expect(parseTunnelStatus(tunnelStatus().replace("END\n", ""))).toBeNull();
    expect(parseTunnelStatus("")).toBeNull();
    expect(parseTunnelStatus("OpenVPN CLIENT LIST\nEND\n")).toBeNull();
  });
});

describe("parseArp", () => {
  it("separates who answers, who does not and who was not asked", () => {
    const answers = parseArp(
      "IP address       HW type     Flags       HW address            Mask     Device\n" +
        "192.168.1.240    0x1         0x2         8e:e6:1a:ff:11:d3     *        eth0\n" +
        "192.168.1.254    0x1         0x0         00:00:00:00:00:00     *        eth0\n",
    );
    expect([answers.get("192.168.1.240"), answers.get("192.168.1.254"), answers.get("192.168.1.1")]).toEqual([true, false, undefined]);
  });
});

describe("parseDevices", () => {
  it("reads what kernel 6.12 prints, names of any width, and counters that fill their column", () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1391088    4862    0    0    0     0          0         0  1391088    4862    0    0    0     0       0          0
  tap0:18446744073 9000001    1    2    3     4          5         6 70000000000 8000001    7    8    9    10      11         12
enx001122334455:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
`;
    expect([...parseDevices(text)]).toEqual([
      ["lo", { rxBytes: 1391088, rxPackets: 4862, txBytes: 1391088, txPackets: 4862 }],
      ["tap0", { rxBytes: 18446744073, rxPackets: 9000001, txBytes: 70000000000, txPackets: 8000001 }],
      ["enx001122334455", { rxBytes: 0, rxPackets: 0, txBytes: 0, txPackets: 0 }],
    ]);
    expect(parseDevices("")).toEqual(new Map());
  });
});

describe("parseLane", () => {
  it.each([
    ["on\n", { on: true, why: null }],
    ["off steady\n", { on: false, why: "steady" }],
    ["off box\n", { on: false, why: "box" }],
    ["off server\n", { on: false, why: "server" }],
    ["", null],
    ["off\n", null],
    ["constructor\n", null],
  ])("reads %j", (text, lane) => {
    expect(parseLane(text)).toEqual(lane);
  });
});

describe("parseConfig", () => {
  it("takes the builder's file and passes over keys that it does not know", () => {
    expect(parseConfig(JSON.stringify({ ...config, later: true }))).toEqual(config);
  });

  it.each([
    ["lines[0].tap must be a string, not missing", { ...config, lines: [{ ...config.lines[0], tap: undefined }] }],
    ['lines[0].name must be a name, not "../x"', { ...config, lines: [{ ...config.lines[0], name: "../x" }] }],
    ['bond.mtu must be a number, not "1401"', { ...config, bond: { ...config.bond, mtu: "1401" } }],
    ["server must be an object, not missing", { ...config, server: undefined }],
    ["lane must be true or false, not missing", { ...config, lane: undefined }],
    ["lines is empty", { ...config, lines: [] }],
    ["the file must be an object, not []", []],
  ])("says: %s", (message, broken) => {
    expect(() => parseConfig(JSON.stringify(broken))).toThrow(new TypeError(message));
  });
});

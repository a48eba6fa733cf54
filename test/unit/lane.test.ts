import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, formatNetwork, type Network, overlaps, parseAddress, parseNetwork, size } from "../../builder/base/ipv4";
import { makePlan } from "../../builder/plan/plan";
import type { LanePlan, Plan } from "../../builder/plan/types";
import { withoutLane } from "../../builder/profile/lane";
import { loadProfile } from "../../builder/profile/load";
import { laneNetwork, usualTunnelNetwork } from "../../builder/profile/tunnel-network";
import type { Line, Profile } from "../../builder/profile/types";
import { packagesOfBox } from "../../builder/targets/boxes";

const home = loadProfile(readFileSync("profiles/home.yaml", "utf8"), "home.yaml");
const [first, second] = home.lines as [Line, Line];

function planOf(changes: Partial<Profile> = {}): Plan {
  return makePlan({ ...structuredClone(home), bypass: [], ...changes }, "test");
}

function laneOf(changes: Partial<Profile> = {}): LanePlan {
  const { lane } = planOf(changes);
  if (lane === null) throw new Error("there is no lane");
  return lane;
}

describe("the TCP lane", () => {
  it("has a way over each line, the nearest first, in the network after the tunnel's", () => {
    expect(laneOf()).toEqual({
      always: false,
      untried: false,
      most: 8,
      // 14,304 and 1,728 kbit/s, 50 ms: 115 ms of that to send, 65 to receive, and 128 KB at least.
      buffers: { down: { send: 205_620, receive: 131_072 }, up: { send: 131_072, receive: 131_072 } },
      refusesQuic: true,
      network: "172.16.17.0/28",
      serverAddress: "172.16.17.1",
      paths: [
        { line: "orange", tap: "tap1", vlan: 102, device: "lane1", boxAddress: "172.16.17.3", index: 1 },
        { line: "ovh", tap: "tap0", vlan: 101, device: "lane0", boxAddress: "172.16.17.2", index: 0 },
      ],
      mtu: 1422,
      port: 5555,
      probePort: 5556,
      mark: 98,
      table: 97,
      priority: 1097,
      apart: [
        ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
        ...["192.168.0.0/16", "224.0.0.0/3"],
      ],
    });
  });

  it("is on as the profile says", () => {
    expect(laneOf({ tcpLane: "on", quic: "bond" })).toMatchObject({ always: true, refusesQuic: false });
    expect(planOf({ tcpLane: "off" }).lane).toBeNull();
  });

  it("is on at the start where a line's rate changes, since such lines jump", () => {
    const changing: Line = { ...second, down: 20_000, least: { down: 1000 } };
    expect(laneOf({ lines: [first, changing] }).untried).toBe(true);
    expect(laneOf({ lines: [first, { ...second, found: { down: true, up: true } }] }).untried).toBe(false);
    expect(laneOf({ lines: [first, second, { ...changing, name: "lte", modem: "192.168.1.253", use: "reserve" }] }).untried).toBe(false);
  });

  it("has buffers for what the lines carry in the time that acknowledgements take, and beyond the kernel's limit leaves them to it", () => {
    const lines = [
      { ...first, down: 60_000, up: 4000, rtt: 30 },
      { ...second, down: 40_000, up: 20_000, rtt: 50 },
    ];
    expect(laneOf({ lines }).buffers).toEqual({ down: { send: 1_437_500, receive: null }, up: { send: 345_000, receive: 195_000 } });
    const found = lines.map((line) => ({ ...line, down: 10_000, up: 2000, found: { down: true, up: true } as const }));
    expect(laneOf({ lines: found }).buffers).toEqual({ down: { send: 1_437_500, receive: null }, up: { send: 575_000, receive: null } });
    const { rtt: _, ...unknown } = second;
    expect(laneOf({ lines: [first, unknown] }).buffers.down.send).toBeGreaterThan(laneOf().buffers.down.send);
  });

  it("takes as many busy connections as the slowest line has room for at BBR's slowest", () => {
    const fast = { ...second, down: 50_000, up: 20_000 };
    // 25 times four packets of 1500 bytes are 0.3 s of 4 Mbit/s.
    expect(laneOf({ lines: [{ ...first, down: 12_000, up: 4000 }, fast] }).most).toBe(25);
    expect(laneOf({ lines: [{ ...first, up: 300, use: "reserve" }, fast, { ...fast, name: "other", modem: "192.168.1.253" }] }).most).toBe(
      125,
    );
  });

  it.each<[string, Partial<Profile>, string | undefined]>([
    ["two lines", {}, undefined],
    ["one that is spared beside it", { lines: [first, { ...second, use: "spare" }] }, undefined],
    ["one line", { lines: [first] }, "two lines that are not in reserve"],
    ["one that is in reserve beside it", { lines: [first, { ...second, use: "reserve" }] }, "two lines that are not in reserve"],
    ["no shaper", { qos: { ...home.qos, enabled: false } }, "the shaper, and qos.enabled is false"],
    ["another mode", { bond: { ...home.bond, mode: "balance-rr" } }, "earliest delivery, and bond.mode is balance-rr"],
    ["an old server", { server: { ...home.server, target: "ubuntu-14.04" } }, "earliest delivery, and Ubuntu 14.04 has no kernel for it"],
  ])("with %s", (_, changes, why) => {
    expect(withoutLane({ ...home, ...changes })).toBe(why);
    const { lane } = planOf(changes);
    expect(lane === null).toBe(why !== undefined);
    expect(packagesOfBox({ lane }).includes("haproxy")).toBe(why === undefined);
  });

  it("knows nothing of what a profile does not say", () => {
    expect(withoutLane({})).toBeUndefined();
    expect(withoutLane({ lines: [undefined, undefined] })).toBeUndefined();
  });

  it("takes lines of which no time is known in their order, and none in reserve", () => {
    const lines = ["a", "b", "c", "d"].map((name, i): Line => {
      const { rtt: _, ...line } = first;
      return { ...line, name, modem: `192.168.1.${10 + i}`, ...(i === 1 && { use: "reserve" }), ...(i === 3 && { rtt: 20 }) };
    });
    expect(laneOf({ lines }).paths.map(({ line, device, vlan, boxAddress }) => [line, device, vlan, boxAddress])).toEqual([
      ["a", "lane0", 101, "172.16.17.2"],
      ["c", "lane2", 103, "172.16.17.4"],
      ["d", "lane3", 104, "172.16.17.5"],
    ]);
  });

  it("leaves the LAN and its routes alone", () => {
    const { apart } = laneOf({
      lan: {
        ...home.lan,
        subnet: "198.51.100.0/24",
        address: "198.51.100.2",
        routes: [{ network: "198.51.101.0/25", via: "198.51.100.3" }],
      },
    });
    expect(apart).toContain("198.51.100.0/24");
    expect(apart).toContain("198.51.101.0/25");
  });
});

const profiles = ["profiles", "test/profiles"].flatMap((folder) =>
  readdirSync(folder).flatMap((file) => (file.endsWith(".yaml") ? [`${folder}/${file}`] : [])),
);
const lanes = profiles.flatMap((file): [string, Plan, LanePlan][] => {
  const plan = makePlan(loadProfile(readFileSync(file, "utf8"), file), "test");
  return plan.lane === null ? [] : [[file, plan, plan.lane]];
});

describe.each(lanes)("the lane of %s", (_, plan, lane) => {
  it("has numbers that nothing else has", () => {
    const { ipv6, lines, routes } = plan;
    const { refused } = ipv6;
    const alone = (numbers: number[]): boolean => new Set(numbers).size === numbers.length;
    // The kernel's own tables are 253 to 255.
    expect(alone([lane.table, refused.table, refused.answerTable, ...lines.map(({ table }) => table), 0, 253, 254, 255])).toBe(true);
    expect(alone([lane.mark, refused.mark, ...lines.map(({ mark }) => mark), 0])).toBe(true);
    const rules = [refused.priority, refused.answerPriority, routes.serverPriority, ...lines.map(({ rulePriority }) => rulePriority)];
    expect(alone([lane.priority, ...rules, 0, 32766, 32767])).toBe(true);
    expect(alone([lane.port, lane.probePort])).toBe(true);
    const devices = [plan.bond.name, ...lines.map(({ tap }) => tap), ...lane.paths.map(({ device }) => device)];
    expect(new Set(devices).size).toBe(devices.length);
  });

  it("has addresses of its own, in a network that it leaves alone", () => {
    const network = parseNetwork(lane.network);
    const addresses = [lane.serverAddress, ...lane.paths.map(({ boxAddress }) => boxAddress)];
    expect(new Set(addresses).size).toBe(addresses.length);
    for (const address of addresses) expect(contains(network, parseAddress(address))).toBe(true);
    expect([...plan.lan.networks, plan.tunnel.subnet].filter((other) => overlaps(parseNetwork(other), network))).toEqual([]);
  });

  it("has lists that nftables takes: no network within another, by their addresses", () => {
    const networks = lane.apart.map(parseNetwork);
    expect(networks.filter((one) => networks.some((other) => other !== one && overlaps(one, other)))).toEqual([]);
    expect(networks.map(({ base }) => base)).toEqual(networks.map(({ base }) => base).sort((a, b) => a - b));
    const away = [...plan.lan.networks, plan.tunnel.subnet, lane.network];
    const left = away.filter((text) => !networks.some((one) => contains(one, parseNetwork(text).base)));
    expect(left).toEqual([]);
  });
});

describe("the lane's network", () => {
  const networkOf = (tunnel: string, ...taken: string[]): string | undefined => {
    const network = laneNetwork(parseNetwork(tunnel), taken.map(parseNetwork));
    return network === null ? undefined : formatNetwork(network);
  };

  it.each([
    ["172.16.16.0/30", "172.16.17.0/28"],
    ["172.16.16.248/29", "172.16.17.0/28"],
    ["172.16.16.0/23", "172.16.18.0/28"],
    ["172.16.0.0/16", "172.17.0.0/28"],
    ["10.0.255.252/30", "10.1.0.0/28"],
    // No machine can have what follows.
    ["223.255.255.0/24", "172.16.17.0/28"],
    ["255.255.255.0/24", "172.16.17.0/28"],
  ])("of the tunnel network %s is %s", (tunnel, lane) => {
    expect(networkOf(tunnel)).toBe(lane);
  });

  it("is elsewhere if that is taken", () => {
    expect(networkOf("192.168.0.0/30", "192.168.1.0/24")).toBe("172.16.17.0/28");
    expect(networkOf("192.168.0.0/30", "192.168.1.0/24", "172.16.0.0/12")).toBe("192.168.17.0/28");
    expect(networkOf("172.16.16.0/30", "172.16.17.9")).toBe("192.168.17.0/28");
    expect(networkOf("172.16.16.0/30", "172.0.0.0/8", "192.0.0.0/8", "10.0.0.0/8", "100.0.0.0/8")).toBeUndefined();
  });

  it("is free whatever is at home", () => {
    const network = fc.record({ base: fc.nat(2 ** 32 - 1), prefix: fc.integer({ min: 8, max: 32 }) });
    fc.assert(
      fc.property(network, (one) => {
        const home: Network = { ...one, base: Math.floor(one.base / size(one)) * size(one) };
        const tunnel = parseNetwork(usualTunnelNetwork([home]));
        const lane = laneNetwork(tunnel, [home]) as Network;
        expect([overlaps(tunnel, home), overlaps(lane, home), overlaps(lane, tunnel)]).toEqual([false, false, false]);
      }),
    );
  });
});

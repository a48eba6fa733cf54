import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import type { Socket } from "node:dgram";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../../overlay/runtime/doctor/places";
import { config, dead, FakeBox, halfBroken } from "./fixture";
import { nameServer, serverName } from "./name-server";
import { useProgram } from "./program";

const { run } = useProgram();

let right: Socket;
let lying: Socket;

beforeAll(async () => {
  [right, lying] = await Promise.all([nameServer({ address: "1.0.0.1" }), nameServer({ address: "192.168.1.240" })]);
});

afterAll(() => [right, lying].forEach((socket) => socket.close()));

/** A box on which nothing is wrong. */
function wellBox(wellConfig = config): FakeBox {
  const box = new FakeBox(wellConfig);
  names(box, right);
  box.write("run/bondbox/striper", "1000 0 0 65536 1000 0 0 65536\n");
  box.write("run/bondbox/lane", "on\n");
  box.write("run/systemd/timesync/synchronized", "");
  box.write("bin/ping", "#!/bin/sh\nexit 1\n");
  chmodSync(join(box.root, "bin/ping"), 0o755);
  return box;
}

function names(box: FakeBox, ...servers: Socket[]): void {
  box.write("etc/resolv.conf", servers.map((socket) => `nameserver ${serverName(socket)}\n`).join(""));
}

const doctor = (box: FakeBox, ...words: string[]) => run(["doctor", "--root", box.root, ...words], { PATH: join(box.root, "bin") });

async function checks(box: FakeBox): Promise<{ code: number | null; first: string | null; states: Record<string, string> }> {
  const { code, stdout, stderr } = await doctor(box, "--json");
  expect(stderr).toBe("");
  const { first, checks: rows } = JSON.parse(stdout);
  return {
    code,
    first: first?.subject ?? null,
    states: Object.fromEntries(rows.map((row: Record<string, string>) => [row.subject, row.state])),
  };
}

describe("bondbox doctor", () => {
  it("checks everything in order, and finds nothing on a box that is well", async () => {
    using box = wellBox();
    const { code, stdout, stderr } = await doctor(box);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.replace(/127\.0\.0\.1:\d+/, "127.0.0.1")).toBe(`ok       port eth0: has a link
ok       address: eth0 is in the network of the modems
ok       modem ovh: 192.168.1.240 passes on what the tunnel sends
ok       modem orange: 192.168.1.254 passes on what the tunnel sends
ok       line ovh: its tunnel carries
ok       line orange: its tunnel carries
ok       tunnel ovh: carries over tap0
ok       tunnel orange: carries over tap1
ok       bond bond0: 2 of 2 lines carry
ok       server 203.0.113.10: answers through 2 of 2 tunnels
ok       default route: the LAN uses bond0
ok       names: 127.0.0.1 answers
ok       clock: set by a time server
ok       storage: the card is not protected
ok       striper: deals by earliest delivery
ok       TCP lane: on
ok       other programs: leave alone what is bondbox's

Nothing is wrong.
`);
  });

  it.each<[string, number, string, (box: FakeBox) => void]>([
    ["no port", exitCodes.port, "port eth0", (box) => box.remove("sys/class/net/eth0")],
    ["no cable", exitCodes.port, "port eth0", (box) => box.device("eth0", { carrier: false })],
    ["no address", exitCodes.address, "address", (box) => box.write("proc/net/route", "Iface\tDestination\n")],
    ["a modem that is off", exitCodes.modem, "modem ovh", (box) => modemOff(box)],
    ["a line that is dead", exitCodes.line, "line ovh", (box) => cut(box, "none")],
    ["a line with a page of its own", exitCodes.line, "line ovh", (box) => cut(box, "captive")],
    ["a filtered port", exitCodes.tunnel, "tunnel ovh", (box) => cut(box, "internet")],
    ["OpenVPN that is off", exitCodes.tunnel, "tunnel ovh", (box) => box.device("tap0", { carrier: false })],
    ["OpenVPN that hangs", exitCodes.tunnel, "tunnel ovh", (box) => box.age("run/bondbox/ovh.status", 60)],
    ["a wrong MTU", exitCodes.bond, "bond bond0", (box) => box.device("tap1", { mtu: 1500 })],
    ["no bond", exitCodes.bond, "bond bond0", (box) => box.remove("proc/net/bonding")],
    ["a server that is off", exitCodes.server, "server 203.0.113.10", (box) => serverOff(box, "internet")],
    ["a server without tunnels", exitCodes.server, "server 203.0.113.10", (box) => serverOff(box, "server")],
    ["a default route of another", exitCodes.route, "default route", (box) => box.write("proc/net/route", lanOnly)],
    ["no name server", exitCodes.names, "names", (box) => box.remove("etc/resolv.conf")],
    ["name servers that lie", exitCodes.names, "names", (box) => names(box, lying, lying)],
    ["no time server", exitCodes.clock, "clock", (box) => box.remove("run/systemd")],
    ["a card whose area is gone", exitCodes.storage, "storage", (box) => box.write("run/bondbox-init", "keep: The area is gone.\n")],
    ["packets in turn", exitCodes.striper, "striper", (box) => box.write("run/bondbox/striper", "\n")],
    ["a lane that is deaf", exitCodes.lane, "TCP lane", (box) => box.write("run/bondbox/lane", "off server\n")],
    ["a rival", exitCodes.intact, "other programs", (box) => box.write("run/bondbox/gone/firewall", "3\n")],
  ])("%s: exit code %i, %s", async (_, code, subject, breakIt) => {
    using box = wellBox();
    breakIt(box);
    const found = await checks(box);
    expect(found).toMatchObject({ code, first: subject });
    expect(found.states[subject]).toBe("fail");
  });

  it("skips what can only fail because of an earlier failure, and says how to fix that one", async () => {
    using box = wellBox();
    dead(box);
    box.device("eth0", { carrier: false });
    const { states } = await checks(box);
    const skipped = Object.keys(states).filter((subject) => states[subject] === "skipped");
    const lines = ["modem", "line", "tunnel"].flatMap((kind) => ["ovh", "orange"].map((name) => `${kind} ${name}`));
    expect(skipped).toEqual(["address", ...lines, "server 203.0.113.10", "default route", "names"]);
    const { stdout } = await doctor(box);
    expect(stdout).toContain("skipped  names: because of port eth0\n");
    expect(stdout).toMatch(
      /\n\nThe first thing that is wrong is port eth0: eth0 has no link, so no modem can be\nreached\.\n {2}> the cable between the box and the switch, and the switch itself\n$/,
    );
  });

  it("asks a modem itself where nobody has, and believes its answer", async () => {
    using box = wellBox();
    halfBroken(box);
    box.arp([]);
    const silent = await checks(box);
    expect([silent.first, silent.states["line ovh"], silent.states["tunnel ovh"]]).toEqual(["modem ovh", "skipped", "skipped"]);
    box.write("bin/ping", '#!/bin/sh\nfor last; do :; done\n[ "$last" = 192.168.1.240 ]\n');
    chmodSync(join(box.root, "bin/ping"), 0o755);
    const { first, states } = await checks(box);
    expect([first, states["modem ovh"], states["line ovh"]]).toEqual(["tunnel ovh", "ok", "skipped"]);
    box.remove("bin/ping");
    expect((await checks(box)).states["modem ovh"]).toBe("skipped");
  });

  it("takes the next name server where the first one does not answer rightly", async () => {
    using box = wellBox();
    names(box, lying, right);
    expect((await checks(box)).code).toBe(0);
  });

  it("knows a clock that is in the past, even without a line", async () => {
    using box = wellBox();
    serverOff(box, "server");
    box.remove("run/systemd");
    expect((await checks(box)).states.clock).toBe("skipped");
    box.write("var/lib/bondbox/history/log", "2099-11-23T01:00:34Z line ovh: up\n");
    const { stdout } = await doctor(box);
    expect(stdout.replace(/\s+/g, " ")).toMatch(
      /FAIL clock: By the clock it is 20\d\d-\S+ \S+ UTC, but 2099-11-23 01:00 UTC has been already: /,
    );
  });

  it("finds nothing wrong with a line in reserve", async () => {
    using box = wellBox({ ...config, bond: { ...config.bond, mode: "active-backup" } });
    box.bonding([
      { tap: "tap0", status: "up", failures: 0 },
      { tap: "tap1", status: "down", failures: 0 },
    ]);
    const { code, stdout } = await doctor(box);
    expect(code).toBe(0);
    expect(stdout).toContain("skipped  line orange: in reserve\n");
    expect(stdout).toContain("ok       tunnel orange: OpenVPN has tap1 open, in reserve\n");
    expect(stdout).toContain("ok       bond bond0: 1 of 2 lines carry\n");
  });

  it("goes on where it may not look", async () => {
    using box = wellBox();
    mkdirSync(join(box.root, "var/lib/systemd"), { recursive: true });
    symlinkSync("timesync", join(box.root, "var/lib/systemd/timesync"));
    expect((await checks(box)).code).toBe(0);
  });

  it("mentions what a line that carries suffers from, without failing", async () => {
    using box = wellBox();
    box.write("run/bondbox/striper", "1000 0 300 65536 1000 0 0 65536\n");
    const { code, stdout } = await doctor(box);
    expect(code).toBe(0);
    expect(stdout).toContain("ok       line ovh: its tunnel carries, but it loses packets up\n");
  });
});

const lanOnly =
  "Iface\tDestination\tGateway\tFlags\tMetric\tMask\neth0\t0001A8C0\t00000000\t0001\t0\t00FFFFFF\neth0\t00000000\tF001A8C0\t0003\t100\t00000000\n";

/** ovh's line is cut, the other carries. */
function cut(box: FakeBox, reach: string): void {
  box.bonding([
    { tap: "tap0", status: "down", failures: 12 },
    { tap: "tap1", status: "up", failures: 1 },
  ]);
  box.reach("ovh", reach);
}

function modemOff(box: FakeBox): void {
  cut(box, "none");
  box.arp([
    ["192.168.1.240", false],
    ["192.168.1.254", true],
  ]);
}

/** No tunnel is heard; the lines reach the internet or the server itself. */
function serverOff(box: FakeBox, reach: string): void {
  dead(box);
  box.reach("ovh", reach);
  box.reach("orange", reach);
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Built, built, profileNames } from "../support/builds";
import { disagreements, openvpnOptions, type TunnelEnd, unknownIn232 } from "../support/openvpn";
import { boxText, planned, serverText } from "../support/trees";

const BOND = "usr/local/sbin/bondbox-bond";
const INTERFACES = "/etc/network/interfaces.d/bondbox.cfg";

function boxEnd(build: Built, line: string): TunnelEnd {
  return { conf: boxText(build, `etc/openvpn/bondbox/${line}.conf`), key: boxText(build, `etc/openvpn/bondbox/${line}.key`) };
}

function serverEnd(build: Built, line: string): TunnelEnd {
  return { conf: serverText(build, `/etc/openvpn/${line}.conf`), key: serverText(build, `/etc/openvpn/${line}.key`) };
}

/** What an end says of its bond. */
interface BondEnd {
  mode: string | undefined;
  hash: string | undefined;
  interval: string | undefined;
  mtu: string | undefined;
  target: string | undefined;
  address: string | undefined;
  taps: string[];
}

function boxBond(text: string): BondEnd {
  const find = (pattern: RegExp) => pattern.exec(text)?.[1];
  return {
    mode: find(/type bond mode (\S+)/),
    hash: find(/xmit_hash_policy (\S+)/),
    interval: find(/arp_interval (\S+)/),
    mtu: find(/dev bond0 mtu (\S+)/),
    target: find(/arp_ip_target (\S+)/),
    address: find(/ip address add ([^/\s]+)/),
    taps: [...text.matchAll(/dev (\S+) master bond0/g)].map(([, tap = ""]) => tap),
  };
}

function serverBond(text: string): BondEnd {
  const find = (key: string) => new RegExp(`^ +${key} (.*)$`, "m").exec(text)?.[1];
  return {
    mode: find("bond-mode"),
    hash: find("bond-xmit_hash_policy"),
    interval: find("bond-arp_interval"),
    mtu: find("mtu"),
    target: find("bond-arp_ip_target"),
    address: find("address"),
    taps: find("bond-slaves")?.split(" ") ?? [],
  };
}

/** Where the two ends of the bond do not fit; empty for nowhere. */
function bondFaults(box: BondEnd, server: BondEnd): string[] {
  const same = (["mode", "hash", "interval", "mtu"] as const).filter((key) => box[key] !== server[key]);
  const crosswise = box.target === server.address && server.target === box.address && box.address !== server.address ? [] : ["targets"];
  return [...same, ...crosswise, ...(box.mtu === undefined || box.taps.length !== server.taps.length ? ["incomplete"] : [])];
}

describe.each(profileNames)("box and server of %s", (name) => {
  const lines = () => planned(name).lines.map((line) => line.name);

  it("agree on each tunnel", () => {
    for (const line of lines()) expect([line, ...disagreements(boxEnd(built(name), line), serverEnd(built(name), line))]).toEqual([line]);
  });

  it("have a key and a port of its own for each tunnel", () => {
    const ends = lines().map((line) => serverEnd(built(name), line));
    expect(new Set(ends.map(({ key }) => key)).size).toBe(lines().length);
    expect(new Set(ends.map(({ conf }) => openvpnOptions(conf).get("port"))).size).toBe(lines().length);
  });

  it("agree on the bond, with targets crosswise", () => {
    const [box, server] = [boxBond(boxText(built(name), BOND)), serverBond(serverText(built(name), INTERFACES))];
    expect(bondFaults(box, server)).toEqual([]);
    const taps = (end: (build: Built, line: string) => TunnelEnd) =>
      lines().map((line) => openvpnOptions(end(built(name), line).conf).get("dev"));
    expect([box.taps, server.taps]).toEqual([taps(boxEnd), taps(serverEnd)]);
    expect(openvpnOptions(boxEnd(built(name), lines()[0] ?? "").conf).get("tun-mtu")).toBe(box.mtu);
  });

  it("open on the server the very ports that the box calls", () => {
    const rules = serverText(built(name), "/etc/bondbox/rules.v4");
    const open = [...rules.matchAll(/^-A BONDBOX-INPUT .*-p udp -m udp --dport (\d+) -j ACCEPT$/gm)].map(([, port]) => port);
    const called = lines().map((line) => openvpnOptions(boxEnd(built(name), line).conf).get("remote"));
    expect(called).toEqual([...new Set(open)].map((port) => `${planned(name).server.address} ${port}`));
  });

  it("give OpenVPN 2.3.2 only options that it knows", () => {
    for (const line of lines()) expect(unknownIn232(serverEnd(built(name), line).conf)).toEqual([]);
  });
});

describe("disagreement is found", () => {
  it.each([
    ["cipher", "cipher AES-256-CBC", "cipher AES-128-CBC", ["cipher"]],
    ["port", "port 1194", "port 1196", ["port"]],
    ["direction", "ovh.key 0", "ovh.key 1", ["direction"]],
    ["a word on one end", "verb 3", "comp-lzo no", ["comp-lzo"]],
  ])("in a tunnel: %s", (_, right, wrong, faults) => {
    const server = serverEnd(built("home"), "ovh");
    expect(server.conf).toContain(right);
    expect(disagreements(boxEnd(built("home"), "ovh"), { ...server, conf: server.conf.replace(right, wrong) })).toEqual(faults);
  });

  it("in a key", () => {
    expect(
      disagreements(boxEnd(built("home"), "ovh"), { ...serverEnd(built("home"), "ovh"), key: serverEnd(built("home"), "orange").key }),
    ).toEqual(["key"]);
  });

  it("in the bond", () => {
    const box = boxBond(boxText(built("home"), BOND));
    const server = serverBond(serverText(built("home"), INTERFACES));
    expect(bondFaults({ ...box, mtu: "1500" }, server)).toEqual(["mtu"]);
    expect(bondFaults({ ...box, target: box.address }, server)).toEqual(["targets"]);
    expect(bondFaults(boxBond(""), serverBond(""))).toEqual(["targets", "incomplete"]);
  });

  it("with OpenVPN 2.3.2", () => {
    const { conf } = boxEnd(built("home"), "ovh");
    expect(unknownIn232(conf)).toEqual(["ignore-unknown-option", "allow-deprecated-insecure-static-crypto", "proto udp4"]);
    expect(readFileSync(join(built("home").folder, "manifest.json"), "utf8")).toContain("ubuntu-14.04");
  });
});

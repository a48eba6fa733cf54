import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Built, built, profileNames, profilesOf } from "../support/builds";
import { disagreements, openvpnOptions, type TunnelEnd, unknownIn232 } from "../support/openvpn";
import { boxText, planned, serverText } from "../support/trees";

const BOND = "usr/local/sbin/bondbox-bond";
const INTERFACES = "/etc/network/interfaces.d/bondbox.cfg";

function boxEnd(build: Built, line: string): TunnelEnd {
  const file = (path: string): string => boxText(build, path.slice(1));
  return { conf: file(`/etc/openvpn/bondbox/${line}.conf`), file };
}

function serverEnd(build: Built, line: string): TunnelEnd {
  const file = (path: string): string => serverText(build, path);
  return { conf: file(`/etc/openvpn/${systemd(build.name) ? "bondbox/" : ""}${line}.conf`), file };
}

function systemd(name: string): boolean {
  return planned(name).server.systemd;
}

/** Where the box finds a tunnel: the first server that bondbox-tunnel tries, and the port of its file. */
function called(build: Built, line: string): string {
  const [, server] = /^SERVERS="(\S+) /m.exec(boxText(build, "etc/bondbox/network.conf")) ?? [];
  return `${server} ${openvpnOptions(boxEnd(build, line).conf).get("rport")}`;
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

/** Of bondbox-bond, which is the box's and that of servers with systemd. */
function scriptBond(text: string): BondEnd {
  const find = (pattern: RegExp) => pattern.exec(text)?.[1];
  return {
    mode: find(/type bond mode (\S+)/),
    hash: find(/xmit_hash_policy (\S+)/),
    interval: find(/arp_interval (\S+)/),
    mtu: find(/dev \$bond mtu (\S+)/),
    target: find(/arp_ip_target (\S+)/),
    address: find(/^address=([^/\s]+)/m),
    taps:
      find(/^taps="(.*)"$/m)
        ?.trim()
        .split(" ") ?? [],
  };
}

/** Of ifupdown's file. */
function interfacesBond(text: string): BondEnd {
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

function serverBond(build: Built): BondEnd {
  return systemd(build.name) ? scriptBond(serverText(build, `/${BOND}`)) : interfacesBond(serverText(build, INTERFACES));
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

  it("have keys and a port of its own for each tunnel", () => {
    const ends = lines().map((line) => serverEnd(built(name), line));
    const secrets = ends.flatMap(({ conf, file }) => {
      const options = openvpnOptions(conf);
      return ["secret", "key"].flatMap((option) => options.get(option)?.split(" ")[0] ?? []).map(file);
    });
    expect(secrets).toHaveLength(lines().length);
    expect(new Set(secrets).size).toBe(secrets.length);
    const ports = ends.map(({ conf }) => openvpnOptions(conf).get("lport") ?? openvpnOptions(conf).get("port"));
    expect(ports).toEqual(planned(name).lines.map(({ port }) => String(port)));
    expect(new Set(ports).size).toBe(lines().length);
  });

  it("agree on the bond, with targets crosswise", () => {
    const [box, server] = [scriptBond(boxText(built(name), BOND)), serverBond(built(name))];
    expect(bondFaults(box, server)).toEqual([]);
    const taps = (end: (build: Built, line: string) => TunnelEnd) =>
      lines().map((line) => openvpnOptions(end(built(name), line).conf).get("dev"));
    expect([box.taps, server.taps]).toEqual([taps(boxEnd), taps(serverEnd)]);
    expect(openvpnOptions(boxEnd(built(name), lines()[0] ?? "").conf).get("tun-mtu")).toBe(box.mtu);
    const { boxAddress, serverAddress, mtu } = planned(name).tunnel;
    expect([box.address, server.address, box.mtu]).toEqual([boxAddress, serverAddress, String(mtu)]);
  });

  it("open on the server the very ports that the box calls", () => {
    const rules = serverText(built(name), "/etc/bondbox/rules.v4");
    const open = [...rules.matchAll(/^-A BONDBOX-INPUT .*-p udp -m udp --dport (\d+) -j ACCEPT$/gm)].map(([, port]) => port);
    expect(lines().map((line) => called(built(name), line))).toEqual(
      [...new Set(open)].map((port) => `${planned(name).server.address} ${port}`),
    );
  });

  it("count the same bytes for a packet in their shapers", () => {
    // Of each line its tap, framing, own delay and use, without its rates and the delay that is added.
    const framing = (text: string) =>
      [...text.matchAll(/^(framing=.*)$|^ *"\$1" (\S+) \d+ (\S+ \d+ \d+) \d+(?: \d+ (\d+ [01]) \d+)?$/gm)].map(
        ([, whole, tap, own, delay]) => whole ?? `${tap} ${own} ${delay ?? ""}`,
      );
    const path = "etc/bondbox/lines.conf";
    const box = framing(boxText(built(name), path));
    expect(box).toHaveLength(1 + planned(name).lines.length);
    expect(framing(serverText(built(name), `/${path}`))).toEqual(box);
  });
});

describe.each(profilesOf("ifupdown"))("the server of %s", (name) => {
  it("gives OpenVPN 2.3.2 only options that it knows", () => {
    for (const { name: line } of planned(name).lines) expect(unknownIn232(serverEnd(built(name), line).conf)).toEqual([]);
  });
});

describe.each(profilesOf("systemd"))("the server of %s", (name) => {
  /** Options that came with OpenVPN 2.6: Ubuntu 22.04 has 2.5. Source: openvpn's Changes.rst. */
  const since26 = [
    "peer-fingerprint",
    "tls-cert-profile insecure",
    "disable-dco",
    "dns",
    "connect-freq-initial",
    "allow-recursive-routing",
  ];

  it("gives its own OpenVPN only options that it knows", () => {
    for (const { name: line } of planned(name).lines) {
      const options = [...openvpnOptions(serverEnd(built(name), line).conf).keys()];
      expect(options.filter((option) => since26.includes(option))).toEqual(
        planned(name).tunnel.tls?.byFingerprint ? ["peer-fingerprint"] : [],
      );
    }
  });

  // docs/server.md#apparmor
  it("names no file that AppArmor's profile for OpenVPN would keep from it", () => {
    for (const { name: line } of planned(name).lines)
      for (const [option, value] of openvpnOptions(serverEnd(built(name), line).conf))
        for (const path of value.match(/(?<=^| )\/\S+/g) ?? [])
          expect([option, path]).toEqual([option, expect.stringMatching(/^\/etc\/openvpn\//)]);
  });

  it("takes no packet that was not made with the tunnel's key", () => {
    for (const { name: line } of planned(name).lines)
      for (const end of [boxEnd, serverEnd]) {
        const options = openvpnOptions(end(built(name), line).conf);
        expect(options.get("tls-crypt")).toBe(`/etc/openvpn/bondbox/${line}.crypt.key`);
        expect(options.get("tls-version-min")).toBe("1.2");
        expect(["tls-auth", "auth", "secret"].filter((option) => options.has(option))).toEqual([]);
      }
  });
});

describe("disagreement is found", () => {
  const [guide, home, told] = ["guide-2017", "home", "ubuntu-22-04"];

  /** Faults of a tunnel whose server's, or box's, file was changed. */
  function changed(name: string, half: "box" | "server", right: string | RegExp, wrong: string): string[] {
    const ends = { box: boxEnd(built(name), "ovh"), server: serverEnd(built(name), "ovh") };
    const conf = ends[half].conf.replace(right, wrong);
    expect(conf).not.toBe(ends[half].conf);
    ends[half] = { ...ends[half], conf };
    return disagreements(ends.box, ends.server);
  }

  it.each([
    ["cipher", guide, "server", "cipher AES-256-CBC", "cipher AES-128-CBC", ["cipher"]],
    ["port", guide, "server", "port 1194", "port 1196", ["port"]],
    ["direction", guide, "server", "ovh.key 0", "ovh.key 1", ["direction"]],
    ["static key", guide, "server", "ovh.key 0", "orange.key 0", ["key"]],
    ["a word on one end", guide, "server", "verb 3", "comp-lzo no", ["comp-lzo"]],
    ["port over TLS", home, "server", "lport 1194", "lport 1196", ["port"]],
    ["the box's peer", home, "box", /peer-fingerprint ../, "peer-fingerprint xx", ["the box's peer"]],
    ["the server's peer", home, "server", /peer-fingerprint ../, "peer-fingerprint xx", ["the server's peer"]],
    ["nobody whom the server knows", home, "server", /peer-fingerprint .*/, "", ["the server's peer"]],
    ["tls-crypt", home, "server", "ovh.crypt.key", "ovh.key", ["tls-crypt"]],
    [
      "another tunnel's certificate",
      home,
      "server",
      "cert /etc/openvpn/bondbox/ovh",
      "cert /etc/openvpn/bondbox/orange",
      ["own key", "the box's peer"],
    ],
    ["ciphers", home, "server", /data-ciphers .*/, "data-ciphers AES-256-GCM", ["cipher"]],
    ["roles", home, "box", "tls-client", "tls-server", ["roles"]],
    ["MTU", home, "box", /tun-mtu .*/, "tun-mtu 1500", ["tun-mtu"]],
    ["TLS of old", home, "server", "tls-version-min 1.2", "tls-version-min 1.0", ["tls-version-min"]],
    ["the wrong authority", told, "server", "ovh.peer.crt", "orange.peer.crt", ["the server's peer"]],
    ["two ways to know the box", told, "server", "dh none", "peer-fingerprint AB:CD", ["the server's peer"]],
    ["a server that follows no address", home, "server", "mode server", "mode p2p", ["roles"]],
  ] as const)("in a tunnel: %s", (_, name, half, right, wrong, faults) => {
    expect(changed(name, half, right, wrong)).toEqual(faults);
  });

  it.each([guide, home])("in the bond of %s", (name) => {
    const box = scriptBond(boxText(built(name), BOND));
    const server = serverBond(built(name));
    expect(bondFaults(box, server)).toEqual([]);
    expect(bondFaults({ ...box, mtu: "1500" }, server)).toEqual(["mtu"]);
    expect(bondFaults({ ...box, target: box.address }, server)).toEqual(["targets"]);
    expect(bondFaults(scriptBond(""), interfacesBond(""))).toEqual(["targets", "incomplete"]);
  });

  it("with OpenVPN 2.3.2", () => {
    expect(unknownIn232(boxEnd(built(guide), "ovh").conf)).toEqual([
      "ignore-unknown-option",
      "allow-deprecated-insecure-static-crypto",
      "proto udp4",
    ]);
    expect(unknownIn232(serverEnd(built(home), "ovh").conf)).toEqual([
      "tls-crypt",
      "tls-version-min",
      "peer-fingerprint",
      "data-ciphers",
      "proto udp4",
    ]);
    expect(readFileSync(join(built(guide).folder, "manifest.json"), "utf8")).toContain("ubuntu-14.04");
  });
});

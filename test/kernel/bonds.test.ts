import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Plan } from "../../builder/plan/types";
import { targets } from "../../builder/targets";
import { built, profilesOf } from "../support/builds";
import { covering } from "../support/samples";
import { layServer, planned } from "../support/trees";
import { runEmulated } from "./emulated";
import type { GuestFiles } from "./guest";

/** What the kernel says of a bond, by "box NAME" or "srv NAME", and what became of it later, by "again-box NAME" and so on. */
const bonds = new Map<string, string>();
const codes = new Map<string, number>();

/** Profiles whose bonds are also made again and so on: each mode, one line and eight, with IPv6 and without, with CAKE on the bond and on the taps, with one network at home and several. */
const again = [
  "home",
  "one",
  "eight",
  "xor-l34",
  "active-backup",
  "broadcast",
  "ipv6-tunnel",
  "vdsl",
  "debian-12",
  "ubuntu-22-04",
  "machines",
];

/** All that the kernel sees of a plan's bond and shapers. */
const seen = ({ bond, lines, qos, ipv6, server, fallback, lan }: Plan): string[] => [
  targets[server.target].init,
  `${bond.mode} ${bond.hash}`,
  `lines ${lines.length}`,
  `shaper ${qos.enabled} ${qos.up.where}`,
  `held back ${lines.some(({ equalizeUs }) => equalizeUs > 0)}`,
  `ipv6 ${ipv6.tunnel !== null}`,
  `fallback ${fallback}`,
  `networks at home ${lan.networks.length > 1}`,
  `${targets[server.target].init} preferred ${bond.primary !== null}`,
];
const profiles = [...new Set([...again, ...covering(seen)])];

beforeAll(async () => {
  const files: GuestFiles = {};
  for (const name of profiles) {
    files[`/p/${name}/overlay.tar`] = { content: tarOf(built(name).box) };
    if (again.includes(name)) files[`/p/${name}/again`] = { content: "" };
    files[`/p/${name}/server.tar`] = { content: serverTar(name) };
  }
  const script = readFileSync(join(import.meta.dirname, "bonds.sh"), "utf8");
  const { output } = await runEmulated(script, { files });
  if (process.env.BONDS_LOG) process.stdout.write(output);
  for (const [, end, name, code] of output.matchAll(/^@! (box|srv) (\S+) (\d+)$/gm)) codes.set(`${end} ${name}`, Number(code));
  for (const part of output
    .replace(/^@! .*\n/gm, "")
    .split(/^@@ /m)
    .slice(1))
    bonds.set(part.slice(0, part.indexOf("\n")), part);
}, 1_520_000);

/** The files of a half but for its keys, which differ in each build. */
function tarOf(folder: string): Buffer {
  return execFileSync("tar", ["-cf", "-", "--sort=name", "--mtime=2026-01-01", "--exclude=*.key", "-C", folder, "."]);
}

/** The server's half, which only install.sh carries, as a tar. */
function serverTar(name: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-server-"));
  try {
    return tarOf(layServer(built(name), folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.each(profiles)("%s", (name) => {
  const plan = planned(name);

  it.each([
    ["box", plan.tunnel.boxAddress, plan.tunnel.serverAddress],
    ["srv", plan.tunnel.serverAddress, plan.tunnel.boxAddress],
  ])("%s: the kernel's bond is the plan's", (end, address, target) => {
    const bond = bonds.get(`${end} ${name}`) ?? "";
    expect(codes.get(`${end} ${name}`), bond).toBe(0);
    expect(bond).toMatch(new RegExp(`^mode ${plan.bond.mode} `, "m"));
    if (plan.bond.hash !== null) expect(bond).toContain(`\nxmit_hash_policy ${plan.bond.hash} `);
    expect(bond).toContain(`\narp_interval ${plan.bond.arpInterval}\narp_ip_target ${target}\n`);
    const preferred = plan.bond.primary;
    if (preferred !== null) expect(bond).toContain(`\nprimary ${preferred}\nall_slaves_active 1\n`);
    expect(bond).toContain(`\nslaves ${plan.lines.map(({ tap }) => tap).join(" ")}\n`);
    expect(bond).toContain(`\nmtu ${plan.tunnel.mtu}\naddress ${address}/${plan.tunnel.prefix}\n`);
    const routes =
      end === "box"
        ? [`default via ${target} metric ${plan.routes.bondMetric}`]
        : plan.lan.networks.map((network) => `${network.replace("/32", "")} via ${target}`);
    // The stanza's are made when the bond is up.
    for (const route of routes) expect(bond).toMatch(new RegExp(`^route ${route.replaceAll(".", "\\.")}( |$)`, "m"));
  });

  it("shapers stand where the plan wants them", () => {
    const count = (end: string, pattern: RegExp) => (bonds.get(`${end} ${name}`) ?? "").match(pattern)?.length ?? 0;
    const { enabled, up, down } = plan.qos;
    for (const [end, { where }] of [
      ["box", up],
      ["srv", down],
    ] as const) {
      expect(count(end, /^qdisc .*cake .* dev tap/gm)).toBe(enabled && where === "tap" ? plan.lines.length : 0);
      expect(count(end, /^qdisc .*cake .* dev bond0/gm)).toBe(enabled && where === "bond" ? 1 : 0);
    }
    expect(count("srv", /^qdisc .*netem .* dev tap/gm)).toBe(plan.lines.filter(({ equalizeUs }) => equalizeUs > 0).length);
  });
});

/** Every end whose bond is made by bondbox-bond. */
const scripted: [name: string, end: string][] = [
  ...again.map((name): [string, string] => [name, "box"]),
  ...again.filter((name) => profilesOf("systemd").includes(name)).map((name): [string, string] => [name, "srv"]),
];

describe.each(scripted)("bondbox-bond of %s, %s", (name, end) => {
  const plan = planned(name);
  const taps = plan.lines.map(({ tap }) => tap);
  const said = (what: string): string[] => (bonds.get(`${what}-${end} ${name}`) ?? "").trim().split("\n").slice(1);

  it("changes nothing the second time", () => {
    expect(said("again")).toEqual(["status 0", "same"]);
  });

  it("takes a line out that the profile no longer has, touches no other, and takes it back", () => {
    const rest = taps.slice(0, -1);
    if (rest.length === 0) expect(said("less")).toEqual(["only one"]);
    else
      expect(said("less")).toEqual([
        "status 0",
        `${taps.at(-1)} is gone`,
        `slaves ${rest.join(" ")}`,
        "same",
        "status 0",
        `slaves ${taps.join(" ")}`,
      ]);
  });

  it("leaves alone a bond of its name that is somebody else's", () => {
    expect(said("foreign")).toEqual([
      "this machine has a bond0 already, and it is not bondbox's: build with another bond.name or tunnel.tap",
      "status 78",
      "status 0",
      "same",
      "0",
    ]);
  });

  const own = "rule from all to 10.78.0.0/16 lookup main";

  it("makes anew what has another mode, and takes away another address and another network, but no rule of the machine's own", () => {
    const { boxAddress, serverAddress, subnet, prefix } = plan.tunnel;
    const address = end === "box" ? boxAddress : serverAddress;
    const laid = [
      ...[subnet, ...(plan.lane === null ? [] : [plan.lane.network]), ...plan.lan.networks].map(
        (network) => `rule from all to ${network} lookup main proto 98`,
      ),
      ...plan.lan.networks.map((network) => `route ${network} via ${boxAddress}`).sort(),
    ];
    expect(said("other")).toEqual([
      "status 0",
      "status 0",
      "left minebond",
      expect.stringMatching(`^mode ${plan.bond.mode} `),
      `slaves ${taps.join(" ")}`,
      `address ${address}/${prefix}`,
      ...(end === "box" ? [] : [own, ...laid]),
    ]);
  });

  it("knows whether all that it lays is there, for the guard", () => {
    const expected = ["laid: 0", "no address: 1", "laid again: 0", "a tap out: 1", "and in: 0", "not led there: 1"];
    expect(said("check")).toEqual(expected);
  });

  it("leaves nothing when it stops, and may stop again", () => {
    expect(said("stop")).toEqual(["status 0", ...(end === "box" ? [] : [own]), "status 0"]);
  });
});

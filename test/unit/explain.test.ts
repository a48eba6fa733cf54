import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { explain } from "../../builder/build/explain";
import { makePlan } from "../../builder/plan/plan";
import { loadProfile } from "../../builder/profile/load";
import type { Line, Profile } from "../../builder/profile/types";

const home = loadProfile(readFileSync("profiles/home.yaml", "utf8"), "home.yaml");
const guide = loadProfile(readFileSync("profiles/guide-2017.yaml", "utf8"), "guide-2017.yaml");

/** What --explain says of a profile, with one blank wherever there are blanks or a line was broken. */
function said(profile: Profile, changes: Partial<Profile> = {}): string {
  return explain(makePlan({ ...profile, ...changes }, "mine")).replace(/\s+/g, " ");
}

function withServer(server: Partial<Profile["server"]>): string {
  return said(home, { server: { ...home.server, ...server } });
}

describe("--explain says", () => {
  it("what is found by use, and no figure of it", () => {
    const [first, second] = home.lines as [Line, Line];
    const text = said(home, { lines: [first, { ...second, down: 10_000, found: { down: true }, use: "spare", monthly: 50e9 }] });
    expect(text).toContain("192.168.1.254 auto/832 sync");
    expect(text).toContain("auto/674 auto/790");
    expect(text).toContain("spared orange: only probes until the others are full");
    expect(text).toContain("orange, monthly 50 GB, counted; idle it needs 1.8 of them (bond.arpInterval)");
    expect(text).toContain("What one may expect The sum of the lines");
    expect(text).toContain("on the server, on bond0, until the rates are found");
  });

  it("how soon a dead line is left, and under load only where there is another", () => {
    expect(said(home)).toContain("750 ms (ARP every 300 ms, on both ends), under load avoided at once");
    const [first] = home.lines as [Line, Line];
    expect(said(home, { lines: [{ ...first, found: { down: true } }], bypass: [] })).not.toContain("under load");
  });

  it("who may do what on the status page, and who is notified", () => {
    const page = { enabled: true, reading: "open" } as const;
    expect(said(home)).toContain("status page http://192.168.1.252/, for the LAN alone, without controls server gone");
    expect(said(home, { page: { ...page, password: "correct horse" } })).toContain("for the LAN alone; the password for its controls");
    expect(said(home, { page: { ...page, reading: "password", password: "correct horse" } })).toContain("alone; the password for all");
    expect(said(home, { page: { ...page, enabled: false } })).toContain("status page none");
    const both = said(home, { notify: { url: "https://hooks.example.net/hush", command: "/usr/local/sbin/tell", after: 7 } });
    expect(both).toContain("notified the URL and the command, of what is down for 7 min");
    expect(both).not.toContain("hush");
    expect(said(home, { notify: { command: "/usr/local/sbin/tell", after: 5 } })).toContain("notified the command, of what");
  });

  it("when TCP goes over every line by itself", () => {
    expect(said(home)).toContain("TCP lane while lines jump or lose packets: TCP in one part per line (orange, ovh); QUIC refused LAN");
    const always = said(home, { tcpLane: "on" });
    expect(always).toContain("TCP lane always: TCP in one part per line (orange, ovh); QUIC refused");
    expect(said(home, { quic: "bond" })).not.toContain("QUIC");
    expect(said(home, { tcpLane: "off" })).not.toContain("TCP lane");
    expect(said(guide)).not.toContain("TCP lane");
  });

  it("which server and which system", () => {
    expect(said(home)).toContain("Profile mine: 2 lines, earliest delivery, server 203.0.113.10 (debian-13)");
    expect(said(guide)).toContain("server 203.0.113.10 (ubuntu-14.04)");
  });

  it("the cipher of static keys", () => {
    expect(said(guide)).toContain("cipher AES-256-CBC, SHA1, one static key per tunnel MTU, MSS 1401, 1361");
    expect(said(guide, { tunnel: { ...guide.tunnel, cipher: "AES-128-CBC", auth: "SHA512" } })).toContain("cipher AES-128-CBC, SHA512,");
  });

  it("the cipher of TLS: the box's choice, or the profile's", () => {
    const tls = "; TLS, each end knows the other's certificate MTU, MSS 1426, 1386";
    expect(said(home)).toContain(`cipher AES-256-GCM where the box has instructions for AES, else ChaCha20${tls}`);
    expect(said(home, { tunnel: { ...home.tunnel, cipher: "AES-128-GCM" } })).toContain(`cipher AES-128-GCM${tls}`);
  });

  it("what becomes of IPv6", () => {
    expect(said(home)).toContain("IPv6 none in the LAN: what modems announce is taken back");
    const tunnel = said(home, { ipv6: "tunnel", server: { ...home.server, prefix: "2001:db8:1::/48" } });
    expect(tunnel).toContain("IPv6 2001:db8:1::/64 through the bond");
  });

  it("which networks are behind a router of the LAN", () => {
    const routes = [{ network: "192.168.20.0/24", via: "192.168.1.3" }];
    expect(said(home, { lan: { ...home.lan, routes } })).toContain(
      "behind a router 192.168.20.0/24, by 192.168.1.3, whose gateway is the box",
    );
    expect(said(home)).not.toContain("behind a router");
  });

  it("nothing of backups where there are none", () => {
    expect(said(home)).not.toContain("backup");
  });

  it.each([
    [{ after: 15, back: 300 }, "the next after 15 s without a tunnel, back when the first has answered for 300 s"],
    [{ after: 5, back: 0 }, "the next after 5 s without a tunnel, back only when that one fails, too"],
  ])("when the box goes to a backup and when it returns: %j", (failover, words) => {
    const backups = ["203.0.113.20", "198.51.100.10"];
    expect(withServer({ backups, failover })).toContain(`backup servers 203.0.113.20, 198.51.100.10: ${words}`);
  });

  it("what one connection gets where chance puts it on a line", () => {
    const { lines, bond } = home;
    const given = lines.map((line, i) => ({ ...line, down: [20_000, 2000][i] as number, up: 1000 }));
    expect(said(home, { lines: given, bond: { ...bond, mode: "balance-xor" } })).toMatch(
      /bond, one connection 1\d{3} to 1\d{4} \d+ bond, all/,
    );
    expect(said(home)).toMatch(/bond, one connection 11588 1400 bond, all/);
  });

  it("warnings, where there are any", () => {
    expect(said(guide)).toContain("Warnings ubuntu-14.04 uses static keys without forward secrecy");
    expect(withServer({ address: "8.8.8.8" })).not.toContain("Warnings");
  });

  it.each([
    ["home", home],
    ["guide-2017", guide],
    ["with four backups", { ...home, server: { ...home.server, backups: [1, 2, 3, 4].map((n) => `198.51.100.10${n}`) } }],
  ])("all of it in 100 columns: %s", (_, profile) => {
    for (const line of explain(makePlan(profile, "mine")).split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  });
});

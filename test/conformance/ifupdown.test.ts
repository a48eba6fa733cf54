import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { built, profilesOf } from "../support/builds";
import { debFolder } from "../support/debs";
import { run } from "../support/programs";
import { planned, serverText, temporaryFolder } from "../support/trees";

const PATH = "/etc/network/interfaces.d/bondbox.cfg";

/** What ifupdown itself reads out of a file: each option of the bond with its values in order. */
function ifquery(text: string, bond = "bond0"): Map<string, string[]> {
  const file = join(temporaryFolder(), "interfaces");
  writeFileSync(file, text);
  const { status, stdout, stderr } = run(join(debFolder("ifupdown"), "sbin/ifquery"), [`--interfaces=${file}`, bond]);
  if (status !== 0 || stderr !== "") throw new Error(`ifquery: ${stderr || `status ${status}`}`);
  const options = new Map<string, string[]>();
  for (const [, key = "", value = ""] of stdout.matchAll(/^(\S+): (.*)$/gm)) options.set(key, [...(options.get(key) ?? []), value]);
  return options;
}

/** The options of bonds that ifenslave's scripts read, in ifupdown's spelling. */
function bondOptions(): Set<string> {
  const folder = join(debFolder("ifenslave"), "etc/network/if-pre-up.d");
  const text = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
  return new Set([...text.join("").matchAll(/\bIF_(BOND_[A-Z_]+)/g)].map(([, name = ""]) => plain(name)));
}

/** interfaces(5): an option's name is made upper case and - becomes _. */
function plain(option: string): string {
  return option.toUpperCase().replaceAll("-", "_");
}

/** Options that would not reach the kernel, and comments that would become values. */
function faults(options: Map<string, string[]>): string[] {
  const known = bondOptions();
  const unknown = [...options.keys()].filter((key) => key.startsWith("bond-") && !known.has(plain(key)));
  const comments = [...options].filter(([, values]) => values.some((value) => value.includes("#"))).map(([key]) => key);
  return [...unknown.map((key) => `${key} is unknown`), ...comments.map((key) => `${key} holds a comment`)];
}

describe.each(profilesOf("ifupdown"))("interfaces of %s", (name) => {
  it("say what the plan says", () => {
    const { lines, tunnel, bond, lan, qos } = planned(name);
    const options = ifquery(serverText(built(name), PATH), bond.name);
    const one = (key: string) => options.get(key)?.join("\n");
    expect(one("address")).toBe(tunnel.serverAddress);
    expect(one("netmask")).toBe(tunnel.netmask);
    expect(one("mtu")).toBe(String(tunnel.mtu));
    expect(one("bond-mode")).toBe(bond.mode);
    expect(one("bond-xmit_hash_policy")).toBe(bond.hash ?? undefined);
    expect(one("bond-slaves")?.split(" ")).toEqual(lines.map(({ tap }) => tap));
    expect(one("bond-arp_interval")).toBe(String(bond.arpInterval));
    expect(one("bond-arp_ip_target")).toBe(tunnel.boxAddress);
    // Nothing is changed before it is known that the bond is ours.
    expect(options.get("pre-up")?.[0]).toContain(`grep -qx bondbox /sys/class/net/${bond.name}/ifalias`);
    expect(options.get("pre-up")?.[1]).toContain("bondbox-firewall start");
    expect(options.get("pre-up")?.filter((command) => command.includes("--mktun"))).toHaveLength(lines.length);
    expect(options.get("up")?.[0]).toBe(`ip link set dev ${bond.name} alias bondbox`);
    expect(options.get("up")?.[1]).toBe(`ip route replace ${lan.subnet} via ${tunnel.boxAddress} dev ${bond.name}`);
    for (const network of [lan.subnet, tunnel.subnet]) {
      expect(options.get("up")?.[2]).toContain(`ip rule add priority 50 to ${network} lookup main`);
      expect(options.get("down")?.[0]).toContain(`ip rule delete priority 50 to ${network} lookup main`);
    }
    expect(options.get("up")?.[3]).toContain(`net.ipv6.conf.${bond.name}.disable_ipv6=1`);
    expect(options.get("up")?.at(-1)).toContain("bondbox-watchdog");
    expect(options.get("down")?.at(-1)).toContain("bondbox-watchdog");
    expect(options.get("up")).toHaveLength(qos.enabled ? 6 : 5);
  });

  it("are brought up at boot, hold no stray comment, and ifenslave knows each option of the bond", () => {
    const text = serverText(built(name), PATH);
    const { name: bond } = planned(name).bond;
    expect(text).toMatch(new RegExp(`^auto ${bond}$`, "m"));
    expect(faults(ifquery(text, bond))).toEqual([]);
  });
});

test.each([
  ["a comment behind a value", "bond-mode balance-rr", "bond-mode balance-rr # all lines", "bond-mode holds a comment"],
  ["an option that ifenslave does not know", "bond-arp_interval", "bond-arp_intervall", "bond-arp_intervall is unknown"],
])("%s is found", (_, right, wrong, complaint) => {
  const text = serverText(built("guide-2017"), PATH);
  expect(text).toContain(right);
  expect(faults(ifquery(text.replace(right, wrong)))).toEqual([complaint]);
});

test("a stanza that ifupdown cannot read is found", () => {
  expect(() => ifquery("auto bond0\niface bond0 inet statik\n")).toThrow("unknown or no method");
});

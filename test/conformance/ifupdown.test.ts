import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { built, profilesOf } from "../support/builds";
import { debFolder } from "../support/debs";
import { inNamespace, run } from "../support/programs";
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
    expect(one("bond-primary")).toBe(bond.primary ?? undefined);
    expect(one("bond-slaves")?.split(" ")).toEqual(lines.map(({ tap }) => tap));
    expect(one("bond-arp_interval")).toBe(String(bond.arpInterval));
    expect(one("bond-arp_ip_target")).toBe(tunnel.boxAddress);
    // Nothing is changed before it is known that the bond is ours.
    expect(options.get("pre-up")?.[0]).toContain(`grep -qx bondbox /sys/class/net/${bond.name}/ifalias`);
    expect(options.get("pre-up")?.[1]).toContain("bondbox-firewall start");
    expect(options.get("pre-up")?.filter((command) => command.includes("--mktun"))).toHaveLength(lines.length);
    expect(options.get("up")?.[0]).toBe(`ip link set dev ${bond.name} alias bondbox`);
    const routes = lan.networks.map((network) => `ip route replace ${network} via ${tunnel.boxAddress} dev ${bond.name}`);
    expect(options.get("up")?.slice(1, 1 + routes.length)).toEqual(routes);
    expect(options.get("up")?.[1 + routes.length]).toContain(
      `for network in ${[tunnel.subnet, ...lan.networks].join(" ")}; do ip rule add`,
    );
    expect(options.get("up")?.[2 + routes.length]).toContain(`net.ipv6.conf.${bond.name}.disable_ipv6=1`);
    expect(options.get("up")?.at(-2)).toContain("bondbox-watchdog");
    expect(options.get("down")?.at(-1)).toContain("bondbox-watchdog");
    // The guard looks when all is there, and not any more when it goes.
    expect(options.get("up")?.at(-1)).toContain("bondbox-guard");
    expect(options.get("down")?.[0]).toContain("bondbox-guard");
    expect(options.get("up")).toHaveLength((qos.enabled ? 6 : 5) + (bond.primary === null ? 0 : 1) + routes.length);
  });

  it("lay rules for the networks behind the bond, and take away those that they laid, also where the networks have changed", () => {
    const { tunnel, bond, lan } = planned(name);
    const options = ifquery(serverText(built(name), PATH), bond.name);
    const up = options.get("up")?.find((command) => command.includes("ip rule")) ?? "";
    const down = options.get("down")?.find((command) => command.includes("ip rule")) ?? "";
    const script = `rules() { echo "$1"; ip -4 rule list priority 50 | sed 's/^50:[[:space:]]*//; s/ *$//'; }
# The machine's own, of the same priority, and one for the same network.
ip rule add priority 50 from 10.0.0.7 lookup main
ip rule add priority 50 to ${lan.subnet} lookup 77
sh -c "$1" && rules up
sh -c "$2" && rules down
sh -c "$2" && rules "down again"`;
    const own = ["from 10.0.0.7 lookup main", `from all to ${lan.subnet} lookup 77`];
    const ours = [tunnel.subnet, ...lan.networks].map((network) => `from all to ${network.replace("/32", "")} lookup main`);
    const { stdout, stderr } = inNamespace(script, [up, down]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual(["up", ...own, ...ours, "down", ...own, "down again", ...own]);
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

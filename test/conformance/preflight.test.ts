import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Plan } from "../../builder/plan/types";
import { profileNames } from "../support/builds";
import { wellServer, wellServerFiles } from "../support/preflight";
import { run } from "../support/programs";
import { judgedServer, shellFaults } from "../support/shell";
import { planned, temporaryFolder } from "../support/trees";

/** Layers over the machine's /etc and /usr, and a /sys/class that shows the namespace's interfaces and a maker of our choice. */
const LAYERS = `
mount -t tmpfs tmpfs /mnt; mount -t tmpfs tmpfs /run; mkdir /run/netns
for at in etc usr; do mkdir /mnt/$at /mnt/$at.work; mount -t overlay -o lowerdir=/$at,upperdir=/mnt/$at,workdir=/mnt/$at.work overlay /$at; done
mkdir -p /mnt/class/dmi/id; ln -s /sys/devices/virtual/net /mnt/class/net; mount --bind /mnt/class /sys/class
`;

interface Case {
  plan?: Plan;
  /** What is special about this server, as shell. */
  with?: string;
  args?: string;
  env?: Record<string, string>;
}

/** What is not well says how to mend it, on its line. */
const FINDING = /^(ok {4}\w+( \w+)?: \S.*|(note|FAIL) {2}\w+( \w+)?: \S.*\. Fix: \S.*)$/;

function preflight({ plan = planned("home"), with: special = "", args = "--quick", env = {} }: Case = {}) {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(wellServerFiles(plan))) writeFileSync(join(folder, name), content, { mode: 0o755 });
  const script = `set -eu\n${LAYERS}${wellServer}\n${special}\nset +e; bondbox-preflight ${args} 2>&1; echo "ends with $?"`;
  const { stdout, stderr } = run(
    "unshare",
    ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, "sh", folder],
    { env },
  );
  expect(stderr).toBe("");
  const lines = stdout.trimEnd().split("\n");
  for (const line of lines) if (/^(ok|note|FAIL)/.test(line)) expect(line).toMatch(FINDING);
  return lines;
}

describe("a server that is well", () => {
  it("has a line for each finding, none of them a fault but what this kernel lacks", () => {
    expect(preflight({ with: "tunnels; arrive 1194 1194 1196" })).toEqual([
      "ok    machine: no container",
      expect.stringMatching(/^(ok|note) {2,4}shaper: /),
      "ok    striper: earliest delivery",
      "ok    lane: listens",
      "ok    keys: set 1a2b-3c4d-5e6f, as the box must have",
      "ok    line ovh: packets that arrived on UDP 1194: 2",
      "ok    line orange: packets that arrived on UDP 1196: 1",
      "ok    firewall: our rules come first",
      "ok    address: 203.0.113.10 on eth0",
      "ok    routing: on",
      // The kernels of test/kernel have bonding.
      "FAIL  bond: no bond0. Fix: systemctl restart bondbox-bond",
      "ends with 1",
    ]);
  });

  it("without qos there is no shaper to look at", () => {
    const plan = planned("home");
    const said = preflight({ plan: { ...plan, qos: { ...plan.qos, enabled: false } } });
    expect(said.join("\n")).not.toContain("shaper");
  });
});

describe("machine", () => {
  const debian = "echo ID=debian >/mnt/os; mount --bind /mnt/os /etc/os-release; ";
  const noTun = "mount -t tmpfs tmpfs /dev/net; ";
  const lxc = "stub systemd-detect-virt 'echo lxc'; ";
  it.each<[string, Case, string]>([
    ["a container", { with: lxc }, "note  machine: a container (lxc). Fix: if the kernel fails below, rent a virtual machine"],
    [
      "a container without tun",
      { with: lxc + noTun },
      "FAIL  machine: a container (lxc) without /dev/net/tun. Fix: rent a virtual machine",
    ],
    [
      "a machine without tun",
      { with: debian + noTun },
      "FAIL  machine: without /dev/net/tun. Fix: apt-get install linux-image-amd64, reboot",
    ],
    [
      "a file in the place of tun",
      { with: `${debian + noTun}: >/dev/net/tun` },
      "FAIL  machine: without /dev/net/tun. Fix: apt-get install linux-image-amd64, reboot",
    ],
    [
      "a tun that does not open",
      { with: `${debian + noTun}mknod /dev/net/tun c 10 77` },
      "FAIL  machine: without /dev/net/tun. Fix: apt-get install linux-image-amd64, reboot",
    ],
  ])("%s", (_, server, finding) => {
    expect(preflight(server)[0]).toBe(finding);
  });
});

it("kernel: no namespaces, so no trial, and nothing is left", () => {
  const special = `cp /usr/bin/ip /mnt/ip; rm -f /usr/sbin/ip; stub ip '[ "$1 $2" != "netns add" ] || exit 1; exec /mnt/ip "$@"'
    mount -t tmpfs tmpfs /tmp`;
  const said = preflight({ with: special, args: "; ip netns list; ls -A /tmp; true" });
  expect(said[1]).toBe("FAIL  kernel: no network namespaces. Fix: rent a virtual machine");
  expect(said.slice(-2)).toEqual(["outside (id: 0)", "ends with 0"]);
});

describe("lines", () => {
  const nothing = [
    "note  line ovh: nothing has arrived on UDP 1194 yet. Fix: start the box; if it is running, open UDP 1194 in the provider's firewall (security group)",
    "note  line orange: nothing has arrived on UDP 1196 yet. Fix: start the box; if it is running, open UDP 1196 in the provider's firewall (security group)",
  ];
  const silent = (name: string, port: number) =>
    `note  line ${name}: nothing has arrived on UDP ${port}, only on others. Fix: check this line's modem; open UDP ${port} in the provider's firewall (security group)`;

  it.each<[string, Case, (string | RegExp)[]]>([
    ["nothing has arrived", { with: "tunnels" }, nothing],
    [
      "one line is silent",
      { with: "tunnels; arrive 1194 1194 1194" },
      ["ok    line ovh: packets that arrived on UDP 1194: 3", silent("orange", 1196)],
    ],
    ["the other is", { with: "tunnels; arrive 1196" }, [silent("ovh", 1194), "ok    line orange: packets that arrived on UDP 1196: 1"]],
    [
      "what did not come to the tunnels does not count",
      { with: "tunnels; arrive 53; ip netns exec outside bash -c ': </dev/tcp/203.0.113.10/1194' 2>/dev/null || :" },
      nothing,
    ],
    [
      "another program has the port",
      {
        with: `tunnel tap1 1196; arrive 1196; python3 -c 'import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("", 1194)); time.sleep(99)' &
          until ss -ulnH "sport = :1194" | grep -q .; do sleep 0.05; done`,
      },
      [
        /^FAIL {2}line ovh: python3 \(pid=\d+\) has taken UDP 1194\. Fix: stop it, or build with another tunnel\.firstPort$/,
        "ok    line orange: packets that arrived on UDP 1196: 1",
      ],
    ],
    [
      "another's openvpn has the port",
      { with: "tunnel tap7 1194; tunnel tap1 1196" },
      [/^FAIL {2}line ovh: openvpn \(pid=\d+\) has taken UDP 1194\. Fix: /, /^note {2}line orange: nothing has arrived/],
    ],
    [
      "a box with other keys",
      {
        with: `tunnels; arrive 1194; stub journalctl 'case "$*" in *@ovh*) echo "tls-crypt unwrap error: packet authentication failed" ;; esac'`,
      },
      [
        /^FAIL {2}line ovh: what arrives on UDP 1194 was made with other keys\. Fix: set up box and server from one build /,
        /^note {2}line orange: nothing has arrived/,
      ],
    ],
    [
      "a box with other keys, while a push is on trial",
      {
        with: `export OTHER_KEYS=note; tunnels; arrive 1194; stub journalctl 'case "$*" in *@ovh*) echo "tls-crypt unwrap error" ;; esac'`,
      },
      [/^note {2}line ovh: what arrives on UDP 1194 was made with other keys\. /, /^note {2}line orange: nothing has arrived/],
    ],
    [
      "tunnels that do not run",
      {},
      [
        "FAIL  line ovh: nothing listens on UDP 1194. Fix: systemctl restart bondbox-tunnel@ovh; journalctl -u bondbox-tunnel@ovh",
        "FAIL  line orange: nothing listens on UDP 1196. Fix: systemctl restart bondbox-tunnel@orange; journalctl -u bondbox-tunnel@orange",
      ],
    ],
  ])("%s", (_, server, findings) => {
    const said = preflight(server).filter((line) => /^\w+ +line /.test(line));
    expect(said).toEqual(findings.map((finding) => (typeof finding === "string" ? finding : expect.stringMatching(finding))));
  });
});

describe("firewall", () => {
  const first = "ok    firewall: our rules come first";
  it.each<[string, string, string[]]>([
    [
      "rules that another tool has taken away",
      "iptables -F; iptables -t nat -F PREROUTING",
      [
        "FAIL  firewall: our rules are missing in nat:PREROUTING filter:INPUT filter:OUTPUT filter:FORWARD. Fix: systemctl reload-or-restart bondbox-firewall",
      ],
    ],
    [
      "all rules gone",
      "bondbox-firewall stop",
      [
        "FAIL  firewall: our rules are missing in raw:PREROUTING raw:OUTPUT mangle:FORWARD mangle:POSTROUTING nat:PREROUTING nat:POSTROUTING filter:INPUT filter:OUTPUT filter:FORWARD. Fix: systemctl reload-or-restart bondbox-firewall",
      ],
    ],
    [
      "another's rules before ours",
      "iptables -I FORWARD -j ACCEPT",
      [
        "note  firewall: other rules come before ours in filter:FORWARD. Fix: if they drop our packets, bondbox-firewall stop; bondbox-firewall start",
      ],
    ],
    ["another's rules behind ours", "iptables -A INPUT -j DROP", [first]],
    ["rules of iptables-legacy that let through", "iptables-legacy -A INPUT -p tcp --dport 22 -j ACCEPT", [first]],
    ...["-P FORWARD DROP", "-A INPUT -j REJECT"].map((rule): [string, string, string[]] => [
      `rules of iptables-legacy: ${rule}`,
      `iptables-legacy ${rule}`,
      ["note  firewall: iptables-legacy has rules that drop. Fix: accept UDP 1194 1196 and bond0 there, too", first],
    ]),
    ["tables of iptables-legacy without a rule", "iptables-legacy -nL >/dev/null", [first]],
    ["ufw that is off", "mkdir -p /etc/ufw; echo ENABLED=no >/etc/ufw/ufw.conf", [first]],
  ])("%s", (_, special, findings) => {
    expect(preflight({ with: special }).filter((line) => line.includes(" firewall: "))).toEqual(findings);
  });
});

describe("another firewall, in nft, whatever has started it", () => {
  /** A table of the owner's: chains by name with hook, priority and policy, and their rules. */
  const table = (name: string, ...chains: [name: string, base: string, ...rules: string[]][]) =>
    `nft -f - <<'END'\n${[
      `table ${name} {`,
      ...chains.map(
        ([chain, base, ...rules]) => `chain ${chain} {\n${base === "" ? "" : `type filter hook ${base};\n`}${rules.join("\n")}\n}`,
      ),
      "}",
    ].join("\n")}\nEND\n`;
  const input = "input priority -10; policy drop";
  const usual = ["ct state established,related accept", 'iifname "lo" accept', "tcp dport 22 accept"];
  const found = (say: "FAIL" | "note", where: string, missing: string) =>
    `${say}  firewall: ${where} drops packets, and has no rule for ${missing}. Fix: accept them there, in that firewall's configuration`;
  const inMine = "inet mine in (input priority filter - 10; policy drop;)";

  it.each<[string, string, string[]]>([
    ["a policy", table("inet mine", ["in", input, ...usual]), [found("FAIL", inMine, "1194 1196")]],
    ["a port is forgotten", table("inet mine", ["in", input, "udp dport 1194 accept"]), [found("FAIL", inMine, "1196")]],
    ["another port begins alike", table("inet mine", ["in", input, "udp dport { 11940, 1196 } accept"]), [found("FAIL", inMine, "1194")]],
    ["both ports are let in", table("inet mine", ["in", input, ...usual, "udp dport { 1194, 1196 } accept"]), []],
    [
      "they are let in by another chain",
      table("inet mine", ["ours", "", "udp dport { 1194, 1196 } accept"], ["in", input, "jump ours"]),
      [],
    ],
    ["a range, which may hold them", table("inet mine", ["in", input, "udp dport 1000-2000 accept"]), [found("note", inMine, "1194 1196")]],
    [
      "what is forwarded",
      table("ip filter2", ["forward", "forward priority 5; policy drop", ...usual]),
      [found("FAIL", "ip filter2 forward (forward priority filter + 5; policy drop;)", "bond0")],
    ],
    [
      "the bond is let through",
      table("inet f", ["f", "forward priority 0; policy drop", 'iifname "bond0" accept', 'oifname "bond0" accept']),
      [],
    ],
    [
      "what is sent",
      table("inet mine", ["out", "output priority 0; policy drop", "tcp sport 22 accept"]),
      [found("FAIL", "inet mine out (output priority filter; policy drop;)", "1194 1196")],
    ],
    [
      "a rule at the end",
      table("inet mine", ["in", "input priority 0", ...usual, "counter drop"]),
      [found("note", "inet mine in (input priority filter; policy accept;)", "1194 1196")],
    ],
    [
      "rules about others, such as fail2ban's",
      table("inet f2b", [
        "in",
        "input priority -1",
        "tcp dport 22 ip saddr 198.51.100.7 reject",
        "ct state invalid drop",
        "udp dport 53 drop",
      ]),
      [],
    ],
    ["IPv6 alone", table("ip6 mine", ["in", input]), []],
    ["another hook", table("inet mine", ["pre", "prerouting priority 0; policy accept", "counter accept"]), []],
    [
      "two tables",
      table("inet mine", ["in", input]) + table("inet more", ["f", "forward priority 0; policy drop"]),
      [found("FAIL", inMine, "1194 1196"), found("FAIL", "inet more f (forward priority filter; policy drop;)", "bond0")],
    ],
  ])("%s", (_, special, findings) => {
    const said = preflight({ with: special }).filter((line) => line.includes(" firewall: "));
    expect(said[0]).toBe("ok    firewall: our rules come first");
    expect(said.slice(1).sort()).toEqual(findings.sort());
  });

  it("is what a packet meets: what is said to be dropped does not arrive, and what is not does", () => {
    for (const [special, line] of [
      [table("inet mine", ["in", input, ...usual]), /^note {2}line ovh: nothing has arrived/],
      [table("inet mine", ["in", input, "udp dport { 1194, 1196 } accept"]), /^ok {4}line ovh: packets that arrived on UDP 1194: 1$/],
    ] as const)
      expect(preflight({ with: `tunnels; ${special}\narrive 1194` }).find((text) => text.includes(" line ovh: "))).toMatch(line);
  });
});

describe("mtu", () => {
  const { outerSize } = planned("home").tunnel;
  const said = (mtu: number) => preflight({ with: `ip link set eth0 mtu ${mtu}` }).filter((line) => line.includes(" mtu: "));
  it("of the port to the internet is named where a tunnel's packets do not fit into it", () => {
    expect(outerSize).toBe(1492);
    expect(said(1460)).toEqual([
      "note  mtu: eth0 takes packets of 1460 bytes, but a tunnel's full ones have 1492: each is split in two. Fix: build box and server with server.mtu: 1460",
    ]);
    expect(said(1491)).toHaveLength(1);
    expect(said(1492)).toEqual([]);
  });
});

describe("address", () => {
  const plan = planned("home");
  const backups = { ...plan, server: { ...plan.server, backups: ["198.51.100.20", "198.51.100.21"] } };
  const unknown = (address: string) =>
    `note  address: ${address} on eth0 is not the profile's 203.0.113.10, and from here one cannot tell if that leads to it. Fix: build with the public address that the provider's console shows; for a floating one, ip address add 203.0.113.10/32 dev eth0, and in the network configuration`;
  it.each<[string, Case, string]>([
    ["the profile's on lo", { with: "other_address 10.0.0.5; ip address add 203.0.113.10/32 dev lo" }, "ok    address: 203.0.113.10 on lo"],
    ["a backup's", { plan: backups, with: "other_address 198.51.100.21" }, "ok    address: 198.51.100.21 on eth0"],
    ["another one, as behind a provider's NAT", { with: "other_address 10.0.0.5" }, unknown("10.0.0.5")],
    ["another server's", { with: "other_address 198.51.100.7" }, unknown("198.51.100.7")],
    [
      "another one, but the box finds it",
      { with: "other_address 203.0.113.77; tunnels; ip netns exec outside bash -c 'echo >/dev/udp/203.0.113.77/1194'" },
      "ok    address: 203.0.113.77 on eth0, and packets for the tunnels arrive",
    ],
    [
      "no default route",
      { with: "ip route delete default" },
      "FAIL  address: no default route. Fix: set the provider's gateway in the network configuration",
    ],
  ])("%s", (_, server, finding) => {
    const said = preflight(server);
    expect(said.filter((line) => line.includes(" address: "))).toEqual([finding]);
    // It went on to the end.
    expect(said.at(-2)).toMatch(/ bond: /);
  });
});

describe("routing", () => {
  const off = "FAIL  routing: ip_forward is off. Fix: systemctl restart systemd-sysctl; if that fails, grep -r ip_forward /etc/sysctl*";
  const strict = "note  routing: rp_filter is strict. Fix: with several uplinks, net.ipv4.conf.all.rp_filter=2 in /etc/sysctl.d";
  const set = (key: string, value: number) => `echo ${value} >/proc/sys/net/ipv4/${key}; `;
  it.each<[string, string, string[]]>([
    ["off", set("ip_forward", 0), [off]],
    ["strict", set("conf/all/rp_filter", 1), ["ok    routing: on", strict]],
    ["strict on the way out", set("conf/eth0/rp_filter", 1), ["ok    routing: on", strict]],
    ["strict elsewhere", set("conf/lo/rp_filter", 1), ["ok    routing: on"]],
    ["loose", set("conf/all/rp_filter", 2) + set("conf/eth0/rp_filter", 1), ["ok    routing: on"]],
  ])("%s", (_, special, findings) => {
    expect(preflight({ with: special }).filter((line) => line.includes(" routing: "))).toEqual(findings);
  });
});

it("tells what bondbox-guard has brought back, how often and when last", () => {
  const gone =
    "mkdir -p /run/bondbox/gone; echo 3 >/run/bondbox/gone/firewall; TZ=UTC touch -d '2026-11-29 10:20' /run/bondbox/gone/firewall";
  expect(preflight({ with: `export TZ=UTC; ${gone}` }).filter((line) => line.includes(" guard: "))).toEqual([
    "note  guard: firewall was gone 3 times, last 2026-11-29 10:20. Fix: find what takes it away: journalctl -t bondbox-guard",
  ]);
  expect(preflight({}).filter((line) => line.includes(" guard: "))).toEqual([]);
});

it("before install.sh nothing of ours is a fault", () => {
  expect(preflight({ with: "bondbox-firewall stop; rm /etc/bondbox/*" })).toEqual([
    "ok    machine: no container",
    expect.stringMatching(/shaper/),
    "note  keys: not set up yet. Fix: run install.sh",
    "note  line ovh: nothing listens on UDP 1194: not set up yet. Fix: run install.sh",
    "note  line orange: nothing listens on UDP 1196: not set up yet. Fix: run install.sh",
    "note  firewall: not set up yet. Fix: run install.sh",
    "ok    address: 203.0.113.10 on eth0",
    "ok    routing: on",
    "note  bond: no bond0: not set up yet. Fix: run install.sh",
    "ends with 0",
  ]);
});

it.each([
  ["a word that it does not know", { args: "--help" }, ["usage: bondbox-preflight [--quick]", "ends with 64"]],
  [
    "a user",
    { with: 'setpriv --reuid 65534 --clear-groups bondbox-preflight 2>&1 || echo "ends with $?"; exit' },
    ["only root may do this: sudo bondbox-preflight", "ends with 1"],
  ],
])("%s is told how", (_, server: Case, said) => {
  expect(preflight(server)).toEqual(said);
});

it.each(profileNames)("%s: satisfies dash and shellcheck", (name) => {
  const scripts = judgedServer(planned(name), temporaryFolder()).filter((file) => file.endsWith("/bondbox-preflight"));
  expect(scripts).toHaveLength(planned(name).server.systemd ? 1 : 0);
  expect(shellFaults(scripts)).toBe("");
});

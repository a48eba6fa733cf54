import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import type { Plan } from "../../builder/plan/types";
import { built } from "../support/builds";
import { runAside } from "../support/programs";
import { samples } from "../support/samples";
import { layServer, planned, temporaryFolder } from "../support/trees";

/** Without root, a user namespace gives the same. */
const rootless = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];

/**
 * Starts every tunnel of both halves with the real openvpn between two namespaces, joined by a third that holds the modems'
 * addresses, sends full packets through each, and says for each tunnel whether they came through, and by which modem.
 * @param server that /run/bondbox/server names; undefined: none.
 * @param change to the files before anything starts, as shell.
 * @param later what happens then, as shell; "carries SECONDS" says whether the first tunnel carries again within them.
 */
function script(
  plan: Plan,
  { box, srv, server, change = "", later = "" }: { box: string; srv: string; server?: string | undefined; change?: string; later?: string },
): string {
  const { lan, lines, tunnel } = plan;
  const patience = change === "" ? 30 : 8;
  const address = server ?? plan.server.address;
  const conf = plan.server.systemd ? "/etc/openvpn/bondbox" : "/etc/openvpn";
  const inner = (i: number): [box: string, server: string] => [`10.200.${i}.1`, `10.200.${i}.2`];
  // All at once: a handshake that meets no server yet is tried again a second later.
  const starts = lines.map(({ name, tap }, i) => {
    const [a, b] = inner(i);
    return `
ip -n box tuntap add dev ${tap} mode tap; ip -n box link set ${tap} mtu ${tunnel.mtu} up; ip -n box address add ${a}/24 dev ${tap}
ip -n srv tuntap add dev ${tap} mode tap; ip -n srv link set ${tap} mtu ${tunnel.mtu} up; ip -n srv address add ${b}/24 dev ${tap}
on srv openvpn --cd /etc/openvpn --config ${conf}/${name}.conf >/run/srv-${name}.log 2>&1 &
on box sh ${box}/usr/local/sbin/bondbox-tunnel ${name} >/run/box-${name}.log 2>&1 &`;
  });
  const checks = lines.map(({ name, mark }, i) => {
    const [, b] = inner(i);
    return `
check() {
  echo "${name} ping $(for packet in 1 2 3 4 5; do ip netns exec box ping -q -c 1 -i 60 -w 30 -M do -s $((${tunnel.mtu} - 28)) ${b}; done | grep -c ' 1 received') received"
  echo "${name} route $(ip -n box route get ${address} mark ${mark} | grep -o 'via [0-9.]*')"
  # The log names it up to a second after the first packets.
  for _ in $(seq 50); do grep -q "Data Channel: cipher\\|Outgoing Static Key" /run/box-${name}.log && break; sleep 0.1; done
  echo "${name} cipher" $(sed -En "s/.*(Data Channel: c|Outgoing Static Key Encryption: C)ipher '([^']*)'.*/\\2/p" /run/box-${name}.log | sort -u)
}
n=0; until ip netns exec box ping -q -c 1 -w 1 ${b} >/dev/null || [ $((n = n + 1)) -gt ${patience} ]; do :; done
check`;
  });
  return `
set -u
n=0
mount -t tmpfs tmpfs /run; mkdir -p /run/netns /run/bondbox
mount -t tmpfs tmpfs /var/log
export BONDBOX_NETWORK_CONF=${box}/etc/bondbox/network.conf
# Both halves have files of the same names: each sees its own.
for half in box srv; do mkdir /run/$half; mkdir /run/$half/run; done
cp -r ${box}/etc/openvpn /run/box/etc; cp -r ${srv}/etc/openvpn /run/srv/etc
# Every word of the log counts.
sed -i '/^mute /d' /run/box/etc/bondbox/*.conf
on() { # half, command
  ip netns exec "$1" unshare --mount sh -c 'mount --bind /run/$0/etc /etc/openvpn; mount --bind /run/$0/run /run/bondbox; exec "$@"' "$@"
}
${change}
for ns in box mid srv; do ip netns add $ns; ip -n $ns link set lo up; done
ip link add ${lan.interface} netns box type veth peer name lan netns mid
ip link add wan netns mid type veth peer name eth0 netns srv
ip -n mid link set lan up; ip -n mid link set wan up; ip -n srv link set eth0 up
${lines.map(({ modem }) => `ip -n mid address add ${modem}/${lan.prefix} dev lan`).join("\n")}
ip -n srv address add ${address}/32 dev eth0; ip -n srv route add 169.254.1.1 dev eth0; ip -n srv route add default via 169.254.1.1
ip -n mid address add 169.254.1.1/32 dev wan; ip -n mid route add ${address} dev wan
ip netns exec mid sysctl -qw net.ipv4.ip_forward=1
${server === undefined ? "" : `echo ${server} >/run/box/run/server`}
ip netns exec box sh ${box}/usr/local/sbin/bondbox-network start || exit 1
${starts.join("\n")}
${checks.join("\n")}
carries() { # seconds; whether the first line's tunnel carries within them
  end=$(($(date +%s) + $1))
  until ip netns exec box ping -q -c 1 -W 1 10.200.0.2 >/dev/null; do [ "$(date +%s)" -lt "$end" ] || { echo no; return; }; done
  echo yes
}
${later}
grep -hE 'WARNING|Options error|fatal|Cannot' /run/*.log $(find /var/log -name 'ovpn-*.log') | sort | uniq -c >&2
cat /run/*.log >&2
echo done`;
}

/** What OpenVPN's own log must name. */
function cipherOf({ tunnel: { tls, staticKey } }: Plan): string | undefined {
  const aes = /^(Features|flags)\s*:.*\baes\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
  return staticKey?.cipher ?? tls?.cipher ?? (aes ? "AES-256-GCM" : "CHACHA20-POLY1305");
}

/** Runs both halves of a profile. @returns what was found, by line. */
async function tried(
  name: string,
  { server, ...more }: { server?: string; change?: string; later?: string } = {},
): Promise<{ found: string[]; log: string }> {
  const plan = planned(name);
  const sources = {
    box: built(name).box,
    srv: layServer(built(name), temporaryFolder()),
    server,
    ...more,
  };
  const apart = [...rootless, "--mount", "--net", "--pid", "--fork", "--kill-child", "sh"];
  const { stdout, stderr } = await runAside("unshare", apart, { input: script(plan, sources), timeout: 170_000 });
  return { found: stdout.trim().split("\n"), log: stderr };
}

/** All is well. */
function expected(name: string): string[] {
  const plan = planned(name);
  const ofLines = plan.lines.flatMap(({ name: line, modem }) => [
    `${line} ping 5 received`,
    `${line} route via ${modem}`,
    `${line} cipher ${cipherOf(plan)}`,
  ]);
  return [...ofLines, "done"];
}

// They mostly wait, and each has networks of its own.
describe.concurrent.each(samples)("%s", (name) => {
  it("openvpn starts every pair and carries full packets by the line's own modem", { timeout: 180_000 }, async ({ expect }) => {
    const { found, log } = await tried(name);
    expect(found, log).toEqual(expected(name));
    expect(log).not.toMatch(/Options error|fatal/);
  });
});

test("the server that bondbox-failover has chosen is the one that is called", { timeout: 180_000 }, async () => {
  const [backup = ""] = planned("backups").server.backups;
  const { found, log } = await tried("backups", { server: backup });
  expect(found, log).toEqual(expected("backups"));
});

/** The modem's public address from now on; it forgets its connections. */
const becomes = (address: string): string =>
  `ip netns exec mid sh -c 'iptables -t nat -F; iptables -t nat -A POSTROUTING -o wan -j SNAT --to-source ${address}; conntrack -F'`;

// Both ends would otherwise wait for a silence of 60 s.
describe.concurrent.each(["home", "ubuntu-22-04", "guide-2017"])("the first tunnel of %s", (name) => {
  it("carries again with the next packet from another address", { timeout: 180_000 }, async ({ expect }) => {
    const { found, log } = await tried(name, { later: `${becomes("198.51.100.77")}; carries 2; ${becomes("198.51.100.78")}; carries 2` });
    expect(found, log).toEqual([...expected(name).slice(0, -1), "yes", "yes", "done"]);
  });
});

test("a box that still has a whole tls-crypt key gets through: OpenVPN uses half of it", { timeout: 180_000 }, async () => {
  const whole = join(built("home").folder, "../secrets/home");
  const { found, log } = await tried("home", {
    change: `for line in ovh orange; do cp ${whole}/tls-crypt.key /run/box/etc/bondbox/$line.crypt.key; done`,
  });
  expect(found, log).toEqual(expected("home"));
});

describe.concurrent("a tunnel does not come about", () => {
  const half = "/run/box/etc/bondbox";

  it.each([
    ["with another tunnel's certificate, known by fingerprint", "home", `cp ${half}/orange.key ${half}/ovh.key`, "ovh"],
    ["with another tunnel's certificate, known as a whole", "ubuntu-22-04", `cp ${half}/orange.key ${half}/ovh.key`, "ovh"],
    ["with another key for tls-crypt", "home", `openvpn --genkey secret ${half}/ovh.crypt.key`, "ovh"],
    ["to a server with another certificate", "home", "cp /run/srv/etc/bondbox/ovh.key /run/srv/etc/bondbox/orange.key", "orange"],
    ["with another static key", "guide-2017", `cp ${half}/orange.key ${half}/ovh.key`, "ovh"],
  ])("%s", { timeout: 180_000 }, async (_, name, change, line) => {
    const { found, log } = await tried(name, { change });
    expect(found.filter((text) => text.includes("ping")).sort(), log).toEqual(
      planned(name)
        .lines.map((one) => `${one.name} ping ${one.name === line ? 0 : 5} received`)
        .sort(),
    );
  });
});

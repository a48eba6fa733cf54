import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { built, planOf, profileNames } from "../support/builds";

interface Plan {
  lan: { address: string; prefix: number; interface: string; subnet: string };
  lines: { name: string; tap: string; modem: string; mark: number }[];
  server: { address: string };
  tunnel: { mtu: number };
}

/** Without root, a user namespace gives the same. */
const rootless = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];

/** The server's files as a tree. */
function serverTree(name: string, folder: string): void {
  for (const [path, { mode, content }] of built(name).server) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode: Number.parseInt(mode, 8) });
  }
}

/**
 * Starts every tunnel of both halves with the real openvpn between two namespaces, joined by a third that holds the modems'
 * addresses, sends full packets through each, and says for each tunnel whether they came through, and by which modem.
 */
function script({ lan, lines, server, tunnel }: Plan, { box, srv }: { box: string; srv: string }): string {
  const inner = lines.map(({ name, tap, mark }, i) => {
    const [a, b] = [`10.200.${i}.1`, `10.200.${i}.2`];
    return `
ip -n box tuntap add dev ${tap} mode tap; ip -n box link set ${tap} mtu ${tunnel.mtu} up; ip -n box address add ${a}/24 dev ${tap}
ip -n srv tuntap add dev ${tap} mode tap; ip -n srv link set ${tap} mtu ${tunnel.mtu} up; ip -n srv address add ${b}/24 dev ${tap}
ip netns exec box openvpn --config /etc/openvpn/bondbox/${name}.conf >/run/box-${name}.log 2>&1 &
ip netns exec srv openvpn --cd /etc/openvpn --config /etc/openvpn/${name}.conf >/run/srv-${name}.log 2>&1 &
check() {
  echo "${name} ping $(ip netns exec box ping -q -c 5 -i 0.2 -W 2 -M do -s $((${tunnel.mtu} - 28)) ${b} | grep -o '[0-9]* received')"
  echo "${name} route $(ip -n box route get ${server.address} mark ${mark} | grep -o 'via [0-9.]*')"
}
until ip netns exec box ping -q -c 1 -w 1 ${b} >/dev/null || [ $((n = n + 1)) -gt 30 ]; do :; done
check`;
  });
  return `
set -u
n=0
mount -t tmpfs tmpfs /run; mkdir -p /run/netns /run/bondbox
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs /etc/openvpn; mkdir /etc/openvpn/bondbox
cp ${box}/etc/openvpn/bondbox/* /etc/openvpn/bondbox/; cp ${srv}/etc/openvpn/* /etc/openvpn/
for ns in box mid srv; do ip netns add $ns; ip -n $ns link set lo up; done
ip link add ${lan.interface} netns box type veth peer name lan netns mid
ip link add wan netns mid type veth peer name eth0 netns srv
ip -n mid link set lan up; ip -n mid link set wan up; ip -n srv link set eth0 up
${lines.map(({ modem }) => `ip -n mid address add ${modem}/${lan.prefix} dev lan`).join("\n")}
ip -n srv address add ${server.address}/32 dev eth0; ip -n srv route add 169.254.1.1 dev eth0; ip -n srv route add default via 169.254.1.1
ip -n mid address add 169.254.1.1/32 dev wan; ip -n mid route add ${server.address} dev wan
ip netns exec mid sysctl -qw net.ipv4.ip_forward=1
ip netns exec box sh ${box}/usr/local/sbin/bondbox-network start || exit 1
${inner.join("\n")}
grep -hE 'WARNING|Options error|fatal|Cannot' /run/*.log /var/log/ovpn-*.log | sort | uniq -c >&2
echo done`;
}

describe.each(profileNames)("%s", (name) => {
  it("openvpn starts every pair and carries full packets by the line's own modem", { timeout: 180_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "bondbox-openvpn-"));
    try {
      const plan = planOf(name) as unknown as Plan;
      serverTree(name, folder);
      const { stdout, stderr } = spawnSync("unshare", [...rootless, "--mount", "--net", "--pid", "--fork", "--kill-child", "sh"], {
        input: script(plan, { box: built(name).box, srv: folder }),
        encoding: "utf8",
        timeout: 170_000,
      });
      const expected = plan.lines.flatMap(({ name, modem }) => [`${name} ping 5 received`, `${name} route via ${modem}`]);
      expect(stdout.trim().split("\n"), stderr).toEqual([...expected, "done"]);
      expect(stderr).not.toMatch(/Options error|fatal/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

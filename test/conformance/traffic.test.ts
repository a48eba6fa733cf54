import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { built } from "../support/builds";
import { inNamespace } from "../support/programs";
import { layServer, planned, temporaryFolder } from "../support/trees";

const world = readFileSync(join(import.meta.dirname, "world.sh"), "utf8");

/**
 * What both halves' rules do to traffic between namespaces.
 * @param name the profile.
 * @param script what is asked; each answer has a title.
 * @returns answers by title.
 */
function answers(name: string, script: string, networks = planned(name).lan.networks): Record<string, string> {
  const server = layServer(built(name), temporaryFolder());
  const whole = `${world}\n${script}`;
  const { status, stdout, stderr } = inNamespace(whole, [built(name).box, server, networks.join(" ")]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const rows = stdout.trim().split("\n");
  return Object.fromEntries(rows.map((row) => [row.slice(0, row.indexOf(": ")), row.slice(row.indexOf(": ") + 2).trim()]));
}

describe("forwards of ranges", () => {
  it("reach the LAN host, each port of its own, also from the LAN, and what the kernel remembers of them is forgotten", () => {
    const said = answers(
      "bypass-forwards",
      `answer host udp:10000 udp:15000 udp:20000 udp:20001 tcp:4074 udp:4077 tcp:4079 tcp:4080
      for port in 10000 15000 20000 20001; do ask "udp $port" inet udp 203.0.113.10 $port; done
      ask "tcp 10000" inet tcp 203.0.113.10 10000
      for port in 3074 3079 3080; do ask "tcp $port" inet tcp 203.0.113.10 $port; done
      ask "udp 3077" inet udp 203.0.113.10 3077
      ask "udp 3077 from the LAN" host udp 203.0.113.10 3077
      ask "udp 15000 from the LAN" host udp 203.0.113.10 15000
      # Flows that began before the rules were there, at both ends of the range and outside of it.
      # The kernel only remembers flows while a rule asks for it.
      on srv iptables -A INPUT -m conntrack --ctstate NEW
      on srv "$2/usr/local/sbin/bondbox-firewall" stop
      for port in 9999 10000 20000 20001; do on inet python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('198.51.100.1', $port)); s.sendto(b'?', ('203.0.113.10', $port))"; done
      remembered() { on srv conntrack -L -p udp 2>/dev/null | sed -n 's/.* sport=\\([0-9]*\\) dport=\\1 .*198.51.100.1 .*/\\1/p' | sort -u | tr '\\n' ' '; }
      echo "before: $(remembered)"
      on srv "$2/usr/local/sbin/bondbox-firewall" start
      echo "after: $(remembered)"`,
    );
    expect(said).toEqual({
      "udp 10000": "203.0.113.1 at 10000",
      "udp 15000": "203.0.113.1 at 15000",
      "udp 20000": "203.0.113.1 at 20000",
      "udp 20001": expect.stringContaining("nothing: "),
      "tcp 10000": expect.stringContaining("nothing: "),
      "tcp 3074": "203.0.113.1 at 4074",
      "tcp 3079": "203.0.113.1 at 4079",
      "tcp 3080": expect.stringContaining("nothing: "),
      "udp 3077": "203.0.113.1 at 4077",
      "udp 3077 from the LAN": "172.16.16.1 at 4077",
      "udp 15000 from the LAN": "172.16.16.1 at 15000",
      before: "10000 20000 20001 9999",
      after: "20001 9999",
    });
  });
});

describe("a server in a cloud, whose public address is not on its port", () => {
  it("leads out, and takes forwards by that address, also from the LAN", () => {
    const said = answers(
      "machines",
      `answer inet tcp:80
      answer host tcp:80
      at_home plain 192.168.1.14
      # The provider translates, and the machine never sees its public address.
      ip -n srv address delete 203.0.113.10/24 dev eth0
      ip -n srv address add 10.9.0.2/24 dev eth0
      ip -n srv route add default via 10.9.0.1
      ip -n inet address add 10.9.0.1/24 dev s
      for chain in PREROUTING OUTPUT; do on inet iptables -t nat -A $chain -d 203.0.113.10 -j DNAT --to-destination 10.9.0.2; done
      on inet iptables -t nat -A INPUT -s 10.9.0.2 -j SNAT --to-source 203.0.113.10
      ask "to the internet" plain tcp 198.51.100.1 80
      ask "forward" inet tcp 203.0.113.10 8080
      ask "forward from the LAN" plain tcp 203.0.113.10 8080
      ask "no forward, from the LAN" plain tcp 203.0.113.10 8082`,
    );
    expect(said).toEqual({
      "to the internet": "203.0.113.10 at 80",
      forward: "203.0.113.1 at 80",
      "forward from the LAN": "172.16.16.1 at 80",
      "no forward, from the LAN": expect.stringContaining("nothing: "),
    });
  });
});

describe("a machine with a line of its own", () => {
  it("leaves by that line, by address and by MAC address, also where that is dead; what is forwarded to it still answers", () => {
    const said = answers(
      "machines",
      `answer inet tcp:80
      answer host tcp:80
      at_home other 192.168.1.13 02:00:00:00:00:13
      at_home plain 192.168.1.14
      ask "by address" host tcp 198.51.100.1 80
      ask "by MAC address" other tcp 198.51.100.1 80
      ask "another machine" plain tcp 198.51.100.1 80
      ask "forward" inet tcp 203.0.113.10 8080
      ask "forward from the LAN" plain tcp 203.0.113.10 8080
      ip -n modb link set dev lan0 down
      ask "dead line" host tcp 198.51.100.1 80`,
    );
    expect(said).toEqual({
      "by address": "100.64.2.2 at 80",
      "by MAC address": "100.64.1.2 at 80",
      "another machine": "203.0.113.10 at 80",
      forward: "203.0.113.1 at 80",
      "forward from the LAN": "172.16.16.1 at 80",
      "dead line": expect.stringContaining("nothing: "),
    });
  });
});

describe("a private network of the server that the profile names", () => {
  it("is open to the LAN, and another next to it is not", () => {
    const said = answers(
      "ssh-firewall",
      `answer srv tcp:90
      # A network each, with the server and one machine in it.
      for third in 98 99; do
        machine "near$third" 0
        wire srv "priv$third" "near$third" eth0
        ip -n srv address add "10.$third.0.1/24" dev "priv$third"
        ip -n "near$third" address add "10.$third.0.7/24" dev eth0
        ip -n "near$third" route add default via "10.$third.0.1"
        answer "near$third" tcp:80
        ask "10.$third.0.7 by the server" srv tcp "10.$third.0.7" 80
        ask "10.$third.0.1 by its neighbour" "near$third" tcp "10.$third.0.1" 90
        ask "10.$third.0.7" host tcp "10.$third.0.7" 80
        ask "10.$third.0.1" host tcp "10.$third.0.1" 90
      done`,
    );
    expect(planned("ssh-firewall").firewall.reach).toEqual(["10.99.0.0/24"]);
    expect(said).toEqual({
      "10.98.0.7 by the server": "10.98.0.1 at 80",
      "10.98.0.1 by its neighbour": "10.98.0.7 at 90",
      "10.98.0.7": expect.stringContaining("refused"),
      "10.98.0.1": expect.stringContaining("refused"),
      "10.99.0.7 by the server": "10.99.0.1 at 80",
      "10.99.0.1 by its neighbour": "10.99.0.7 at 90",
      "10.99.0.7": "10.99.0.1 at 80",
      "10.99.0.1": "192.168.1.12 at 90",
    });
  });
});

describe("a network behind a router of the LAN", () => {
  it("uses the bond, takes forwards, may bypass, is reached from the LAN, and reaches nothing of the server's own", () => {
    const said = answers(
      "machines",
      `answer inet tcp:80
      answer host tcp:80
      answer deep tcp:80
      # The kernel of a server may insist that each sender is where its route leads (rp_filter).
      for key in all default eth0 bond0; do on srv sysctl -q -w net.ipv4.conf.$key.rp_filter=1; done
      ip -n srv address add 10.0.3.7/24 dev eth0
      on srv iptables -A INPUT -p tcp -d 10.0.3.7 -j ACCEPT
      answer srv tcp:90
      at_home plain 192.168.1.14
      ask "to the internet" deep tcp 198.51.100.1 80
      ask "forward" inet tcp 203.0.113.10 8081
      ask "forward from the LAN" plain tcp 203.0.113.10 8081
      ask "forward from behind the router" deep tcp 203.0.113.10 8080
      ask "from the LAN" plain tcp 192.168.50.9 80
      ask "to the LAN" deep tcp 192.168.1.12 80
      ask "to the other end of the bond" deep tcp 172.16.16.1 90
      ask "to the server's private network" deep tcp 10.0.3.7 90
      ip -n deep address delete 192.168.50.9/24 dev eth0
      ip -n deep address add 192.168.50.8/24 dev eth0
      ip -n deep route replace default via 192.168.50.1
      ask "bypass" deep tcp 198.51.100.1 80
      ask "bypass to the LAN" deep tcp 192.168.1.12 80`,
    );
    expect(said).toEqual({
      "to the internet": "203.0.113.10 at 80",
      forward: "203.0.113.1 at 80",
      "forward from the LAN": "172.16.16.1 at 80",
      "forward from behind the router": "172.16.16.1 at 80",
      "from the LAN": "192.168.1.14 at 80",
      "to the LAN": "192.168.50.9 at 80",
      "to the other end of the bond": "192.168.50.9 at 90",
      "to the server's private network": expect.stringContaining("refused"),
      bypass: "100.64.1.2 at 80",
      "bypass to the LAN": "192.168.50.8 at 80",
    });
  });

  it("has no route any more when the profile does not name it; a route of the owner's stays", () => {
    const said = answers(
      "machines",
      `routes() { echo "$1: $(ip -n box -4 route show dev eth0 | grep -v 'proto kernel' | sort | tr -s ' \\n' ' ')"; }
      ip -n box route add 192.0.2.0/24 via 192.168.1.3
      ip -n box route add 192.0.2.77/32 via 192.168.1.3 proto 98
      routes "of an earlier profile"
      start() { on box env BONDBOX_NETWORK_CONF=/mnt/network.conf "$1/usr/local/sbin/bondbox-network" "$2"; }
      cp "$1/etc/bondbox/network.conf" /mnt/network.conf
      start "$1" start
      routes "again"
      sed -i 's,192.168.50.0/24,192.168.50.9/32,; /10.50.0.0/d' /mnt/network.conf
      start "$1" start
      routes "changed"
      start "$1" start
      routes "changed, again"
      start "$1" stop
      routes "stopped"`,
    );
    const [own, lab] = ["192.0.2.0/24 via 192.168.1.3", "10.50.0.0/16 via 192.168.1.4 proto 98"];
    const lan = "192.168.50.0/24 via 192.168.1.3 proto 98";
    const one = "192.168.50.9 via 192.168.1.3 proto 98";
    expect(said).toEqual({
      "of an earlier profile": `${lab} ${own} 192.0.2.77 via 192.168.1.3 proto 98 ${lan}`,
      again: `${lab} ${own} ${lan}`,
      changed: `${own} ${one}`,
      "changed, again": `${own} ${one}`,
      stopped: own,
    });
  });
});

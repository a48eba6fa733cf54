import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { built } from "../support/builds";
import { inNamespace } from "../support/programs";
import { layServer, temporaryFolder } from "../support/trees";

const world = readFileSync(join(import.meta.dirname, "world.sh"), "utf8");

/**
 * What both halves' rules do to traffic between namespaces.
 * @param name the profile.
 * @param script what is asked; each answer has a title.
 * @returns answers by title.
 */
function answers(name: string, script: string, networks = ["192.168.1.0/24"]): Record<string, string> {
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

describe("a machine with a line of its own", () => {
  it("leaves by that line, by address and by MAC address, also where that is dead; what is forwarded to it still answers", () => {
    const said = answers(
      "machines",
      `answer inet tcp:80
      answer host tcp:80
      ip netns add other
      plug other eth0 192.168.1.13
      ip -n other link set dev eth0 address 02:00:00:00:00:13
      ip -n other route add default via 192.168.1.2
      ip netns add plain
      plug plain eth0 192.168.1.14
      ip -n plain route add default via 192.168.1.2
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

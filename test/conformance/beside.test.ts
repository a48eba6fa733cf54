import { describe, expect, it } from "vitest";
import { built } from "../support/builds";
import { debFolder } from "../support/debs";
import { inNamespace } from "../support/programs";
import { layServer, temporaryFolder } from "../support/trees";

/** What Docker of Debian 12 leaves in the tables, with one container that publishes port 8080. */
const docker = `*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
`;

/** A server with the real ufw, on, and Docker's rules: its tables before bondbox, with it, after ufw started anew, and without it again. */
function tables(): Record<string, string[]> {
  const script = `
    for at in etc usr; do mkdir "/mnt/$at" "/mnt/$at/up" "/mnt/$at/work"; done
    cp -r "$1/lib" /mnt/usr/up/
    for at in etc usr; do
      mount -t overlay overlay -o "lowerdir=$1/$at:/$at,upperdir=/mnt/$at/up,workdir=/mnt/$at/work" "/$at"
    done
    cp -r "$2/etc/bondbox" /etc/
    # As its package's own script does.
    cp /usr/share/ufw/iptables/*.rules /etc/ufw/
    echo ENABLED=no >/etc/ufw/ufw.conf
    save() { echo "== $1"; iptables-save | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]$//'; }
    { ufw allow 22/tcp && ufw --force enable; } >/dev/null
    # The table that ufw and Docker leave alone is there, so that before and after can be compared.
    iptables -t raw -A PREROUTING -s 192.0.2.1 -j ACCEPT
    cat >/mnt/docker
    iptables-restore --noflush </mnt/docker
    save before
    "$2/usr/local/sbin/bondbox-firewall" start
    save with
    { ufw reload && ufw disable && ufw --force enable; } >/dev/null
    save anew
    "$2/usr/local/sbin/bondbox-firewall" start
    save again
    "$2/usr/local/sbin/bondbox-firewall" stop
    save after`;
  const server = layServer(built("home"), temporaryFolder());
  const { status, stdout, stderr } = inNamespace(script, [debFolder("ufw"), server], { input: docker });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return Object.fromEntries(
    stdout
      .split(/^== /m)
      .slice(1)
      .map((part) => [part.split("\n")[0], part.trim().split("\n").slice(1)]),
  );
}

const first = (rows: string[] = [], chain: string): string | undefined => rows.find((row) => row.startsWith(`-A ${chain} `));

describe("a server with ufw and Docker", { timeout: 120_000 }, () => {
  it("keeps their rules, and bondbox's come first, also after ufw started anew", () => {
    const { before = [], with: along = [], anew = [], again = [], after = [] } = tables();
    expect(before.filter((row) => /ufw-|DOCKER/.test(row)).length).toBeGreaterThan(50);
    expect(along.filter((row) => !row.includes("BONDBOX-")).sort()).toEqual([...before].sort());
    for (const rows of [along, anew, again]) {
      expect(first(rows, "INPUT")).toBe("-A INPUT -j BONDBOX-INPUT");
      expect(first(rows, "FORWARD")).toBe("-A FORWARD -j BONDBOX-FORWARD");
    }
    expect([...again].sort()).toEqual([...along].sort());
    expect([...after].sort()).toEqual([...before].sort());
  });
});

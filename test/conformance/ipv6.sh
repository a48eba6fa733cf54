# A LAN whose modem is an IPv6 router, with the box's half of a build: what a client gets, reaches and sends past the bond.
# $1: block or tunnel, $2: the box's files, $3: the server's, $4: radvd.
set -u
box=$2 server=$3 radvd=$4
host=2001:db8:f::2
. "${0%/*}/steps.sh"

# --- switch, client, box and modem; behind the modem a host ---
mkdir -p /run/netns
for ns in switch client box modem host thread; do ip netns add $ns; ip -n $ns link set lo up; done
ip -n switch link add br0 type bridge; ip -n switch link set br0 up
for ns in client box modem thread; do wire switch to-$ns $ns eth0; ip -n switch link set to-$ns master br0; done
wire modem wan host eth0
at switch sysctl -qw net.ipv6.conf.all.disable_ipv6=1
at modem sysctl -qw net.ipv6.conf.all.forwarding=1
ip -n modem address add 2001:db8:a::1/64 dev eth0 nodad; ip -n modem address add 2001:db8:f::1/64 dev wan nodad
ip -n host address add $host/64 dev eth0 nodad; ip -n host route add default via 2001:db8:f::1
cat >/run/radvd.conf <<END
interface eth0 {
  AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 1800; AdvManagedFlag on; AdvLinkMTU 1492;
  prefix 2001:db8:a::/64 { AdvPreferredLifetime 14400; AdvValidLifetime 86400; };
  route 2001:db8:b::/48 { AdvRouteLifetime 1800; };
  RDNSS 2001:db8:a::1 { AdvRDNSSLifetime 1800; };
  DNSSL example.net { AdvDNSSLLifetime 1800; };
};
END
# Counts what the LAN sends out by the modem.
at modem ip6tables -A FORWARD -i eth0 -o wan
leaked() { at modem ip6tables -nvxL FORWARD | awk 'NR == 3 { print $1 }'; }
# And what the client sends to the host.
at client ip6tables -A OUTPUT -o eth0 -d $host
sent() { at client ip6tables -nvxL OUTPUT | awk 'NR == 3 { print $1 }'; }
at host /usr/bin/python3 -m http.server --bind :: 80 >/dev/null 2>&1 &

# --- each half's own files, where "ip netns exec" lays them over /etc ---
mkdir -p /etc/bondbox /etc/netns/box /etc/netns/server
cp -a "$box/etc/bondbox" /etc/netns/box/; cp -a "$server/etc/bondbox" /etc/netns/server/
at box sysctl -qp "$box/etc/sysctl.d/60-bondbox.conf"
network() { at box sh "$box/usr/local/sbin/bondbox-network" start; }
# With the one power that its unit leaves it. Not by a function: the program itself is to be stopped.
announce() { ip netns exec box setpriv --bounding-set -all,+net_raw perl "$box/usr/local/sbin/bondbox-ipv6" & announcer=$!; }
default_by() { ip -n client -6 route show default | grep -q "via $1 "; }
link_local() { ip -n "$1" -6 -o address show dev eth0 scope link | sed 's/.* inet6 \([^/]*\).*/\1/'; }
mac() { at "$1" cat /sys/class/net/eth0/address; }
until_true 10 sh -c '! ip -n box -6 address show tentative | grep -q .'

# One line per connection that a client tries for a while: what came of it, and after how many ms.
cat >/run/connect.py <<'END'
import socket, sys, time
end = time.monotonic() + float(sys.argv[2])
while True:
    start = time.monotonic()
    try:
        source = (sys.argv[3], 0) if len(sys.argv) > 3 else None
        socket.create_connection((sys.argv[1], 80), 3, source)
        outcome = 'connected'
    except OSError as error:
        outcome = type(error).__name__ if not error.errno else __import__('errno').errorcode[error.errno]
    print(outcome, round((time.monotonic() - start) * 1000, 1))
    if time.monotonic() >= end: break
    time.sleep(0.1)
END
connect() { at client /usr/bin/python3 /run/connect.py "$@"; }
# One line per datagram, likewise.
cat >/run/datagram.py <<'END'
import errno, socket, sys, time
start = time.monotonic()
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.settimeout(3)
try:
    s.connect((sys.argv[1], 443)); s.send(b'x'); s.recv(1); outcome = 'answered'
except OSError as error:
    outcome = errno.errorcode.get(error.errno, 'silence')
print(outcome, round((time.monotonic() - start) * 1000, 1))
END

ip netns exec client tcpdump -i eth0 -U -w /run/client.pcap icmp6 2>/run/tcpdump.log &
at modem "$radvd" -C /run/radvd.conf -p /run/radvd.pid -n -u root >/run/radvd.log 2>&1 &
echo "@@ addresses"; echo "box $(link_local box) $(mac box)"; echo "modem $(link_local modem) $(mac modem)"; echo "@= 0"
# With an address that is known to be its own, and a route.
ready() { default_by "$(link_local modem)" && ip -n client -6 address show dev eth0 scope global -tentative | grep -q inet6; }
until_true 15 ready
# shellcheck source=/dev/null
. "$(dirname "$0")/ipv6-$1.sh"

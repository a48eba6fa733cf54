# Two lines whose server is gone, with the box's half of a build: what bondbox-fallback finds beyond each modem, and which line it takes.
# $1: the box's files, $2: the server's address, $3 and $4: the modems'; standard input: the cases of fallback.test.ts.
set -u
box=$1 server=$2
. "${0%/*}/steps.sh"

# --- box and modems on a switch; behind each modem its provider, which is also the whole internet ---
mkdir -p /run/netns
for ns in switch box modem1 modem2 isp1 isp2; do ip netns add $ns; ip -n $ns link set lo up; done
ip -n switch link add br0 type bridge; ip -n switch link set br0 up
for ns in box modem1 modem2; do wire switch to-$ns $ns eth0; ip -n switch link set to-$ns master br0; done
well_known="1.1.1.1 8.8.8.8 9.9.9.9"
# Answers the names of these hosts as the file says: true, false (an address of its own), silent.
cat >/run/names.py <<'END'
import select, socket, sys
right = {b'one': '1.1.1.1', b'dns': '8.8.8.8', b'quad9': '9.9.9.9'}
sockets = []
for address in sys.argv[2:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((address, 53)); sockets.append(s)
while True:
    for s in select.select(sockets, [], [])[0]:
        query, client = s.recvfrom(512)
        mode = open(sys.argv[1]).read().strip()
        if mode == 'silent': continue
        known = s.getsockname()[0]
        address = known if mode == 'true' else '192.168.1.1'
        name = query[12:-4]
        s.sendto(query[:2] + b'\x81\x80\0\1\0\1\0\0\0\0' + query[12:] + b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4' + socket.inet_aton(address), client)
END
for n in 1 2; do
  modem=modem$n isp=isp$n address=$3
  wire $modem wan $isp eth0
  ip -n $modem address add $address/24 dev eth0; ip -n $modem address add 10.9.$n.2/30 dev wan; ip -n $modem route add default via 10.9.$n.1
  at $modem sysctl -qw net.ipv4.ip_forward=1; at $modem iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
  ip -n $isp address add 10.9.$n.1/30 dev eth0; at $isp sysctl -qw net.ipv4.ip_forward=1
  for host in $well_known; do ip -n $isp address add $host/32 dev lo; done
  echo silent >/run/names.$n
  at $isp /usr/bin/python3 /run/names.py /run/names.$n $well_known >/dev/null 2>&1 &
  at $isp /usr/bin/python3 -m http.server --bind 0.0.0.0 443 >/dev/null 2>&1 &
  shift
done

# What answers beyond a modem. Nothing but: hops, server, ping, tcp.
line() { # number, names, what else
  isp=isp$1
  echo "$2" >/run/names.$1
  at $isp iptables -F INPUT
  ip -n $isp route flush $server; ip -n $isp address delete $server/32 dev lo 2>/dev/null
  # A packet for a server that is gone is dropped in silence, where the network reports nothing.
  case "$3" in
    hops) ip -n $isp route add unreachable $server ;;
    server) ip -n $isp address add $server/32 dev lo ;;
    *) ip -n $isp route add blackhole $server ;;
  esac
  [ "$3" = tcp ] || at $isp iptables -A INPUT -p tcp -j DROP
  [ "$3" = ping ] || [ "$3" = server ] || at $isp iptables -A INPUT -p icmp -j DROP
}

# The modem of the first line answers every name that it is asked itself with its own page.
echo false >/run/names.modem
at modem1 /usr/bin/python3 /run/names.py /run/names.modem $(ip -n modem1 -4 -o address show dev eth0 | sed 's|.* inet \([^/]*\)/.*|\1|') \
  >/dev/null 2>&1 &
mount --bind "$box/etc/resolv.conf" /etc/resolv.conf

# --- the box's own scripts, with the powers that their unit leaves them ---
mount --bind "$box/usr/local/sbin" /usr/local/sbin
export BONDBOX_NETWORK_CONF=$box/etc/bondbox/network.conf
# shellcheck source=/dev/null
. "$BONDBOX_NETWORK_CONF"
at box sysctl -qp "$box/etc/sysctl.d/60-bondbox.conf"
step network at box /usr/local/sbin/bondbox-network start
ip netns exec box setpriv --bounding-set -all,+net_admin,+net_raw /usr/local/sbin/bondbox-fallback >/run/fallback.log 2>&1 &

names() { each_line one_name; }
one_name() { echo "$1"; }
set -- $(names)
finds() { [ "$(cat /run/bondbox/$1.reach /run/bondbox/$2.reach)" = "$3
$4" ]; }
by() { ip -n box route show default metric "$FALLBACK_METRIC" | sed 's/.* via \([0-9.]*\) .*/\1/'; }
while read -r name names1 else1 names2 else2 want1 want2 modem; do
  line 1 "$names1" "$else1"; line 2 "$names2" "$else2"
  until_true 15 finds "$1" "$2" "$want1" "$want2"
  step "$name" sh -c "cat /run/bondbox/$1.reach /run/bondbox/$2.reach"
  # The route follows when the first line's answers are complete.
  leads() { [ "$(by)" = "$modem" ]; }
  [ "$modem" = - ] || until_true 10 leads
  step "$name: route" by
  [ "$names2" != true ] && [ "$modem" != - ] || step "$name: a name" at box getent ahostsv4 example.net
done
step log cat /run/fallback.log

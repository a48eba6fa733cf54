# Box, server, modems, LAN hosts and the internet as network namespaces with the rendered rules of both halves, for traffic.test.ts.
# The bond is one wire, and its routes are those of the profile's plan: $1 the box's files, $2 the server's, $3 the networks behind the bond.
mkdir /mnt/etc
cp -r /etc/protocols /etc/services /etc/alternatives /mnt/etc/
mkdir /mnt/etc/bondbox /mnt/etc/netns /mnt/etc/netns/box /mnt/etc/netns/srv /mnt/etc/iproute2
cp -r "$1/etc/bondbox" /mnt/etc/netns/box/bondbox
cp -r "$2/etc/bondbox" /mnt/etc/netns/srv/bondbox
mount --bind /mnt/etc /etc
on() { ip netns exec "$@"; }
wire() { ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"; ip -n "$1" link set dev "$2" up; ip -n "$3" link set dev "$4" up; }
machine() { ip netns add "$1"; ip -n "$1" link set lo up; on "$1" sysctl -q -w net.ipv4.ip_forward="$2" net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0; }
for name in box srv moda modb inner inet; do machine "$name" 1; done
for name in sw host deep; do machine "$name" 0; done
ip -n sw link add br0 type bridge
ip -n sw link set br0 up
on sw sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
plug() { wire "$1" "$2" sw "$1"; ip -n sw link set dev "$1" master br0; [ -z "$3" ] || ip -n "$1" address add "$3/24" dev "$2"; }
plug box eth0 ''
plug moda lan0 192.168.1.240
plug modb lan0 192.168.1.254
plug host eth0 192.168.1.12
plug inner out0 192.168.1.3
# One more machine of the LAN, which has the box as its gateway.
at_home() { # name, address, MAC address if it matters
  ip netns add "$1"
  plug "$1" eth0 "$2"
  [ -z "${3-}" ] || ip -n "$1" link set dev eth0 address "$3"
  ip -n "$1" route add default via 192.168.1.2
}
# Behind the inner router, which knows the box as its gateway.
wire inner in0 deep eth0
ip -n inner address add 192.168.50.1/24 dev in0
ip -n deep address add 192.168.50.9/24 dev eth0
ip -n deep route add default via 192.168.50.1
ip -n inner route add default via 192.168.1.2
ip -n host route add default via 192.168.1.2
for line in a:1 b:2; do
  wire "mod${line%:*}" wan0 inet "${line%:*}"
  ip -n "mod${line%:*}" address add "100.64.${line#*:}.2/24" dev wan0
  ip -n inet address add "100.64.${line#*:}.1/24" dev "${line%:*}"
  ip -n "mod${line%:*}" route add default via "100.64.${line#*:}.1"
  on "mod${line%:*}" iptables -t nat -A POSTROUTING -o wan0 -j MASQUERADE
  # A provider's router drops what is not from its own LAN.
  on "mod${line%:*}" iptables -A FORWARD -i lan0 ! -s 192.168.1.0/24 -j DROP
done
wire srv eth0 inet s
ip -n srv address add 203.0.113.10/24 dev eth0
ip -n inet address add 203.0.113.1/24 dev s
ip -n inet address add 198.51.100.1/32 dev lo
ip -n srv route add default via 203.0.113.1
wire srv bond0 box bond0
ip -n srv address add 172.16.16.1/30 dev bond0
ip -n box address add 172.16.16.2/30 dev bond0
on box "$1/usr/local/sbin/bondbox-network" start
ip -n box route add default via 172.16.16.1 dev bond0 metric 100
for network in $3; do ip -n srv route add "$network" via 172.16.16.2 dev bond0; done
on box "$1/usr/local/sbin/bondbox-firewall" start
on srv "$2/usr/local/sbin/bondbox-firewall" start

# Answers each packet or connection with the address and port that it came from, and the port that it came to.
cat >/mnt/answer.py <<'EOF'
import selectors, socket, sys
chosen = selectors.DefaultSelector()
for word in sys.argv[1:]:
    kind, port = word.split(':')
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('0.0.0.0', int(port)))
    if kind == 'tcp': s.listen(9)
    chosen.register(s, selectors.EVENT_READ, kind)
print('ready', flush=True)
while True:
    for key, _ in chosen.select():
        port = key.fileobj.getsockname()[1]
        if key.data == 'tcp':
            c, peer = key.fileobj.accept()
            c.sendall(f'{peer[0]} at {port}'.encode()); c.close()
        else:
            _, peer = key.fileobj.recvfrom(99)
            key.fileobj.sendto(f'{peer[0]} at {port}'.encode(), peer)
EOF
cat >/mnt/ask.py <<'EOF'
import socket, sys
kind, address, port = sys.argv[1:4]
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
s.settimeout(1)
try:
    s.connect((address, int(port)))
    if kind == 'udp': s.send(b'?')
    print(s.recv(99).decode())
except Exception as e: print('nothing:', e)
EOF
answering=
trap '[ -z "$answering" ] || kill $answering 2>/dev/null' EXIT
# A server of answers in a namespace, ready when this returns.
answer() {
  name=$1
  shift
  timeout 60 ip netns exec "$name" python3 /mnt/answer.py "$@" >"/mnt/$name.said" 2>&1 &
  answering="$answering $!"
  until grep -qs ready "/mnt/$name.said"; do sleep 0.05; done
}
ask() { printf '%s: ' "$1"; shift; on "$1" python3 /mnt/ask.py "$2" "$3" "$4"; } # title, namespace, protocol, address, port

# Both halves as built, in one kernel: LAN client, box, two modems with NAT, the internet, the server. Each "@@ NAME" begins a
# result, "@= STATUS" ends it.
step() { echo "@@ $1"; shift; "$@" 2>&1; echo "@= $?"; }
until_true() { # seconds, command
  limit=$(($(date +%s) + $1)); shift
  until "$@" >/dev/null 2>&1; do [ "$(date +%s)" -lt "$limit" ] || return 1; sleep 0.2; done
}

# --- the network ---
for ns in lan box moda modb inet srv; do ip netns add $ns; ip -n $ns link set lo up; done
ip -n lan link add br0 type bridge; ip -n lan link set br0 up; ip -n lan address add 192.168.1.50/24 dev br0
wire() { ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"; ip -n "$1" link set "$2" up; ip -n "$3" link set "$4" up; }
for ns in box moda modb; do wire lan to-$ns $ns eth0; ip -n lan link set to-$ns master br0; done
wire moda wan inet line-a; wire modb wan inet line-b; wire srv eth0 inet to-srv
ip -n lan route add default via 192.168.1.252
ip -n moda address add 192.168.1.240/24 dev eth0; ip -n moda address add 100.64.1.2/24 dev wan; ip -n moda route add default via 100.64.1.1
ip -n modb address add 192.168.1.254/24 dev eth0; ip -n modb address add 100.64.2.2/24 dev wan; ip -n modb route add default via 100.64.2.1
ip -n inet address add 100.64.1.1/24 dev line-a; ip -n inet address add 100.64.2.1/24 dev line-b
ip -n inet address add 203.0.113.1/24 dev to-srv; ip -n inet address add 198.51.100.1/32 dev lo; ip -n inet address add 198.51.100.99/32 dev lo
ip -n srv address add 203.0.113.10/24 dev eth0; ip -n srv route add default via 203.0.113.1
for ns in moda modb inet; do ip netns exec $ns sysctl -qw net.ipv4.ip_forward=1; done
for ns in moda modb; do ip netns exec $ns iptables-legacy -t nat -A POSTROUTING -o wan -j MASQUERADE; ip -n $ns link set wan mtu 1492; done
ip -n inet link set line-a mtu 1492; ip -n inet link set line-b mtu 1492

# --- a root of its own for each half ---
mkdir /h; mount -t tmpfs tmpfs /h
for half in box srv; do
  mkdir -p /h/$half/upper /h/$half/work /h/$half/root
  mount -t overlay -o lowerdir=/,upperdir=/h/$half/upper,workdir=/h/$half/work overlay /h/$half/root
  cat >/h/$half.enter <<EOF
mount -t proc proc /h/$half/root/proc
mount -t sysfs sysfs /h/$half/root/sys
mount --rbind /dev /h/$half/root/dev
mount -t tmpfs tmpfs /h/$half/root/run
mount -t tmpfs tmpfs /h/$half/root/tmp
exec sleep 100000
EOF
  # one process holds the namespace; commands enter it
  ip netns exec $half unshare -m sh /h/$half.enter & echo $! >/h/$half.pid
done
sleep 1
in_half() { pid=$(cat /h/"$1".pid); half=$1; shift; nsenter -t "$pid" -m -n chroot /h/"$half"/root "$@"; }
box() { in_half box "$@"; }
srv() { in_half srv "$@"; }
for half in box srv; do
  in_half $half sh -c 'for p in iptables iptables-restore iptables-save; do ln -sf /usr/sbin/$(echo $p | sed s/iptables/iptables-legacy/) /etc/alternatives/$p; done'
done

# --- the server: as a person would, on a machine that has what 14.04 has ---
cp /t/*.deb /t/install.sh /h/srv/root/root/
srv sh -c 'dpkg -i /root/ifupdown.deb /root/ifenslave.deb >/root/dpkg.log 2>&1 || { cat /root/dpkg.log; exit 1; }; printf "auto lo\niface lo inet loopback\n" >/etc/network/interfaces; mkdir -p /etc/network/interfaces.d'
step "install" srv sh /root/install.sh

# --- the box: the overlay, then what its units start, in their order ---
cp /t/overlay.tar /h/box/root/root/
box tar -xpf /root/overlay.tar -C / --no-overwrite-dir
box sysctl -q -p /etc/sysctl.d/60-bondbox.conf
exec_start() { sed -n 's/^ExecStart=//p' "/h/box/root/etc/systemd/system/$1"; }
box mkdir /run/bondbox
for unit in firewall network bond; do
  # shellcheck disable=SC2046
  step "box $unit" box $(exec_start bondbox-$unit.service)
done
for line in ovh orange; do
  box sh -c "$(exec_start bondbox-tunnel@.service | sed "s/%i/$line/") >/tmp/$line.log 2>&1" &
done
# shellcheck disable=SC2046
step "box qos" box $(exec_start bondbox-qos.service)
box sh -c "$(exec_start bondbox-fallback.service) >/tmp/fallback.log 2>&1" &

slaves_up() { # half, number
  [ "$(in_half "$1" grep -A1 '^Slave Interface' /proc/net/bonding/bond0 | grep -c 'MII Status: up')" = "$2" ]
}
slaves() { in_half "$1" sed -n '/^Slave Interface/,/^MII Status/p' /proc/net/bonding/bond0 | tr '\n' ' '; }
both_up() { slaves_up box 2 && slaves_up srv 2; }
step "up" until_true 30 both_up
both_slaves() { slaves box; slaves srv; echo; }
step "slaves" both_slaves

# --- who asks? answers with the address that the request came from ---
cat >/h/who.py <<'EOF'
import socket, sys, threading
def tcp(address, port):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((address, port)); s.listen(50)
    while True:
        c, peer = s.accept(); c.recv(10); c.sendall(peer[0].encode()); c.close()
def udp(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((address, port))
    while True:
        data, peer = s.recvfrom(2000); s.sendto(peer[0].encode(), peer)
for word in sys.argv[1:]:
    kind, address, port = word.split(',')
    threading.Thread(target=tcp if kind == 'tcp' else udp, args=(address, int(port))).start()
EOF
cat >/h/ask.py <<'EOF'
import socket, sys
kind, address, port = sys.argv[1:4]
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
s.settimeout(float(sys.argv[4]) if len(sys.argv) > 4 else 4)
try:
    s.connect((address, int(port))); s.send(b'?'); print(s.recv(100).decode())
except Exception as e:
    print('nothing:', e); sys.exit(1)
EOF
PY=/usr/bin/python3
ip netns exec inet $PY /h/who.py tcp,0.0.0.0,80 udp,198.51.100.1,53 tcp,0.0.0.0,6112 udp,198.51.100.1,6112 &
ip netns exec lan $PY /h/who.py tcp,192.168.1.50,80 udp,192.168.1.50,5000 &
sleep 1
ask() { ns=$1; shift; ip netns exec "$ns" $PY /h/ask.py "$@"; }

step "out" ask lan tcp 198.51.100.1 80
step "out udp" ask lan udp 198.51.100.1 53
step "box out" box ping -c 2 -W 2 198.51.100.1
sent() { in_half "$1" cat "/sys/class/net/$2/statistics/tx_packets"; }
before="$(sent box tap0) $(sent box tap1) $(sent srv tap0) $(sent srv tap1)"
ip netns exec lan ping -q -i 0.01 -c 200 198.51.100.1 | tail -3
step "striped" echo "$before $(sent box tap0) $(sent box tap1) $(sent srv tap0) $(sent srv tap1)"
mtu=$(box cat /sys/class/net/bond0/mtu)
step "mtu" echo "$mtu $(srv cat /sys/class/net/bond0/mtu) $(box cat /sys/class/net/tap0/mtu) $(srv cat /sys/class/net/tap1/mtu)"
step "full packet" box ping -c 3 -W 2 -M do -s $((mtu - 28)) 172.16.16.1
step "too big" box ping -c 1 -W 2 -M do -s $((mtu - 27)) 172.16.16.1
fragments() { box awk '/^Ip:/ {n = split($0, word); if (header) { print word[at] } else { header = 1; for (i = 1; i <= n; i++) if (word[i] == "FragCreates") at = i } }' /proc/net/snmp; }
step "fragments" fragments
step "bypass port" ask lan tcp 198.51.100.1 6112
step "bypass udp" ask lan udp 198.51.100.1 6112
step "bypass network" ask lan tcp 198.51.100.99 80
step "bypass of the box" box $PY -c "
import socket; s = socket.create_connection(('198.51.100.1', 6112), 4); s.send(b'?'); print(s.recv(100).decode())"
step "forward" ask inet tcp 203.0.113.10 8080
step "forward udp" ask inet udp 203.0.113.10 5000
step "forward from the LAN" ask lan tcp 203.0.113.10 8080
step "server from the LAN" ip netns exec lan ping -c 2 -W 2 203.0.113.10
step "stranger" ask inet udp 203.0.113.10 1194 1
step "closed" ask inet tcp 203.0.113.10 8081 1
step "qos box" box tc qdisc show
step "qos server" srv tc qdisc show
step "qos status" box wondershaper bond0
step "bondbox status" box bondbox status

# --- a line is cut without a sign, and comes back ---
drop() { ip netns exec "$1" iptables-legacy -I FORWARD -j DROP; }
restore() { ip netns exec "$1" iptables-legacy -D FORWARD -j DROP; }
one_left() { slaves_up box 1 && slaves_up srv 1; }
drop moda
step "cut" until_true 10 one_left
step "cut: ping" ip netns exec lan ping -q -i 0.05 -c 60 198.51.100.1
step "cut: status" box bondbox status
restore moda
step "back" until_true 30 both_up
step "back: ping" ip netns exec lan ping -q -i 0.05 -c 60 198.51.100.1

# --- the server is gone: straight out, by the first line that works ---
ip -n srv link set eth0 down
gone() { [ "$(box cat /sys/class/net/bond0/carrier)" = 0 ]; }
step "server gone" until_true 10 gone
step "direct" until_true 5 ask lan tcp 198.51.100.1 80 1
step "direct: address" ask lan tcp 198.51.100.1 80
step "tunnels do not loop" box ip route get 203.0.113.10 mark 101
drop moda
by_b() { ask lan tcp 198.51.100.1 80 1 | grep -qx 100.64.2.2; }
step "direct by the second line" until_true 15 by_b
restore moda
ip -n srv link set eth0 up; ip -n srv route replace default via 203.0.113.1
step "server back" until_true 60 both_up
step "server back: address" ask lan tcp 198.51.100.1 80

# --- install.sh again changes nothing; a box that starts again finds its way ---
state() { srv sh -c 'cat /sys/class/net/bond0/ifindex; pidof openvpn | tr " " "\n" | sort; ls -l --time-style=full-iso /etc/openvpn /etc/bondbox'; }
state >/h/state
step "install again" srv sh /root/install.sh
state | step "install again: same" diff /h/state -
for unit in bond network firewall; do step "box $unit stop" box $(sed -n 's/^ExecStop=//p' /h/box/root/etc/systemd/system/bondbox-$unit.service); done
step "left behind" box sh -c 'ip -br link | grep -E "bond|tap"; ip rule | grep -E "110[0-9]:"; iptables-save | grep BONDBOX'

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
ip -n inet address add 203.0.113.1/24 dev to-srv; ip -n inet address add 198.51.100.1/32 dev lo
ip -n srv address add 203.0.113.10/24 dev eth0; ip -n srv route add default via 203.0.113.1
for ns in moda modb inet; do ip netns exec $ns sysctl -qw net.ipv4.ip_forward=1; done
for ns in moda modb; do ip netns exec $ns iptables -t nat -A POSTROUTING -o wan -j MASQUERADE; ip -n $ns link set wan mtu 1492; done
ip -n inet link set line-a mtu 1492; ip -n inet link set line-b mtu 1492

# The server's own: what its provider answers it alone, a private network beside the internet, a rule as of a cloud's image.
ip -n inet address add 169.254.169.254/32 dev lo; ip -n inet address add 10.97.0.1/32 dev lo
ip netns add vpc; ip -n vpc link set lo up; wire srv eth1 vpc eth0
ip -n srv address add 10.98.0.1/24 dev eth1; ip -n vpc address add 10.98.0.2/24 dev eth0; ip -n vpc route add default via 10.98.0.1
ip -n inet route add 10.98.0.0/24 via 203.0.113.10
ip -n srv rule add priority 100 from 203.0.113.10 lookup 101; ip -n srv route add default via 203.0.113.1 table 101

# --- a root of its own for each half: the machine's, less what is switched on there ---
mkdir /h; mount -t tmpfs tmpfs /h
mkdir -p /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup
for half in box srv; do
  root=/h/$half/root
  mkdir -p /h/$half/upper /h/$half/work $root
  mount -t overlay -o lowerdir=/,upperdir=/h/$half/upper,workdir=/h/$half/work overlay $root
  rm -rf $root/etc/systemd/system
  cat >/h/$half.mounts <<EOF
mount -t proc proc $root/proc; mount -t sysfs sysfs $root/sys
# no console: a getty there would change how this script's own output looks
mount -t tmpfs -o mode=755 tmpfs $root/dev; mkdir $root/dev/net $root/dev/pts $root/dev/shm
mknod $root/dev/null c 1 3; mknod $root/dev/zero c 1 5; mknod $root/dev/random c 1 8; mknod $root/dev/urandom c 1 9
mknod $root/dev/full c 1 7; mknod $root/dev/tty c 5 0; mknod $root/dev/net/tun c 10 200; chmod 666 $root/dev/null $root/dev/zero $root/dev/random $root/dev/urandom $root/dev/full $root/dev/tty $root/dev/net/tun
ln -s /proc/self/fd $root/dev/fd; mount -t devpts -o newinstance,ptmxmode=666 devpts $root/dev/pts; ln -s pts/ptmx $root/dev/ptmx; mount -t tmpfs tmpfs $root/dev/shm
mount -t tmpfs -o mode=755 tmpfs $root/run; mount -t tmpfs tmpfs $root/tmp
EOF
done

# --- the server: as a person would, on a machine that has what 14.04 has, without systemd ---
cp /t/install.sh /h/srv/root/root/
ip netns exec srv unshare --mount sh -c '. /h/srv.mounts; exec sleep 100000' &
srv_pid=$!
sleep 1
srv() { nsenter -t $srv_pid -m -n chroot /h/srv/root "$@"; }
srv sh -c 'printf "auto lo\niface lo inet loopback\n" >/etc/network/interfaces; mkdir -p /etc/network/interfaces.d'
step "install" srv sh /root/install.sh

# --- the box: the overlay as a person lays it, then its own systemd, in all its sandboxes ---
cp /t/overlay.tar /h/box/root/root/
chroot /h/box/root tar -xpmf /root/overlay.tar -C / --no-overwrite-dir
: >/h/box/root/etc/machine-id
[ -e /h/box/root/usr/bin/node ] || ln -s "$(readlink -f "$(command -v node)")" /h/box/root/usr/bin/node
cat >/h/box.boot <<'EOF'
. /h/box.mounts
mount -t cgroup2 cgroup2 /h/box/root/sys/fs/cgroup
cd /h/box/root
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd --unit=multi-user.target
EOF
ip netns exec box unshare --mount --uts --ipc --pid --fork sh /h/box.boot >/h/systemd.log 2>&1 &
until box_pid=$(pgrep -x systemd); do sleep 0.2; done
box() { nsenter -t "$box_pid" -m -u -i -n -p -r -w "$@"; }
booted() { case $(box systemctl is-system-running) in running | degraded) ;; *) return 1 ;; esac; }
step "boot" until_true 120 booted
step "units" box systemctl list-units --all --plain --no-legend --no-pager 'bondbox*'
step "failed units" box systemctl --failed --plain --no-legend --no-pager

user() { "$1" sh -c 'id -nG admin; stat -c "%U %a" /home/admin; cat /etc/sudoers.d/bondbox; cat /home/admin/.ssh/authorized_keys /etc/ssh/authorized_keys.d/admin 2>/dev/null; :'; }
step "user box" user box
step "user srv" user srv
slaves_up() { # half, number
  [ "$("$1" grep -A1 '^Slave Interface' /proc/net/bonding/bond0 | grep -c 'MII Status: up')" = "$2" ]
}
slaves() { "$1" sed -n '/^Slave Interface/,/^MII Status/p' /proc/net/bonding/bond0 | tr '\n' ' '; }
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
for word in sys.argv[1:]:
    address, port = word.split(',')
    threading.Thread(target=tcp, args=(address, int(port))).start()
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
ip netns exec inet $PY /h/who.py 0.0.0.0,80 0.0.0.0,6112 &
ip netns exec lan $PY /h/who.py 192.168.1.50,80 &
ip netns exec vpc $PY /h/who.py 0.0.0.0,80 &
sleep 1
ask() { ns=$1; shift; ip netns exec "$ns" $PY /h/ask.py "$@"; }

step "box out" box ping -c 2 -W 2 198.51.100.1
mtu=$(box cat /sys/class/net/bond0/mtu)
step "mtu" echo "$mtu $(srv cat /sys/class/net/bond0/mtu) $(box cat /sys/class/net/tap0/mtu) $(srv cat /sys/class/net/tap1/mtu)"
step "full packet" box ping -c 3 -W 2 -M do -s $((mtu - 28)) 172.16.16.1
step "too big" box ping -c 1 -W 2 -M do -s $((mtu - 27)) 172.16.16.1
fragments() { box awk '/^Ip:/ {n = split($0, word); if (header) { print word[at] } else { header = 1; for (i = 1; i <= n; i++) if (word[i] == "FragCreates") at = i } }' /proc/net/snmp; }
step "fragments" fragments
step "bypass of the box" box $PY -c "
import socket; s = socket.create_connection(('198.51.100.1', 6112), 4); s.send(b'?'); print(s.recv(100).decode())"
step "forward from the LAN" ask lan tcp 203.0.113.10 8080
step "server from the LAN" ip netns exec lan ping -c 2 -W 2 203.0.113.10
step "metadata" ask lan tcp 169.254.169.254 80 1
step "metadata by the server" ask srv tcp 169.254.169.254 80
step "private network" ask lan tcp 10.98.0.2 80 1
step "private network by the server" ask srv tcp 10.98.0.2 80
step "neighbour" ask inet tcp 10.98.0.2 80 1
srv iptables -D FORWARD -j BONDBOX-LAST-FORWARD
step "neighbour without the rule" ask inet tcp 10.98.0.2 80
srv bondbox-firewall stop
ip netns exec inet $PY -c "
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('198.51.100.1', 5000))
for _ in range(60): s.sendto(b'steady', ('203.0.113.10', 5000)); time.sleep(0.3)" 2>/dev/null &
sleep 1
srv bondbox-firewall start
step "forward to a steady sender" ip netns exec lan $PY -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('192.168.1.50', 5000)); s.settimeout(5); print(s.recv(100).decode())"
killed() { # kills the first one, and waits until all are others
  box sh -c 'watchers() { pgrep -P "$(systemctl show -P MainPID bondbox-watchdog)"; }
    before=$(watchers); kill -9 "$(echo "$before" | head -n 1)"
    for _ in $(seq 50); do
      sleep 0.2
      now=$(watchers)
      [ "$(echo "$now" | wc -l)" != "$(echo "$before" | wc -l)" ] || [ "$(printf "%s\n" "$before" "$now" | sort | uniq -d)" ] || exit 0
    done
    exit 1'
}
step "watcher killed" killed

# --- other programs take away what is ours ---
flush() { for table in filter nat mangle raw; do "$1" iptables -t $table -F; done; }
taken() { # name, half, command that must succeed again, command that takes away
  name=$1 half=$2 back=$3; shift 3
  "$@" >/dev/null 2>&1
  step "taken: $name" until_true 25 "$half" sh -c "$back"
}
taken "rules of the box" box 'bondbox-firewall check' flush box
taken "rules of the server" srv 'bondbox-firewall check' flush srv
taken "shaper of box" box 'tc qdisc show dev tap0 | grep -q cake' box tc qdisc delete dev tap0 root
taken "shaper of srv" srv 'tc qdisc show dev bond0 | grep -q cake' srv tc qdisc delete dev bond0 root
for half in box srv; do
  taken "forwarding of $half" $half 'grep -q 1 /proc/sys/net/ipv4/ip_forward' $half sysctl -qw net.ipv4.ip_forward=0
done
taken "a line's rule" box 'ip rule | grep -q "fwmark 0x65 "' box ip rule delete fwmark 101
taken "a line's route" box 'ip route show default table 101 | grep -q 192.168.1.240' box ip route flush table 101
taken "the bond's route" box 'ip route show default | grep -q bond0' box ip route delete default dev bond0
taken "a service" box 'systemctl is-active -q bondbox-watchdog' box systemctl stop bondbox-watchdog
# A watchdog that has just been started lays them itself.
until box sh -c 'tc filter show dev tap1 ingress | grep -q "pref 12"'; do sleep 0.1; done
taken "the watchdog's marks" box 'tc qdisc show dev tap1 | grep -q clsact' box tc qdisc delete dev tap1 clsact
taken "a tap of the box" box '[ -e /sys/class/net/bond0/lower_tap0 ]' box ip link delete tap0
step "taken: up at the box" until_true 30 both_up
for part in openvpn/ovh bondbox-watchdog; do
  taken "$part of the server" srv 'read -r pid <'/run/$part.pid'; kill -0 "$pid"' srv sh -c 'read -r pid <'/run/$part.pid'; kill -9 "$pid"'
done
# Nothing but systemd itself brings this one back. By default it gives up after five ends within ten seconds.
guards() { box systemctl show -P MainPID bondbox-guard; }
ends=0
while [ $ends -lt 8 ]; do
  was=$(guards)
  box kill -9 "$was"
  back() { [ "$(guards)" != 0 ] && [ "$(guards)" != "$was" ]; }
  until_true 10 back || break
  ends=$((ends + 1))
done
step "ended: eight times" echo $ends
# What a person keeps out stays out, and the rest works.
box systemctl disable -q --now bondbox-qos
sleep 20
step "disabled: stays out" box sh -c '! systemctl is-active bondbox-qos; ! tc qdisc show dev tap0 | grep cake'
step "disabled: the rest" both_up
box systemctl enable -q --now bondbox-qos
# As cron does each minute.
by_cron() { srv env -i PATH=/usr/bin:/bin sh -c "$(srv sed -n 's/^\* \* \* \* \* root //p' /etc/cron.d/bondbox)"; }
guard() { srv sh -c 'read -r pid </run/bondbox-guard.pid && kill -0 "$pid" && echo "$pid"'; }
before=$(guard)
by_cron
[ "$(guard)" = "$before" ]; step "guard of the server: left alone" test $? = 0
kill -9 "$before"; sleep 1
by_cron
step "guard of the server: back" until_true 5 guard
# Watchers that have lost their parent would go on beside the new ones. Those without a watcher for a parent: the box's and the server's.
two_watchdogs() {
  [ "$(ps -eo pid,ppid,args | awk '/bondbox-watchdog$/ { parent[$1] = $2 } END { for (pid in parent) if (!(parent[pid] in parent)) n++; print n }')" = 2 ]
}
step "taken: a watchdog each" until_true 5 two_watchdogs
taken "a tap of the server" srv '[ -e /sys/class/net/bond0/lower_tap1 ]' srv ip link delete tap1
step "taken: up at the server" until_true 60 both_up
step "taken: status" box bondbox status
step "taken: on the server" srv sh -c 'cd /run/bondbox/gone; grep . *'
# Another program on the box that lets nothing through, such as Docker.
box iptables -P FORWARD DROP
step "stranger" ask inet udp 203.0.113.10 1194 1
step "bypass where nothing is forwarded" ask lan tcp 198.51.100.1 6112
step "qos box" box tc qdisc show
step "qos server" srv tc qdisc show
step "qos status" box wondershaper bond0
step "bondbox status" box bondbox status

# --- a line is cut without a sign, and comes back ---
drop() { ip netns exec "$1" iptables -I FORWARD -j DROP; }
restore() { ip netns exec "$1" iptables -D FORWARD -j DROP; }
one_left() { slaves_up box 1 && slaves_up srv 1; }
shaped() { srv tc qdisc show dev bond0 | grep -q "bandwidth $1 "; }
drop moda
step "cut" until_true 10 one_left
step "cut: shaped" until_true 10 shaped 6718Kbit
step "cut: status" box bondbox status
restore moda
step "back" until_true 30 both_up
step "back: shaped" until_true 10 shaped 13436Kbit

# --- the server is gone: straight out, by the first line that works ---
ip -n srv link set eth0 down
gone() { [ "$(box cat /sys/class/net/bond0/carrier)" = 0 ]; }
step "server gone" until_true 10 gone
step "direct" until_true 5 ask lan tcp 198.51.100.1 80 1
step "direct: address" ask lan tcp 198.51.100.1 80
step "tunnels do not loop" box ip route get 203.0.113.10 mark 101
drop moda
by_b() { ask lan tcp 198.51.100.1 80 1 | grep -qx 100.64.2.2; }
# A look at a line that answers nothing takes five seconds, and routers answer few of the pings that they are sent in a row.
step "direct by the second line" until_true 15 by_b
restore moda
ip -n srv link set eth0 up; ip -n srv route replace default via 203.0.113.1
step "server back" until_true 60 both_up
step "server back: address" ask lan tcp 198.51.100.1 80

# --- connections through a forward fill the tables of server and box; the limit is that of all namespaces ---
ip netns exec inet $PY -c "
import socket, time
held = [socket.create_connection(('203.0.113.10', 8080)) for _ in range(50)]
print('held', flush=True); time.sleep(300)" >/h/held &
held=$!
step "table full: connections held" until_true 30 grep -q held /h/held
limit=$(cat /proc/sys/net/netfilter/nf_conntrack_max)
sysctl -qw net.netfilter.nf_conntrack_max=45
step "table full: a new connection" ask inet tcp 203.0.113.10 8080 1
# From other ports than before, which no table knows.
box systemctl stop bondbox-tunnel@ovh bondbox-tunnel@orange
both_down() { slaves_up box 0; }
step "table full: down" until_true 10 both_down
# The modems' own tables are not what this is about, and their limit is the same.
for ns in moda modb; do ip netns exec $ns conntrack -F; done >/dev/null 2>&1
step "table full: new tunnels" box systemctl start bondbox-tunnel@ovh bondbox-tunnel@orange
step "table full: up" until_true 30 both_up
sysctl -qw net.netfilter.nf_conntrack_max="$limit"
kill $held

# --- install.sh again changes nothing; a box that starts again finds its way ---
state() { srv sh -c 'cat /sys/class/net/bond0/ifindex; pidof openvpn | tr " " "\n" | sort; ls -l --time-style=full-iso /etc/openvpn /etc/bondbox'; }
state >/h/state
step "install again" srv sh /root/install.sh
state | step "install again: same" diff /h/state -
# a profile with one line more before, as far as the server can tell
srv sh -c 'openvpn --mktun --dev tap2 >/dev/null; ip link set tap2 master bond0; echo /etc/openvpn/old.conf >>/etc/bondbox/files; cp /etc/openvpn/ovh.conf /etc/openvpn/old.conf'
step "install changed" srv sh /root/install.sh
step "install changed: up" until_true 60 both_up
step "install changed: rest" srv sh -c 'cat /sys/class/net/bond0/bonding/slaves; ls /etc/openvpn /etc/bondbox; ip -br link show dev tap2'
tunnels() { box systemctl show -P MainPID bondbox-tunnel@ovh bondbox-tunnel@orange; }
before=$(tunnels)
step "reload" box systemctl reload bondbox-firewall bondbox-network
step "reload: tunnels" echo "$before" "$(tunnels)"
step "log of watch" box journalctl --no-pager -o cat -u bondbox-watch
step "status.json" box cat /run/bondbox/status.json
step "stop" box systemctl stop 'bondbox*'
step "left behind" box sh -c 'ip -br link | grep -E "bond|tap"; ip rule | grep -E "110[0-9]:"; iptables-save | grep BONDBOX'

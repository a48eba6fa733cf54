# The LAN has IPv6 through the bond: sourced by ipv6.sh. It needs a kernel with bonds; a veth in them stands for the tunnels.
lan=2001:db8:1:2:
# Nearer to the LAN's network than to the modem's (RFC 6724, rule 8): otherwise a client would choose the modem's, and be refused, in the
# moment between an announcement of the modem's and its withdrawal.
far=2001:db8:1:f::2

# --- a server whose own way out is announced to it, and that has an address of the LAN's network on its port; beyond it a host ---
for ns in server far; do ip netns add $ns; ip -n $ns link set lo up; done
at far sysctl -qw net.ipv6.conf.all.forwarding=1
wire server eth0 far eth0
ip -n far address add $far/128 dev eth0 nodad
cat >/run/far.conf <<END
interface eth0 {
  AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 12;
  prefix $lan:/64 { };
};
END
at far "$radvd" -C /run/far.conf -p /run/far.pid -n -u root >/run/far.log 2>&1 &
at far /usr/bin/python3 -m http.server --bind :: 80 >/dev/null 2>&1 &
listens() { at far ss -Hltn 'sport = :80' | grep -q .; }
until_true 60 listens
default_of_server() { ip -n server -6 route show default | grep "proto ra"; }
until_true 15 default_of_server
ip -n far route add $lan:/64 via "$(link_local server)" dev eth0

# --- private networks of the server's own, beside the internet, with one machine in both; firewall.reach names the second ---
near=fd00:77::2 reach=fd00:88::2
ip netns add near; ip -n near link set lo up
wire server private near eth0
ip -n server address add fd00:77::1/64 dev private nodad; ip -n server address add fd00:88::1/64 dev private nodad
ip -n near address add $near/64 dev eth0 nodad; ip -n near address add $reach/64 dev eth0 nodad
ip -n near route add default via fd00:77::1
hears() { at "$1" ss -Hltn 'sport = :80' | grep -q .; }
for name in near server; do
  at $name /usr/bin/python3 -m http.server --bind :: 80 >/dev/null 2>&1 &
  until_true 60 hears $name
done

# --- both halves' own scripts ---
for half in box server; do
  root=$box; [ $half = box ] || root=$server
  [ $half = server ] || network
  step "firewall of the $half" at $half sh "$root/usr/local/sbin/bondbox-firewall" start
  step "bond of the $half" at $half sh "$root/usr/local/sbin/bondbox-bond" start
  step "bond of the $half again" at $half sh "$root/usr/local/sbin/bondbox-bond" start
done
ip link add tunnel netns box type veth peer name tunnel netns server
for ns in box server; do ip -n $ns link set tunnel master bond0; done
step "bond carries" until_true 20 at box ping -6 -c 1 -W 1 fe80::1%bond0
ends=$(($(date +%s) + 16))
step "default route of the server" default_of_server
step "way to the LAN" ip -n server -6 route get $lan:1

# --- a client ---
announce
has_lan() { ip -n client -6 address show dev eth0 scope global -tentative -deprecated | grep -q "inet6 $lan" && default_by "$(link_local box)"; }
step "the client has an address of the LAN" until_true 10 has_lan
step "default routes" ip -n client -6 route show default
before=$(leaked)
step "connections" connect $far 10
step "segments" sh -c "ip netns exec client /usr/bin/python3 -c 'import socket; s = socket.create_connection((\"$far\", 80)); print(s.getsockopt(6, 2))'"
old=$(ip -n client -6 -o address show dev eth0 scope global deprecated | sed -n 's/.* inet6 \(2001:db8:a:[^/]*\).*/\1/p')
step "connection from the modem's network" connect $far 0 "$old"
step "the server reaches its private network" at server /usr/bin/python3 /run/connect.py $near 0
step "private network" connect $near 1
for address in $reach fd00:88::1; do step "reach: $address" connect $address 0; done
# That this is the rule's work.
at server ip6tables -D BONDBOX-FORWARD -i bond0 -d fc00::/7 -j REJECT
step "private network without the rule" connect $near 0
step "private address" connect fd00:77::1 1
at server ip6tables -D BONDBOX-INPUT -i bond0 -d fc00::/7 -j REJECT
step "private address without the rule" connect fd00:77::1 0
at server sh "$server/usr/local/sbin/bondbox-firewall" start
step "packets past the bond" echo $(($(leaked) - before))
at client /usr/bin/python3 -m http.server --bind :: 80 >/dev/null 2>&1 &
own=$(ip -n client -6 -o address show dev eth0 scope global -deprecated | sed -n "s/.* inet6 \\($lan[^/]*\\).*/\\1/p")
step "the box reaches the client" until_true 10 at box /usr/bin/python3 /run/connect.py "$own" 0
step "the host beyond the server reaches the client" at far /usr/bin/python3 /run/connect.py "$own" 0
sleep $((ends > $(date +%s) ? ends - $(date +%s) : 0))
step "default route of the server later" default_of_server

# --- the tunnels go down, the box stops ---
ip -n box link set tunnel down
# As far away as on a real network: an ICMPv6 error that arrives while connect() still holds its socket is only noted, until the next SYN.
at client tc qdisc add dev eth0 root netem delay 2ms
gone() { ip -n box -6 route show default | grep -q linkdown; }
step "the box knows" until_true 10 gone
step "connections without a tunnel" connect $far 1
step "packets past the bond without a tunnel" echo $(($(leaked) - before))
kill $announcer; wait $announcer; sleep 0.5
step "default routes after its stop" ip -n client -6 route show default

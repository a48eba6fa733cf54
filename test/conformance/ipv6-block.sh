# The LAN has no IPv6: sourced by ipv6.sh.

# --- without bondbox-ipv6 ---
network; at box sh "$box/usr/local/sbin/bondbox-firewall" start
step "reach the host without it" connect $host 0
# A packet every 10 ms, whatever becomes of it.
ip netns exec client ping -6 -n -q -i 0.01 $host >/dev/null 2>&1 & pinger=$!
before=$(leaked); sleep 1
step "packets past the bond in a second without it" echo $(($(leaked) - before))

# --- with it ---
announce; sleep 1
step "default routes after a second" ip -n client -6 route show default
before=$(leaked) already=$(sent)
step "connections" connect $host 20
step "packets past the bond in 20 s" echo $(($(leaked) - before))
step "client's addresses" ip -n client -6 address show dev eth0 scope global
step "packets of the client in 20 s" echo $(($(sent) - already))
kill $pinger
step "switch" at switch bridge fdb show br br0

# --- a client that boots ---
ip -n client link set eth0 down
before=$(leaked) already=$(sent)
# ping ends at once while there is no route.
ip netns exec client sh -c "while sleep 0.01; do ping -6 -n -q -i 0.01 -w 1 $host; done" >/dev/null 2>&1 & pinger=$!
ip -n client link set eth0 up; sleep 6
step "packets past the bond of a client that boots" echo $(($(leaked) - before))
step "packets of a client that boots" echo $(($(sent) - already))
kill $pinger; sleep 1.5
step "connections of a client that boots" connect $host 1
step "datagram" at client /usr/bin/python3 /run/datagram.py $host
step "default routes of a client that boots" ip -n client -6 route show default

# --- a Thread border router, as those of smart homes announce themselves: a mesh, but no way out ---
# $1: what it announces besides
thread() {
  cat >/run/thread.conf <<END
interface eth0 {
  AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 0; AdvSourceLLAddress off;
  prefix fd12:3456:789a:1::/64 { AdvPreferredLifetime 1800; AdvValidLifetime 1800; };
  route fdab:cdef:123:4::/64 { AdvRouteLifetime 1800; };
  $1
};
END
  # Not by a function: the program itself is to be stopped.
  ip netns exec thread "$radvd" -C /run/thread.conf -p /run/thread.pid -n -u root >/run/thread.log 2>&1 & border=$!
}
at thread sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.all.accept_ra=0
# A kernel ignores routes of router advertisements unless it is told how long their prefixes may be.
at client sysctl -qw net.ipv6.conf.eth0.accept_ra_rt_info_max_plen=128
# mesh PREFIX: whether the client has that route by the border router; has_own: whether it has an address of the border router's network
mesh() { ip -n client -6 route show "$1" | grep -q "via $(link_local thread) "; }
has_own() { ip -n client -6 address show dev eth0 scope global -deprecated -tentative | grep -q 'inet6 fd12:3456:789a:1:'; }
thread ""
step "the client has the mesh's route" until_true 10 mesh fdab:cdef:123:4::/64
step "the client has the border router's network" until_true 10 has_own
# Longer than the box takes to repeat what it has cancelled.
sleep 12
step "the mesh's route stays" mesh fdab:cdef:123:4::/64
step "the border router's network stays" has_own
step "default routes beside a border router" ip -n client -6 route show default
kill $border; wait $border
# The same with a way out: by a network of addresses, by routes.
thread "prefix 2001:db8:c::/64 { AdvPreferredLifetime 1800; AdvValidLifetime 1800; };
  route ::/0 { AdvRouteLifetime 1800; }; route 2000::/3 { AdvRouteLifetime 1800; };"
heard_way_out() { tcpdump -r /run/client.pcap -n -vv 'icmp6 and ip6[40] == 134' 2>/dev/null | grep -q 2001:db8:c::/64; }
step "the border router's way out is heard" until_true 10 heard_way_out
sleep 1.5
step "the mesh's route stays with a way out" mesh fdab:cdef:123:4::/64
step "the border router's network stays with a way out" has_own
step "routes beside a way out" sh -c "ip -n client -6 route show default; ip -n client -6 route show 2000::/3"
step "addresses beside a way out" ip -n client -6 address show dev eth0 scope global
kill $border; wait $border
# It announces all of it once more when it ends. Before the box's program ends, too, that must be answered: the client would prefer that
# network's address, and no answer finds its way back.
forgotten() {
  ! { ip -n client -6 route show 2000::/3 proto ra; ip -n client -6 address show dev eth0 to 2001:db8:c::/64 -deprecated; } | grep -q .
}
step "nothing of a border router's way out stays" until_true 10 forgotten

# --- and without it again ---
kill $announcer; wait $announcer
sleep 0.5
step "default routes after its stop" ip -n client -6 route show default
until_true 10 ready
step "reach the host again" connect $host 0
step "box" sh -c "cat /proc/sys/net/ipv6/conf/all/forwarding; ip -n box -6 address show dev eth0; ip -n box -6 route"
step "advertisements" sh -c "tcpdump -r /run/client.pcap -n -e -vv 'icmp6 and ip6[40] == 134' 2>/dev/null"

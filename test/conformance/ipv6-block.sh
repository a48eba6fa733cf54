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

# --- and without it again ---
kill $announcer; wait $announcer
sleep 0.5
step "default routes after its stop" ip -n client -6 route show default
until_true 10 ready
step "reach the host again" connect $host 0
step "box" sh -c "cat /proc/sys/net/ipv6/conf/all/forwarding; ip -n box -6 address show dev eth0; ip -n box -6 route"
step "advertisements" sh -c "tcpdump -r /run/client.pcap -n -e -vv 'icmp6 and ip6[40] == 134' 2>/dev/null"

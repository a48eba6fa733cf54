# bondbox-preflight on a server that is well, on one whose bond is not, and on what looks like other kernels. Each "@@ NAME" begins a
# result, "@= STATUS" ends it. The server's own script comes before this one.
step() { echo "@@ $1"; shift; "$@" 2>&1; echo "@= $?"; }
uptime_ms() { read -r now _ </proc/uptime; echo "${now%.*}${now#*.}0"; }
timed() { begin=$(uptime_ms); "$@"; code=$?; echo "took $(($(uptime_ms) - begin)) ms"; return $code; }
# Everything that a trial could leave.
traces() { ls -A /tmp /run/netns /sys/class/net; pgrep -a openvpn; }
trial() { # name
  traces >/root/before
  step "$1" timed bondbox-preflight
  traces >/root/after
  step "$1: left" diff /root/before /root/after
}
# Another program in the place of one.
instead() { mv "/usr/sbin/$1" "/usr/sbin/$1.real"; cat >"/usr/sbin/$1"; chmod 755 "/usr/sbin/$1"; }
again() { mv "/usr/sbin/$1.real" "/usr/sbin/$1"; }
without() { # module
  file=$(find -L "/lib/modules/$(uname -r)" -name "$1.ko*")
  rmmod "$1" 2>/dev/null
  mv "$file" /root/
}
with() { mv "/root/${file##*/}" "$file"; }
system() { sed "s/^ID=.*/ID=$1/" /etc/os-release >/root/os-release; cat /root/os-release >/etc/os-release; }

system debian
without bonding
trial "no bonding"
system ubuntu
trial "no bonding, Ubuntu"
with
without sch_cake
step "no CAKE" bondbox-preflight --quick
with
mv /usr/local/sbin/bondbox-striper /root/
step "no striper" bondbox-preflight --quick
mv /root/bondbox-striper /usr/local/sbin/
kill $lane
step "no lane" bondbox-preflight --quick
perl "$1/lane-listen" 172.16.17.1 5555 262144 sleep 1000 >/dev/null 2>&1 &

modprobe bonding max_bonds=0
ip link add bond0 type bond miimon 20
for tap in tap0 tap1; do ip tuntap add dev $tap mode tap; ip link set $tap master bond0; done
ip link set bond0 up
tunnels
arrive 1194 1196
sleep 0.5
trial "well"
trial "well, again"
step "quick" timed bondbox-preflight --quick

ip link set dev tap1 carrier off
sleep 0.5
step "down" bondbox-preflight --quick
ip link set dev tap1 carrier on
ip link set dev tap1 nomaster
step "gone" bondbox-preflight --quick

# The bond sees nothing of what the tap receives: to it, the tap is down.
instead openvpn <<'END'
#!/bin/sh
tc qdisc add dev tap0 clsact
tc filter add dev tap0 ingress protocol all u32 match u32 0 0 action drop
exec /usr/sbin/openvpn.real "$@"
END
trial "held for down"
again openvpn

# The tunnel's own packets come to nothing.
instead openvpn <<'END'
#!/bin/sh
ip link set dev wire down
exec /usr/sbin/openvpn.real "$@"
END
trial "cut"
again openvpn

instead openvpn <<'END'
#!/bin/sh
echo "Options error: no such luck"
exit 1
END
trial "no tunnel"
again openvpn

# Never up for a second.
cat >/root/swing <<'END'
while ip link set dev wire down; sleep 0.5; ip link set dev wire up; do sleep 0.5; done 2>/dev/null
END
instead openvpn <<'END'
#!/bin/sh
sh /root/swing &
exec /usr/sbin/openvpn.real "$@"
END
trial "unsteady"
again openvpn

# A whole bond that carries nothing but ARP.
instead openvpn <<'END'
#!/bin/sh
tc qdisc add dev bond0 clsact
tc filter add dev bond0 ingress protocol ip u32 match u32 0 0 action drop
exec /usr/sbin/openvpn.real "$@"
END
trial "ARP only"
again openvpn

traces >/root/before
bondbox-preflight >/dev/null 2>&1 &
sleep 1
step "ended: while it ran" diff /root/before - <<END
$(traces)
END
kill $!
wait $!
traces >/root/after
step "ended: left" diff /root/before /root/after

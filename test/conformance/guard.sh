# A half's own guard over its own firewall, and on the box its own network, in a network of its own: folder of the half, backend of
# iptables. systemctl runs what the unit would. A pause is 20 times shorter, and written down.
mkdir /mnt/etc /mnt/local /run/bondbox
cp -r "$1/usr/local/." /mnt/local/
cp -r "$1/etc/bondbox" /etc/protocols /etc/services /etc/alternatives /mnt/etc/
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -sfn "/usr/sbin/${name%%-*}-$2${name#ip*tables}" "/mnt/etc/alternatives/$name"
done
# As install.sh records it on a machine that forwarded nothing.
printf 'net.ipv4.ip_forward=0\nnet.ipv6.conf.all.forwarding=0\n' >/mnt/etc/bondbox/sysctl
cat >/mnt/local/sbin/systemctl <<'END'
#!/bin/sh
echo "$*" >>/run/calls
[ "$1" != try-restart ] || exit 0
[ ! -e "/run/stopped-$2" ] || exit 1
exec "$2" start
END
cat >/mnt/local/sbin/sleep <<'END'
#!/bin/sh
echo "$PPID $1" >>/run/pauses
exec /bin/sleep "$(($1 / 20)).$(printf %02d $(($1 * 5 % 100)))"
END
chmod 755 /mnt/local/sbin/systemctl /mnt/local/sbin/sleep
mount --bind /mnt/etc /etc
mount --bind /mnt/local /usr/local
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin

step() { echo "@@ $1"; shift; "$@" 2>&1 && echo "@= 0" || echo "@= $?"; }
until_true() { for _ in $(seq 200); do ! "$@" || return 0; /bin/sleep 0.1; done; return 1; }
state() {
  { iptables-save; ip6tables-save; } | grep -v '^#' | sed 's/ \[[0-9:]*\]$//'
  ip rule; ip -6 rule; ip -o -4 address show dev eth0 | sort
  ip -o route show table all dev eth0 | grep -w table | sort; ip -6 -o route show table all dev eth0 | grep -w table
}
keep() { state >/run/state; }
same() { state | cmp -s - /run/state; }
back() { until_true same || { state | diff /run/state -; return 1; }; }
# Until every part has been looked at several times, without a longer pause.
settled() { [ "$(awk '$2 == 4 { if (++n[$1] == 2) all++ } END { print all + 0 }' /run/pauses)" = "$parts" ]; }
settle() { : >/run/pauses; until_true settled; }
count() { cut -d' ' -f1 "/run/bondbox/guard.$1"; }
counted() { [ "$(count "$part")" = $((before + 1)) ]; }
# What is damaged comes back, and is counted once.
damage() { # name, part, command
  name=$1 part=$2; shift 2
  settle
  before=$(count "$part")
  "$@"
  step "$name" back
  step "$name: counted" until_true counted
}
# What is somebody else's makes the guard do nothing.
nothing() { # name, command
  name=$1; shift
  settle
  : >/run/calls
  "$@"
  settle
  step "$name" cat /run/calls
}

ip link set lo up
ip link add eth0 type veth peer name other
ip link set eth0 up; ip link set other up
bondbox-firewall start
[ ! -e /usr/local/sbin/bondbox-network ] || bondbox-network start
owners() { iptables -A INPUT -p tcp --dport 22 -j ACCEPT; }
owners
keep
: >/run/calls; : >/run/pauses
bondbox-guard >/run/said 2>&1 &
until_true test -e /run/bondbox/guard.firewall
parts=$(sed -n 's/^for part in \(.*\); do guard.*/\1/p' /usr/local/sbin/bondbox-guard | wc -w)
settle
step "start" grep . /run/bondbox/guard.firewall

flush() { iptables -F; owners; }
damage "all rules of a table" firewall flush
damage "a jump" firewall iptables -D FORWARD -j BONDBOX-FORWARD
damage "a rule" firewall iptables -D BONDBOX-FORWARD 2
damage "IPv6" firewall ip6tables -F BONDBOX-FORWARD
gone() { iptables -F FORWARD; for chain in FORWARD LAST-FORWARD; do iptables -F BONDBOX-$chain; iptables -X BONDBOX-$chain; done; } 2>/dev/null
damage "a chain that is removed" firewall gone
[ "$2" != nft ] || { ruleset() { nft flush ruleset; owners; }; damage "the whole ruleset" firewall ruleset; }
overtake() { iptables -I FORWARD -s 192.0.2.1 -j DROP; }
settle; overtake
first() { [ "$(iptables -S FORWARD 1)" = "-A FORWARD -j BONDBOX-FORWARD" ]; }
step "a rule before ours" until_true first
overtaken() { [ ! -e /usr/local/sbin/bondbox-preflight ] || iptables -S FORWARD | tail -n 1 | grep -q LAST; }
iptables -A FORWARD -s 192.0.2.2 -j DROP
step "a rule after ours" until_true overtaken
settle; keep

foreign() {
  iptables -A INPUT -p tcp --dport 80 -j ACCEPT; iptables -N OWNER; iptables -A OWNER -j RETURN
  iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE; iptables -P INPUT ACCEPT
  ip rule add priority 77 from 192.0.2.9 lookup main; ip route add 192.0.2.0/24 dev lo; ip address add 192.0.2.3/32 dev eth0
}
nothing "somebody else's" foreign
keep

if [ -e /usr/local/sbin/bondbox-network ]; then
  . /etc/bondbox/network.conf
  line() { [ "$4" != "$wanted" ] || echo "$5"; }
  table=$(awk '$2 != "" && $1 ~ /^[0-9]+$/ { print $1; exit }' "$1/etc/iproute2/rt_tables.d/bondbox.conf")
  wanted=$table priority=$(each_line line)
  damage "a line's rule" network ip rule delete priority "$priority"
  damage "a line's table" network ip route flush table "$table"
  damage "an IPv6 rule" network ip -6 rule delete priority "$REFUSED_PRIORITY"
  damage "the LAN's address" network ip address delete "$ADDRESS/$PREFIX" dev eth0
  damage "the LAN's port" network ip link set eth0 down
fi

# Another program that removes it again and again.
settle
: >/run/fight
while [ -e /run/fight ]; do iptables -D FORWARD -j BONDBOX-FORWARD 2>/dev/null; /bin/sleep 0.05; done &
: >/run/pauses
long() { grep -q " 64$" /run/pauses; }
step "a fight" until_true long
step "a fight: pauses" awk '!seen[$2]++ { print $2 }' /run/pauses
rm /run/fight
step "a fight: over" back
step "a fight: report" grep -c "FORWARD -j BONDBOX-FORWARD" /run/said

# Stopped by hand.
settle
: >/run/stopped-bondbox-firewall
bondbox-firewall stop; keep
failed() { [ "$(cut -d' ' -f3 /run/bondbox/guard.firewall)" = "$1" ]; }
step "stopped" until_true failed 1
step "stopped: left alone" same
rm /run/stopped-bondbox-firewall
bondbox-firewall start; keep
step "started" until_true failed 0

# One of its parts dies: all start again.
kill "$(awk 'END { print $1 }' /run/pauses)"
ended() { ! kill -0 "$!" 2>/dev/null; }
step "a part is killed" until_true ended

# The striper as built, both halves in one kernel, over tunnels of OpenVPN and two lines that differ. After halves.sh.

# Each line's way down and up, ms and kbit/s. The tunnels here add 24 bytes less than those that the profile counts with.
delay=(15 30) down=(2000 10000) up=(1000 5000)
wire() { # line half rate more
  ip netns exec "$2" tc qdisc replace dev "wire$1" root netem delay "${delay[$1]}ms" rate "$3kbit" 10 limit 200 ${4-}
}
for line in 0 1; do
  for half in box srv; do
    ip netns exec $half ethtool -K wire$line tso off gso off gro off >/dev/null
    ip -n $half link set wire$line up
  done
  wire $line srv ${down[line]}
  wire $line box ${up[line]}
done
for half in box srv; do in_half $half bondbox-bond start; done
tunnel 0
tunnel 1
state() { in_half "$1" cat /sys/fs/bpf/tc/globals/striper | tail -n 1 | tr '{}[],' '     '; }
# Of each line four numbers: price, delay, why it is set aside, and what ails the other direction.
prices() { state "$1" | awk '{ print $2, $6 }'; }
delays() { state "$1" | awk '{ print $3, $7 }'; }
shown() { in_half "$1" bondbox-striper show | tail -n 1; }
counter=tx_packets
sent() { for tap in tap0 tap1; do ip netns exec "$1" cat /sys/class/net/$tap/statistics/$counter; done; }
# What each tap of a half has sent meanwhile.
while_sent() { # half, command
  half=$1; shift
  # shellcheck disable=SC2046 # two numbers
  set -- "$@" -- $(sent "$half")
  command=()
  while [ "$1" != -- ]; do command+=("$1"); shift; done
  "${command[@]}" >/run/said 2>&1
  # shellcheck disable=SC2046 # two numbers
  set -- "$2" "$3" $(sent "$half")
  echo $(($3 - $1)) $(($4 - $2))
}
while_carried() { local counter=tx_bytes; while_sent "$@"; } # the same in bytes
udp() { # kbit/s seconds
  ip netns exec box iperf3 -s -1 -D -p 5300 >/dev/null
  sleep 0.2
  ip netns exec srv iperf3 -c "$box" -p 5300 -u -l 1300 -b "$1k" -t "$2" --json
}
fates() {
  node -p 'const { sum, streams } = JSON.parse(require("fs").readFileSync("/run/said", "utf8")).end;
    `${sum.packets} sent, ${sum.lost_packets} lost\n${streams[0].udp.out_of_order} late`'
}
tcp() { # seconds
  ip netns exec box iperf3 -s -1 -D -p 5301 >/dev/null
  sleep 0.2
  ip netns exec srv iperf3 -c "$box" -p 5301 -t "$1" -M 1200 >/dev/null
}
pings() { in_half box ping -q -i 0.05 -c "$1" -W 1 "$peer" | sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p'; }

for half in box srv; do
  result "$half starts" in_half $half bondbox-striper start
  result "$half is there" in_half $half bondbox-striper check && echo yes
  in_half $half wondershaper bond0 11400 5700
  in_half $half setsid bondbox-watchdog >/dev/null 2>&1 &
done
sleep 4
result "delays down" delays srv
result "delays up" delays box
result "idle" while_sent box pings 100
# What names the second line by its VLAN.
lane() { ip netns exec srv ping -q -i 0.02 -c 150 -W 1 172.16.17.3; }
result "lane" while_sent srv lane
# As the box's program reads it: the clock first, ns.
measured() { node -p 'process.hrtime.bigint()'; in_half "$1" cat /sys/fs/bpf/tc/globals/striper_state; }
result "measured, idle" measured box
(sleep 3; measured box >/run/measured) &
result "both" while_sent srv udp 10200 5
result "measured, under load" cat /run/measured
result "both: fates" fates
# Nothing of either direction arrives.
cut() { wire "$1" srv "${down[$1]}" "loss 100%"; wire "$1" box "${up[$1]}" "loss 100%"; }
restore() { wire "$1" srv "${down[$1]}"; wire "$1" box "${up[$1]}"; }
(sleep 1; cut 1; sleep 4; restore 1) &
udp 1500 8 >/dev/null &
load=$!
result "cut" pings 160
wait $load
sleep 5
cut 1
sleep 1
result "lane: silent" lane
restore 1
sleep 5
wire 1 srv 2000
tcp 6
result "throttled: prices" prices srv
result "throttled: the box" in_half box bondbox-striper seen
result "throttled: shaper" ip netns exec srv tc qdisc show dev bond0
wire 1 srv 10000
tcp 9
result "restored: prices" prices srv
# Beside one that is much faster, the slower one is given next to nothing.
wire 0 srv 300
tcp 10
result "starved: prices" prices srv
wire 0 srv 2000
tcp 40
result "fed: prices" prices srv
# What is wrong with a line only while it is used, and what is seen of it without.
wire 1 srv 10000 "loss 2%"
tcp 6
result "lossy" shown srv
result "lossy: in use" while_sent srv udp 1500 3
result "lane: set aside" while_sent srv lane
result "lane: its shaper" ip netns exec srv tc qdisc show dev lane1
result "lossy: shaper" ip netns exec srv tc qdisc show dev bond0
wire 1 srv 10000
sleep 130
result "lossy: well again" shown srv
wire 1 srv 10000 "delay 40ms 25ms"
sleep 20
result "jumpy" shown srv
result "jumpy: in use" while_carried srv udp 1500 3
wire 1 srv 10000
wire 0 srv 2000 "delay 40ms 35ms"
sleep 200
result "jumpy: the slow one" in_half srv bondbox-striper show
wire 0 srv 2000
sleep 150
result "jumpy: well again" in_half srv bondbox-striper show
# A busy line that jumps is late, not slow, once it has been seen while next to nothing was sent.
wire 1 srv 10000 "delay 40ms 10ms"
sleep 8
box=172.16.17.3 tcp 10
result "jumping: prices" prices srv
# So is one that a moment's pause between two flows shows.
sleep 1
box=172.16.17.3 tcp 25
result "jumping: later" prices srv
wire 1 srv 10000
hold_second() { # 0: always, 1: spare, 2: reserve
  for half in box srv; do
    sed -i '/"$1" tap1/s/ [012] \([0-9]*\)$/ '"$1"' \1/' /p/$half/etc/bondbox/lines.conf
    in_half $half bondbox-striper stop
    in_half $half bondbox-striper start
  done
  sleep 3
}
hold_second 1
result "spare" shown srv
result "spare: the rest is not full" while_sent srv udp 1500 3
result "spare: the rest is full" while_sent srv udp 6000 8
sleep 15
result "spare: later" shown srv
hold_second 2
result "reserve" shown srv
result "reserve: in use" while_sent srv udp 1500 3
(sleep 1; cut 0; sleep 4; restore 0) &
result "reserve: the other is cut" pings 160
hold_second 0
result "gone" in_half srv bondbox-striper stop
result "gone: in turn" while_sent srv udp 1500 3
result "gone: check" in_half srv bondbox-striper check && echo fine
sleep 50
result "gone: the box" in_half box bondbox-striper seen
result "again" in_half srv bondbox-striper start
result "again: filters" ip netns exec srv tc filter show dev tap1 egress
ip netns exec srv tc filter delete dev tap1 egress pref 12
result "damaged" in_half srv bondbox-striper check || echo seen

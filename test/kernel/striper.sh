# The striper as built, both halves in one kernel. After unequal.sh.

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
tcp 15
result "starved: prices" prices srv
wire 0 srv 2000
tcp 40
result "fed: prices" prices srv
# What is wrong with a line only while it is used, and what is seen of it without.
wire 1 srv 10000 "loss 2%"
# Until it has lost packets enough to know how much it loses.
tcp 12
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

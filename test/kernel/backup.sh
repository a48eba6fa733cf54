# active-backup as built, both halves in one kernel, over tunnels of OpenVPN: which line carries, and for how long none does. After halves.sh.

for line in 0 1; do
  for half in box srv; do
    ip -n $half link set wire$line up
    # The line's time, and nothing lost.
    ip netns exec $half tc qdisc add dev wire$line root netem delay 15ms
  done
done
for half in box srv; do in_half $half bondbox-bond start; done

carries() { for half in box srv; do ip netns exec $half cat /sys/class/net/bond0/bonding/active_slave; done | uniq -c | xargs; }
both() { [ "$(carries)" = "2 $1" ]; }
# Milliseconds until both ends use the tap.
until_both() { # tap
  begin=$(uptime_ms)
  until both "$1"; do
    [ $(($(uptime_ms) - begin)) -lt 30000 ] || { echo "never: $(carries)"; return; }
    sleep 0.2
  done
  echo "$(($(uptime_ms) - begin)) ms"
}
# A line that carries nothing, in one direction or both, and shows it to nobody.
cut() { # line, halves that are not heard
  line=$1; shift
  for half; do ip netns exec "$half" tc qdisc replace dev "wire$line" root netem delay 15ms loss 100%; done
}
restore() { for half in box srv; do ip netns exec $half tc qdisc replace dev "wire$1" root netem delay 15ms; done; }
pings() { in_half box ping -q -i 0.1 -c "$1" -W 1 "$peer" | sed -n 's/ packets\{0,1\} transmitted//; s/^\([0-9]*\), \([0-9]*\) received.*/\1 \2/p'; }
# Frames that the tap has received, in 10 s with nothing but probes.
frames() { # half tap
  count="ip netns exec $1 cat /sys/class/net/$2/statistics/rx_packets"
  before=$($count)
  sleep 10
  echo $(($($count) - before))
}
# New ones know of no failure, so what fails next is no relapse, which would have a hold.
watchdogs() {
  # shellcheck disable=SC2046 # process numbers
  kill $(pgrep -f sbin/bondbox-watchdog) 2>/dev/null
  # Neither bash tells how they end.
  for half in box srv; do in_half $half setsid bondbox-watchdog >/dev/null 2>&1 & disown; done
  sleep 3
}

tunnel 1
# As a build of before left it, whose filters had other numbers, while its second line was out.
ip netns exec srv tc -batch - <<END
qdisc add dev tap1 clsact
filter add dev tap1 ingress pref 1 handle 800::1 protocol 0x88b5 u32 match u32 0 0 action drop
filter add dev tap1 egress pref 1 protocol arp u32 match u32 0 0 action pedit ex munge eth type set 0x88b5
filter add dev tap1 egress pref 2 protocol all u32 match u32 0 0 action drop
filter add dev tap1 ingress pref 2 protocol all u32 match u32 0 0 action drop
END
sleep 3
result "silenced by an earlier build: pings" pings 10
watchdogs
result "second alone" until_both tap1
result "second alone: pings" pings 10
tunnel 0
result "first starts" until_both tap0
watchdogs
result "frames on the first" frames srv tap0
result "frames on the second" frames box tap1
fails() { # name, halves that are not heard
  cut 0 ${2-} ${3-}
  result "$1" until_both tap1
  sleep 2
  result "$1: pings" pings 30
  result "$1: frames on the first" frames srv tap0
  restore 0
  result "$1: back" until_both tap0
  result "$1: back: pings" pings 30
  watchdogs
}
fails "cut" box srv
fails "nothing comes down" srv
fails "nothing goes up" box
cut 1 box srv
sleep 3
result "second cut" carries
result "second cut: pings" pings 30
restore 1
# A server whose kernel has no clsact, such as that of 14.04, copies nothing and silences nothing.
printf '#!/bin/sh\nexit 1\n' >/p/srv/usr/local/sbin/tc
chmod 755 /p/srv/usr/local/sbin/tc
for tap in tap0 tap1; do ip netns exec srv tc qdisc delete dev $tap clsact; done
watchdogs
fails "no clsact" box srv

# Two lines that differ, tunnels of OpenVPN over them, the bond at both ends, and what looks at them. After halves.sh.

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

# Nothing of either direction arrives.
cut() { wire "$1" srv "${down[$1]}" "loss 100%"; wire "$1" box "${up[$1]}" "loss 100%"; }
restore() { wire "$1" srv "${down[$1]}"; wire "$1" box "${up[$1]}"; }

for half in box srv; do
  result "$half starts" in_half $half bondbox-striper start
  result "$half is there" in_half $half bondbox-striper check && echo yes
  in_half $half wondershaper bond0 11400 5700
  in_half $half setsid bondbox-watchdog >/dev/null 2>&1 &
done
sleep 4

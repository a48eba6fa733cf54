# A line that is taken out, with the striper and without it. After unequal.sh: the first line is the nearer and slower one.

# What both ends' taps send over the first line in a second.
over_first() {
  counter=tx_bytes
  # shellcheck disable=SC2046 # two numbers each
  set -- $(sent box) $(sent srv)
  sleep 1
  # shellcheck disable=SC2046
  set -- "$@" $(sent box) $(sent srv)
  counter=tx_packets
  echo $(($5 - $1)) $(($7 - $3))
}
slaves_up() { for half in box srv; do in_half $half sh -c '. /usr/local/lib/bondbox/bonding.sh; slaves bond0'; done | xargs; }
# The numbers of the pings without an answer.
unanswered() { sed -n 's/.*icmp_seq=\([0-9]*\) .*/\1/p' /run/pinged | cat - <(seq 300) | sort -n | uniq -u | xargs; }
mkdir -p /run/bondbox/out
while_out() { # name, kbit/s
  in_half box ping -i 0.05 -c 300 -W 1 "$peer" >/run/pinged &
  pinged=$!
  (
    sleep 2
    touch /run/bondbox/out/adsl
    sleep 7
    over_first >/run/first
    slaves_up >/run/slaves
    rm /run/bondbox/out/adsl
  ) &
  udp "$2" 16 >/run/said
  wait $pinged
  result "$1" fates
  result "$1: pings" unanswered
  result "$1: over it" cat /run/first
  result "$1: slaves" cat /run/slaves
  result "$1: slaves later" slaves_up
}
while_out "taken out" 6000
touch /run/bondbox/out/adsl
sleep 5
cut 1
sleep 3
result "last: pings" pings 60
result "last: slaves" slaves_up
restore 1
sleep 8
result "last: later" slaves_up
touch /run/bondbox/out/fibre
sleep 5
result "both: slaves" slaves_up
rm /run/bondbox/out/adsl /run/bondbox/out/fibre
sleep 3
for half in box srv; do in_half $half bondbox-striper stop; done
sleep 2
while_out "in turn" 1200

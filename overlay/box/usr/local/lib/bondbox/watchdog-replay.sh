# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by bondbox-watchdog on the box: records looks and replays them. "clock", "begin", "step" and "decision" are those of the service.

usage() {
  cat <<'END'
bondbox-watchdog                  watches all lines until it is stopped
bondbox-watchdog --record         prints what it would look at, ten times a second, until it is stopped
bondbox-watchdog --replay FILE    prints what it decides for recorded looks, and changes nothing

FILE has one row per look: milliseconds, then the packets that each device has received so far. A row of names comes first:
  time bond0 tap0 tap1
  0 0 0 0
  100 8 4 4
Rows that begin with # are comments. From a row "alone" to a row "together" no other line carries. "lacks carrier" and "lacks clsact" stand for a kernel without that ability.
Each decision is printed as TIME LINE DECISION, followed by "failed" if the kernel cannot carry it out:
  doubt   switch the carrier of the tap off, so that the bond sends nothing over the line
  trust   switch the carrier on again
  leave   make the far end leave the line, too
  settle  switch the carrier on again, as the kernel's monitor has left the line
  admit   use the line again
END
}

record() {
  devices=("$BOND")
  add_tap() { devices+=("$2"); } # line, tap
  each_line add_tap
  echo "time ${devices[*]}"
  while :; do
    clock
    row=$ms
    for device in "${devices[@]}"; do
      read -r count <"/sys/class/net/$device/statistics/rx_packets" || exit 1
      row="$row $count"
    done
    echo "$row"
    sleep 0.1
  done
}

replay() { # file
  act() {
    needs=$decision
    case $decision in doubt | trust | settle) needs=carrier ;; leave) needs=clsact ;; esac
    case " $lacks " in *" $needs "*) echo "$now $line $decision failed"; return 1 ;; esac
    echo "$now $line $decision"
  }
  set -o pipefail
  each_line replay_line "$1" | sort -s -n
}

replay_line() { # file, line, tap
  line=$2 lacks='' own='' all='' row=0 state=
  while read -ra field; do
    row=$((row + 1))
    case ${field[0]-} in
      '' | '#'*) ;;
      lacks) lacks="$lacks ${field[1]-}" ;;
      alone) nobody=yes ;;
      together) nobody=no ;;
      time)
        for number in "${!field[@]}"; do
          [ "${field[number]}" != "$BOND" ] || all=$number
          [ "${field[number]}" != "$3" ] || own=$number
        done
        ;;
      *) replay_row "$1:$row" "${field[0]}" "${own:+${field[own]-}}" "${all:+${field[all]-}}" ;;
    esac
  done <"$1" || exit
}

wrong() { # place, text
  echo "bondbox-watchdog: $1: $2" >&2
  exit 65
}

replay_row() { # place, ms, packets of the tap, packets of the bond
  [[ $own && $all ]] || wrong "$1" "no row \"time $BOND TAP ...\" with every tap before it"
  for value in "${@:2}"; do
    case $value in '' | *[!0-9]*) wrong "$1" "not a whole number for each device" ;; esac
  done
  shift
  if [ -n "$state" ]; then step "$@"; else begin "$@"; fi
}

case $1:$# in
  --record:1) record ;;
  --replay:2) replay "$2" ;;
  --help:1 | -h:1) usage ;;
  *) usage >&2; exit 64 ;;
esac

# shellcheck shell=bash disable=SC2154
# Sourced by bondbox-watchdog on the box, where people look into things: replays recorded looks. "begin", "step" and "decision" are those
# of the service.

usage() {
  cat <<'END'
bondbox-watchdog                  watches all lines until it is stopped
bondbox-watchdog --replay FILE    prints what it decides for recorded looks, and does nothing

FILE has one row per look: milliseconds, then the packets that each device has received so far. The first row names the devices:
  time bond0 tap0 tap1
  0 0 0 0
  100 8 4 4
Between them "lacks carrier" or "lacks clsact" stands for a kernel without it; rows with # are comments. It prints TIME LINE DECISION:
  doubt   its carrier is switched off here    trust  and on again
  leave   the far end is told to leave it     settle  the kernel's monitor has left it here
  admit   it carries again                    ... failed  the kernel cannot do it
END
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
      time)
        for number in "${!field[@]}"; do
          case ${field[number]} in "$BOND") all=$number ;; "$3") own=$number ;; esac
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
  --replay:2) replay "$2" ;;
  --help:1 | -h:1) usage ;;
  *) usage >&2; exit 64 ;;
esac

# shellcheck shell=sh disable=SC2154 # set by who reads this
# What works, and what has to work again after a change. Whoever reads this has BOND and PEER, a command each_tap that calls another one
# with each line's name and tap, and in $record the file for what worked before.

is_up() { [ "$(cat "/sys/class/net/$1/bonding_slave/mii_status" 2>/dev/null)" = up ]; } # tap

is_carrying() { ping -q -c 1 -W 1 -I "$BOND" "$PEER" >/dev/null 2>&1; }

record_up() {
  : >"$record"
  each_tap record_line
  ! is_carrying || echo bond >>"$record"
}

record_line() { # name tap
  ! is_up "$2" || echo "line $1" >>"$record"
}

# Prints what worked before and does not work now.
missing() {
  each_tap check_line
  ! grep -qx bond "$record" || is_carrying || echo "the bond carries nothing"
}

check_line() { # name tap
  ! grep -qxF "line $1" "$record" || is_up "$2" || echo "line $1 is down"
}

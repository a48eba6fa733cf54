# shellcheck shell=sh disable=SC2154 # set by who reads this
# What works, and what has to work again after a change. bondbox-update reads this; push brings it along for its own trial. Both have BOND and
# PEER, in $record the file for what worked before, and each_line_before and each_line, which call a command with each line's name and tap.

is_up() { [ "$(cat "/sys/class/net/$1/bonding_slave/mii_status" 2>/dev/null)" = up ]; } # tap

is_carrying() { ping -q -c 1 -W 1 -I "$BOND" "$PEER" >/dev/null 2>&1; }

# Records what works, because that has to work again.
record_up() {
  : >"$record"
  each_line_before record_line
  ! is_carrying || echo bond >>"$record"
}

record_line() { # name tap
  ! is_up "$2" || echo "line $1" >>"$record"
}

# Prints what worked before and does not work now.
missing() {
  each_line check_line
  ! grep -qx bond "$record" || is_carrying || echo "the bond carries nothing"
}

check_line() { # name tap
  ! grep -qxF "line $1" "$record" || is_up "$2" || echo "line $1 is down"
}

# shellcheck shell=bash
# Sourced by bondbox-watchdog: whether the striper sees another rate of a line, uses others, or has found what ails one.
striper=/sys/fs/bpf/tc/globals/striper

# Sets "seen" to what the striper says of all lines (see bondbox-striper), and "prices" to what moves the shaper: what 256 bytes take on each
# of eight lines as they now are, in nanoseconds, 0: as the profile has it, 1: the line is set aside; and to what ails the other direction. It
# starts no program.
read_prices() {
  local map=() i
  prices=() seen=()
  [ -r $striper ] && mapfile -t map <$striper && ((${#map[@]} > 0)) || return
  read -ra seen <<<"${map[-1]//[\{\}\[\],]/ }"
  seen=("${seen[@]:1}")
  for ((i = 0; i < ${#seen[@]}; i += 4)); do prices+=($((seen[i + 2] ? 1 : seen[i])) $((seen[i + 3] / 256 % 256))); done
} 2>/dev/null

# Whether one of them differs by a fiftieth from what the shaper was fitted to.
differ() {
  local i price old
  # shellcheck disable=SC2154 # the watchdog sets it
  ((${#prices[@]} == ${#fitted[@]})) || return 0
  for i in "${!prices[@]}"; do
    price=${prices[i]} old=${fitted[i]}
    (((price - old) * 50 <= old && (old - price) * 50 <= old)) || return 0
  done
  return 1
}

# The same. /run/bondbox/striper says what is seen, for the status, which may not look itself. Empty: packets are dealt in turn.
moved() {
  read_prices
  if [ "${seen[*]}" != "${told- }" ]; then
    told=${seen[*]}
    echo "$told" >/run/bondbox/striper
  fi
  differ
} 2>/dev/null

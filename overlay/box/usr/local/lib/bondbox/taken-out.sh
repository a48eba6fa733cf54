# shellcheck shell=bash
# shellcheck disable=SC2154 # the watchdog sets them
# Sourced by bondbox-watchdog on the box: keeps each line out of the bond, at both ends, that has a file in /run/bondbox/out. Nothing is lost
# on the way out, and the last line that carries stays. docs/watchdog.md explains it.

wanted_out=${BONDBOX_OUT:-/run/bondbox/out} taken=in
# The far end's monitor, queues and the stamps of all lines take so long.
LEAVING_MS=2500
# Without more than probes for so long, the far end sends nothing over the line.
QUIET_MS=500

# Sets "other" to the tap of a line that is to be in and carries.
find_other() { # line, tap
  local status
  [ "$1" != "$line" ] && [ ! -e "$wanted_out/$1" ] || return 0
  { read -r status <"/sys/class/net/$2/bonding_slave/mii_status"; } 2>/dev/null || return 0
  [ "$status" != up ] || other=$2
}

# After each look.
obey() {
  local other=
  [ ! -e "$wanted_out/$line" ] || each_line find_other
  case $taken:${other:+out} in
    in:out)
      say "line $line is to be out: leaving it at both ends"
      asked=$ms taken=leaving
      if dealt; then deafen; else divert; fi
      ;;
    leaving:out)
      ((ms - asked >= LEAVING_MS)) || return
      if ((ms - carried >= QUIET_MS || ms - asked >= 3 * LEAVING_MS)); then
        shut
        taken=out
      elif ((ms - asked >= 2 * LEAVING_MS)); then
        mute
      fi
      ;;
    leaving: | out:)
      say "line $line may be in again"
      unfilter 6 9 16 17 18
      taken=in
      ;;
  esac
} 2>/dev/null

# Whether the striper deals what is sent.
dealt() { tc filter show dev "$tap" ingress | grep -q hear; }

# What arrives still passes, but the striper hears none of it: it sends nothing more over the line, and tells the far end so.
deafen() { tc filter add dev "$tap" ingress pref 9 protocol all u32 match u32 0 0 action ok; }

# The monitor's probes become signs, as when the watchdog leaves a line: the far end counts and drops them, so its monitor leaves the line.
# The rest goes over another line.
divert() {
  tc filter add dev "$tap" egress pref 17 protocol arp u32 match u32 0 0 action pedit ex munge eth type set "$SIGN"
  tc filter add dev "$tap" egress pref 18 protocol all u32 match u32 0 0 action mirred egress redirect dev "$other"
}

# A kernel before 4.5 at the far end cannot drop signs, so it takes them for life. It leaves a line over which it hears nothing.
mute() {
  unfilter 16
  tc filter add dev "$tap" egress pref 16 protocol arp u32 match u32 0 0 action drop
}

shut() {
  ! dealt || divert
  tc filter add dev "$tap" ingress pref 6 protocol all u32 match u32 0 0 action drop
}

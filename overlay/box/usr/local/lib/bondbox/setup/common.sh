# shellcheck shell=sh
# Part of bondbox-setup: what it tells people, the boot partition, and what it remembers.

# Where dpkg and tar write what they print.
log=/run/bondbox-setup.log
net=/sys/class/net

# Prints a text on every console, which is HDMI and serial, and in the journal.
say() {
  echo "$*"
  read -r consoles 2>/dev/null </sys/class/tty/console/active || consoles=console
  for tty in $consoles; do
    { printf '\rbondbox: %s\r\n' "$*" >"/dev/$tty"; } 2>/dev/null || :
  done
}

# Sets the green light, where the board has one.
led() { # trigger
  for light in /sys/class/leds/ACT /sys/class/leds/led0; do
    [ -e $light/trigger ] || continue
    echo "$1" >$light/trigger
    [ "$1" != timer ] || {
      echo 100 >$light/delay_on
      echo 100 >$light/delay_off
    }
  done 2>/dev/null
}

# --- the boot partition ---

# Cloud-init may look for it before it is mounted: https://github.com/canonical/cloud-init/issues/6614
mount_boot() {
  mountpoint -q $boot || {
    mkdir -p $boot
    mount $boot || mount LABEL=bootfs $boot || say "the boot partition cannot be mounted on $boot"
  } 2>/dev/null
}

is_read_only() { # mount point
  case ",$(findmnt -nro OPTIONS --mountpoint "$1")," in *,ro,*) return 0 ;; *) return 1 ;; esac
}

# Runs a command while the boot partition is writable.
on_boot() {
  if is_read_only $boot; then
    mount -o remount,rw $boot || return 1
    "$@"
    result=$?
    sync -f $boot
    mount -o remount,ro $boot
    return $result
  fi
  "$@"
}

# FAT has no journal, so the new file is complete before it replaces the old one.
replace() { # file with the text, file on the boot partition
  cp "$1" "$2.new" && sync "$2.new" && cmp -s "$1" "$2.new" && mv -f "$2.new" "$2" && sync -f $boot
}

# Writes standard input to the file that a person can read on any computer. An unchanged text is not written again.
write_status() {
  cat >/run/bondbox-status.txt
  cmp -s /run/bondbox-status.txt $boot/bondbox-status.txt || ! mountpoint -q $boot ||
    on_boot replace /run/bondbox-status.txt $boot/bondbox-status.txt || say "bondbox-status.txt cannot be written"
}

# --- what is remembered ---

# Writes one value to one file, completely or not at all.
remember() { # file, value
  printf '%s\n' "$2" >"$1.new" && sync "$1.new" && mv -f "$1.new" "$1" && sync "${1%/*}"
}

recall() { cat "$1" 2>/dev/null || :; }

# Records something that a person should know, but that does not keep the box from working. "bondbox report" prints it.
note() {
  grep -qxF -e "$*" $state/notes 2>/dev/null || echo "$*" >>$state/notes
}

# Seconds since the start: the clock of a Raspberry Pi jumps when it learns the time.
seconds() {
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# Records how long a phase took, for "bondbox report".
took() { # name, seconds() when it began
  echo "$1 $(($(seconds) - $2))" >>$state/times
}

# Prints what is wrong with the port to the LAN, or nothing. Some boards and kernels call it end0. "bondbox status" says the same, from
# overlay/runtime/messages/en.ts.
port_trouble() {
  [ ! -e "$net/$LAN" ] || return 0
  there=
  for port in "$net"/*; do
    # A port of the hardware, Ethernet, and not a wireless one.
    if [ ! -e "$port/device" ] || [ -e "$port/wireless" ] || [ -e "$port/phy80211" ] || [ "$(recall "$port/type")" != 1 ]; then continue; fi
    there="$there${there:+ }${port##*/}"
  done
  if [ -z "$there" ]; then
    echo "There is no port $LAN, nor any other wired one."
  else
    echo "There is no port $LAN; there is $(echo "$there" | sed 's/ / and /g')."
    echo "To fix it: write \"interface: ${there%% *}\" below \"lan:\" in the profile, build again, and copy bootfs to the card again."
  fi
}

# --- the texts of bondbox-status.txt while the box is being set up; "bondbox report" writes those of a box that runs ---

progress() { # sentence
  say "$1"
  write_status <<END
bondbox is setting up this box: $1

The box restarts by itself when this is done, after a few minutes. If it loses power, it continues at its next start.
END
}

fail() { # what failed, how to fix it
  say "FAILED: $1"
  say "to fix it: $2"
  {
    echo "bondbox could not finish: $1"
    echo
    echo "To fix it: $2"
    echo "It tries again at every start. Until then the system is as it was before, with the users that it had."
    [ ! -s $log ] || {
      echo
      echo "The last messages:"
      tail -n 15 $log
    }
    [ ! -s $state/notes ] || {
      echo
      cat $state/notes
    }
  } | write_status
  led heartbeat
  exit 1
}

# shellcheck shell=sh disable=SC2034,SC2154 # read by and set by common.sh
# The box's part of a trial. On a protected box everything happens in memory, and confirming writes the card: whatever restarts the box
# before that has the generation before.

home=/var/lib/bondbox
card=$trial/card
generations=$home/generations
[ "$STORAGE" != protected ] || generations=$home/keep/generations

is_protected() { grep -qx 'protected: yes' /run/bondbox-init 2>/dev/null; }

arm_boot() { is_protected || boot_rollback; }

# What is installed: what was pushed last, or the card's.
generation() { cat $home/pushed 2>/dev/null || cat $home/id; }

save() {
  rm -rf "$trial/before"
  mkdir "$trial/before"
  # The list may have directories, such as one in which other packages have files, too: theirs are not ours to keep, or to remove later.
  (cd / && sed 's|^/||' $home/files | while read -r file; do
    if [ -L "$file" ] || { [ -e "$file" ] && [ ! -d "$file" ]; }; then echo "$file"; fi
  done >"$trial/before/list")
  tar --no-recursion -cpf "$trial/before/overlay.tar" -C / -T "$trial/before/list" && generation >"$trial/before/id" &&
    cp /etc/bondbox/network.conf "$trial/before"/
}

forward() {
  lay "$card/overlay.tar" || { echo "the box's files could not be installed"; return 1; }
  write $home/pushed "$GENERATION"
  settle "$trial/before/network.conf"
}

back() {
  cp /etc/bondbox/network.conf "$trial/tried.conf"
  lay "$trial/before/overlay.tar" && cp "$trial/before/id" $home/pushed && settle "$trial/tried.conf"
}

# Installs the files of a generation in the place of those of another one: each is the old or the new one, whenever the power goes.
lay() { # archive
  for unit in $STOPS; do systemctl stop "$unit" 2>/dev/null; done
  rm -rf "$trial/stage"
  # A Raspberry Pi's clock may be behind its files'.
  mkdir "$trial/stage" && tar --warning=no-timestamp -xpf "$1" -C "$trial/stage" || return
  (cd "$trial/stage" && find . ! -type d) | sed 's|^\.||' | sort >"$trial/files"
  sort $home/files | comm -23 - "$trial/files" | while read -r old; do { [ -d "$old" ] && [ ! -L "$old" ]; } || rm -f "$old"; done
  (
    cd "$trial/stage" || exit
    find . -mindepth 1 -type d | sort | while read -r folder; do
      [ -d "/$folder" ] || mkdir -m "$(stat -c %a "$folder")" "/$folder" || exit
    done && find . ! -type d | while read -r file; do
      mv -f -T "$file" "/$file" || exit
    done
  ) && cp "$trial/files" $home/files && rm -rf "$trial/stage"
}

# Brings what has changed into effect.
settle() { # the network.conf that was in effect
  systemctl daemon-reload
  systemd-sysusers
  systemd-tmpfiles --create bondbox.conf
  hostname -F /etc/hostname
  for setting in /etc/sysctl.d/*bondbox*.conf; do sysctl -q -p "$setting"; done
  udevadm control --reload
  each_action act
  # What is new starts, what runs stays as it is.
  for link in /etc/systemd/system/multi-user.target.wants/bondbox-* /etc/systemd/system/sockets.target.wants/bondbox-*; do
    case "$link" in */bondbox-setup.service) continue ;; esac
    [ ! -L "$link" ] || systemctl start "${link##*/}"
  done
  leave_address "$1"
  return 0
}

act() { # verb unit
  ! systemctl cat "$2" >/dev/null 2>&1 || systemctl "$1" "$2"
}

# The address that the box had until now.
leave_address() { # network.conf
  (
    # shellcheck source=/dev/null
    . "$1" && echo "$ADDRESS/$PREFIX dev $LAN"
  ) >"$trial/left"
  (
    # shellcheck source=/dev/null
    . /etc/bondbox/network.conf && echo "$ADDRESS/$PREFIX dev $LAN"
  ) | cmp -s - "$trial/left" || {
    # The kernel takes the later addresses of the same network away with the first one, and the lines' routes with them.
    xargs ip address delete <"$trial/left"
    systemctl reload bondbox-network.service
  }
}

await() {
  watch
  mark tried
}

# While nobody uses the bond its own packets are small, and over a line that takes smaller ones than the profile says, everything would seem
# to work. So a full packet of the tunnels has to reach the server over each line, unsplit, if one of the size of before did.
record_more() { each_now record_full; }

record_full() { # name modem mark
  ! is_full "$@" || echo "full $1" >>"$trial/up"
}

check_more() { each_now check_full; }

check_full() { # name modem mark table priority tap
  ! grep -qxF "full $1" "$trial/up" || ! is_up "${6-}" || is_full "$@" || echo "line $1 does not carry packets of $(full_size "$1") bytes"
}

# Calls a command for each line as it is installed now.
each_now() {
  [ "$ENVELOPE" -gt 0 ] || return 0
  (
    # shellcheck source=/dev/null
    . /etc/bondbox/network.conf
    each_line "$1"
  )
}

is_full() { # name modem mark
  ping -n -q -c 1 -W 1 -M "do" -s $(($(full_size "$1") - 28)) -m "$3" "${SERVERS%% *}" >/dev/null 2>&1
}

full_size() { # name
  echo $(($(sed -n 's/^tun-mtu //p' "/etc/openvpn/bondbox/$1.conf") + ENVELOPE))
}

# The server has to hear the one word over the bond, and to say that it has kept its half.
agree() {
  # On the card, but not in effect: nothing can go wrong with the writing any more.
  prepare >>"$log" 2>&1 || { say "it could not be written"; return 1; }
  [ "$TOGETHER" = yes ] || return 0
  # First whether it hears and is heard: nothing is kept there before an answer has come. A read of the shell takes one byte, and the rest
  # of a packet is lost, so dd reads.
  bash -c '
    exec 3<>"/dev/udp/$0/$1" || exit
    token=$(cat "$2/token")
    ask() { # word, answer
      for _ in {1..15}; do
        printf "%s\n" "$1" >&3
        [ "$(timeout 1 dd bs=100 count=1 status=none <&3)" != "$2" ] || return 0
        sleep 0.2
      done
      return 1
    }
    ask "$token?" here && ask "$token" kept' "$PEER" "$PORT" "$trial" 2>/dev/null
}

prepare() {
  [ "$STORAGE" = plain ] || mountpoint -q $home/keep || { echo "this box has no area for files that last"; return 1; }
  mkdir -p "$generations"
  store "$card" "$GENERATION" && store "$trial/before" "$(recall "$trial/before/id")"
}

store() { # folder, id
  [ ! -e "$generations/$2/SHA256SUMS" ] || return 0
  rm -rf "$generations/new"
  mkdir "$generations/new" && cp "$1/overlay.tar" "$1/id" "$generations/new"/ &&
    (cd "$generations/new" && sha256sum overlay.tar id >SHA256SUMS && sha256sum -c --quiet SHA256SUMS) &&
    sync -f "$generations" && rm -rf "${generations:?}/$2" && mv -T "$generations/new" "$generations/$2" && sync -f "$generations"
}

keep() {
  before=$(recall "$trial/before/id")
  # For bondbox-init, which installs it over this one alone.
  write "$generations/push" "$PUSH" && write "$generations/previous" "$before" && write "$generations/current" "$GENERATION $(cat $home/id)" || return
  for old in "$generations"/*/; do
    old=${old%/}
    case "${old##*/}" in "$GENERATION" | "$before") ;; *) rm -rf "$old" ;; esac
  done
  rm -rf "$trial/before" "$card"
}

# shellcheck shell=sh
# Part of bondbox-setup: the steps that turn the system into the box.

init=/usr/local/sbin/bondbox-init
partition="check the partition on another computer; it may be damaged"

run() {
  mount_boot
  is_protected || set_up
  systemctl --no-block start bondbox-finish.service
}

is_protected() { grep -qx 'protected: yes' /run/bondbox-init 2>/dev/null; }

set_up() {
  trap release_services EXIT
  release_services
  # What is installed on that layer is lost at the next start, so the set-up would never end.
  [ "$(findmnt -nro SOURCE --mountpoint /)" != overlayroot ] ||
    fail "the overlay file system of raspi-config is on" "turn it off with raspi-config"
  if [ -e $fresh/overlay.tar ]; then
    check_system
    move_card
    exec sh $card/setup run
  fi
  rm -rf $card.old
  [ -e $card/id ] || {
    fold
    return 0
  }
  id=$(recall $card/id)
  # Everything is done, except removing the card's files.
  [ "$id" != "$(recall $home/id)" ] || {
    discard_card
    return 0
  }
  check_system
  is_complete $card || fail "the files of the card are damaged" "copy bootfs to the card again, with scripts/copy-bootfs"
  mkdir -p $state
  # Whoever copies a card wants what is on it, whatever was pushed before.
  rm -f $home/pushed $home/keep/generations/current
  led timer
  step packages "installing the packages"
  step overlay "installing the files of profile $PROFILE"
  step system "creating the keys and the users of the system"
  step storage "preparing the storage"
}

# Installs on the card what a push has left for each start in memory: what is changed now is changed on the same files.
fold() {
  read -r id over 2>/dev/null <$home/keep/generations/current || return 0
  [ "$over" = "$(recall $home/id)" ] && [ "$id" != "$(recall $home/pushed)" ] || return 0
  card=$home/keep/generations/$id
  (cd "$card" && sha256sum -c --quiet --strict SHA256SUMS >/dev/null 2>&1) || return 0
  progress "installing what was pushed"
  do_overlay
  remember $home/pushed "$id" || fail "the end of it could not be recorded" "$worn"
  systemctl daemon-reload
}

is_done() { [ "$(recall $state/"$1")" = "$id" ]; } # name of a step

step() { # name, sentence
  is_done "$1" || {
    progress "$2"
    began=$(seconds)
    "do_$1"
    sync
    took "$1" "$began"
    remember $state/"$1" "$id"
  }
}

# Removes files of an earlier profile that this one does not have. The list names both profiles' files until everything is installed.
do_overlay() {
  tar -tf "$card/overlay.tar" | sed -n 's|^\(.*[^/]\)$|/\1|p' | sort >$home/files.new
  touch $home/files
  sort -u $home/files $home/files.new >$home/files.both
  sync $home/files.new $home/files.both
  mv -f $home/files.both $home/files
  comm -23 $home/files $home/files.new | while read -r old; do rm -f "$old"; done
  install_files >$log 2>&1 || fail "the box's files could not be installed" "$worn"
  mv -f $home/files.new $home/files
  rm -f $log
}

do_system() {
  if [ "$LOGIN" = yes ]; then
    systemd-sysusers || note "the profile's user could not be created"
    systemd-tmpfiles --create bondbox.conf || :
    offline systemctl enable ssh.service
  elif ! can_log_in; then
    note "nobody can log in: the profile has no ssh.keys, and the system has no user with a password or a key"
  fi
  ssh-keygen -A || note "the keys of the SSH server could not be created"
  offline systemctl disable regenerate_ssh_host_keys.service || :
  if mountpoint -q /etc/machine-id; then systemd-machine-id-setup --commit; else systemd-machine-id-setup; fi ||
    note "the machine has no id of its own"
  # A name and a password that a person has left on the card come first.
  [ -e $boot/userconf.txt ] || [ -e $boot/userconf ] || skip_wizard
  for module in $(sed '/^#/d' /etc/modules-load.d/bondbox.conf) $([ "$STORAGE" = plain ] || echo overlay loop); do
    modprobe -nq "$module" || note "this kernel has no module $module"
  done
} 2>>$log >&2

can_log_in() {
  awk -F: '$2 ~ /^\$/ { found = 1 } END { exit !found }' /etc/shadow || cat /home/*/.ssh/authorized_keys >/dev/null 2>&1
}

# The system's dialog for a first user would wait for somebody at the keyboard.
skip_wizard() {
  offline systemctl disable userconfig.service || :
  systemctl --no-block stop userconfig.service || :
  rm -f /etc/ssh/sshd_config.d/rename_user.conf
  offline systemctl enable getty@tty1.service || :
}

do_storage() {
  mkdir -p $home/history
  if [ "$STORAGE" = plain ]; then
    set_cmdline ""
    return
  fi
  mkdir -p $home/keep
  if grep -q '\binit=' $boot/cmdline.txt && ! grep -q "init=$init" $boot/cmdline.txt; then
    note "the card is not protected: cmdline.txt already has an init="
    return 0
  fi
  $init keep-make >>$log 2>&1 || note "there is no contiguous space for the files that must last: the history is lost at a power cut"
  { $init systems-make >>$log 2>&1 && set_config; } ||
    note "there is no room for updates beside the system, so none are installed: use a card of 8 GB or more"
  set_cmdline "init=$init"
}

# Where the boot loader reads which system it starts. docs/updates.md
set_config() {
  [ -e $boot/bondbox-system.txt ] || {
    printf '%-31s\n' "# none" >/run/bondbox-system.txt
    on_boot replace /run/bondbox-system.txt $boot/bondbox-system.txt || return
  }
  ! grep -qx 'include bondbox-system.txt' $boot/config.txt || return 0
  cp $boot/config.txt /run/bondbox-config &&
    printf '\n[all]\ninclude bondbox-system.txt\n' >>/run/bondbox-config && on_boot replace /run/bondbox-config $boot/config.txt
}

# Rewrites the kernel's command line, which is one line, with this word of ours or without any.
set_cmdline() { # word or nothing
  change_cmdline "$1" || fail "cmdline.txt on the boot partition could not be changed" "$partition"
}

change_cmdline() { # as set_cmdline
  sed -n -e '1 { s/\r//g; s/ systemd\.run[^ ]*//g; s/ systemd\.unit=kernel-command-line\.target//g; s| init='$init'||g; s/[[:space:]]*$//' \
    -e "s|\$|${1:+ $1}|; p; }" $boot/cmdline.txt >/run/bondbox-cmdline || return 1
  grep -q 'root=' /run/bondbox-cmdline || return 1
  cmp -s /run/bondbox-cmdline $boot/cmdline.txt || on_boot replace /run/bondbox-cmdline $boot/cmdline.txt
}

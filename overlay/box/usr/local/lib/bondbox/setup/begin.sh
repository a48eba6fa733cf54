# shellcheck shell=sh
# Part of bondbox-setup: takes the card's files off the boot partition.

worn="try another card: this one may be worn out"

begin() {
  mount_boot
  [ -e $fresh/overlay.tar ] || return 0
  check_system
  move_card
}

# Fails if this is not the system that the card was built for.
check_system() {
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
  machine=$(dpkg --print-architecture)
  if [ "$codename" != "$RELEASE" ]; then
    found="Debian $codename"
  elif [ "$machine" != arm64 ]; then
    found="a system for $machine, not 64-bit"
  elif [ -e /usr/sbin/lightdm ]; then
    found="a system with a desktop, not Lite"
  else
    return 0
  fi
  fail "this card's files are for $SYSTEM, but it holds $found; nothing was changed" \
    "write $SYSTEM to the card, or build for what it holds: box.target in the profile"
}

# Every computer can read the boot partition, so the keys do not stay there.
move_card() {
  [ -e $fresh/overlay.tar ] || return 0
  began=$(seconds)
  if ! cmp -s $fresh/id $card/id || ! is_complete $card; then
    is_complete $fresh ||
      fail "the files in the folder bondbox of the boot partition are incomplete" "copy bootfs to the card again, with scripts/copy-bootfs"
    progress "moving the card's files off the boot partition"
    need_space "$(($(du -sk $fresh | cut -f1) + 51200))"
    mkdir -p $home
    rm -rf $card.new
    (umask 077 && cp -R $fresh $card.new)
    sync -f $home
    is_complete $card.new || fail "the card's files could not be read back as they were written" "$worn"
    chmod 0700 $card.new/setup
    # From here on the box counts as not set up.
    rm -f $home/id
    sync $home
    discard_card
    rm -rf $state
    mkdir -p $state
    mv $card.new $card
    sync -f $home
  fi
  install_starter || fail "the files that start the set-up could not be installed" "$worn"
  on_boot wipe || fail "the card's files could not be removed from the boot partition" "check it on another computer; it may be damaged"
  took move "$began"
}

is_complete() { # folder
  [ -e "$1/overlay.tar" ] && [ -e "$1/id" ] && [ -e "$1/packages/want" ] &&
    (cd "$1" && sha256sum -c --quiet --strict SHA256SUMS >/dev/null 2>&1)
}

need_space() { # KiB
  free=$(df -Pk / | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$1" ] ||
    fail "the card has $((free / 1024)) MB free, and $(($1 / 1024)) MB are needed" "use a larger card, or remove what you do not need"
}

# The folder disappears by a rename: as long as it has a set-up, that one is complete.
discard_card() {
  rm -rf $card.old
  [ ! -e $card ] || mv -T $card $card.old
  sync $home
  rm -rf $card.old
}

# Installs files of the box: each is the old or the new one, whenever the power goes. Folders keep their owners and modes.
install_files() { # members of overlay.tar; none means all
  rm -rf $home/stage
  mkdir -m 0700 $home/stage && tar -xpf "$card/overlay.tar" -C $home/stage "$@" || return 1
  # Cloud-init still has to do what the person asked of it, see conclude.
  rm -f $home/stage/etc/cloud/cloud-init.disabled
  sync -f $home
  (
    cd $home/stage || exit 1
    find . -mindepth 1 -type d | sort | while read -r folder; do
      [ -d "/$folder" ] || mkdir -m "$(stat -c %a "$folder")" "/$folder" || exit 1
    done && find . ! -type d | while read -r file; do
      mv -f -T "$file" "/$file" || exit 1
    done
  ) && sync -f / && rm -rf $home/stage
}

# Installs what continues at the next boot. The card has a set-up of its own until all is done, so these need no parts.
install_starter() {
  units=etc/systemd/system
  install_files usr/local/sbin/bondbox-setup $units/multi-user.target.wants/bondbox-setup.service \
    $units/bondbox-setup.service $units/bondbox-setup.service.d/common.conf \
    $units/bondbox-finish.service $units/bondbox-finish.service.d/common.conf
}

# Overwrites the keys in place first, so that they are gone from the card. Their file is removed last: as long as it exists, all this is done
# again. The id stays, because a rebuilt card has another one; so does the mark of "bondbox storage unlock".
wipe() {
  dd if=/dev/zero of=$fresh/overlay.tar bs=1M iflag=count_bytes count="$(stat -c %s $fresh/overlay.tar)" conv=notrunc,fsync 2>/dev/null &&
    find $fresh -mindepth 1 ! -name id ! -name unlock ! -name overlay.tar -delete && rm -f $fresh/overlay.tar && sync -f $boot
}

# Sourced by card.test.ts in a mount namespace: the system of a box in memory, and what its boots call. The system is the host's below a layer
# in memory; it claims to be what the test wants. The boot partition is an image, so that every block of it can be examined.
# $1 folder with fat/ (what is on the boot partition), fat.img is made there

box=/mnt/root
firmware=$box/boot/firmware

power_up() { # folder
  mount --make-rprivate /
  mount -t tmpfs tmpfs /mnt
  mkdir /mnt/upper /mnt/work $box
  mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay $box
  for at in proc sys dev; do mount --rbind /$at $box/$at; done
  mount -t tmpfs tmpfs $box/run
  mount -t tmpfs tmpfs $box/tmp
  # The consoles and lights of the host are left alone.
  echo null >$box/tmp/console
  mount --bind $box/tmp/console $box/sys/class/tty/console/active
  [ ! -d $box/sys/class/leds ] || mount -t tmpfs tmpfs $box/sys/class/leds
  # The ports of the host are not those of this box.
  mount -t tmpfs tmpfs $box/sys/class/net
  port eth0 device
  port lo
  mkdir -p $firmware
  make_fat "$1/fat" "$1/fat.img"
  mount -o loop "$1/fat.img" $firmware
  # Programs that would reach beyond this box, and one that would name the host's architecture.
  mv $box/usr/bin/dpkg $box/usr/bin/dpkg.real
  program dpkg '[ "$1" != --print-architecture ] || { cat /etc/machine; exit; }' 'exec dpkg.real "$@"'
  program systemctl 'echo "$*" >>/var/log/systemctl' 'case "$1" in list-jobs) cat /run/jobs 2>/dev/null ;; esac'
  program modprobe 'exit 0'
  ln -sf /usr/bin/modprobe $box/usr/sbin/modprobe
  # Here all lines stay down, so "report --wait 600" would wait for its whole time.
  cat >$box/usr/sbin/node <<END
#!/bin/sh
for word; do
  shift
  [ "\$before" != --wait ] || word=0
  set -- "\$@" "\$word"
  before=\$word
done
exec $(readlink -f "$(command -v node)") "\$@"
END
  chmod 755 $box/usr/sbin/node
  rm -rf $box/etc/cloud $box/usr/sbin/policy-rc.d $box/etc/NetworkManager $box/etc/openvpn/bondbox
  mkdir -p $box/etc/cloud
  : >$box/var/log/systemctl
  is_a trixie arm64
}

# Makes a network port. Beyond its name, what its folder in /sys holds.
port() { # name, entries
  name=$1
  shift
  mkdir $box/sys/class/net/$name
  echo 1 >$box/sys/class/net/$name/type
  for entry in "$@"; do mkdir $box/sys/class/net/$name/$entry; done
}

# If the kernel has no FAT, another file system without a journal takes its place; test/kernel/card.test.ts has a kernel with FAT.
make_fat() { # folder, image
  if modprobe -q vfat || grep -q vfat /proc/filesystems; then
    mkfs.vfat -C "$2" 32768 >/dev/null
    mcopy -i "$2" -s "$1"/* ::
  else
    mke2fs -q -F -t ext2 -m 0 -O ^resize_inode -d "$1" "$2" 32M
    debugfs -w -R 'rmdir lost+found' "$2" 2>/dev/null
  fi
}

program() { # name, lines
  file=$box/usr/bin/$1
  shift
  rm -f "$file"
  { echo '#!/bin/sh'; printf '%s\n' "$@"; } >"$file"
  chmod 755 "$file"
}

is_a() { # release, architecture
  rm $box/etc/os-release
  printf 'ID=debian\nVERSION_CODENAME=%s\n' "$1" >$box/etc/os-release
  echo "$2" >$box/etc/machine
}

inside() { # command
  chroot $box env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# What a boot calls, in its order: the starter, the unit if it is installed, what the unit starts.
boot() {
  rm -rf $box/run/bondbox*
  if [ -e $firmware/vendor-data ] && [ ! -e $box/etc/cloud/cloud-init.disabled ]; then inside sh /boot/firmware/vendor-data || :; fi
  [ -L $box/etc/systemd/system/multi-user.target.wants/bondbox-setup.service ] || return 0
  inside /usr/local/sbin/bondbox-setup run || return
  ! tail -n 1 $box/var/log/systemctl | grep -q 'start bondbox-finish' || [ "${1-}" = stay ] || finish
}

# Nothing that would wait does.
finish() {
  program sleep 'exit 0'
  inside /usr/local/sbin/bondbox-setup finish
  rm $box/usr/bin/sleep
}

status() { cat $firmware/bondbox-status.txt; }

is_set_up() { [ -e $box/var/lib/bondbox/id ]; }

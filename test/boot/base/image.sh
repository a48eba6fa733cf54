#!/bin/sh
# Gives Debian for arm64, as install.sh left it in a tar, the shape of Raspberry Pi OS Lite, and makes the image of a card from it.
#
#   image.sh ROOT TAR
#
# From the environment: RELEASE, FILES (the folder of files), OUT, DISK_ID (8 hex digits), DATE.
set -eu
root=$1 tar=$2

overlay() { cp -a --no-preserve=ownership "$FILES/$1/." "$root"; }

shape() {
  mkdir "$root"
  tar -xpf "$tar" -C "$root" --numeric-owner --exclude='./dev/*'
  mount -t proc proc "$root/proc"
  overlay every
  overlay "$RELEASE"
  chroot "$root" dpkg-query -W >"$OUT/versions"
  printf 'Raspberry Pi reference %s\nGenerated using make-base, a stand-in made from Debian %s, in the shape of pi-gen, stage2\n' "$DATE" "$RELEASE" >"$root/etc/rpi-issue"
  echo raspberrypi >"$root/etc/hostname"
  printf '127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\traspberrypi\n' >"$root/etc/hosts"
  # Else systemd-firstboot asks for them on the console, and the boot waits.
  echo LANG=C.UTF-8 >"$root/etc/locale.conf"
  ln -sf /usr/share/zoneinfo/Etc/UTC "$root/etc/localtime"
  mkdir -p "$root/boot/firmware"
  cat >"$root/etc/fstab" <<END
proc            /proc           proc    defaults          0       0
PARTUUID=$DISK_ID-01  /boot/firmware  vfat    defaults          0       2
PARTUUID=$DISK_ID-02  /               ext4    defaults,noatime  0       1
END
  groups=adm,dialout,cdrom,audio,users,sudo,video,games,plugdev,input,render,netdev
  chroot "$root" useradd --create-home --uid 1000 --shell /bin/bash --groups "$groups" pi
  chroot "$root" systemctl --quiet enable regenerate_ssh_host_keys sshswitch userconfig
  chroot "$root" systemctl --quiet disable ssh getty@tty1
  # Old names of interfaces, as raspi-config's do_net_names.
  ln -sf /dev/null "$root/etc/udev/rules.d/73-usb-net-by-mac.rules"
  mkdir -p "$root/etc/systemd/network"
  ln -sf /dev/null "$root/etc/systemd/network/99-default.link"
  case $RELEASE in
    trixie)
      chroot "$root" systemctl --quiet enable rpi-resize
      chmod 600 "$root/usr/lib/netplan/00-network-manager-all.yaml"
      echo uninitialized >"$root/etc/machine-id"
      word=resize
      ;;
    bookworm)
      : >"$root/etc/machine-id"
      word='quiet init=/usr/lib/raspberrypi-sys-mods/firstboot'
      ;;
  esac
  rm -rf "$root"/etc/ssh/ssh_host_*_key* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/lib/dbus/machine-id
  rm -rf "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root"/etc/resolv.conf "$root"/etc/*- "$root"/var/cache/ldconfig/*
  find "$root/var/log" -type f -exec truncate -s 0 {} +
  umount "$root/proc"
  cp "$root"/boot/vmlinuz-* "$OUT/vmlinuz"
  cp "$root"/boot/initrd.img-* "$OUT/initrd"
  boot "$word"
}

boot() {
  mkdir "$OUT/boot"
  cp -r "$FILES/boot-every/." "$OUT/boot"
  [ ! -e "$FILES/boot-$RELEASE" ] || cp -r "$FILES/boot-$RELEASE/." "$OUT/boot"
  cp "$OUT/vmlinuz" "$OUT/boot/kernel8.img"
  cp "$OUT/initrd" "$OUT/boot/initramfs8"
  cp "$root/etc/rpi-issue" "$OUT/boot/issue.txt"
  echo "console=serial0,115200 console=tty1 root=PARTUUID=$DISK_ID-02 rootfstype=ext4 fsck.repair=yes rootwait $1" >"$OUT/boot/cmdline.txt"
}

# The layout of pi-gen's export-image.
image() {
  align=8388608
  boot_bytes=536870912
  content=$(du -x --apparent-size -s -B1 "$root" | cut -f1)
  root_bytes=$(((content + content / 5 + 200 * 1048576 + align - 1) / align * align))
  image=$OUT/base.img
  truncate -s $((align + boot_bytes + root_bytes)) "$image"
  printf 'label: dos\nlabel-id: 0x%s\n%d,%d,c\n%d,%d,83\n' "$DISK_ID" \
    $((align / 512)) $((boot_bytes / 512)) $(((align + boot_bytes) / 512)) $((root_bytes / 512)) |
    sfdisk --quiet --no-reread --no-tell-kernel "$image"
  mkfs.vfat --invariant -F 32 -s 1 -n bootfs -i "$DISK_ID" --offset=$((align / 512)) "$image" $((boot_bytes / 1024)) >/dev/null
  find "$OUT/boot" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
  (cd "$OUT/boot" && MTOOLS_SKIP_CHECK=1 TZ=UTC0 mcopy -smi "$image@@$align" -- * ::)
  find "$root" -xdev -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  uuid=00000000-0000-4000-8000-0000$DISK_ID
  E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -b 4096 -L rootfs -O '^64bit,^huge_file' \
    -U "$uuid" -E "offset=$((align + boot_bytes)),hash_seed=$uuid,root_owner=0:0" -d "$root" "$image" $((root_bytes / 4096))
  rm -rf "${OUT:?}/boot" "$root"
}

shape
image

#!/bin/sh
# Makes the root file system of a box in a folder, with no more in it than bondbox-init calls: programs of the host with their libraries.
# $1 folder, $2 modules of the kernel
set -eu
root=$1
for folder in usr/bin usr/sbin usr/lib usr/lib64 usr/local/sbin etc proc sys dev run mnt tmp boot/firmware var/lib/bondbox/keep var/lib/bondbox/history var/lib/systemd/timesync; do
  mkdir -p "$root/$folder"
done
for folder in bin sbin lib lib64; do ln -s usr/$folder "$root/$folder"; done

for program in sh awk cat chmod cmp comm cp date dd df e2fsck echo fallocate filefrag findfs findmnt grep losetup ls mke2fs mkdir modprobe \
  mount mountpoint mv pivot_root readlink rm sed sha256sum sleep sort stat sync tar umount; do
  file=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v $program)
  # What the shell has itself is a program, too.
  case "$file" in /*) ;; *) file=/usr/bin/$program ;; esac
  target=$(readlink -f "$file")
  mkdir -p "$root${target%/*}" "$root${file%/*}"
  cp "$target" "$root$target"
  [ -e "$root$file" ] || ln -s "$target" "$root$file"
  ldd "$target" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root${library%/*}"
    [ -e "$root$library" ] || cp "$(readlink -f "$library")" "$root$library"
  done
done
cp /etc/mke2fs.conf "$root/etc/"

release=$(basename "$2")
mkdir -p "$root/lib/modules/$release"
cp "$2"/modules.* "$root/lib/modules/$release/"
for module in fs/overlayfs/overlay fs/fat/fat fs/fat/vfat fs/nls/nls_ascii fs/nls/nls_cp437 fs/nls/nls_iso8859-1 fs/nls/nls_utf8 drivers/block/loop; do
  mkdir -p "$root/lib/modules/$release/kernel/${module%/*}"
  cp "$2/kernel/$module.ko" "$root/lib/modules/$release/kernel/${module%/*}/"
done
printf '/dev/ubda / ext4 defaults,noatime 0 1\n/dev/ubdb /boot/firmware vfat defaults 0 2\n' >"$root/etc/fstab"
: >"$root/var/lib/systemd/random-seed"

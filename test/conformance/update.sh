# shellcheck shell=sh
# A box whose system is this computer's own, under layers that are gone with the test: for update.test.ts, in a mount namespace of its own.
# From the environment: T, a folder; BOX, the box's files.
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$T"
for folder in card-upper card-work card box-upper box-work box boot; do mkdir "$T/$folder"; done

# The card's own system: Debian, with one package and one archive.
mount -t overlay -o "lowerdir=/,upperdir=$T/card-upper,workdir=$T/card-work" overlay "$T/card"
rm -rf "$T/card/etc/apt"
mkdir -p "$T/card/etc/apt/apt.conf.d" "$T/card/etc/apt/preferences.d" "$T/card/etc/apt/trusted.gpg.d" "$T/card/archive" "$T/card/boot/firmware"
echo 'deb [trusted=yes] file:/archive ./' >"$T/card/etc/apt/sources.list"
cp -a "$BOX/." "$T/card"
rm -f "$T/card/etc/resolv.conf"
cp "$FIRST" "$T/card/first.deb"
chroot "$T/card" dpkg --force-all -i /first.deb >/dev/null

# The box that runs it.
box=$T/box
mount -t overlay -o "lowerdir=$T/card,upperdir=$T/box-upper,workdir=$T/box-work" overlay "$box"
mount -t proc proc "$box/proc"
mount --rbind /dev "$box/dev"
mount --rbind /sys "$box/sys"
mount -t tmpfs tmpfs "$box/run"
mount -t tmpfs tmpfs "$box/boot/firmware"
mkdir -p "$box/run/bondbox-lower" "$box/var/lib/bondbox/keep" "$box/archive" "$box/tmp"
mount --bind "$T/card" "$box/run/bondbox-lower"
mount -t tmpfs tmpfs "$box/var/lib/bondbox/keep"
mount --bind "$T/card/archive" "$box/archive"
echo nameserver 127.0.0.1 >"$box/etc/resolv.conf"
firmware=$box/boot/firmware
echo 'console=tty1 root=PARTUUID=1-02 rootwait init=/usr/local/sbin/bondbox-init' >"$firmware/cmdline.txt"
printf 'arm_64bit=1\ninclude bondbox-system.txt\n' >"$firmware/config.txt"
echo kernel >"$firmware/kernel8.img"
echo initramfs >"$firmware/initramfs8"
printf '%-31s\n' '# none' >"$firmware/bondbox-system.txt"

# Areas are files here, and nothing restarts.
truncate -s 400M "$T/boot/a" "$T/boot/b"
mkdir "$box/areas"
mount --bind "$T/boot" "$box/areas"
mv "$box/usr/local/sbin/bondbox-init" "$box/usr/local/sbin/bondbox-init.real"
cat >"$box/usr/local/sbin/bondbox-init" <<'END'
#!/bin/sh
case $1 in
  system-open) exec losetup --find --show "/areas/$2" ;;
  *) exec /usr/local/sbin/bondbox-init.real "$@" ;;
esac
END
printf '#!/bin/sh\necho "$*" >>/run/systemctl\n' >"$box/usr/local/sbin/systemctl"
chmod 0755 "$box/usr/local/sbin/bondbox-init" "$box/usr/local/sbin/systemctl"
# Nobody waits for a trial here.
sed -i 's/^STEADY=.*/STEADY=1/; s/^LONGEST=.*/LONGEST=2/' "$box/etc/bondbox/updates.conf"

in_box() { chroot "$box" /usr/bin/env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
update() { in_box bondbox-update "$@" || echo "ended with $?"; }
state() { in_box bondbox-update state; }
kept() { cat "$box/var/lib/bondbox/keep/updates/$1"; }

# What the archive has now, in place of what it had.
publish() { # folder
  rm -rf "$T/card/archive"/*
  cp "$1"/* "$T/card/archive"
}

# Starts the system of this area, as boot loader and bondbox-init would; none: the card's own.
start() { # a, b or none
  umount "$box/proc/cmdline" "$box/run/bondbox-system" 2>/dev/null || :
  echo "root=x init=/usr/local/sbin/bondbox-init" >"$box/run/cmdline"
  [ "$1" = none ] || {
    echo "root=x init=/usr/local/sbin/bondbox-init bondbox.system=$1 bondbox.trial=1" >"$box/run/cmdline"
    mkdir -p "$box/run/bondbox-system"
    mount -o ro,loop "$T/boot/$1" "$box/run/bondbox-system"
  }
  mount --bind "$box/run/cmdline" "$box/proc/cmdline"
}

#!/bin/sh
# Takes the place of systemd on the box of card.test.ts: reports how it found the system, does what do= on the kernel command line says, and
# stops the machine.
exec </dev/console >/dev/console 2>&1
PATH=/usr/sbin:/usr/bin:/sbin:/bin
stty -opost 2>/dev/null
do=$(sed 's/.* do=\([a-z]*\).*/\1/' /proc/cmdline)
part() {
  printf '\n== %s\n' "$1"
  shift
  "$@"
}
part reported cat /run/bondbox-init
part root findmnt -nro FSTYPE --mountpoint /
part lower findmnt -nro FSTYPE,OPTIONS --mountpoint /run/bondbox-lower
part keep findmnt -nro FSTYPE --mountpoint /var/lib/bondbox/keep
part fstab cat /etc/fstab
part arguments echo "$*"
part changed cat /etc/changed
part history cat /var/lib/bondbox/history/log
part pushed cat /var/lib/bondbox/pushed
part gone cat /etc/gone
part files cat /var/lib/bondbox/files
part seed cat /var/lib/systemd/random-seed
part null echo
case "$do" in
  setup)
    mount -o remount,rw /
    /usr/local/sbin/bondbox-init keep-make && echo 0123456789abcdef >/var/lib/bondbox/id
    echo on the card >/etc/gone
    printf '/etc/changed\n/etc/gone\n' >/var/lib/bondbox/files
    mount -o remount,ro /
    ;;
  areas)
    mount -o remount,rw /
    /usr/local/sbin/bondbox-init keep-make && /usr/local/sbin/bondbox-init systems-make && echo 0123456789abcdef >/var/lib/bondbox/id
    echo on the card >/etc/gone
    mount -o remount,ro /
    ;;
  update)
    # As bondbox-update makes it: what differs from the card's own system.
    area=$(/usr/local/sbin/bondbox-init system-open a)
    mkdir -p /run/area
    mke2fs -q -t ext4 "$area" && mount "$area" /run/area
    mkdir -p /run/area/root /run/area/work /run/new
    mount -t overlay -o lowerdir=/run/bondbox-lower,upperdir=/run/area/root,workdir=/run/area/work overlay /run/new
    echo updated >/run/new/etc/changed
    rm /run/new/etc/gone
    umount /run/new /run/area && part made echo yes
    ;;
  hang)
    # Not even a program of its own can be started.
    mount --bind /run /usr
    while :; do read -r _; done
    ;;
  change)
    echo changed >/etc/changed
    echo boot >>/var/lib/bondbox/history/log
    echo seed >/var/lib/systemd/random-seed
    ;;
  push)
    # As the trial's "confirm" leaves it.
    generations=/var/lib/bondbox/keep/generations
    mkdir -p $generations/fedcba9876543210 /run/new/etc
    echo pushed >/run/new/etc/changed
    cd $generations/fedcba9876543210
    tar -C /run/new -cf overlay.tar etc/changed
    echo fedcba9876543210 >id
    sha256sum overlay.tar id >SHA256SUMS
    echo fedcba9876543210 0123456789abcdef >$generations/current
    ;;
  spoil) echo x >>/var/lib/bondbox/keep/generations/fedcba9876543210/overlay.tar ;;
  card)
    mount -o remount,rw /run/bondbox-lower
    echo 1111111111111111 >/run/bondbox-lower/var/lib/bondbox/id
    mount -o remount,ro /run/bondbox-lower
    ;;
  maintain)
    # As systemd does where the system is not protected.
    mount -o remount,rw /
    dd if=/dev/zero of=/large bs=1M count=30 2>/dev/null
    echo maintained >/etc/changed
    echo maintained >>/var/lib/bondbox/history/log
    sync
    umount /var/lib/bondbox/history /var/lib/bondbox/keep
    mount -o remount,ro /
    ;;
  damage) dd if=/dev/zero of=/dev/loop0 bs=1M count=40 2>/dev/null ;;
  write)
    echo '== writing'
    while :; do
      date +%s%N >>/var/lib/bondbox/history/log
      date +%s%N >>/etc/changed
      sync
    done
    ;;
esac
sync
printf '\n== end\n'
echo o >/proc/sysrq-trigger
sleep 60

#!/bin/bash
# First program of an emulated kernel test, in the lab's root file system: lays the test's files, runs its script, ends the machine.
exec </dev/null >/dev/ttyS0 2>&1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
stty -F /dev/ttyS0 -opost
for at in tmp var/tmp run; do mount -t tmpfs -o mode=1777 tmpfs /$at; done
chmod 755 /run
mkdir -p /run/netns /run/lock /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
ln -sfn /proc/self/fd /dev/fd
hostname kernel-test
# Links to folders, such as Debian's /lib, stay links, and folders that exist keep their mode.
tar -C /lab/files -cf - . | tar -C / -xpf - --no-same-owner --no-overwrite-dir --keep-directory-symlink
while read -r module; do
  # shellcheck disable=SC2086 # a module and its options
  modprobe $module
done </lab/modules
ip link set lo up
cd /root || exit
# Through a fifo, so that the script sees no terminal and colours nothing.
mkfifo /run/console
exec 9<>/run/console
cat /run/console >/dev/ttyS0 9>&- &
marker=$(cat /lab/marker)
echo "$marker:start" >&9
bash /lab/script >&9 2>&1 9>&-
printf '\n%s:%s:end\n' "$marker" "$?" >&9
# The fifo is read by then.
sleep 1
poweroff -f

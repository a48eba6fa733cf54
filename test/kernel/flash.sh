# flash-card and cards that really are removable, wear out, lie and are pulled out: the kernel's own SCSI emulation and its device
# mapper. Each "@@ NAME" begins a result, "@= STATUS" ends it.
step() { echo "@@ $1"; shift; "$@" 2>&1; echo "@= $?"; }
until_true() { # seconds, command
  limit=$(($(date +%s) + $1)); shift
  until "$@" >/dev/null 2>&1; do [ "$(date +%s)" -lt "$limit" ] || return 1; sleep 0.05; done
}
flash() { /t/flash-card "$@" </dev/null; }
image=/t/home.img
size=$(stat -c %s $image)
head=4096
# No udev is here to make the nodes.
export DM_DISABLE_UDEV=1

# A card in a reader: always sda. It is full of old data unless it is to be blank.
insert() { # megabytes, further parameters of the emulation
  modprobe scsi_debug removable=1 max_luns=1 dev_size_mb="$1" "${@:2}"
  until_true 10 test -b /dev/sda
}
remove() { modprobe -r scsi_debug; }
fill() { tr '\0' '\377' </dev/zero | dd of=/dev/sda bs=1M iflag=fullblock 2>/dev/null; sync; blockdev --flushbufs /dev/sda; }
written() { set -- $(cat /sys/block/sda/stat); echo $(($7 * 512)); }
is_zero() { cmp -n $head /dev/sda /dev/zero; }
is_full() { tr '\0' '\377' </dev/zero | cmp -n "$1" /dev/sda -; }
# A program that waits for its turn: until the card has been written to for the first time.
busy() { [ "$(written)" -gt 1000000 ]; }
# Types lines into a program on a terminal, each after it has asked for it.
typed() { # what it asks for, what to do then, the answer, ... -- command
  local asks=()
  while [ "$1" != -- ]; do asks+=("$1"); shift; done; shift
  rm -f /tmp/keys /tmp/screen; mkfifo /tmp/keys
  script -qec "$*" /dev/null </tmp/keys >/tmp/screen 2>&1 & local pid=$!
  exec 8>/tmp/keys
  set -- "${asks[@]}"
  while [ $# -gt 0 ]; do
    until_true 30 grep -qF "$1" /tmp/screen || break
    eval "$2"; printf "$3" >&8; shift 3
  done
  wait $pid; local status=$?
  exec 8>&-
  tr -d '\r' </tmp/screen; return $status
}

step "no card: list" flash --list
step "no card: write" flash $image --yes

# --- a card ---
insert 32
step "list" flash --list
step "no choice without a terminal" flash $image --yes
step "no yes without a terminal" flash $image --to /dev/sda
before=$(written)
step "blank card" flash $image --to /dev/sda --yes
step "blank card: bytes written" echo $(($(written) - before))
step "blank card: same" cmp -n "$size" $image /dev/sda
fill
before=$(written)
step "used card" flash $image --to /dev/sda --yes
step "used card: bytes written" echo $(($(written) - before))
step "used card: boot" cmp -n 8388608 -i 4194304 $image /dev/sda
step "used card: root" cmp -n 8388608 -i 16777216 $image /dev/sda
step "used card: first block" cmp -n $head $image /dev/sda
step "used card: fsck boot" fsck.vfat -n /dev/sda1
step "used card: fsck root" e2fsck -fn /dev/sda2
step "used card: gap is as it was" bash -c 'dd if=/dev/sda bs=1M skip=12 count=4 status=none | tr -d "\377" | wc -c'
step "content is shown" flash $image --to /dev/sda
step "no permission" setpriv --reuid 65534 --clear-groups /t/flash-card $image --to /dev/sda --yes
step "partition" flash $image --to /dev/sda1 --yes

# --- in use ---
mkdir -p /mnt/a "/mnt/with blank"
mount /dev/sda2 "/mnt/with blank"
step "mounted" flash $image --to /dev/sda --yes
step "mounted: list" flash --list
mount --make-private "/mnt/with blank"
step "mounted privately" flash $image --to /dev/sda --yes
umount "/mnt/with blank"
mkdir -p /boot/firmware; mount /dev/sda1 /boot/firmware
step "system" flash $image --to /dev/sda --yes
umount /boot/firmware
mount /dev/sda2 /mnt/a; truncate -s 1M /mnt/a/own.img; printf '\125\252' | dd of=/mnt/a/own.img bs=1 seek=510 conv=notrunc status=none
step "holds the image" flash /mnt/a/own.img --to /dev/sda --yes
umount /mnt/a
unshare --mount --propagation private bash -c 'mount /dev/sda2 /mnt/a; touch /tmp/hidden; until [ -e /tmp/found ]; do sleep 0.1; done' &
until_true 10 test -e /tmp/hidden
step "mounted where it cannot be seen" flash $image --to /dev/sda --yes
touch /tmp/found; wait
mkswap -q /dev/sda1; swapon /dev/sda1
step "swap" flash $image --to /dev/sda --yes
swapoff /dev/sda1
dmsetup create held --table "0 1000 linear /dev/sda 0"
step "held" flash $image --to /dev/sda --yes
dmsetup remove held
blockdev --setro /dev/sda
step "read-only" flash $image --to /dev/sda --yes
blockdev --setrw /dev/sda

# --- asked ---
cp $image /tmp/before; fill
step "choice declined" typed "Which one?" : '1\n' "Type yes" : 'y\n' -- "/t/flash-card $image"
step "choice interrupted" typed "Which one?" : '\003' -- "/t/flash-card $image"
step "choice wrong" typed "Which one?" : '2\n' -- "/t/flash-card $image"
step "choice empty" typed "Which one?" : '\n' -- "/t/flash-card $image"
step "end of input" typed "Which one?" : '\004' -- "/t/flash-card $image"
step "nothing written" is_full $((32 << 20))
swap_card() { echo 1 >/sys/block/sda/device/delete; until_true 10 test ! -b /dev/sda; for host in /sys/class/scsi_host/*; do echo "- - -" >$host/scan; done; until_true 10 test -b /dev/sda; }
step "another card meanwhile" typed "Type yes" swap_card 'yes\n' -- "/t/flash-card $image --to /dev/sda"
step "mounted meanwhile" typed "Type yes" 'mkfs.vfat -I /dev/sda >/dev/null; mount /dev/sda /mnt/a' 'yes\n' -- "/t/flash-card $image --to /dev/sda"
umount /mnt/a
step "choice" typed "Which one?" : '1\n' "Type yes" : 'yes\n' -- "/t/flash-card $image"
step "choice: first block" cmp -n $head $image /dev/sda

# --- images that are not right ---
fill
step "map of another image" flash /t/damaged/home.img --to /dev/sda --yes
step "map of another image: does not boot" is_zero
fill
cp $image /tmp/longer.img; truncate -s +1M /tmp/longer.img; cp $image.bmap /tmp/longer.img.bmap
step "map of another size" flash /tmp/longer.img --to /dev/sda --yes
step "map of another size: nothing written" is_full $((32 << 20))
cp $image /tmp/mapless.img
step "without a map" flash /tmp/mapless.img --to /dev/sda --yes
step "without a map: same" cmp -n "$size" $image /dev/sda
remove

# --- slow, so that there is time, also for a busy machine: a fifth of a second for each 512 KiB ---
interrupted() { # signal, moment: a condition
  flash $image --to /dev/sda --yes >/tmp/said 2>&1 & local pid=$!
  until_true 60 eval "$2"
  # The program itself, which the shell's function has started.
  kill -"$1" $(pgrep -P $pid)
  wait $pid; local status=$?
  cat /tmp/said; return $status
}
insert 32 delay=20 max_queue=1
echo 512 >/sys/block/sda/queue/max_sectors_kb
fill
for signal in INT TERM KILL; do
  start=$(written)
  step "SIG$signal while writing" interrupted $signal '[ "$(written)" -gt $((start + 2000000)) ]'
  step "SIG$signal while writing: does not boot" is_zero
done
step "Ctrl-C on a terminal" typed "Type yes" : 'yes\n' "writing" "sleep 0.5" '\003' -- "/t/flash-card $image --to /dev/sda"
step "Ctrl-C on a terminal: does not boot" is_zero
step "SIGINT while checking" interrupted INT 'grep -q waiting /tmp/said && sleep 0.3'
step "SIGINT while checking: does not boot" is_zero
changing() {
  start=$(written)
  flash /tmp/mapless.img --to /dev/sda --yes >/tmp/said 2>&1 & local pid=$!
  until_true 60 eval '[ "$(written)" -gt $((start + 2000000)) ]'
  printf changed | dd of=/tmp/mapless.img bs=1 seek=5000000 conv=notrunc status=none
  wait $pid; local status=$?
  cat /tmp/said; return $status
}
step "image changes" changing
step "image changes: does not boot" is_zero
pulled() { # moment
  flash $image --to /dev/sda --yes >/tmp/said 2>&1 & local pid=$!
  until_true 60 eval "$1"
  echo 1 >/sys/block/sda/device/delete
  wait $pid; local status=$?
  cat /tmp/said; return $status
}
start=$(written)
step "pulled while writing" pulled '[ "$(written)" -gt $((start + 2000000)) ]'
for host in /sys/class/scsi_host/*; do echo "- - -" >$host/scan; done; until_true 10 test -b /dev/sda
step "pulled while checking" pulled 'grep -q waiting /tmp/said && sleep 0.3'
remove

# --- cards that fail ---
insert 32 medium_error_start=20000 medium_error_count=1 opts=2
step "bad sector" flash $image --to /dev/sda --yes
step "bad sector: does not boot" is_zero
remove
insert 32
sectors=$(blockdev --getsz /dev/sda)
byte=$(dd if=$image bs=1 skip=$((40000 * 512 + 32)) count=1 status=none | od -An -tu1)
# One bit in a sector of the ext4 partition is written wrong. (This kernel's flakey target cannot do that to what is read.)
dmsetup create bits <<TABLE
0 40000 linear /dev/sda 0
40000 8 flakey /dev/sda 40000 0 1 5 corrupt_bio_byte 33 w $((byte ^ 4)) 0
40008 $((sectors - 40008)) linear /dev/sda 40008
TABLE
step "bit error" flash $image --to /dev/mapper/bits --yes
step "bit error: does not boot" is_zero
dmsetup remove bits
dmsetup create deaf <<TABLE
0 $sectors flakey /dev/sda 0 0 1 1 drop_writes
TABLE
fill
step "ignores writes" flash $image --to /dev/mapper/deaf --yes
dmsetup remove deaf
# It keeps the beginning only.
dmsetup create part <<TABLE
0 33000 linear /dev/sda 0
33000 $((sectors - 33000)) zero
TABLE
step "keeps nothing" flash $image --to /dev/mapper/part --yes
dmsetup remove part
dmsetup create hole <<TABLE
0 40000 linear /dev/sda 0
40000 8 error
40008 $((sectors - 40008)) linear /dev/sda 40008
TABLE
step "write error" flash $image --to /dev/mapper/hole --yes
step "write error: does not boot" is_zero
dmsetup remove hole
remove
# 12 MB that say they are 200 GB: the addresses wrap.
insert 12 virtual_gb=200
step "over 128 GB" flash $image --to /dev/sda --yes
step "over 128 GB: list" flash --list
step "forged" flash $image --to /dev/sda --yes --big
remove

# --- files and loop devices ---
truncate -s 16M /tmp/small; loop=$(losetup -f --show /tmp/small)
step "too small" flash $image --to $loop --yes
losetup -d $loop
cp $image /tmp/itself.img; loop=$(losetup -f --show /tmp/itself.img)
step "over itself" flash /tmp/itself.img --to $loop --yes
losetup -d $loop
mkdir /mnt/little; mount -t tmpfs -o size=8M tmpfs /mnt/little
step "file without room" flash $image --to /mnt/little/out.img
# A loop device whose disk is full: an error of the device.
rm -f /mnt/little/*; truncate -s 32M /mnt/little/card; loop=$(losetup -f --show /mnt/little/card)
step "loop without room" flash $image --to $loop --yes
losetup -d $loop

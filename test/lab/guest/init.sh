#!/bin/busybox sh
# First process: the root file system is a memory device, so that reading it takes no host's time. All writes stay in memory.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in libnvdimm nfit nd_btt nd_pmem overlay; do insmod /modules/$module.ko; done
mount -t ext4 -o ro /dev/pmem0 /rom || { echo "@lab no root file system"; poweroff -f; }
mount -t tmpfs -o size=80% tmpfs /mem
mkdir /mem/upper /mem/work /mem/root
mount -t overlay -o lowerdir=/rom,upperdir=/mem/upper,workdir=/mem/work overlay /mem/root
mkdir -p /mem/root/rom /mem/root/mem
mount --move /rom /mem/root/rom
cp -a /lab /mem/root/
for at in proc sys dev; do mount --move /$at /mem/root/$at; done
mount --bind /mem /mem/root/mem
exec switch_root /mem/root /bin/bash /lab/start.sh

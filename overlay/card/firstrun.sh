#!/bin/sh
# Started by systemd.run= on the kernel command line, on the first boot of a card with Raspberry Pi OS bookworm. Afterwards the box
# restarts, and bondbox-setup.service continues.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
boot=/boot/firmware
mountpoint -q $boot || mount $boot

# The settings of Raspberry Pi Imager, which scripts/copy-bootfs has renamed.
[ ! -e $boot/firstrun-imager.sh ] || sh $boot/firstrun-imager.sh || :
rm -f $boot/firstrun-imager.sh

sh $boot/bondbox/setup begin || :

# Without those options, or the box would run this file and restart for ever.
restore_cmdline() {
  sed 's/ systemd\.run[^ ]*//g; s/ systemd\.unit=kernel-command-line\.target//g' $boot/cmdline.txt >$boot/cmdline.new &&
    sync $boot/cmdline.new && grep -q 'root=' $boot/cmdline.new && mv -f $boot/cmdline.new $boot/cmdline.txt && sync -f $boot
}
until restore_cmdline; do
  printf '\r%s\r\n' "bondbox: the boot partition cannot be written to. Check the card." >/dev/console
  sleep 60
done
# The quotes keep the system from truncating this file here (imager_fixup in its initramfs).
rm -f "$boot/firstrun.sh"
exit 0

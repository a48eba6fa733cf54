#!/bin/sh
# Started by the kernel's words systemd.run=... on the first boot of a card with Raspberry Pi OS bookworm. The box starts anew after it, and
# bondbox-setup.service goes on.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
boot=/boot/firmware
mountpoint -q $boot || mount $boot

# The settings that a person has given Raspberry Pi Imager; scripts/copy-bootfs has put them there.
[ ! -e $boot/firstrun-imager.sh ] || sh $boot/firstrun-imager.sh || :
rm -f $boot/firstrun-imager.sh

sh $boot/bondbox/setup begin || :

# Without those words, or it would start anew for ever.
cut_words() {
  sed 's/ systemd\.run[^ ]*//g; s/ systemd\.unit=kernel-command-line\.target//g' $boot/cmdline.txt >$boot/cmdline.new &&
    sync $boot/cmdline.new && grep -q 'root=' $boot/cmdline.new && mv -f $boot/cmdline.new $boot/cmdline.txt && sync -f $boot
}
until cut_words; do
  printf '\r%s\r\n' "bondbox: the boot partition cannot be written to. Check the card." >/dev/console
  sleep 60
done
# The quotes keep the system from cutting this file off here (imager_fixup in its initramfs).
rm -f "$boot/firstrun.sh"
exit 0

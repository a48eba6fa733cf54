# shellcheck shell=sh
# Part of bondbox-setup: the restart that ends the set-up, and the report of a box that runs.

finish() {
  mount_boot
  id=$(recall $card/id)
  if [ -n "$id" ] && is_done storage && [ "$id" != "$(recall $home/id)" ] && ! is_protected; then conclude; else report; fi
}

conclude() {
  progress "waiting for the system to finish its own first boot"
  began=$(seconds)
  # Users and settings that a person has given Raspberry Pi Imager; not for ever, because that may be waiting for a network.
  for _ in $(seq 300); do
    systemctl list-jobs --no-legend | grep -Eq ' (cloud-|userconfig)' || break
    sleep 2
  done
  took wait "$began"
  [ ! -d /etc/cloud ] || : >>/etc/cloud/cloud-init.disabled
  on_boot remove_starters
  trouble=$(port_trouble)
  echo "bondbox is set up, and the box restarts.${trouble:+
$trouble}" | write_status
  sync
  # Without this file the box would restart for ever.
  remember $home/id "$id" || fail "the end of the set-up could not be recorded" "$worn"
  discard_card
  sync
  [ -z "$trouble" ] || say "$trouble"
  say "done: the box restarts"
  systemctl reboot
}

# Only bondbox's own starters: a person may have others.
remove_starters() {
  for starter in $boot/vendor-data $boot/firstrun.sh; do
    ! grep -qs 'bondbox/setup' "$starter" || rm -f "$starter"
  done
}

# A modem may still be starting, so the report comes after a while, and once more if not all lines were up.
report() {
  for patience in 90 600; do
    # Ends with 0 when all lines are up, 1: some, 2: none.
    /usr/local/bin/bondbox report --wait $patience >/run/bondbox-report
    down=$?
    [ -s /run/bondbox-report ] || {
      echo "bondbox could not report how the box is. On the box: journalctl -u bondbox-finish"
      port_trouble
    } >/run/bondbox-report
    write_status </run/bondbox-report
    if [ $down -le 1 ]; then led default-on; else led heartbeat; fi
    [ $down != 0 ] || break
  done
}

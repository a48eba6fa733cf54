# shellcheck shell=sh
# Part of bondbox-setup: installs the packages of the card.

again="write the card again; if this persists, build again with --update"
# Debian's own way to keep packages from starting services: https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
policy=/usr/sbin/policy-rc.d

do_packages() {
  # Packed packages are about a fifth of their installed size.
  need_space "$(($(du -sk $card/packages | cut -f1) * 5 + 204800))"
  hold_services
  run_dpkg --configure -a || :
  # shellcheck disable=SC2046 # names without blanks, one a line
  set -- $(missing)
  if [ $# -gt 0 ]; then
    unpack "$@" || fail "the packages could not be unpacked" "$again"
    run_dpkg --configure -a || fail "the packages could not be set up" "$again"
  fi
  release_services
  [ -z "$(missing)" ] || fail "a package of the card is missing after its installation" "write the card again"
  rm -f $log
}

# Services must not start while their packages are installed: the box is not configured yet. Another's policy stays.
hold_services() {
  [ ! -e $policy ] || return 0
  printf '#!/bin/sh\n# bondbox-setup\nexit 101\n' >$policy.new
  chmod 0755 $policy.new
  # An empty file after a power cut would not be recognised as ours.
  sync $policy.new
  mv -f $policy.new $policy
}

release_services() {
  ! grep -qx '# bondbox-setup' $policy 2>/dev/null || rm -f $policy
}

# Runs a command that would otherwise talk to the running systemd.
offline() { SYSTEMD_OFFLINE=1 "$@"; }

# Runs dpkg, and waits while another program has its lock.
run_dpkg() {
  for _ in $(seq 60); do
    ! offline dpkg --force-confold --force-confdef "$@" </dev/null >$log 2>&1 || return 0
    grep -q 'locked by another process' $log || return 1
    sleep 5
  done
  return 1
}

is_installed() { # package, version
  # shellcheck disable=SC2016 # fields of dpkg-query
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null)
  [ "${installed%% *}" = installed ] && dpkg --compare-versions "${installed#* }" ge "$2"
}

# Prints the files of the card's packages that are not installed, or in an older version.
missing() {
  while read -r package version _ _ file; do
    is_installed "$package" "$version" || printf '%s\n' "$card/packages/$file"
  done <$card/packages/want
}

# The second try is for a package that another one must be set up for before it is unpacked.
unpack() { # files
  run_dpkg --unpack "$@" || {
    run_dpkg --configure -a
    run_dpkg --unpack "$@"
  }
}

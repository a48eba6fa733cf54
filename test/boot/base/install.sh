#!/bin/sh
# Turns a Debian system of this computer's architecture, which mmdebstrap has just installed and configured in ROOT, into the same system for
# arm64. Maintainer scripts have run at full speed by then: what they leave behind (users, alternatives, enabled units, byte-compiled Python)
# is the same for every architecture. What differs is replaced here: the files of each package, and what dpkg knows about them.
#
#   install.sh ROOT
#
# Prints when each step starts. From the environment: RELEASE, FILES (the folder of files), KERNEL (its package), UNWANTED and UNWANTED_MODULES (patterns of paths),
# MMDEBSTRAP_APT_CONFIG (set by mmdebstrap).
set -eu
root=$1
info=$root/var/lib/dpkg/info
work=$(mktemp -d "$root/tmp/arm64-XXXXXX")

# Downloads the arm64 packages: the same names, and whatever these depend on there.
download() {
  : >"$work/nothing-installed"
  mkdir -p "$work/debs/partial"
  for_arm64() {
    program=$1
    shift
    APT_CONFIG=$MMDEBSTRAP_APT_CONFIG "$program" -qq -o APT::Architecture=arm64 -o Dir::State::status="$work/nothing-installed" \
      -o Dir::Cache::archives="$work/debs" -o APT::Sandbox::User=root -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
  }
  # Some packages exist for one architecture only.
  for_arm64 apt-cache pkgnames | sort >"$work/known"
  # shellcheck disable=SC2046 # One argument per package.
  for_arm64 apt-get -y --download-only --no-install-recommends install "$KERNEL" \
    $(dpkg-query --root="$root" -W -f '${Package}\n' | sort -u | comm -12 - "$work/known")
}

# Unpacks one package over the tree, and appends it to dpkg's list of what is installed.
replace() {
  deb=$1
  rm -rf "$work/control"
  mkdir "$work/control"
  dpkg-deb --ctrl-tarfile "$deb" | tar -xf - -C "$work/control"
  name=$(sed -n 's/^Package: //p' "$work/control/control")
  ! grep -qx 'Multi-Arch: same' "$work/control/control" || name=$name:arm64
  dpkg-deb --fsys-tarfile "$deb" |
    tar -xvpf - -C "$root" --keep-directory-symlink --wildcards --exclude-from="$work/unwanted" >"$work/paths"
  sed 's|^\.||; s|/$||; s|^$|/.|' "$work/paths" >"$info/$name.list"
  {
    sed '/^Package: /a Status: install ok installed' "$work/control/control"
    [ ! -s "$work/control/conffiles" ] || {
      echo Conffiles:
      # Some rows have a flag in front of the path: no such file is part of the package.
      grep ^/ "$work/control/conffiles" | while read -r path; do
        [ ! -f "$root$path" ] || printf ' %s %s\n' "$path" "$(md5sum <"$root$path" | cut -d' ' -f1)"
      done
    }
    echo
  } >>"$work/status"
  rm "$work/control/control"
  for file in "$work/control"/*; do [ ! -e "$file" ] || mv "$file" "$info/$name.${file##*/}"; done
}

step() { echo "$(date +%T) $*"; }

step "downloading for arm64"
download
step "unpacking"
# Patterns for tar and dpkg, not for this shell.
set -f
for pattern in $UNWANTED; do echo ".$pattern"; done >"$work/unwanted"
# The last three are mount points at this moment.
for pattern in $UNWANTED_MODULES ./dev ./proc ./sys; do echo "$pattern"; done >>"$work/unwanted"
set +f
rm "$root/etc/dpkg/dpkg.cfg.d/unwanted"
cat "$info"/*.list | sort -u >"$work/before"
find "$info" -type f ! -name format -delete
for deb in "$work/debs"/*.deb; do replace "$deb"; done
mv "$work/status" "$root/var/lib/dpkg/status"

step "removing what is left of the other architecture"
# Files that only the other architecture's packages have, deepest first. Folders go when they are empty then; rm reports the others.
cat "$info"/*.list | sort -u >"$work/after"
comm -23 "$work/before" "$work/after" | sort -r | sed "s|^|$root|" >"$work/stale"
xargs -d '\n' rm -fd -- <"$work/stale" 2>/dev/null || true
# mmdebstrap unpacks the first packages with all of their files.
# shellcheck disable=SC2086 # The pattern is to be expanded.
for pattern in $UNWANTED; do rm -rf "${root:?}"$pattern; done
rm -rf "$root/usr/lib/x86_64-linux-gnu" "$root/usr/lib64" "${root:?}/lib64"
rm -f "$root/var/lib/dpkg/arch" "$root"/var/lib/dpkg/*-old
for file in "$root"/var/lib/dpkg/triggers/[!L]* "$root/var/lib/apt/extended_states"; do
  [ ! -f "$file" ] || sed -i 's/:amd64/:arm64/; s/x86_64-linux-gnu/aarch64-linux-gnu/; s/^Architecture: amd64$/Architecture: arm64/' "$file"
done

step "the file system of the first process"
# The few programs that have to run as arm64 itself.
version=$(ls "$root/lib/modules")
for part in every "$RELEASE"; do
  [ ! -e "$FILES/$part/etc/initramfs-tools" ] || cp -a --no-preserve=ownership "$FILES/$part/etc/initramfs-tools/." "$root/etc/initramfs-tools"
done
depmod -b "$root" "$version"
chroot "$root" ldconfig
chroot "$root" mkinitramfs -o "/boot/initrd.img-$version" "$version"
chroot "$root" dpkg --audit
rm -rf "$work"
step "packing"

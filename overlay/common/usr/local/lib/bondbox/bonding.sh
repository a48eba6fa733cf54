# shellcheck shell=sh
# Sourced by shell programs: the only place in shell that reads /proc/net/bonding. Every kernel has that file; those before 3.14, such as
# that of Ubuntu 14.04, do not show the status of a slave in sysfs.

# Prints each slave of a bond with the status that the kernel's monitor gives it, such as "tap0 up". Prints nothing where there is no bond.
slaves() { # bond
  awk '/^Slave Interface:/ { slave = $3 } /^MII Status:/ && slave { print slave, $3 }' "/proc/net/bonding/$1" 2>/dev/null
}

# Prints the slave that carries everything, where the mode is active-backup.
active() { sed -n 's/^Currently Active Slave: //p' "/proc/net/bonding/$1" 2>/dev/null; } # bond

# Reads the file into the array "rows". Equal rows mean that nothing has changed. For bash only; it starts no program, so it may be called
# often.
read_rows() { # bond
  # shellcheck disable=SC3044,SC2034
  mapfile -t rows <"/proc/net/bonding/$1"
} 2>/dev/null

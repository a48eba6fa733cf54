# shellcheck shell=sh
# Sourced by shell programs: the only place in shell that reads /proc/net/bonding. Every kernel has that file; those before 3.14, such as
# that of Ubuntu 14.04, do not show the status of a slave in sysfs.

# Prints each slave of a bond with the status that the kernel's monitor gives it, such as "tap0 up". Prints nothing where there is no bond.
slaves() { # bond
  awk '/^Slave Interface:/ { slave = $3 } /^MII Status:/ && slave { print slave, $3 }' "/proc/net/bonding/$1" 2>/dev/null
}

# What the striper sees, where it deals: after the first word, what 256 bytes take on each of eight lines as they now are, in nanoseconds; 0:
# as the profile has it. Then by how much each is farther than the nearest, in microseconds.
# shellcheck disable=SC2034 # for those who source this
striper=/sys/fs/bpf/tc/globals/striper

# Reads the file into the array "rows". Equal rows mean that nothing has changed. For bash only; it starts no program, so it may be called
# often.
read_rows() { # bond
  # shellcheck disable=SC3044,SC2034
  mapfile -t rows <"/proc/net/bonding/$1"
} 2>/dev/null

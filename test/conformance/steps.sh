# What the scripts of namespaces share: they source it. Each "@@ NAME" begins a result, "@= STATUS" ends it; test/kernel/guest.ts reads them.
step() { echo "@@ $1"; shift; "$@" 2>&1; echo "@= $?"; }
until_true() { # seconds, command
  limit=$(($(date +%s) + $1)); shift
  until "$@" >/dev/null 2>&1; do [ "$(date +%s)" -lt "$limit" ] || return 1; sleep 0.1; done
}
at() { ip netns exec "$@"; }
wire() { ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"; ip -n "$1" link set "$2" up; ip -n "$3" link set "$4" up; }

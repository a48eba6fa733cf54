# Both halves of a build in one kernel, each in a network namespace, for scripts that join them by two lines (wire0, wire1). /p/box and /p/srv
# hold what each has in /etc/bondbox and /usr/local. Each "@@ NAME" begins a result.
uptime_ms() { read -r now _ </proc/uptime; echo "${now%.*}${now#*.}0"; }
result() { echo "@@ $1"; shift; "$@" 2>&1; }

in_half() { # half, command
  ip netns exec "$1" unshare --mount sh -c 'for folder in etc/bondbox usr/local sys/fs/bpf; do mount --bind "/p/$0/$folder" "/$folder"; done; exec "$@"' "$@"
}
mkdir -p /etc/bondbox
for half in box srv; do
  ip netns add $half
  ip -n $half link set lo up
  mkdir -p /p/$half/sys/fs/bpf
  mount -t bpf bpf /p/$half/sys/fs/bpf
done

tunnel() { # line
  word=allow-deprecated-insecure-static-crypto
  for side in "box 1 2" "srv 2 1"; do
    # shellcheck disable=SC2086 # half, and the last number of its address and of the other's
    set -- "$1" $side
    ip netns exec "$2" openvpn --ignore-unknown-option $word --$word --dev tap"$1" --port $((5000 + $1)) \
      --local 192.0.2.$(($1 * 4 + $3)) --remote 192.0.2.$(($1 * 4 + $4)) >/dev/null 2>&1 &
  done
}

for line in 0 1; do
  ip link add wire$line netns box type veth peer name wire$line netns srv
  ip -n box address add 192.0.2.$((line * 4 + 1))/30 dev wire$line; ip -n srv address add 192.0.2.$((line * 4 + 2))/30 dev wire$line
done

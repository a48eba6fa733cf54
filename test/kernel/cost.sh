# What a second of the box's program takes, while all is well and nobody has the page open. Here a nanosecond is an instruction. $1: MTU of
# the bond; then the taps. Each "@@ NAME" begins a result, "@= STATUS" ends it.
step() { echo "@@ $1"; shift; "$@" 2>&1; echo "@= $?"; }
instructions() { awk '{ all += $1 } END { printf "%.0f\n", all }' /proc/$watch/task/*/schedstat; }

ip link add eth0 type dummy
ip link add bond0 type bond mode balance-rr
mtu=$1; shift
for tap in "$@"; do
  # Dummies have a carrier without anybody at their other end.
  ip link add "$tap" mtu "$mtu" type dummy
  ip link set "$tap" master bond0
done
ip link set bond0 mtu "$mtu"
ip link set eth0 up
ip link set bond0 up
ip route add default dev bond0
mkdir -p /run/bondbox
systemd-socket-activate --listen=127.0.0.1:80 /usr/local/bin/bondbox watch >/run/rows 2>&1 &
watch=$!
sleep 5
# The first who comes starts it.
exec 5<>/dev/tcp/127.0.0.1/80
printf 'GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&5
step "answer" tail -1 <&5

sleep 120
before=$(instructions)
sleep 60
step "a second" echo $((($(instructions) - before) / 60))
step "memory" awk '/VmHWM/ { print $2 }' /proc/$watch/status
step "rows" cat /run/rows

# Each profile's bond on both ends, made by its own scripts or stanza. /p/NAME holds overlay.tar and server.tar.
report() { # end, name
  echo "@@ $1 $2"
  for option in mode xmit_hash_policy arp_interval arp_ip_target primary all_slaves_active slaves; do echo "$option $(cat /sys/class/net/bond0/bonding/$option)"; done
  echo "mtu $(cat /sys/class/net/bond0/mtu)"
  echo "address $(ip -o -4 address show dev bond0 | awk '{print $4}')"
  ip route show dev bond0 | sed 's/ *$//; s/^/route /'
  tc qdisc show | grep -E 'cake|netem|htb' | sed 's/^/qdisc /'
  tc class show dev bond0 | sed 's/^/class /'
}
# Everything about some devices that a needless touch would change, but for the probes' own doing. A slave that was taken anew would
# have lost its count of failures.
seen() { # devices
  for dev in "$@"; do
    ip -o -d link show dev "$dev"; ip -o address show dev "$dev"; tc qdisc show dev "$dev"
  done | sed -E -e 's/bond_slave state [A-Z]+//' -e 's/ tentative//'
  ip -4 route show table all dev bond0; ip -6 route show dev bond0
}
# No tunnel is there: until the monitor knows that, which takes it 2.5 intervals of up to 10 s.
settle() {
  for _ in $(seq 400); do
    cat /sys/class/net/bond0/carrier /sys/class/net/tap*/bonding_slave/mii_status | grep -q -e 1 -e up || return 0
    sleep 0.1
  done
  echo "it does not settle"
}
# bondbox-bond: made; and where /p/NAME/again is, made again, with a line less, as before, another mode's made anew, taken away.
by_script() { # end, name, folder
  bondbox-bond start && { [ ! -e $3/etc/systemd/system/bondbox-qos.service ] || $(sed -n 's/^ExecStart=//p' $3/etc/systemd/system/bondbox-qos.service); }
  echo "@! $1 $2 $?"
  report $1 $2
  [ -e /p/$2/again ] || return 0
  taps=$(sed -n 's/^taps="\(.*\) "$/\1/p' /usr/local/sbin/bondbox-bond)
  echo "@@ again-$1 $2"
  settle
  seen bond0 $taps >/tmp/before
  bondbox-bond start; echo "status $?"
  seen bond0 $taps >/tmp/after
  diff /tmp/before /tmp/after && echo same
  echo "@@ less-$1 $2"
  rest=${taps% *} last=${taps##* }
  if [ "$rest" != "$last" ]; then
    seen $rest >/tmp/before
    sed "s/^taps=.*/taps=\"$rest \"/" /usr/local/sbin/bondbox-bond >/tmp/bondbox-bond
    sh /tmp/bondbox-bond start; echo "status $?"
    [ ! -e /sys/class/net/$last ] && echo "$last is gone"
    echo "slaves $(cat /sys/class/net/bond0/bonding/slaves)"
    seen $rest >/tmp/after
    diff /tmp/before /tmp/after && echo same
    bondbox-bond start; echo "status $?"
    echo "slaves $(cat /sys/class/net/bond0/bonding/slaves)"
  else echo only one; fi
  bondbox-bond stop
  echo "@@ foreign-$1 $2"
  # The owner's own bond, as of a server whose uplink it is.
  ip link add bond0 type bond mode 802.3ad; ip link set bond0 up; ip address add 192.0.2.7/24 dev bond0
  seen bond0 >/tmp/before
  for action in start stop; do bondbox-bond $action 2>&1; echo "status $?"; done
  seen bond0 >/tmp/after
  diff /tmp/before /tmp/after && echo same
  ip -o link show | grep -c tap
  echo "@@ other-$1 $2"
  # What an earlier profile had: another mode, another address, and on the server another network. Beside that a rule of the machine's own.
  ip link set bond0 alias bondbox
  bondbox-bond start; echo "status $?"
  ip address add 192.0.2.1/24 dev bond0
  [ $1 = box ] || {
    ip rule add priority 50 to 10.78.0.0/16 lookup main
    ip rule add priority 50 to 10.77.0.0/16 lookup main protocol 98
    ip route add 10.77.0.0/16 dev bond0 proto 98
  }
  # A bond of an earlier name, and one that is not ours.
  ip link add oldbond type bond; ip link set oldbond alias bondbox; ip link add minebond type bond
  bondbox-bond start; echo "status $?"
  ls /sys/class/net | sed -n 's/.*bond$/left &/p'
  ip link delete minebond
  echo "mode $(cat /sys/class/net/bond0/bonding/mode)"
  echo "slaves $(cat /sys/class/net/bond0/bonding/slaves)"
  echo "address $(ip -o -4 address show dev bond0 | awk '{print $4}')"
  rules() { ip -4 rule list priority 50 | sed 's/^50:[[:space:]]*/rule /; s/ *$//'; }
  rules
  ip -4 route show dev bond0 proto 98 | sed 's/ linkdown//; s/ *$//; s/^/route /' | LC_ALL=C sort
  echo "@@ check-$1 $2"
  check() { bondbox-bond check; echo "$1: $?"; }
  check laid
  ip address flush dev bond0; check "no address"
  bondbox-bond start; check "laid again"
  ip link set dev ${taps%% *} nomaster; check "a tap out"
  bondbox-bond start; check "and in"
  if [ $1 = box ]; then ip route delete default dev bond0; else ip rule flush priority 50 protocol 98; fi
  check "not led there"
  bondbox-bond start
  echo "@@ stop-$1 $2"
  bondbox-bond stop; echo "status $?"
  rules
  ip -o link show | grep -E 'bond|tap'
  ip route show table all | grep -E 'bond|tap'
  bondbox-bond stop; echo "status $?"
}
export -f report seen settle by_script
for folder in /p/*; do
  name=${folder##*/}
  ip netns add box; ip netns add srv
  mkdir -p "$folder/box" "$folder/srv"
  tar -xmf "$folder/overlay.tar" -C "$folder/box"; tar -xmf "$folder/server.tar" -C "$folder/srv"
  cp "$folder"/box/usr/local/sbin/* /usr/local/sbin/; mkdir -p /usr/local/lib/bondbox; cp -r "$folder"/box/usr/local/lib/bondbox/* /usr/local/lib/bondbox/; mkdir -p /etc/bondbox; cp -r "$folder"/box/etc/bondbox/* /etc/bondbox/
  ip netns exec box bash -c "by_script box $name $folder/box"
  # What the box has and the server has not.
  rm -rf /run/wondershaper.* /etc/bondbox; mkdir /etc/bondbox
  cp -r "$folder"/srv/etc/bondbox/* /etc/bondbox/; cp "$folder"/srv/usr/local/sbin/* /usr/local/sbin/
  if [ -e "$folder/srv/etc/network/interfaces.d/bondbox.cfg" ]; then
    ip netns exec srv bash -c "
      ifup -i $folder/srv/etc/network/interfaces.d/bondbox.cfg --state-dir=/tmp bond0
      echo '@! srv $name '\$?; report srv $name"
    for part in guard watchdog; do kill "$(cat /run/bondbox-$part.pid)"; rm /run/bondbox-$part.pid; done
  else
    ip netns exec srv bash -c "by_script srv $name $folder/srv"
  fi
  ip netns delete box; ip netns delete srv; rm -rf /run/wondershaper.* /tmp/ifstate*
done

# Each profile's bond on both ends, made by its own scripts and stanza. /p/NAME holds overlay.tar and server.tar.
report() { # end, name
  echo "@@ $1 $2"
  for option in mode xmit_hash_policy arp_interval arp_ip_target slaves; do echo "$option $(cat /sys/class/net/bond0/bonding/$option)"; done
  echo "mtu $(cat /sys/class/net/bond0/mtu)"
  echo "address $(ip -o -4 address show dev bond0 | awk '{print $4}')"
  tc qdisc show | grep -E 'cake|netem|htb' | sed 's/^/qdisc /'
  tc class show dev bond0 | sed 's/^/class /'
}
for p in iptables iptables-restore iptables-save; do ln -sf "/usr/sbin/$(echo $p | sed s/iptables/iptables-legacy/)" /etc/alternatives/$p; done
dpkg -i /t/ifupdown.deb /t/ifenslave.deb >/root/dpkg.log 2>&1 || { cat /root/dpkg.log; exit 1; }
for folder in /p/*; do
  name=${folder##*/}
  ip netns add box; ip netns add srv
  mkdir -p "$folder/box" "$folder/srv"
  tar -xf "$folder/overlay.tar" -C "$folder/box"; tar -xf "$folder/server.tar" -C "$folder/srv"
  cp "$folder"/box/usr/local/sbin/* /usr/local/sbin/; mkdir -p /etc/bondbox; cp "$folder"/box/etc/bondbox/* /etc/bondbox/
  export -f report
  ip netns exec box bash -c "
    bondbox-bond start && { [ ! -e $folder/box/etc/systemd/system/bondbox-qos.service ] || \$(sed -n 's/^ExecStart=//p' $folder/box/etc/systemd/system/bondbox-qos.service); }
    echo '@! box $name '\$?; report box $name"
  cp -r "$folder"/srv/etc/bondbox/* /etc/bondbox/; cp "$folder"/srv/usr/local/sbin/* /usr/local/sbin/
  ip netns exec srv bash -c "
    ifup -i $folder/srv/etc/network/interfaces.d/bondbox.cfg --state-dir=/tmp bond0
    echo '@! srv $name '\$?; report srv $name"
  kill "$(cat /run/bondbox-watchdog.pid)"; rm /run/bondbox-watchdog.pid
  ip netns delete box; ip netns delete srv; rm -rf /run/wondershaper.* /tmp/ifstate*
done

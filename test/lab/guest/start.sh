#!/bin/bash
# The small system around box and server: loads what containers cannot load themselves, then hands over to the agent.
exec </dev/null >/dev/ttyS0 2>&1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
stty -F /dev/ttyS0 -opost
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/netns /run/lock /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -sfn /proc/self/fd /dev/fd
hostname lab
modprobe -a tun veth bridge sch_netem sch_cake sch_htb sch_fq_codel sch_ingress cls_u32 cls_matchall act_pedit act_gact ip_tables nf_tables \
  nft_compat xt_MASQUERADE xt_conntrack xt_mark xt_multiport xt_TCPMSS xt_tcpudp xt_addrtype xt_DSCP xt_nat nft_chain_nat xt_LOG aesni_intel
# What a product of another day may want, where the kernel has it.
modprobe -qa act_mirred act_skbedit cls_fw dummy ifb ip6_tables ip6table_filter ip6t_REJECT ipt_REJECT nft_ct nft_fib_inet nft_limit nft_log \
  nft_masq nft_nat nft_reject_inet nft_socket nft_tproxy sch_prio xt_comment xt_connmark xt_CT xt_hashlimit xt_limit xt_physdev xt_u32
modprobe -a 8021q tcp_bbr
modprobe bonding max_bonds=0
ip link set lo up
# As systemd sets it on every machine of today.
sysctl -qw net.core.default_qdisc=fq_codel
# As the box has it; it is not apart for each of the machines here.
sysctl -qw net.core.wmem_max=1000000
# One run must not teach the next what it learnt of a path.
sysctl -qw net.ipv4.tcp_no_metrics_save=1
node /lab/agent.cjs
if [ -e /lab/keep ]; then
  echo "@lab the machine stays up; its console is a root shell, 'exit' ends it"
  setsid sh -c 'exec bash --noprofile --norc -i </dev/ttyS1 >/dev/ttyS1 2>&1'
fi
poweroff -f

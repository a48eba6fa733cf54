# shellcheck shell=sh
# Runs install.sh on a server that has nothing of bondbox yet. What it starts goes on when the connection ends: push follows its log over
# as many connections as that takes. docs/push.md#a-new-server
#   start          begins with the install.sh.new that was brought; 75: another one is being installed
#   run            what start begins
#   follow OFFSET  prints the log from there on until the end: 0, 80 failed, 81 failed before any change, 82 nobody knows how it ended
set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

# Where cloud-init puts it, too: --remove knows that place.
script=/root/bondbox/install.sh
log=/var/log/bondbox-install.log
# In memory: what is not there any more after a restart has not survived it.
here=/run/bondbox_fresh
# Whoever installs holds this one.
lock=$here/lock
# "starting", "running", or the exit code of install.sh.
state=$here/state

discard() { # file
  rm -f "$1"
  [ ! -d ${script%/*} ] || rmdir --ignore-fail-on-non-empty ${script%/*}
}

start() {
  exec 8>>$lock
  if ! flock -w 2 8; then
    # Another push was cut off: what it has begun goes on.
    cmp -s $script.new $script && { rm -f $script.new; exit 0; }
    discard $script.new
    exit 75
  fi
  rm -f $log
  mv -f $script.new $script && echo starting >$state || exit
  flock -u 8
  if [ -d /run/systemd/system ]; then
    # Not in the session of this connection, which may be ended with all that runs in it.
    systemd-run --quiet --collect --unit=bondbox_fresh /bin/sh $here/fresh.sh run >/dev/null || exit
  else
    setsid sh $here/fresh.sh run </dev/null >/dev/null 2>&1 8>&- &
  fi
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(cat $state)" = starting ] || exit 0
    sleep 1
  done
  discard $script
  echo "it did not start" >&2
  exit 70
}

run() {
  exec 8>>$lock
  flock -w 5 8 || exit 75
  echo running >$state
  status=0
  # What install.sh starts must not hold the lock.
  sh $script >$log 2>&1 </dev/null 8>&- || status=$?
  [ -d /etc/bondbox ] || discard $script
  echo $status >$state.new
  mv -f $state.new $state
}

follow() { # offset
  at=$1
  while :; do
    # In this order, or its last rows could be missed. Without a lock it was restarted.
    if [ ! -e $lock ] || (flock -s -n 8) 8>>$lock; then over=yes; else over=; fi
    size=$(cat $log 2>/dev/null | wc -c)
    [ "$size" -le "$at" ] || tail -c +$((at + 1)) $log | head -c $((size - at))
    at=$size
    [ -z "$over" ] || break
    sleep 1
  done
  case "$(cat $state 2>/dev/null)" in
    0) exit 0 ;;
    [1-9]*) [ -d /etc/bondbox ] || exit 81; exit 80 ;;
    *) exit 82 ;;
  esac
}

case "${1-}" in
  start | run) "$1" ;;
  follow) follow "$2" ;;
  *) echo "usage: fresh.sh start | run | follow OFFSET" >&2; exit 64 ;;
esac

# shellcheck shell=sh
# What a laptop in the LAN has, for the scripts of scenarios: ". /lab/laptop/laptop.sh".
umask 077
mkdir -p /root/.ssh
cp /lab/laptop/id_ed25519 /root/.ssh/
# When this scenario's second 4 was: traffic of kind program that starts at 2 has a client from 4 on.
begin=$(($(date +%s) - 4))

push() { node /lab/laptop/push.cjs "$@"; }

# Waits for a second of the time line.
at() { # second
  while [ $(($(date +%s) - begin)) -lt "$1" ]; do sleep 0.2; done
}

# Runs a command that has to end with a status, and to print something.
expect() { # status, pattern, command
  wanted=$1 pattern=$2
  shift 2
  status=0
  "$@" >/run/said 2>&1 || status=$?
  cat /run/said
  [ "$status" -eq "$wanted" ] || { echo "ended with $status, not $wanted: $*"; exit 1; }
  grep -q -- "$pattern" /run/said || { echo "did not print \"$pattern\": $*"; exit 1; }
}

# Starts a push, and waits until it has printed something. Sets "pushing".
push_until() { # pattern, words of push
  awaited=$1
  shift
  node /lab/laptop/push.cjs "$@" >/run/pushing 2>&1 &
  pushing=$!
  until grep -q -- "$awaited" /run/pushing; do
    kill -0 $pushing || { cat /run/pushing; echo "never printed \"$awaited\""; exit 1; }
    sleep 0.1
  done
}

# Runs a script on a half as root.
on() { # half, script
  case $1 in box) host=192.168.1.252 ;; server) host=203.0.113.10 ;; esac
  ssh -o UserKnownHostsFile=/lab/laptop/known_hosts "bondbox@$host" "sudo -n sh -c '$2'"
}

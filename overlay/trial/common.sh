# shellcheck shell=sh
# The trial of another generation: what both halves have in common. "push" puts it together with works.sh, box.sh or server.sh, and main.sh
# into trial.sh, and brings it along, since the half that is there may be of any age. docs/push.md explains the order of things.
#   arm SECONDS      keeps what is there, and sees to it that it comes back by itself
#   apply            installs what was brought, and watches whether it works
#   confirm          it stays
#   rollback REASON  what was there before comes back
#   state            prints how things are, for push
set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

trial=${0%/*}
log=$trial/log
# For works.sh.
record=$trial/up
# shellcheck source=/dev/null
. "$trial/trial.conf"

# The drop-in for bondbox-*.service must not close these in, so their names begin otherwise.
timer=bondbox_rollback
worker=bondbox_trial
at_boot=bondbox_boot
boot_unit=/etc/systemd/system/$at_boot.service
# Gone after a restart. A container's boot_id is that of the machine around it, and stays.
since_boot=/run/bondbox-push.armed

say() { echo "$*" | tee -a "$log"; }

# Writes one value to one file, completely or not at all.
write() { # file, value
  printf '%s\n' "$2" >"$1.new" && sync "$1.new" && mv -f "$1.new" "$1" && sync "${1%/*}"
}

recall() { cat "$1" 2>/dev/null || :; }

# armed, trying, tried, or: failed, confirmed, undone with the reason in the next row.
state() { recall "$trial/state" | head -n 1; }

mark() { # state, reason
  write "$trial/state" "$1${2:+
$2}"
}

# Seconds since the start: a Raspberry Pi's clock jumps when it learns the time.
seconds() {
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# Waits until everything that worked before works again, for three seconds in a row. The timer ends what never does.
watch() {
  good=0
  while [ $good -lt 3 ]; do
    wrong=$(missing; check_more)
    if [ -z "$wrong" ]; then good=$((good + 1)); else good=0; fi
    [ "$wrong" = "$(recall "$trial/wrong")" ] || write "$trial/wrong" "$wrong"
    sleep 1
  done
}

# --- what comes back by itself ---

arm() { # seconds
  : >"$log"
  : >"$trial/wrong"
  # The last trial's may still answer to a box that asks again.
  stop_worker
  : >$since_boot
  echo $(($(seconds) + $1)) >"$trial/deadline"
  record_up
  record_more
  save || { say "what is installed could not be kept"; exit 1; }
  sync
  mark armed
  arm_timer "$1" || { mark undone "no timer could be set"; disarm; exit 1; }
}

arm_timer() { # seconds
  [ -d /run/systemd/system ] || { arm_cron; return; }
  arm_boot || return
  systemd-run --quiet --unit=$timer --on-active="$1" --timer-property=AccuracySec=100ms \
    sh "$trial/trial.sh" rollback "nobody confirmed it within $1 s"
}

disarm() {
  rm -f /etc/cron.d/$timer $boot_unit $since_boot
  [ -d /run/systemd/system ] || return 0
  systemctl stop $timer.timer 2>/dev/null
  rm -f /etc/systemd/system/multi-user.target.wants/$at_boot.service
  systemctl daemon-reload
}

# A restart ends the trial, too.
boot_rollback() {
  cat >$boot_unit <<END
[Unit]
Description=bondbox: undoes a push that nobody confirmed before the restart
After=network.target
ConditionPathExists=$trial/armed

[Service]
Type=oneshot
ExecStart=/bin/sh $trial/trial.sh overdue
END
  chmod 0644 $boot_unit
  mkdir -p /etc/systemd/system/multi-user.target.wants
  ln -sf $boot_unit /etc/systemd/system/multi-user.target.wants/$at_boot.service
  : >"$trial/armed"
  sync
}

# Before systemd, each minute somebody looks.
arm_cron() {
  : >"$trial/armed"
  printf '* * * * * root [ ! -e %s/armed ] || sh %s/trial.sh overdue\n' "$trial" "$trial" >/etc/cron.d/$timer
  chmod 0644 /etc/cron.d/$timer
  sync
}

overdue() {
  if [ ! -e $since_boot ]; then
    rollback "it was restarted before anybody confirmed"
  elif [ "$(seconds)" -ge "$(recall "$trial/deadline")" ]; then
    rollback "nobody confirmed it in time"
  fi
}

# --- the trial ---

# Goes on when the connection that started it is cut, as it may be by what it does.
start() {
  [ "$(state)" = armed ] || { echo "nothing is armed here" >&2; exit 1; }
  mark trying
  if [ -d /run/systemd/system ]; then
    systemd-run --quiet --collect --unit=$worker sh "$trial/trial.sh" apply
  else
    # shellcheck disable=SC2016 # the words are the inner shell's
    setsid sh -c 'echo $$ >"$1/worker"; exec sh "$1/trial.sh" apply' - "$trial" </dev/null >/dev/null 2>&1 &
  fi
}

stop_worker() {
  if [ -d /run/systemd/system ]; then
    systemctl stop $worker.service 2>/dev/null
  elif [ -e "$trial/worker" ]; then
    kill -- "-$(cat "$trial/worker")" 2>/dev/null
  fi
  return 0
}

apply() {
  say "installing generation $GENERATION"
  forward >>"$log" 2>&1 || {
    mark failed "$(tail -n 1 "$log")"
    exit 1
  }
  await
}

rollback() { # reason
  case "$(state)" in armed | trying | tried | failed) ;; *) exit 0 ;; esac
  # Whoever comes second finds it done.
  exec 8>"$trial/lock"
  flock 8
  case "$(state)" in undone | confirmed) exit 0 ;; esac
  stop_worker
  say "going back: $1"
  [ "$(state)" = armed ] || back 8>&- >>"$log" 2>&1 || say "going back had an error: $(tail -n 1 "$log")"
  rm -f "$trial/armed"
  mark undone "$1"
  disarm
}

confirm() {
  exec 8>"$trial/lock"
  flock 8
  [ "$(state)" = tried ] || { echo "it is not on trial any more: $(recall "$trial/state")" >&2; exit 1; }
  agree || { echo "the other half does not agree over the bond" >&2; exit 1; }
  keep >>"$log" 2>&1 || { echo "it could not be kept: $(tail -n 1 "$log")" >&2; exit 1; }
  rm -f "$trial/armed"
  mark confirmed
  disarm
}

print_state() {
  echo "state $(state)"
  recall "$trial/state" | sed -n '2,$s/^/reason /p'
  sed 's/^/wrong /' "$trial/wrong" 2>/dev/null
  tail -n 15 "$log" 2>/dev/null | sed 's/^/log /'
}

# shellcheck shell=sh disable=SC2154 # set by common.sh
# The last part of trial.sh, after all that it runs.
case "${1-}" in
  arm | rollback) "$@" ;;
  start | apply | confirm | overdue) "$1" ;;
  state) print_state ;;
  *) echo "usage: trial.sh arm SECONDS | start | confirm | rollback REASON | state" >&2; exit 64 ;;
esac

# shellcheck shell=sh
# Prints the generation before the last confirmed push of a half: which push that was, its name, and, after an empty row, its archive or
# install.sh in base64. 81: there is none; 82: it is damaged.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

recall() { cat "$1" 2>/dev/null || :; }

# push, name, file
show() { printf 'push %s\nid %s\n\n' "$1" "$2" && base64 "$3"; }

of_server() {
  home=/etc/bondbox/previous
  [ -s $home/install.sh ] || exit 81
  show "$(recall $home/push)" "$(sha256sum <$home/install.sh | cut -c1-16)" $home/install.sh
}

of_box() {
  home=/var/lib/bondbox
  for generations in $home/keep/generations $home/generations; do
    # What was pushed before the card was changed is no generation any more.
    read -r current card 2>/dev/null <"$generations/current" || continue
    id=$(recall "$generations/previous")
    case "$current $card" in "$id "*) continue ;; "$(recall $home/pushed) $(recall $home/id)") ;; *) continue ;; esac
    [ -n "$id" ] || continue
    (cd "$generations/$id" && sha256sum -c --quiet --strict SHA256SUMS) >&2 || exit 82
    show "$(recall "$generations/push")" "$id" "$generations/$id/overlay.tar"
    exit
  done
  exit 81
}

case "${1-}" in
  box | server) "of_$1" ;;
  *) exit 64 ;;
esac

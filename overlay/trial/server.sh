# shellcheck shell=sh disable=SC2034,SC2154 # read by and set by common.sh
# The server's part of a trial: install.sh is what a generation is, and it changes only what differs.

files=/etc/bondbox

save() { cp $files/install.sh "$trial/previous.sh"; }

arm_boot() { boot_rollback; }

# What a line carries in full packets, the box looks at: only there one is apart from the other.
record_more() { :; }
check_more() { :; }

# The box changes after the server, and goes back in its own time: that it has other keys until then is no failure.
forward() { OTHER_KEYS=note sh "$trial/install.sh"; }

back() {
  status=0
  OTHER_KEYS=note sh "$trial/previous.sh" || status=$?
  # One that finds a fault at its end does not keep itself, and the next push would go back to what was undone here.
  cmp -s "$trial/previous.sh" $files/install.sh || write_file "$trial/previous.sh" $files/install.sh
  return $status
}

write_file() { # file, its place
  cp "$1" "$2.new" && sync "$2.new" && mv -f "$2.new" "$2"
}

# The box reports over the bond that it works there, too: what arrives there has passed the new tunnels, which know the box by its key.
# Alone, the server looks by itself.
await() {
  if [ "$TOGETHER" = yes ]; then
    mark tried
    until listen; do sleep 1; done
  else
    watch
    mark tried
  fi
}

# Answers to the one word that only the box has. It may ask again when the answer was lost, but not for longer than half a minute: the
# next push has to find this ended.
listen() {
  perl -MIO::Socket::INET -e '
    my ($address, $port, $folder) = @ARGV;
    open my $file, "<", "$folder/token" or die; chomp(my $token = <$file>);
    my $socket = IO::Socket::INET->new(LocalAddr => $address, LocalPort => $port, Proto => "udp") or exit 1;
    my $kept = 0;
    $SIG{ALRM} = sub { exit 0 };
    while (my $from = $socket->recv(my $word, 100)) {
      $socket->send("here\n") if $word eq "$token?\n";
      next unless $word eq "$token\n";
      $kept or system("sh", "$folder/trial.sh", "confirm") == 0 and $kept = 1 and alarm 30;
      $socket->send("kept\n") if $kept;
    }' "$OWN" "$PORT" "$trial"
}

agree() { :; }

keep() {
  mkdir -p $files/previous && mv -f "$trial/previous.sh" $files/previous/install.sh && write $files/previous/push "$PUSH" &&
    rm -f "$trial/install.sh" && sync
}

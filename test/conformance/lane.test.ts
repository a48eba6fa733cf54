import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { built, profileNames } from "../support/builds";
import { inNamespace, run } from "../support/programs";
import { layServer, planned, temporaryFolder } from "../support/trees";

const withLane = profileNames.filter((name) => planned(name).lane !== null);

it("profiles have the lane, and some have none", () => {
  expect(withLane.length).toBeGreaterThan(2);
  expect(withLane.length).toBeLessThan(profileNames.length);
});

describe("the lane of home", () => {
  it("refuses new connections over QUIC while it is on, and nothing else of that port", () => {
    const { bond, lan } = planned("home");
    const script = `
      box=$1 lan=$2
      ip netns add lan
      ip netns add internet
      ip link add "$lan" type veth peer name out netns lan
      ip link add "$3" type veth peer name in netns internet
      for device in lo "$lan" "$3"; do ip link set $device up; done
      ip address add 192.0.2.1/24 dev "$lan"
      ip address add 198.51.100.1/24 dev "$3"
      ip -n lan link set out up
      ip -n lan address add 192.0.2.2/24 dev out
      ip -n lan route add default via 192.0.2.1
      ip -n internet link set in up
      ip -n internet address add 198.51.100.2/24 dev in
      ip -n internet route add default via 198.51.100.1
      echo 1 >/proc/sys/net/ipv4/ip_forward
      cat >/mnt/answer <<'END'
      use IO::Socket::INET;
      my $server = IO::Socket::INET->new(LocalPort => 443, Proto => "udp") or die;
      $server->send("yes") while $server->recv(my $packet, 2000);
END
      cat >/mnt/ask <<'END'
      use IO::Socket::INET;
      my %packet = (
        first => pack("C N", 0xc3, 1), second => pack("C N", 0xd0, 0x6b3343cf), running => pack("C N", 0x43, 1), wireguard => pack("C N", 1, 0),
        other => pack("C N", 0xc3, 7),
      );
      for my $name (sort keys %packet) {
        my $socket = IO::Socket::INET->new(PeerAddr => "198.51.100.2", PeerPort => 443, Proto => "udp") or die;
        $socket->send($packet{$name} . "x" x 1195);
        local $SIG{ALRM} = sub { die "silence" };
        alarm 3;
        my $answer;
        print "$name ", defined $socket->recv($answer, 9) ? $answer : $!, "\\n";
      }
END
      ip netns exec internet perl /mnt/answer & answering=$!
      "$box/usr/local/sbin/bondbox-lane" start
      sleep 0.3
      for state in on off; do
        "$box/usr/local/sbin/bondbox-lane" $state
        echo $state
        ip netns exec lan perl /mnt/ask
      done
      kill $answering
      ip netns delete lan
      ip netns delete internet`;
    const { status, stdout, stderr } = inNamespace(script.replaceAll("\n      ", "\n"), [built("home").box, lan.interface, bond.name]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const others = ["other yes", "running yes"];
    expect(stdout.trim().split("\n")).toEqual([
      ...["on", "first Connection refused", ...others, "second Connection refused", "wireguard yes"],
      ...["off", "first yes", ...others, "second yes", "wireguard yes"],
    ]);
  });
});

describe.each(withLane)("the lane of %s", (name) => {
  it("haproxy takes the box's configuration", () => {
    const { status, output } = run("haproxy", ["-c", "-f", join(built(name).box, "etc/bondbox/lane.cfg")]);
    expect({ status, output: output.replace(/^Configuration file is valid\n/, "") }).toEqual({ status: 0, output: "" });
  });

  it("lane-listen opens the server's socket, with BBR if there is one, and haproxy takes it and its configuration", () => {
    const { lane } = planned(name);
    const folder = layServer(built(name), temporaryFolder());
    const script = `
      ip link set lo up
      ip address add "$2/32" dev lo
      "$1/usr/local/lib/bondbox/lane-listen" "$2" "$3" 262144 sh -c 'haproxy -c -f "$1/etc/bondbox/lane.cfg" && readlink "/proc/self/fd/$LANE" && perl -e "$2"' sh "$1" "$4"`;
    // The kernel doubles SO_SNDBUF.
    const look = 'open my $lane, "+<&=", $ENV{LANE}; print unpack("i", getsockopt $lane, 1, 7), "\\n"';
    const { status, stdout } = inNamespace(script, [folder, lane?.serverAddress ?? "", String(lane?.port), look]);
    const wanted = "Configuration file is valid\nsocket:[N]\n524288\n";
    expect({ status, stdout: stdout.replace(/:\[\d+/g, ":[N") }).toEqual({ status: 0, stdout: wanted });
  });

  it("is laid, takes connections and stops taking them, and what it has laid is seen", () => {
    const script = `
      ip link set lo up
      lane=$1/usr/local/sbin/bondbox-lane
      say() { echo "$1 $("$lane" check && echo there) $(nft list table ip bondbox 2>/dev/null | grep -c "$2")"; }
      say before tproxy
      "$lane" start
      say started tproxy
      "$lane" on
      say on tproxy
      say quic reject
      "$lane" start
      say again tproxy
      "$lane" off
      say off 'tproxy\\|reject'
      ip rule delete priority "$2"
      say without tproxy
      "$lane" start
      say mended tproxy`;
    const { lane } = planned(name);
    const { status, stdout, stderr } = inNamespace(script.replaceAll("\n      ", "\n"), [built(name).box, String(lane?.priority)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trim().split("\n")).toEqual([
      "before  0",
      "started there 0",
      "on there 1",
      `quic there ${lane?.refusesQuic === true ? 1 : 0}`,
      "again there 1",
      "off there 0",
      "without  0",
      "mended there 0",
    ]);
  });
});

// One of each way to be on: each takes seconds.
const ways = new Map(withLane.map((name) => [`${planned(name).lane?.always} ${planned(name).lane?.untried}`, name]));

describe.each([...ways.values()])("the lane of %s, as it runs,", (name) => {
  it("is on while both ends answer and a line is not well, or the profile says so", () => {
    const { lane } = planned(name);
    // What the striper tells of two lines: price, delay, why the line is aside, what ails it the other way.
    const script = `
      ip link set lo up
      mkdir /run/bondbox
      mount --bind "$1/usr/local/sbin" /usr/local/sbin
      bondbox-lane start
      cat >/mnt/answer <<'END'
      use IO::Socket::INET;
      my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$ARGV[0]", Listen => 9, ReuseAddr => 1) or die;
      while (my $asked = $server->accept) {
        my $words = <$asked>;
        print $asked "HTTP/1.0 ", $words =~ /box|$ARGV[1]/ ? "200 OK" : "503 No", "\r\n\r\n";
      }
END
      answer() { perl /mnt/answer "$1" "$2" & answering=$!; sleep 0.2; }
      say() { sleep 1.3; echo "$1: $(cat /run/bondbox/lane), $(nft list chain ip bondbox take | grep -c tproxy)"; }
      echo 1 0 0 0 1 0 0 0 >/run/bondbox/striper
      answer "$2" server
      bondbox-lane-watch &
      watch=$!
      say well
      echo 1 0 0 0 1 0 513 0 >/run/bondbox/striper
      say 'jumps up'
      echo 1 0 0 256 1 0 0 0 >/run/bondbox/striper
      say 'loses down'
      kill $answering
      answer "$2" nobody
      say 'without the server'
      kill $answering
      say 'without the box'
      kill $watch
      wait $watch`;
    const { status, stdout, stderr } = inNamespace(script.replaceAll("\n      ", "\n"), [built(name).box, String(lane?.probePort)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trim().split("\n")).toEqual([
      lane?.always === true || lane?.untried === true ? "well: on, 1" : "well: off steady, 0",
      "jumps up: on, 1",
      "loses down: on, 1",
      "without the server: off server, 0",
      "without the box: off box, 0",
    ]);
  });

  it("takes no more connections than it has room for, and forgets those that carry nothing", () => {
    const { lane, lan } = planned(name);
    const script = `
      box=$1 address=$2 port=$3 most=$4
      ip netns add lan
      ip link add "$5" type veth peer name out netns lan
      ip link set lo up
      ip link set "$5" up
      ip address add 192.0.2.1/24 dev "$5"
      ip -n lan link set out up
      ip -n lan address add 192.0.2.2/24 dev out
      ip -n lan route add default via 192.0.2.1
      # What the lane does not take is refused at once.
      ip route add "$address" dev "$5"
      nft add table ip refuse
      nft add chain ip refuse forward '{ type filter hook forward priority 10; }'
      nft add rule ip refuse forward meta l4proto tcp reject with tcp reset
      echo 1 >/proc/sys/net/ipv4/ip_forward
      "$box/usr/local/sbin/bondbox-lane" start
      "$box/usr/local/sbin/bondbox-lane" on
      # This machine may not allow as many open files as the box.
      sed 's/maxconn .*/maxconn 500/' "$box/etc/bondbox/lane.cfg" >/mnt/lane.cfg
      haproxy -db -f /mnt/lane.cfg >/dev/null 2>&1 & proxy=$!
      sleep 0.5
      cat >/mnt/open <<'END'
      use IO::Socket::INET;
      my @open = grep { $_ } map { IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => 80, Timeout => 2) } 1 .. $ARGV[1];
      print scalar(@open), "\\n";
END
      ip netns exec lan perl /mnt/open "$address" $((most + 20))
      sleep 4
      ip netns exec lan perl /mnt/open "$address" 2
      kill $proxy
      ip netns delete lan`;
    const words = [built(name).box, "198.51.100.1", String(lane?.port), String(lane?.most), lan.interface];
    const { status, stdout, stderr } = inNamespace(script.replaceAll("\n      ", "\n"), words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [most = 0, later] = stdout.trim().split("\n").map(Number);
    // The kernel lets one or two more into a set than its size.
    expect(most).toBeGreaterThanOrEqual(lane?.most ?? NaN);
    expect(most).toBeLessThan((lane?.most ?? NaN) + 5);
    expect(later).toBe(2);
  });
});

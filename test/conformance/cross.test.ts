import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { staticKey } from "../../builder/keys/static-keys";
import { targets } from "../../builder/targets";
import { built } from "../support/builds";
import { inNamespace } from "../support/programs";
import { openvpnIn, programOf, type Release } from "../support/releases";
import { layServer, planned, serverText, temporaryFolder } from "../support/trees";

/** One box and one server with an OpenVPN of some release each, and what is done to their files before. */
interface Pair {
  profile: string;
  box: Release;
  server: Release;
  processor: Processor;
  /** Writes over files of /etc/openvpn. */
  alter?: (halves: { box: string; server: string }) => void;
  /** Bytes by which both taps are larger than planned. */
  tooLarge?: number;
  /** The box's address and port change while the tunnel carries, as when a modem reconnects. */
  moves?: boolean;
  /** What a log says when there will be no tunnel. Without it there must be one. */
  refused?: RegExp;
}

type Half = "box" | "server";
const halves: Half[] = ["box", "server"];

/** As Raspberry Pi 4 and 5 have it in /proc/cpuinfo. */
const processors = {
  "no AES": "Features\t: fp asimd evtstrm crc32 cpuid\n",
  AES: "Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp\n",
};
type Processor = keyof typeof processors;

const boxes: Release[] = ["bookworm", "trixie", "sid"];
/** Which releases stand in for a target's server: its own age and, where the file allows it, what it may be upgraded to. */
const servers: Record<string, Release[]> = {
  home: ["bookworm", "trixie", "sid"],
  "debian-12": ["bookworm", "trixie", "sid"],
  "ubuntu-24-04": ["bookworm", "trixie", "sid"],
  "ubuntu-26-04": ["sid"],
  "ubuntu-22-04": ["bullseye", "bookworm"],
  // 2.7 wants a word for static keys that Ubuntu 14.04's OpenVPN does not know: only the box's file has it.
  "guide-2017": ["bullseye", "bookworm"],
};
const releases: Release[] = ["bullseye", "bookworm", "trixie", "sid"];

/** Everything that runs with a server of this release. */
function pairsWith(server: Release): Pair[] {
  const profiles = Object.keys(servers).filter((profile) => servers[profile]?.includes(server));
  return profiles.flatMap((profile) => {
    // The processor matters only where the profile leaves the cipher to the box.
    const choices: Processor[] = planned(profile).tunnel.tls?.cipher === null ? ["AES", "no AES"] : ["no AES"];
    return choices.flatMap((processor) => boxes.map((box): Pair => ({ profile, box, server, processor, moves: true })));
  });
}

function titleOf({ profile, box, server, processor }: Pair): string {
  return `${profile} box ${openvpnIn[box]} ${box}, ${processor} - server ${openvpnIn[server]} ${server}`;
}

function expectedCipher({ profile, processor }: Pair): string {
  const { tls, staticKey } = planned(profile).tunnel;
  return tls?.cipher ?? staticKey?.cipher ?? (processor === "AES" ? "AES-256-GCM" : "CHACHA20-POLY1305");
}

/** Size on the line of a full packet, bytes, IP: the plan's, but for what builder/plan/sizes.ts says of versions that no target has at both ends. */
function expectedSize({ profile, box, server }: Pair): number {
  const { lines, tunnel } = planned(profile);
  const size = lines[0]?.outerSize as number;
  if (tunnel.tls === null) return size;
  const versions = [openvpnIn[box], openvpnIn[server]];
  // They agree on longer packet ids.
  return versions.every((version) => version === "2.7") ? size + 4 : size;
}

/** What a person should look at. */
const loud = /warn|deprecat|error|fatal|cannot|failed|refused|unrecognized/i;

/** What the logs may say for all that, and why it does not matter. */
function harmless({ profile }: Pair): RegExp[] {
  const { mtu } = planned(profile).tunnel;
  return [
    // 2.7 always does it; before, the word is needed.
    /^DEPRECATED OPTION: --persist-key option ignored\./,
    // Static keys, which 14.04 has nothing better than.
    /^DEPRECATED OPTION: The option --secret is deprecated\./,
    /^DEPRECATION: No tls-client or tls-server option in configuration detected\./,
    // Before 2.7, of the word that makes 2.7 take them.
    /^Unrecognized option .*: allow-deprecated-insecure-static-crypto /,
    // 2.5 says so to everybody; there is no password.
    /^WARNING: this configuration may cache passwords in memory /,
    // Both ends agree on one, so nothing falls back.
    /^(Note: )?--cipher is not set\. (Previous )?OpenVPN versions? (before 2\.5 )?defaulted to BF-CBC as fallback /,
    // A busy machine is late, so the box asks twice, and the server, which keeps nothing until the third packet, answers both as its first.
    /^tls-crypt unwrap error: (bad packet ID \(may be a replay\): \[ #1 |packet replay$)/,
    // With another key, one more row says so.
    /^TLS Error: tls-crypt unwrapping failed from /,
    // 2.5 counts 32 bytes more for a tap.
    new RegExp(`^WARNING: 'tun-mtu' is used inconsistently, local='tun-mtu ${mtu + 32}', remote='tun-mtu ${mtu}'$`),
  ];
}

const PACKETS = 5;
/** How long a packet may take to come back once the box has another address, s. Less than a tunnel waits for a sign of the other end. */
const PATIENCE = 10;
const LINE = "ovh";

/** Counts the packets of each size around the full one that a half hears, and all that it sends. */
function counters(pair: Pair): string {
  const size = expectedSize(pair);
  const rules = Array.from({ length: 61 }, (_, i) => size - 30 + i).map((bytes) => `-A INPUT -p udp -m length --length ${bytes}`);
  const all = [`-A INPUT -p udp`, `-A OUTPUT -p udp`];
  return `${["*filter", ...rules, `-A INPUT -p udp -m length --length ${size + 31}:65535`, ...all, "COMMIT"].join("\n")}\n`;
}

/**
 * Each pair in two namespaces of its own with a wire between them that takes the full packet and not one byte more. The programs start
 * as the box's script and the server's unit start them; only /usr/sbin/openvpn is another release's.
 */
const script = `
work=$1
half() { # ID HALF
  ip netns exec "$1-$2" sh -euc '
    cd "$0"
    mount --bind etc /etc/openvpn; mount --bind log /var/log; mount --bind run /run/bondbox
    mount --bind openvpn /usr/sbin/openvpn; mount --bind cpuinfo /proc/cpuinfo
    exec sh ./start' "$work/$1/$2" >"$work/$1/$2/log/out" 2>&1
}
# For what comes soon: polls, as nothing tells when a log has grown.
soon() {
  tries=0
  until "$@"; do
    tries=$((tries + 1)); [ $tries -lt 600 ] || return 1
    sleep 0.2
  done
}
listens() { grep -qs "UDPv4 link local" "$work/$1"/server/log/*; }
ping_server() { ip netns exec "$id-box" ping -q "$@" "$inner"; }
# A server's log names it up to a second after the first packets.
named() { grep -qsiE "(Data Channel|Static Key Encryption): cipher '" "$work/$id/$1"/log/*; }
refused() { grep -qsE "$refusal" "$work/$id"/*/log/*; }
# From now on the box comes from another address. Whether the next packet passes, and whether the server heard from there; not how
# soon, as the machine is busy.
move() { # ADDRESS
  ip netns exec "$id-box" sh -euc '
    iptables-nft -t nat -F
    iptables-nft -t nat -A POSTROUTING -o wire -p udp -j SNAT --to-source "$0:40000-40999"
    conntrack -F 2>/dev/null' "$1"
  ip -n "$id-server" route add "$1" via "$box"
  ip netns exec "$id-server" iptables-nft -A INPUT -p udp -s "$1"
  ping_server -c 1 -W ${PATIENCE} | grep -c ' 1 received' || true
  ip netns exec "$id-server" iptables-nft-save -c | grep -- "-s $1" | grep -cv '^\\[0:' || true
}
pair() {
  id=$1 tap=$2 mtu=$3 wire=$4 box=$5 server=$6 inner_box=$7 inner=$8 moves=$9
  shift 9
  refusal=$1
  for half in box server; do
    ip netns add "$id-$half"
    ip netns exec "$id-$half" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip -n "$id-$half" link set lo up
    ip -n "$id-$half" tuntap add dev "$tap" mode tap user root
    ip -n "$id-$half" link set "$tap" mtu "$mtu" up
    ip netns exec "$id-$half" iptables-nft-restore <"$work/$id/counters"
  done
  ip link add wire mtu "$wire" netns "$id-box" type veth peer name wire mtu "$wire" netns "$id-server"
  for half in box server; do ip -n "$id-$half" link set wire up; done
  ip -n "$id-box" address add "$box" peer "$server" dev wire
  ip -n "$id-server" address add "$server" peer "$box" dev wire
  ip -n "$id-box" address add "$inner_box" peer "$inner" dev "$tap"
  ip -n "$id-server" address add "$inner" peer "$inner_box" dev "$tap"
  half "$id" server &
  soon listens "$id"
  half "$id" box &
  if [ -z "$refusal" ]; then
    # With both, it waits for one answer.
    ping_server -i 0.2 -c 1 -w 120 >/dev/null
    # Each waits for its own answer: one ping of several gives up two round trips after its last packet, which a busy machine outlasts.
    # There, the kernel may also not learn in time whose the address is. Then the packet has not left, and goes again.
    tries=0
    for packet in $(seq ${PACKETS}); do
      until ping_server -c 1 -i 60 -w 60 -M do -s $((mtu - 28)) >"$work/$id/one" || [ $((tries += 1)) -gt 20 ]; do
        grep -q errors "$work/$id/one" || break
      done
      cat "$work/$id/one"
    done >"$work/$id/ping"
    for half in box server; do soon named $half; done
  else
    ping_server -i 0.2 -w 80 >/dev/null &
    soon refused
    ping_server -c 2 -i 0.2 -W 1 >"$work/$id/ping"
  fi
  for half in box server; do
    ip netns exec "$id-$half" sh -c 'iptables-nft-save -c; cat /proc/net/snmp; cat /proc/net/dev' >"$work/$id/$half/seen" 2>/dev/null
  done
  if [ "$moves" = true ]; then for address in 192.0.2.77 192.0.2.78; do move "$address"; done >"$work/$id/moved"; fi
}
while read -r arguments; do
  (eval "pair $arguments") </dev/null &
  jobs="\${jobs-} $!"
done <"$work/pairs"
wait $jobs
`;

interface Outcome {
  received: number;
  /** For each change of the box's address: packets of one that came back, and 1 where the server heard from that address. */
  moved: string[];
  logs: Record<Half, string[]>;
  seen: Record<Half, Seen>;
}

interface Seen {
  /** Packets heard by their size on the wire, bytes, IP. */
  sizes: Record<string, number>;
  heard: number;
  sent: number;
  split: number;
  /** Frames that the tunnel gave to the tap. */
  tapped: number;
}

/** Runs all pairs side by side. */
function outcomes(pairs: Pair[]): Outcome[] {
  const folder = temporaryFolder();
  const trees = new Map<string, string>();
  const rows = pairs.map((pair, i) => {
    const { profile } = pair;
    const tree = trees.get(profile) ?? layServer(built(profile), join(folder, profile));
    trees.set(profile, tree);
    return layPair(pair, { id: `pair${i}`, folder: join(folder, `pair${i}`), tree });
  });
  writeFileSync(join(folder, "pairs"), `${rows.join("\n")}\n`);
  writeFileSync(join(folder, "script"), script);
  // A namespace of processes, too: none outlives the script.
  const { status, stderr } = inNamespace(`mkdir /run/bondbox; exec unshare --pid --fork --kill-child sh -u "$1/script" "$1"`, [folder], {
    timeout: 280_000,
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return pairs.map((pair, i) => outcomeOf(pair, join(folder, `pair${i}`)));
}

/** Writes the files of a pair. @returns its words for the script. */
function layPair(pair: Pair, { id, folder, tree }: { id: string; folder: string; tree: string }): string {
  const { profile, processor, alter, tooLarge = 0, moves = false, refused } = pair;
  const { lan, lines, server, tunnel } = planned(profile);
  const build = built(profile);
  const unit = "/etc/systemd/system/bondbox-tunnel@.service";
  const start = {
    box: `env BONDBOX_NETWORK_CONF=${join(build.box, "etc/bondbox/network.conf")} /bin/sh ${join(build.box, "usr/local/sbin/bondbox-tunnel")} ${LINE}`,
    server: server.systemd
      ? (/^ExecStart=(.*)$/m.exec(serverText(build, unit))?.[1] as string).replaceAll("%i", LINE)
      : `openvpn --cd /etc/openvpn --config /etc/openvpn/${LINE}.conf`,
  };
  for (const half of halves) {
    const own = join(folder, half);
    for (const name of ["log", "run"]) mkdirSync(join(own, name), { recursive: true });
    cpSync(join(half === "box" ? build.box : tree, "etc/openvpn"), join(own, "etc"), { recursive: true });
    writeFileSync(join(own, "openvpn"), `#!/bin/sh\nexec ${programOf(pair[half], "openvpn")} "$@" --mute 0\n`, { mode: 0o755 });
    writeFileSync(join(own, "cpuinfo"), processors[processor]);
    writeFileSync(join(own, "start"), `exec ${start[half]}\n`);
  }
  alter?.({ box: join(folder, "box/etc"), server: join(folder, "server/etc") });
  writeFileSync(join(folder, "counters"), counters(pair));
  const tap = lines[0]?.tap;
  const addresses = [lan.address, server.address, tunnel.boxAddress, tunnel.serverAddress];
  return [id, tap, tunnel.mtu + tooLarge, expectedSize(pair), ...addresses, moves, `'${refused?.source ?? ""}'`].join(" ");
}

function outcomeOf(pair: Pair, folder: string): Outcome {
  const of = <T>(read: (half: Half) => T): Record<Half, T> => ({ box: read("box"), server: read("server") });
  return {
    received: [...readFileSync(join(folder, "ping"), "utf8").matchAll(/(\d+) received/g)].reduce((sum, [, n]) => sum + Number(n), 0),
    moved: pair.moves === true ? readFileSync(join(folder, "moved"), "utf8").trim().split("\n") : [],
    logs: of((half) => logOf(join(folder, half, "log"))),
    seen: of((half) => seenOf(readFileSync(join(folder, half, "seen"), "utf8"), planned(pair.profile).lines[0]?.tap as string)),
  };
}

/** Without times, and without whom a server means. */
function logOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.endsWith("-status.log"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n"))
    .map((row) => row.replace(/^([A-Z][a-z]{2} [A-Z][a-z]{2} .\d \S+ \d{4}|\d{4}-\d\d-\d\d \S+) /, ""))
    .map((row) => row.replace(/^([\w ]+\/)?[\d.]+:\d+ /, ""));
}

function seenOf(text: string, tap: string): Seen {
  const counted = [...text.matchAll(/^\[(\d+):\d+\] -A (\S+) -p udp(?: -m length --length (\S+))?$/gm)];
  const all = (chain: string): number => Number(counted.find(([, , name, size]) => name === chain && size === undefined)?.[1]);
  const [names = [], values = []] = [...text.matchAll(/^Ip: (.*)$/gm)].map(([, row = ""]) => row.split(" "));
  const ip = (name: string): number => Number(values[names.indexOf(name)]);
  const device = new RegExp(`^ *${tap}: *\\d+ +(\\d+)`, "m").exec(text);
  return {
    sizes: Object.fromEntries(counted.filter(([, n, , size]) => size !== undefined && n !== "0").map(([, n, , size]) => [size, Number(n)])),
    heard: all("INPUT"),
    sent: all("OUTPUT"),
    split: ip("FragCreates") + ip("ReasmReqds"),
    tapped: Number(device?.[1]),
  };
}

/** The ciphers of data that a log speaks of. */
function ciphersIn(log: string[]): string[] {
  const found = log.flatMap((row) => /(?:Data Channel|Static Key Encryption): cipher '([^']+)'/i.exec(row)?.[1] ?? []);
  return [...new Set(found)];
}

/** Everything that is not as it should be. */
function faults(pair: Pair, { received, logs, seen }: Outcome): string[] {
  const found = halves.flatMap((half) => {
    const ciphers = ciphersIn(logs[half]).join(" and ");
    const bad = logs[half].filter((row) => loud.test(row) && !harmless(pair).some((known) => known.test(row)));
    const sizes = JSON.stringify(seen[half].sizes);
    const right = JSON.stringify({ [expectedSize(pair)]: PACKETS });
    return [
      ...(ciphers === expectedCipher(pair) ? [] : [`${half}: cipher ${ciphers || "none"}, not ${expectedCipher(pair)}`]),
      ...(sizes === right ? [] : [`${half}: full packets of ${sizes}, not ${right}`]),
      ...(seen[half].split === 0 ? [] : [`${half}: split ${seen[half].split}`]),
      ...[...new Set(bad)].map((row) => `${half}: ${row}`),
    ];
  });
  return [...(received === PACKETS ? [] : [`${received} of ${PACKETS} full packets`]), ...found];
}

/** Puts one file of a half in the place of another. */
function swap(half: Half, to: string, from: string): Pair["alter"] {
  return (folders) => cpSync(join(folders[half], "bondbox", from), join(folders[half], "bondbox", to));
}

const notKnown = /VERIFY ERROR|hash verification failed/;
const OTHER = "orange";

/** Who is not the one that the other end waits for, each with all else right; who must notice, and what its log says then. */
const strangers: Record<string, { at: Half; answered: boolean; alter: Pair["alter"]; refused: RegExp }> = {
  "a box with another tls-crypt key": {
    at: "server",
    answered: false,
    alter: (folders) => writeFileSync(join(folders.box, "bondbox", `${LINE}.crypt.key`), staticKey(Buffer.alloc(256, 1))),
    refused: /tls-crypt unwrap/,
  },
  "a box with another line's certificate": {
    at: "server",
    answered: true,
    alter: swap("box", `${LINE}.key`, `${OTHER}.key`),
    refused: notKnown,
  },
  "a server with another line's certificate": {
    at: "box",
    answered: true,
    alter: swap("server", `${LINE}.key`, `${OTHER}.key`),
    refused: notKnown,
  },
};

/** The server takes a cipher that this box does not have. */
const otherCipher: Pair["alter"] = ({ server }) => {
  const file = join(server, `bondbox/${LINE}.conf`);
  writeFileSync(file, readFileSync(file, "utf8").replace(/^(data-ciphers|cipher) .*$/gm, "$1 AES-256-GCM"));
};

/** Both ends as they must not be: without "mode server", only a new handshake is taken from another address. */
const noMove: Pair["alter"] = ({ box, server }) => {
  const change = (folder: string, from: RegExp, to: string): void => {
    const file = join(folder, `bondbox/${LINE}.conf`);
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(from);
    // With 2.5, such ends do not agree on a cipher by themselves.
    writeFileSync(file, `${text.replace(from, to)}\ndata-ciphers-fallback CHACHA20-POLY1305\n`);
  };
  change(server, /^mode server$/m, "mode p2p\nfloat");
  change(box, /^pull$/m, "");
};

it("knows a profile for every target", () => {
  const known = Object.keys(servers).map((profile) => planned(profile).server.target);
  expect(known.sort()).toEqual(Object.keys(targets).sort());
});

describe.each(releases)("server with OpenVPN of Debian %s", (server) => {
  const right = pairsWith(server);
  const find = (profile: string): Pair => right.find((pair) => pair.profile === profile && pair.processor === "no AES") as Pair;
  const tls = find(server === "bullseye" ? "ubuntu-22-04" : "home");
  const larger = [tls, ...right.filter(({ profile }) => profile === "guide-2017").slice(0, 1)].map((pair): Pair => ({
    ...pair,
    moves: false,
    tooLarge: 1,
  }));
  const fixed: Pair = { ...tls, alter: noMove };
  const mixed: Pair = { ...tls, moves: false, alter: otherCipher, refused: /no common cipher|cipher negotiation failed/i };
  const refused = new Map(
    Object.entries(strangers).map(([name, { alter, refused }]) => [name, { ...tls, moves: false, alter, refused } as Pair]),
  );
  const pairs = [...right, ...larger, fixed, mixed, ...refused.values()];
  /** All of them side by side, once. */
  let known: Outcome[] | undefined;
  const outcome = (pair: Pair): Outcome => {
    known ??= outcomes(pairs);
    return known[pairs.indexOf(pair)] as Outcome;
  };

  it("joins every box: the cipher, full packets in one piece, no complaint", () => {
    const found = right.map((pair) => [titleOf(pair), faults(pair, outcome(pair))]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(right.map((pair) => [titleOf(pair), []])));
  });

  it("carries again with the next packet when the box's address and port change", () => {
    const found = right.map((pair) => [titleOf(pair), outcome(pair).moved]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(right.map((pair) => [titleOf(pair), ["1", "1", "1", "1"]])));
  });

  it("would not, did it only take a new handshake from there", () => {
    const { received, moved } = outcome(fixed);
    expect([received, ...moved]).toEqual([PACKETS, "0", "1", "0", "1"]);
  });

  it("has no byte to spare: taps that are one larger send packets that the line splits", () => {
    for (const pair of larger) {
      const size = expectedSize(pair);
      // CBC fills up whole blocks.
      const sent = size + (planned(pair.profile).tunnel.tls ? 1 : 16);
      // Two pieces each, of what is sent and of what is heard.
      const found = [`full packets of {"${sent}":${PACKETS}}, not {"${size}":${PACKETS}}`, `split ${4 * PACKETS}`];
      expect(faults(pair, outcome(pair))).toEqual(halves.flatMap((half) => found.map((fault) => `${half}: ${fault}`)));
    }
  });

  it("carries nothing where the ciphers differ", () => {
    const found = faults(mixed, outcome(mixed));
    expect(found).toContain(`0 of ${PACKETS} full packets`);
    expect(found).toContain("server: cipher none, not CHACHA20-POLY1305");
  });

  it.each(Object.entries(strangers))("%s gets no tunnel", (name, { at, answered, refused: reason }) => {
    const { received, logs, seen } = outcome(refused.get(name) as Pair);
    expect(logs[at].filter((row) => reason.test(row))).not.toEqual([]);
    expect([received, seen.box.tapped, seen.server.tapped]).toEqual([0, 0, 0]);
    // With the right tls-crypt key the server talks, but not about data; without it nothing shows that it is there.
    expect(seen.server.heard).toBeGreaterThan(0);
    expect(seen.server.sent > 0).toBe(answered);
    expect(ciphersIn(logs[at])).toEqual([]);
    expect(outcome(tls).seen[at].tapped).toBeGreaterThanOrEqual(PACKETS);
  });
});

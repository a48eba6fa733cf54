import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { root as repository } from "../support/builds";
import { runEmulated } from "./emulated";
import { stepsOf } from "./guest";

const INSTALLED = ["/usr/local/sbin/wondershaper", "/usr/local/lib/bondbox/bonding.sh"];

/** A configuration as both halves have it, with its lines' own words. */
const conf = (role: "box" | "server", shape: "bond" | "tap", mode: string, framing: string, taps: string[]): string =>
  [
    ...[`role=${role}`, `shape=${shape}`, `mode=${mode}`, `framing="${framing}"`],
    ...["each_tap() {", ...taps.map((tap) => `  "$1" ${tap}`), "}"],
  ].join("\n");

const TAPS = ["tap0 6870 atm 134 96 0", "tap1 6718 atm 134 96 12500"];
const CONFIGS: Record<string, string> = {
  server: conf("server", "bond", "balance-rr", "atm 134 96", TAPS),
  "server-backup": conf("server", "bond", "active-backup", "atm 134 96", ["veth0 6870 atm 134 96 0", "veth1 6718 atm 134 96 0"]),
  "server-plain": conf(
    "server",
    "bond",
    "balance-rr",
    "atm 134 96",
    TAPS.map((tap) => tap.replace("12500", "0")),
  ),
  "server-ptm": conf("server", "bond", "balance-rr", "ptm 96 0", TAPS),
  "server-tap": conf("server", "tap", "balance-rr", "atm 134 96", TAPS),
  "box-tap": conf("box", "tap", "balance-rr", "atm 134 96", ["tap0 851 atm 134 96 0", "tap1 790 ptm 96 0 12500"]),
  "box-bond": conf("box", "bond", "balance-rr", "ethernet 110 84", TAPS),
  "no-such-tap": conf("server", "bond", "balance-rr", "atm 134 96", [...TAPS, "tap7 6718 atm 134 96 0"]),
};

const BAD_RATES = ["0 1580", "13436 0", "12x 1580", "-5 1580", "08 1580", "1e3 1580", "999999999 1580", "1.5 1580"];

/** Every `step NAME COMMAND` becomes one entry of the results. `use` picks the configuration, `ws` is the program. */
const SCRIPT = `
step() { name=$1; shift; echo "@@ $name"; "$@"; echo "@= $?"; }
use() { export LINES_CONF=/etc/wondershaper/$1; }
ws() { wondershaper "$@"; }
qdiscs() { for dev in bond0 tap0 tap1; do tc -d qdisc show dev $dev; done; }
offload() { ethtool -k bond0 | grep '^generic-segmentation-offload'; }
shown() { step "$1" ws "\${@:2}"; step "$1: qdiscs" qdiscs; }

ip link add bond0 type bond mode balance-rr
for n in 0 1; do
  # a tap has a carrier only while a program holds it
  perl -e 'open F, "+<", "/dev/net/tun"; ioctl F, 0x400454ca, pack("a16s", $ARGV[0], 0x1002) or die; sleep' tap$n &
  until ip link show tap$n >/dev/null 2>&1; do sleep 0.1; done
  ip link set tap$n master bond0
  ip link set tap$n up
done
ip link set bond0 up
ip address add 172.16.16.1/30 dev bond0
ip neigh add 172.16.16.2 lladdr 02:00:00:00:00:02 dev bond0 nud permanent

use server
step "untouched: qdiscs" qdiscs
step "status of nothing" ws bond0
step help ws --help
shown "server on" bond0 13436 1580
step status ws bond0
step "check" ws check bond0
ping -c 20 -i 0.01 -W 0.1 172.16.16.2 >/dev/null
step "sent before" tc -s qdisc show dev bond0
shown "server changed" bond0 6718 790
step "sent after" tc -s qdisc show dev bond0
use server-plain
shown "equalizer gone" bond0 6718 790
use server
tc qdisc delete dev bond0 root
step "check, gone" ws check bond0
ws bond0 13436 1580
step "offload with cake" offload
ws bond0 13436 1580
shown "clear" clear bond0
shown "clear again" clear bond0
step "status after clear" ws bond0

step "fit of nothing" ws fit bond0
ws bond0 13436 1580
step "fit, all up" ws fit bond0
step "fit, all up: bond" tc qdisc show dev bond0
ip link set bond0 type bond miimon 50
ip link set tap1 down
until grep -q 'MII Status: down' /proc/net/bonding/bond0; do sleep 0.1; done
step "fit, one up" ws fit bond0
step "fit, one up: bond" tc qdisc show dev bond0
step "fit, one up: status" ws bond0
ws bond0 13436 1580
step "shaped with one up: bond" tc qdisc show dev bond0
ip link set tap0 down
until ! grep -A1 'Slave Interface' /proc/net/bonding/bond0 | grep -q 'MII Status: up'; do sleep 0.1; done
ws fit bond0
step "fit, none up: bond" tc qdisc show dev bond0
ip link set tap0 up
ip link set tap1 up
until [ "$(grep -c 'MII Status: up' /proc/net/bonding/bond0)" = 3 ]; do sleep 0.1; done
ws fit bond0
step "fit, both again: bond" tc qdisc show dev bond0
ws clear bond0
step "check of nothing" ws check bond0

ip link add bond1 type bond mode active-backup miimon 50
for n in 0 1; do
  ip link add veth$n type veth peer name peer$n
  ip link set peer$n up
  ip link set veth$n master bond1
done
ip link set bond1 up
use server-backup
ws bond1 6870 1580
step "the first carries: bond" tc qdisc show dev bond1
echo veth1 >/sys/class/net/bond1/bonding/active_slave
ws fit bond1
step "the other carries: bond" tc qdisc show dev bond1
ws clear bond1
ip link delete bond1

use box-tap
shown "box per tap" bond0 13436 1600
step "box status" ws bond0
step "check per tap" ws check bond0
tc qdisc delete dev tap1 root
step "check per tap, one gone" ws check bond0
ws bond0 13436 1600
step "offload per tap" offload
shown "box per tap changed" bond0 13436 3200
use box-bond
shown "box on bond0" bond0 13436 1600
step "offload on bond0" offload
use server
shown "box to server" bond0 13436 1580
use box-tap
ws bond0 13436 1600
ws bond0 13436 1600
shown "box clear" clear bond0
step "offload after clear" offload
use server-tap
shown "server per tap" bond0 13588 1580
shown "server per tap, tiny" bond0 1 1
ws clear bond0

for bad in ${BAD_RATES.map((rates) => `"${rates}"`).join(" ")}; do step "bad rate $bad" ws bond0 $bad; done
step "one rate" ws bond0 13436
step "four words" ws bond0 1 2 3
step "no words" ws
step "clear what" ws clear
step "fit what" ws fit
step "check what" ws check
step "bad name" ws 'bond0;id' 1 2
step "after bad words: qdiscs" qdiscs
step "no bond" ws bond9 13436 1580
step "no bond, status" ws bond9
use no-such-tap; shown "no tap" bond0 13436 1580
use missing; step "no file" ws bond0 13436 1580
use server
step "not root" setpriv --reuid=65534 --clear-groups wondershaper bond0 13436 1580

rmmod sch_netem; rm /lib/modules/$(uname -r)/kernel/net/sched/sch_netem.ko*
shown "no netem" bond0 13436 1580
ws clear bond0

rmmod sch_cake; rm /lib/modules/$(uname -r)/kernel/net/sched/sch_cake.ko*
shown "htb" bond0 13436 1580
step "htb: classes" tc class show dev bond0
step "htb: filters" tc filter show dev bond0
step "htb: offload" offload
step "htb: status" ws bond0
# EF and CS5 (the second with an ECN bit), CS1, nothing
for tos in 0xb8 0xa2 0x20 0; do
  case $tos in 0xb8) n=3 ;; 0xa2) n=4 ;; 0x20) n=5 ;; 0) n=11 ;; esac
  ping -c $n -i 0.01 -W 0.1 -Q $tos 172.16.16.2 >/dev/null
done
step "htb: counted" tc -s class show dev bond0
shown "htb changed" bond0 1580 790
step "htb changed: classes" tc class show dev bond0
use server-ptm
shown "htb ptm" bond0 65000 1580
step "htb ptm: classes" tc class show dev bond0
use box-tap
shown "htb per tap" bond0 13436 1600
step "htb per tap: classes" tc class show dev tap0
use server
ws bond0 13436 1580
mkdir /opt/broken
printf '#!/bin/sh\\ncase "$*" in *"parent 1:20"*) echo no luck >&2; exit 1; esac\\nexec /usr/sbin/tc "$@"\\n' >/opt/broken/tc
chmod 755 /opt/broken/tc
PATH=/opt/broken:$PATH shown "tc fails" bond0 6718 790
step "tc fails: offload" offload
step "tc fails: state" ls /run/wondershaper.bond0
`;

describe("wondershaper on a real bond", () => {
  let ran: ReturnType<typeof stepsOf>;

  beforeAll(async () => {
    const configs = Object.entries(CONFIGS).map(([name, text]) => [`/etc/wondershaper/${name}`, { content: `${text}\n` }]);
    const programs = INSTALLED.map((path) => [path, { content: readFileSync(join(repository, "overlay/common", path)), mode: 0o755 }]);
    const result = await runEmulated(SCRIPT, { files: Object.fromEntries([...configs, ...programs]) });
    ran = stepsOf(result.output);
  }, 420_000);

  /** The root queue of a device after a step, as tc prints it, without its handle, the count of queues and netem's seed. */
  const root = (step: string, dev: "bond0" | "tap0" | "tap1"): string => {
    // one entry each, with the framing of HTB that follows on a line of its own
    const devices = ran(`${step}: qdiscs`)
      .output.split(/\n(?=qdisc)/)
      .filter((entry) => entry.includes(" root "));
    // qdiscs lists bond0, tap0 and tap1 in this order, and each has exactly one root
    expect(devices).toHaveLength(3);
    return (devices[["bond0", "tap0", "tap1"].indexOf(dev)] ?? "")
      .replace(/ [0-9a-f]+: root refcnt \d+| seed \d+/g, "")
      .replace(/\s+/g, " ")
      .trim();
  };
  const handle = (step: string): string | undefined => /qdisc cake ([0-9a-f]+:)/.exec(ran(`${step}: qdiscs`).output)?.[1];
  const untouched = (step: string): void => expect(ran(`${step}: qdiscs`).output).toBe(ran("untouched: qdiscs").output);

  const cakeServer = (rate: number, room: number): string =>
    `qdisc cake bandwidth ${rate}Kbit diffserv4 dual-dsthost nonat nowash no-ack-filter split-gso rtt 300ms atm overhead 134 mpu 96 memlimit ${room}b`;
  const CAKE_SERVER = cakeServer(13436, 3_287_200);

  describe("as the server, on bond0", () => {
    it("sends DOWN through CAKE with the line's framing", () => {
      expect(ran("server on")).toEqual({ exitCode: 0, output: "" });
      expect(root("server on", "bond0")).toBe(CAKE_SERVER);
    });

    it("holds back the faster line's tap, and only that", () => {
      expect(root("server on", "tap1")).toBe("qdisc netem limit 1000 delay 12.5ms");
      expect(root("server on", "tap0")).toBe(root("untouched", "tap0"));
    });

    it("changes the rate and keeps the queue", () => {
      expect(ran("server changed")).toEqual({ exitCode: 0, output: "" });
      expect(root("server changed", "bond0")).toBe(cakeServer(6718, 1_943_600));
      expect(root("server changed", "tap1")).toBe("qdisc netem limit 1000 delay 12.5ms");
      expect(handle("server changed")).toBe(handle("server on"));
      const sent = (step: string): number => Number(/Sent \d+ bytes (\d+) pkt/.exec(ran(step).output)?.[1]);
      expect(sent("sent before")).toBeGreaterThanOrEqual(20);
      expect(sent("sent after")).toBeGreaterThanOrEqual(sent("sent before"));
    });

    it("takes a tap's delay away when the table no longer has it", () => {
      expect(root("equalizer gone", "bond0")).toContain("bandwidth 6718Kbit");
      expect(root("equalizer gone", "tap1")).toBe(root("untouched", "tap1"));
    });

    it("withdraws from CAKE what it no longer does", () => {
      expect(root("box to server", "bond0")).toBe(CAKE_SERVER);
    });

    it("leaves the bond's offloads alone, CAKE splits by itself", () => {
      expect(ran("offload with cake").output).toBe("generic-segmentation-offload: on\n");
    });

    it("goes on without netem, and says so", () => {
      expect(ran("no netem").exitCode).toBe(0);
      expect(ran("no netem").output).toContain("no netem, so tap1 is not delayed by 12500 us");
      expect(root("no netem", "bond0")).toBe(CAKE_SERVER);
      expect(root("no netem", "tap1")).toBe(root("untouched", "tap1"));
    });
  });

  describe("fit", () => {
    const rate = (step: string): string | undefined => /root .*bandwidth (\d+)Kbit/.exec(ran(`${step}: bond`).output)?.[1];

    it("does nothing where nothing is shaped", () => {
      expect(ran("fit of nothing")).toEqual({ exitCode: 0, output: "" });
    });

    it("leaves the whole while all lines are up, and while none is", () => {
      expect(ran("fit, all up")).toEqual({ exitCode: 0, output: "" });
      for (const step of ["fit, all up", "fit, none up", "fit, both again"]) expect(rate(step)).toBe("13436");
    });

    it("goes down to what the line that is left carries, and still knows the whole", () => {
      expect(ran("fit, one up")).toEqual({ exitCode: 0, output: "" });
      expect(rate("fit, one up")).toBe("6870");
      expect(ran("fit, one up: status").output).toContain("down, 13436 kbit/s, here");
    });

    it("goes with the line that carries everything, where one does", () => {
      expect([rate("the first carries"), rate("the other carries")]).toEqual(["6870", "6718"]);
    });

    it("shapes for the lines that are up from the start", () => {
      expect(rate("shaped with one up")).toBe("6870");
    });
  });

  it("check says whether what was shaped still is, and nothing where nothing was", () => {
    for (const step of ["check", "check of nothing", "check per tap"])
      expect([step, ran(step)]).toEqual([step, { exitCode: 0, output: "" }]);
    for (const step of ["check, gone", "check per tap, one gone"]) expect([step, ran(step)]).toEqual([step, { exitCode: 1, output: "" }]);
  });

  describe("status", () => {
    it("says that nothing is shaped, and how to begin", () => {
      for (const step of ["status of nothing", "status after clear"]) {
        expect(ran(step)).toEqual({
          exitCode: 0,
          output: "bond0: nothing is shaped; to shape: wondershaper bond0 DOWN UP (kbit/s)\n",
        });
      }
    });

    it("says what is shaped where, in both directions, then the statistics", () => {
      const { output, exitCode } = ran("status");
      expect(exitCode).toBe(0);
      const [first, bond, tap] = output.split("\n");
      expect(first).toBe("bond0 of the server, one shaper per bond: down, 13436 kbit/s, here; up, 1580 kbit/s, by the box");
      expect(bond).toMatch(/^ {2}bond0: cake bandwidth 13436Kbit diffserv4 .* atm overhead 134 mpu 96/);
      expect(tap).toMatch(/^ {2}tap1: netem limit 1000 delay 12.5ms/);
      expect(output).toMatch(/Sent \d+ bytes \d+ pkt/);
      expect(ran("box status").output).toContain(
        "bond0 of the box, one shaper per tap: up, 1600 kbit/s, here; down, 13436 kbit/s, by the server\n  tap0: cake bandwidth 829Kbit",
      );
    });

    it("knows HTB too", () => {
      expect(ran("htb: status").output).toMatch(/^ {2}bond0: htb .*rate 13436Kbit/m);
    });
  });

  describe("clear", () => {
    it("removes everything, and does no harm a second time", () => {
      for (const step of ["clear", "clear again", "box clear"]) {
        expect(ran(step)).toEqual({ exitCode: 0, output: "" });
        untouched(step);
      }
    });

    it("gives back the offloads that it took", () => {
      expect(ran("offload per tap").output).toBe("generic-segmentation-offload: off\n");
      expect(ran("offload after clear").output).toBe("generic-segmentation-offload: on\n");
    });
  });

  describe("per tap", () => {
    it("gives each line of the box its share, with its own framing, without a delay", () => {
      expect(ran("box per tap")).toEqual({ exitCode: 0, output: "" });
      expect(root("box per tap", "bond0")).toBe(root("untouched", "bond0"));
      const rest = "diffserv4 dual-srchost nonat wash ack-filter split-gso rtt 100ms";
      expect(root("box per tap", "tap0")).toBe(`qdisc cake bandwidth 829Kbit ${rest} atm overhead 134 mpu 96 memlimit 765800b`);
      expect(root("box per tap", "tap1")).toBe(`qdisc cake bandwidth 770Kbit ${rest} ptm overhead 96 memlimit 754000b`);
    });

    it("changes the shares", () => {
      expect(root("box per tap changed", "tap0")).toContain("bandwidth 1659Kbit");
      expect(root("box per tap changed", "tap1")).toContain("bandwidth 1540Kbit");
    });

    it("moves to bond0 when the table says so, and gives the offloads back", () => {
      expect(root("box on bond0", "bond0")).toBe(
        "qdisc cake bandwidth 1600Kbit diffserv4 dual-srchost nonat wash ack-filter split-gso rtt 100ms noatm overhead 110 mpu 84 memlimit 920000b",
      );
      for (const tap of ["tap0", "tap1"] as const) expect(root("box on bond0", tap)).toBe(root("untouched", tap));
      expect(ran("offload on bond0").output).toBe("generic-segmentation-offload: on\n");
    });

    it("leaves the equalizer out on the server too, and never shapes to nothing", () => {
      expect(root("server per tap", "tap0")).toMatch(/^qdisc cake bandwidth 6870Kbit .* dual-dsthost/);
      expect(root("server per tap", "tap1")).toMatch(/^qdisc cake bandwidth 6718Kbit .* dual-dsthost/);
      expect(root("server per tap, tiny", "tap1")).toContain("bandwidth 1Kbit");
    });
  });

  describe("without CAKE", () => {
    it("says so and builds HTB that counts cells", () => {
      expect(ran("htb").exitCode).toBe(0);
      expect(ran("htb").output).toMatch(/^wondershaper: no CAKE for bond0, so HTB and fq_codel \(.*kind is unknown.*\)$/m);
      expect(root("htb", "bond0")).toMatch(/^qdisc htb .*default 0x20 .*linklayer atm overhead 120 mpu 96/);
      expect(
        ran("htb: qdiscs").output.match(/qdisc fq_codel (10|20|30): parent 1:\1 limit 1001p .*target 5ms interval 100ms/g),
      ).toHaveLength(3);
      expect(ran("htb: offload").output).toBe("generic-segmentation-offload: off\n");
    });

    it("lets each class borrow everything", () => {
      const classes = ran("htb: classes").output;
      expect(classes).toMatch(/class htb 1:1 root rate 13436Kbit ceil 13436Kbit burst 327\db/);
      expect(classes).toMatch(/class htb 1:10 parent 1:1 leaf 10: prio 0 rate 4031Kbit ceil 13436Kbit/);
      expect(classes).toMatch(/class htb 1:20 parent 1:1 leaf 20: prio 1 rate 8062Kbit ceil 13436Kbit/);
      expect(classes).toMatch(/class htb 1:30 parent 1:1 leaf 30: prio 2 rate 1344Kbit ceil 13436Kbit/);
    });

    it("sorts EF and CS5 first and CS1 last", () => {
      const packets = (id: string): number =>
        Number(new RegExp(`class htb ${id} .*\\n Sent \\d+ bytes (\\d+) pkt`).exec(ran("htb: counted").output)?.[1]);
      expect(packets("1:10")).toBe(3 + 4);
      expect(packets("1:30")).toBe(5);
      expect(packets("1:20")).toBeGreaterThanOrEqual(11);
      expect(packets("1:1")).toBe(packets("1:10") + packets("1:20") + packets("1:30"));
    });

    it("changes the rate, and on a slow line codel waits for a full packet", () => {
      expect(ran("htb changed").exitCode).toBe(0);
      expect(ran("htb changed: classes").output).toMatch(/class htb 1:1 root rate 1580Kbit ceil 1580Kbit/);
      expect(ran("htb changed: classes").output.match(/^class htb/gm)).toHaveLength(4);
      // (1500 + 134) bytes in 53 for 48, at 1580 kbit/s: 9.1 ms
      expect(ran("htb changed: qdiscs").output.match(/target 9.13ms interval 104ms/g)).toHaveLength(3);
    });

    it("derates PTM, which stab does not know", () => {
      expect(root("htb ptm", "bond0")).toMatch(/^qdisc htb .*linklayer ethernet overhead 82/);
      expect(ran("htb ptm: classes").output).toMatch(/class htb 1:1 root rate 64Mbit ceil 64Mbit/);
    });

    it("works per tap", () => {
      expect(ran("htb per tap").exitCode).toBe(0);
      expect(root("htb per tap", "bond0")).toBe(root("untouched", "bond0"));
      expect(root("htb per tap", "tap0")).toMatch(/^qdisc htb .*linklayer atm overhead 120 mpu 96/);
      expect(ran("htb per tap: classes").output).toMatch(/class htb 1:1 root rate 829Kbit/);
    });

    it("names the tc line that failed, and leaves nothing half-set", () => {
      const { exitCode, output } = ran("tc fails");
      expect(exitCode).toBe(2);
      expect(output).toMatch(/this failed, so nothing is shaped: tc qdisc add dev bond0 parent 1:20 handle 20: fq_codel .*\(no luck\)/);
      untouched("tc fails");
      expect(ran("tc fails: offload").output).toBe("generic-segmentation-offload: on\n");
      expect(ran("tc fails: state").exitCode).not.toBe(0);
    });
  });

  describe("mistakes", () => {
    it("explains rates that are none", () => {
      for (const rates of BAD_RATES) {
        expect(ran(`bad rate ${rates}`)).toEqual({
          exitCode: 1,
          output: `wondershaper: '${rates}': give DOWN and UP as whole kbit/s, as in: wondershaper bond0 13436 1580\n`,
        });
      }
    });

    it("shows the usage for anything else", () => {
      expect(ran("help").exitCode).toBe(0);
      expect(ran("help").output).toContain("wondershaper bond0 DOWN UP");
      for (const step of ["one rate", "four words", "no words", "bad name"]) {
        expect(ran(step)).toEqual({ exitCode: 1, output: ran("help").output });
      }
      for (const word of ["clear", "fit", "check"])
        expect(ran(`${word} what`)).toEqual({ exitCode: 1, output: `wondershaper: ${word} what? wondershaper ${word} bond0\n` });
      untouched("after bad words");
    });

    it("names a device that is not there, and touches nothing", () => {
      for (const step of ["no bond", "no bond, status"]) {
        expect(ran(step).exitCode).toBe(2);
        expect(ran(step).output).toMatch(/^wondershaper: there is no bond9: /);
      }
      expect(ran("no tap").exitCode).toBe(2);
      expect(ran("no tap").output).toMatch(/^wondershaper: there is no tap7: /);
      untouched("no tap");
    });

    it("names a configuration that is not there", () => {
      expect(ran("no file").output).toMatch(/cannot read \/etc\/wondershaper\/missing/);
      expect(ran("no file").exitCode).toBe(1);
    });

    it("asks for root", () => {
      expect(ran("not root").exitCode).toBe(1);
      expect(ran("not root").output).toContain("this needs root");
    });
  });
});

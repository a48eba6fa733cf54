import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { BoxConfig } from "../../../overlay/runtime/config";
import type { Counters } from "../../../overlay/runtime/parse/devices";
import { firstLine, lineSize, measuredPath, places } from "../../../overlay/runtime/parse/measured";

/** The box.json of the guide's network. */
export const config: BoxConfig = {
  version: "0.1.0",
  profile: "home",
  keySet: "1a2b-3c4d-5e6f",
  bond: { name: "bond0", mode: "balance-rr", striper: true, mtu: 1401 },
  server: { address: "203.0.113.10", inner: "172.16.16.1" },
  lan: { interface: "eth0" },
  lane: true,
  sick: { loss: 0.25, delay: 2000 },
  page: { closed: false },
  notify: null,
  lines: [
    {
      name: "ovh",
      modem: "192.168.1.240",
      tap: "tap0",
      port: 1194,
      mark: 101,
      rate: { down: 7232, up: 896 },
      steady: { down: true, up: true },
      monthly: null,
      overhead: 52,
      lane: "lane0",
    },
    {
      name: "orange",
      modem: "192.168.1.254",
      tap: "tap1",
      port: 1196,
      mark: 102,
      rate: { down: 7072, up: 832 },
      steady: { down: true, up: true },
      monthly: null,
      overhead: 52,
      lane: "lane1",
    },
  ],
};

/** The guide's box, its kernel 4.9, with the scanner's mistakes taken out. */
export const guideBonding = `Ethernet Channel Bonding Driver: v3.7.1 (April 27, 2011)

Bonding Mode: load balancing (round-robin)
MII Status: up
MII Polling Interval (ms): 0
Up Delay (ms): 0
Down Delay (ms): 0
ARP Polling Interval (ms): 300
ARP IP target/s (n.n.n.n form): 172.16.16.1

Slave Interface: tap1
MII Status: up
Speed: 10 Mbps
Duplex: full
Link Failure Count: 0
Permanent HW addr: 06:eb:b1:94:c5:25
Slave queue ID: 0

Slave Interface: tap0
MII Status: up
Speed: 10 Mbps
Duplex: full
Link Failure Count: 0
Permanent HW addr: 0e:12:c7:d2:e7:b3
Slave queue ID: 0
`;

interface FakeSlave {
  tap: string;
  status: string;
  failures: number;
}

/** As kernel 6.12 prints it (drivers/net/bonding/bond_procfs.c): more keys, one of them with colons and no value. */
export function modernBonding(slaves: FakeSlave[]): string {
  const head = `Ethernet Channel Bonding Driver: v6.12.47+rpt-rpi-v8

Bonding Mode: load balancing (round-robin)
MII Status: ${slaves.some((slave) => slave.status === "up") ? "up" : "down"}
MII Polling Interval (ms): 0
Up Delay (ms): 0
Down Delay (ms): 0
Peer Notification Delay (ms): 0
ARP Polling Interval (ms): 300
ARP Missed Max: 2
ARP IP target/s (n.n.n.n form): 172.16.16.1
NS IPv6 target/s (xx::xx form):
`;
  const sections = slaves.map(
    ({ tap, status, failures }) => `
Slave Interface: ${tap}
MII Status: ${status}
Speed: 10000 Mbps
Duplex: full
Link Failure Count: ${failures}
Permanent HW addr: 8e:e6:1a:ff:11:d3
Slave queue ID: 0
`,
  );
  return head + sections.join("");
}

export function tunnelStatus(linkRead = 3118416, authRead = linkRead): string {
  return `OpenVPN STATISTICS
Updated,2026-11-23 01:00:34
TUN/TAP read bytes,26369758
TUN/TAP write bytes,2904410
TCP/UDP read bytes,${linkRead}
TCP/UDP write bytes,28598900
Auth read bytes,${authRead}
END
`;
}

const routeHeading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";

/** bond0 with metric 10, ovh's modem with metric 100, two networks; printed by kernel 6.18, blanks and all. */
export const routes = [
  routeHeading,
  "bond0\t00000000\t011010AC\t0003\t0\t0\t10\t00000000\t0\t0\t0",
  "eth0\t00000000\tF001A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0",
  "bond0\t001010AC\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0",
  "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
]
  .map((row) => `${row.padEnd(127)}\n`)
  .join("");

/** As the kernel prints it (net/core/net-procfs.c). */
function devicesText(devices: Map<string, Counters>): string {
  const head = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`;
  const pad = (value: number, width: number): string => `${value}`.padStart(width);
  const rows = [...devices].map(
    ([name, { rxBytes, txBytes, rxPackets, txPackets }]) =>
      `${name.padStart(6)}: ${pad(rxBytes, 7)} ${pad(rxPackets, 7)}    0    0    0     0          0         0 ` +
      `${pad(txBytes, 8)} ${pad(txPackets, 7)}    0    0    0     0       0          0\n`,
  );
  return head + rows.join("");
}

/** A box of files: healthy at first, then broken piece by piece. */
export class FakeBox {
  readonly root: string;
  private readonly counters = new Map<string, Counters>();

  constructor(box: BoxConfig = config, folder = tmpdir()) {
    this.root = mkdtempSync(join(folder, "bondbox-runtime-"));
    this.write("etc/bondbox/box.json", JSON.stringify(box));
    this.write(`proc/net/bonding/${box.bond.name}`, modernBonding(box.lines.map(({ tap }) => ({ tap, status: "up", failures: 0 }))));
    this.write("proc/net/route", routes);
    this.write("proc/sys/net/ipv4/conf/all/ignore_routes_with_linkdown", "0\n");
    this.write(`proc/sys/net/ipv4/conf/${box.bond.name}/ignore_routes_with_linkdown`, "1\n");
    this.arp(box.lines.map(({ modem }) => [modem, true]));
    this.device(box.lan.interface, { mtu: 1500 });
    this.device(box.bond.name, { rx: 5_000_000, tx: 700_000 });
    for (const line of box.lines) {
      this.device(line.tap, { rx: 2_500_000, tx: 350_000 });
      this.write(`run/bondbox/${line.name}.status`, tunnelStatus());
    }
  }

  write(path: string, text: string): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    // As in the kernel, a reader never sees half of it.
    writeFileSync(`${file}.draft`, text);
    renameSync(`${file}.draft`, file);
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true, force: true });
  }

  /** Seconds since the file was written. */
  age(path: string, seconds: number): void {
    const time = Date.now() / 1000 - seconds;
    utimesSync(join(this.root, path), time, time);
  }

  device(name: string, options: { carrier?: boolean; on?: boolean; mtu?: number; rx?: number; tx?: number } = {}): void {
    const { carrier = true, on = true, mtu = 1401, rx = 0, tx = 0 } = options;
    const folder = `sys/class/net/${name}`;
    // Reading the carrier of a device that is off fails with EINVAL, so it is missing here.
    this.remove(`${folder}/carrier`);
    if (on) {
      this.write(`${folder}/carrier`, carrier ? "1\n" : "0\n");
    }
    this.write(`${folder}/mtu`, `${mtu}\n`);
    this.count({ [name]: { rxBytes: rx, txBytes: tx } });
  }

  /** What devices have counted since they were created. */
  count(devices: Record<string, Partial<Counters>>): void {
    const nothing = { rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0 };
    for (const [name, counters] of Object.entries(devices)) this.counters.set(name, { ...nothing, ...counters });
    this.write("proc/net/dev", devicesText(this.counters));
  }

  /** A network port of the hardware; `entries` are folders that only some kinds of it have. */
  port(name: string, ...entries: string[]): void {
    this.write(`sys/class/net/${name}/type`, "1\n");
    for (const entry of entries) this.write(`sys/class/net/${name}/${entry}/uevent`, "");
  }

  /** What the striper has measured of each line just now: µs down and up, what the last stamp took down, packets that came and were lost. */
  measure(lines: { down: number; up: number; took?: number; sent?: number; lost?: number; known?: boolean }[], age = 0): void {
    const words = new Array<number>((firstLine + 8 * lineSize) / 4).fill(0);
    for (const [index, { down, up, took = down, sent = 1000, lost = 0, known = true }] of lines.entries()) {
      const set = (place: number, value: number): void => void (words[(firstLine + index * lineSize + place) / 4] = value >>> 0);
      const judged = process.hrtime.bigint() - BigInt(age * 1e9);
      set(places.judged, Number(judged & 0xffff_ffffn));
      set(places.judged + 4, Number(judged >> 32n));
      for (const place of [places.least, places.least + 4]) set(place, down);
      set(places.base, up);
      set(places.took, took);
      set(places.sent, sent);
      set(places.lost, lost);
      set(places.jumps, 250);
      // "promised", "known", "fresh" and "reported", a byte each.
      set(places.known - 1, known ? 0x0101_0132 : 0x32);
    }
    const head = "# WARNING!! The output is for debug purpose only\n# WARNING!! The output format will change\n";
    this.write(measuredPath.slice(1), `${head}0: {{${words[0]},},[${words.slice(1).join(",")},],}\n`);
  }

  /** What bondbox-fallback has found beyond a line's modem. */
  reach(line: string, word: string): void {
    this.write(`run/bondbox/${line}.reach`, `${word}\n`);
  }

  bonding(slaves: FakeSlave[]): void {
    this.write("proc/net/bonding/bond0", modernBonding(slaves));
  }

  arp(entries: [address: string, answers: boolean][]): void {
    const heading = "IP address       HW type     Flags       HW address            Mask     Device\n";
    const rows = entries.map(([address, answers]) => {
      const [flags, hardware] = answers ? ["0x2", "8e:e6:1a:ff:11:d3"] : ["0x0", "00:00:00:00:00:00"];
      return `${address.padEnd(16)} 0x1         ${flags}         ${hardware}     *        eth0\n`;
    });
    this.write("proc/net/arp", heading + rows.join(""));
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** ovh's line is cut and its counters stand still; orange's tap has a wrong MTU. */
export function halfBroken(box: FakeBox): void {
  box.bonding([
    { tap: "tap0", status: "down", failures: 12 },
    { tap: "tap1", status: "up", failures: 1 },
  ]);
  box.write("run/bondbox/ovh.status", tunnelStatus(0));
  box.device("tap1", { mtu: 1500, rx: 2_500_000, tx: 350_000 });
}

/** No line answers, and the kernel has gone over to the fallback. */
export function dead(box: FakeBox): void {
  box.bonding([
    { tap: "tap0", status: "down", failures: 3 },
    { tap: "tap1", status: "down", failures: 2 },
  ]);
  box.device("bond0", { carrier: false });
}

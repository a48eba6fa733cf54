import { readFileSync } from "node:fs";
import { clientName, type Direction, directions, type Emulation, type Half, type LineJob, netem, type NetworkJob, serversOf } from "../job";
import { inside, Running, run } from "./shell";

/** Bytes that a network device has received and sent. */
export interface Counters {
  received: number;
  sent: number;
}

/** Namespace, device and address of one end of a wire. */
type End = [namespace: string, device: string, address: string];

/** Addresses of a line's two ends on the link. */
const ROUTER = "02:00:00:00:00:01";
const MODEM = "02:00:00:00:00:02";

/** Namespace of a line's modem. */
export const modemName = (line: string): string => `modem-${line}`;

/** The router's end of line number `place`. */
export const routerPort = (place: number): string => `line-${place}`;

/**
 * Everything around box and server, a network namespace each: the LAN's switch and clients, a modem with NAT per line, the internet's
 * router, and a host there. The two directions of a line are the root qdiscs of the two ends of its wire.
 */
export class Network {
  private readonly holders = new Map<string, Running>();

  constructor(private readonly plan: NetworkJob) {
    this.add("switch");
    this.tool("switch", ["link", "add", "br0", "type", "bridge"], ["link", "set", "br0", "up"]);
    for (const [index, address] of plan.lan.clients.entries()) this.addClient(index, address);
    this.add("router");
    this.forward("router");
    this.addHost();
    for (const line of plan.lines) this.addLine(line);
  }

  /** The machine's own network, and its one wire. Whatever stood there before is gone, as after a reboot. */
  plug(half: Half): void {
    this.remove(half);
    this.add(half);
    if (half === "box") {
      this.wire(["switch", "to-box"], ["box", this.plan.boxInterface]);
      this.tool("switch", ["link", "set", "to-box", "master", "br0"]);
    } else {
      const server = serversOf(this.plan).find(([name]) => name === half)?.[1];
      if (server === undefined) throw new Error(`there is no ${half}`);
      const port = `to-${half}`;
      this.wire(["router", port], [half, "eth0"]);
      // Two servers may be neighbours by their addresses: each has a port of its own, and the router answers for the other.
      this.tool(
        "router",
        ["address", "add", `${server.router}/24`, "dev", port, "noprefixroute"],
        ["route", "add", server.address, "dev", port, "src", server.router],
      );
      run(inside("router", ["sysctl", "-qw", `net.ipv4.conf.${port}.proxy_arp=1`]));
      // From the LAN's addresses nothing comes this way: what does is the server's own mistake.
    }
  }

  emulate(line: string, direction: Direction, emulation: Emulation): void {
    const [namespace, device] = direction === "down" ? ["router", routerPort(this.index(line))] : [modemName(line), "wan"];
    run(["tc", "-n", namespace, "qdisc", "replace", "dev", device, "root", "handle", "1:", ...netem(emulation)]);
  }

  /** The modem's connection ends: it has no address, and tells whoever sends to it that nothing is reachable. */
  hangUp(line: string): void {
    this.tool(modemName(line), ["address", "flush", "dev", "wan"], ["route", "replace", "unreachable", "default"]);
  }

  /** The modem has a connection again, with another address. It remembers none of its translations, and chooses other ports. */
  dial(line: string, address: string): void {
    const name = modemName(line);
    const { router } = (this.plan.lines[this.index(line)] as LineJob).wan;
    this.tool("router", ["neigh", "replace", address, "lladdr", MODEM, "dev", routerPort(this.index(line)), "nud", "permanent"]);
    this.tool(name, ["address", "add", `${address}/24`, "dev", "wan"], ["route", "delete", "unreachable", "default"]);
    this.tool(name, ["route", "replace", "default", "via", router]);
    run(inside(name, ["iptables", "-t", "nat", "-R", "POSTROUTING", "1", "-o", "wan", "-j", "MASQUERADE", "--random-fully"]));
  }

  /** What has come out of a line at either end. */
  lineBytes(line: string): { down: number; up: number } {
    const { received, sent } = this.counters(modemName(line), "wan");
    return { down: received, up: sent };
  }

  counters(namespace: string, device: string): Counters {
    const row = this.proc(namespace, "dev")
      .split("\n")
      .find((text) => text.trim().startsWith(`${device}:`));
    const [received, , , , , , , , sent] = (row?.split(":")[1] ?? "0 0 0 0 0 0 0 0 0").trim().split(/\s+/).map(Number);
    return { received: received ?? 0, sent: sent ?? 0 };
  }

  /** A file of a namespace's /proc/net; "" where it is not there. */
  proc(namespace: string, file: string): string {
    const holder = this.holders.get(namespace);
    try {
      return holder === undefined ? "" : readFileSync(`/proc/${holder.pid}/net/${file}`, "utf8");
    } catch {
      return "";
    }
  }

  /** IP packets that were split or would have had to be, in all namespaces. */
  fragments(): number {
    let sum = 0;
    for (const namespace of this.holders.keys()) {
      const [names = [], values = []] = this.proc(namespace, "snmp")
        .split("\n")
        .filter((row) => row.startsWith("Ip:"))
        .map((row) => row.split(" "));
      for (const name of ["FragCreates", "FragFails"]) sum += Number(values[names.indexOf(name)] ?? 0);
    }
    return sum;
  }

  private addClient(index: number, address: string): void {
    const { lan, host, lines } = this.plan;
    const name = clientName(index);
    this.add(name);
    this.wire(["switch", `to-${name}`], [name, "eth0"]);
    this.tool("switch", ["link", "set", `to-${name}`, "master", "br0"]);
    this.tool(name, ["address", "add", `${address}/${lan.prefix}`, "dev", "eth0"], ["route", "add", "default", "via", lan.box]);
    // One way past the box per line, for what is measured without it.
    for (const [place, line] of lines.entries()) this.tool(name, ["route", "add", directAddress(host.direct, place), "via", line.modem]);
  }

  private addHost(): void {
    const { host, internetDelay } = this.plan;
    this.add("host");
    this.wire(["router", "to-host"], ["host", "eth0"]);
    this.tool("router", ["address", "add", "192.0.0.1/30", "dev", "to-host"]);
    this.tool("host", ["address", "add", "192.0.0.2/30", "dev", "eth0"], ["route", "add", "default", "via", "192.0.0.1"]);
    const all = [...host.addresses, ...this.plan.lines.map((_, place) => directAddress(host.direct, place))];
    for (const address of new Set(all)) {
      this.tool("host", ["address", "add", `${address}/32`, "dev", "lo"]);
      this.tool("router", ["route", "add", address, "via", "192.0.0.2"]);
    }
    this.tool("host", ["route", "replace", "default", "via", "192.0.0.1", "src", host.addresses[0] as string]);
    for (const [namespace, device] of [
      ["router", "to-host"],
      ["host", "eth0"],
    ] as const)
      run(["tc", "-n", namespace, "qdisc", "replace", "dev", device, "root", "netem", "delay", `${internetDelay}us`, "limit", "20000"]);
  }

  private addLine(line: LineJob): void {
    const { lan } = this.plan;
    const name = modemName(line.name);
    const outside = routerPort(this.index(line.name));
    this.add(name);
    this.forward(name);
    this.wire(["switch", `to-modem-${this.index(line.name)}`], [name, "eth0"]);
    this.tool("switch", ["link", "set", `to-modem-${this.index(line.name)}`, "master", "br0"]);
    this.wire(["router", outside], [name, "wan"]);
    this.tool("router", ["link", "set", outside, "mtu", `${line.mtu}`], ["address", "add", `${line.wan.router}/24`, "dev", outside]);
    this.tool(
      name,
      ["address", "add", `${line.modem}/${lan.prefix}`, "dev", "eth0"],
      ["link", "set", "wan", "mtu", `${line.mtu}`],
      ["address", "add", `${line.wan.modem}/24`, "dev", "wan"],
      ["route", "add", "default", "via", line.wan.router],
    );
    this.withoutArp(["router", outside, line.wan.router], [name, "wan", line.wan.modem]);
    run(inside(name, ["iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "wan", "-j", "MASQUERADE"]));
    // What PPP does on a real modem: TCP that passes without a tunnel fits the line.
    run(inside(name, "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu".split(" ")));
    for (const direction of directions) this.emulate(line.name, direction, line[direction]);
  }

  /** A line has no ARP, and one that is dead in one direction must not die in the other for want of an answer. */
  private withoutArp(...ends: [End, End]): void {
    const address = (at: number): string => [ROUTER, MODEM][at] as string;
    // Both addresses first: a device that gets another one forgets its neighbours, the permanent ones, too.
    for (const [at, [namespace, device]] of ends.entries()) this.tool(namespace, ["link", "set", device, "address", address(at)]);
    for (const [at, [, , ip]] of ends.entries()) {
      const [there, far] = ends[1 - at] as End;
      this.tool(there, ["neigh", "replace", ip, "lladdr", address(at), "dev", far, "nud", "permanent"]);
    }
  }

  private index(line: string): number {
    return this.plan.lines.findIndex(({ name }) => name === line);
  }

  private add(namespace: string): void {
    run(["ip", "netns", "add", namespace]);
    this.tool(namespace, ["link", "set", "lo", "up"]);
    // Its /proc is how counters are read without starting a program.
    this.holders.set(namespace, new Running(inside(namespace, ["sleep", "infinity"])));
  }

  private remove(namespace: string): void {
    if (!this.holders.has(namespace)) return;
    this.holders.get(namespace)?.kill();
    this.holders.delete(namespace);
    run(["ip", "netns", "delete", namespace]);
    // The far end of its wire goes with it, but not at once.
    const [where, far] = namespace === "box" ? ["switch", "to-box"] : ["router", `to-${namespace}`];
    run(["sh", "-c", `ip -n ${where} link delete ${far} 2>/dev/null || :`]);
  }

  private tool(namespace: string, ...commands: string[][]): void {
    run(["ip", "-n", namespace, "-batch", "-"], commands.map((words) => words.join(" ")).join("\n"));
  }

  private wire(a: [string, string], b: [string, string]): void {
    run(["ip", "link", "add", a[1], "netns", a[0], "type", "veth", "peer", "name", b[1], "netns", b[0]]);
    for (const [namespace, device] of [a, b]) {
      // Else the kernel passes on packets of 64 kB, which no line does.
      run(inside(namespace, ["ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off"]));
      this.tool(namespace, ["link", "set", device, "up"]);
    }
  }

  private forward(namespace: string): void {
    run(inside(namespace, ["sysctl", "-qw", "net.ipv4.ip_forward=1"]));
  }
}

/** The host's address that a client reaches through the modem of line number `place`. */
export function directAddress(first: string, place: number): string {
  const parts = first.split(".").map(Number);
  return [...parts.slice(0, 3), (parts[3] ?? 0) + place].join(".");
}

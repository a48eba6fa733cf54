import { writeFileSync } from "node:fs";
import { host6, type Ipv6Seen, type LineJob } from "../job";
import { modemName, routerPort } from "./network";
import { inside, run, Running } from "./shell";

/** Documentation prefixes (RFC 3849): one of the LAN per line, one of the line itself. */
const addressesOf = (place: number) => ({
  lan: `2001:db8:${place + 1}::`,
  wan: { modem: `2001:db8:f${place}::2`, router: `2001:db8:f${place}::1` },
});
const internet = { host: "2001:db8:fe::2", router: "2001:db8:fe::1" };

/**
 * What modems of today do: each is an IPv6 router, and tells the LAN so. A client that nobody keeps from it makes itself an address and
 * reaches the host past the box.
 */
export class Ipv6 {
  private readonly watches: { line: string; modem: Running; wire: Running }[] = [];

  constructor(lines: LineJob[]) {
    this.addHost();
    for (const [place, line] of lines.entries()) this.addLine(line, place);
  }

  seen(): Ipv6Seen[] {
    return this.watches.map(({ line, modem, wire }) => {
      const [atModem, onWire] = [packets(modem), packets(wire)];
      return { line, modem: atModem.length, wire: onWire.length, first: [...atModem.slice(0, 5), ...onWire.slice(0, 5)] };
    });
  }

  private addHost(): void {
    run(inside("router", ["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]));
    address("router", "to-host", `${internet.router}/64`);
    address("host", "eth0", `${internet.host}/64`);
    address("host", "lo", `${host6}/128`);
    route("host", "default", internet.router);
    route("router", host6, internet.host);
  }

  private addLine({ name }: LineJob, place: number): void {
    const { lan, wan } = addressesOf(place);
    const [modem, outside] = [modemName(name), routerPort(place)];
    run(inside(modem, ["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]));
    address(modem, "eth0", `${lan}1/64`);
    address(modem, "wan", `${wan.modem}/64`);
    address("router", outside, `${wan.router}/64`);
    neighbour(modem, "wan", wan.router, hardware("router", outside));
    neighbour("router", outside, wan.modem, hardware(modem, "wan"));
    route(modem, "default", wan.router);
    route("router", `${lan}/64`, wan.modem);
    const own = hardware(modem, "eth0");
    this.watches.push({
      line: name,
      modem: watch(modem, "eth0", `ether dst ${own} and not ip6 dst host ${lan}1`),
      wire: watch(modem, "wan", "ip6"),
    });
    const file = `/run/radvd-${modem}.conf`;
    const life = "MinRtrAdvInterval 3; MaxRtrAdvInterval 10; AdvDefaultLifetime 30;";
    writeFileSync(file, `interface eth0 { AdvSendAdvert on; ${life} prefix ${lan}/64 { AdvOnLink on; AdvAutonomous on; }; };\n`);
    new Running(inside(modem, ["radvd", "--nodaemon", "--config", file, "--pidfile", `/run/radvd-${modem}.pid`, "--logmethod", "stderr"]));
  }
}

/** Neighbours' own talk passes no router. */
const routed = "ip6 and not (ip6 src net fe80::/10 or ip6 dst net fe80::/10 or ip6 dst net ff00::/8 or ip6 src host ::)";

function watch(namespace: string, device: string, filter: string): Running {
  return new Running(inside(namespace, ["tcpdump", "-n", "-l", "-p", "-i", device, `${routed} and ${filter}`]));
}

const packets = ({ lines }: Running): string[] => lines.map(({ text }) => text).filter((text) => / IP6 /.test(text));

function address(namespace: string, device: string, value: string): void {
  run(["ip", "-n", namespace, "address", "add", value, "dev", device, "nodad"]);
}

function route(namespace: string, to: string, via: string): void {
  run(["ip", "-n", namespace, "-6", "route", "add", to, "via", via]);
}

/** As in IPv4: a line has no neighbour discovery. */
function neighbour(namespace: string, device: string, ip: string, lladdr: string): void {
  run(["ip", "-n", namespace, "neigh", "replace", ip, "lladdr", lladdr, "dev", device, "nud", "permanent"]);
}

function hardware(namespace: string, device: string): string {
  return run(inside(namespace, ["cat", `/sys/class/net/${device}/address`])).trim();
}

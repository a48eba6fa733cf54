import type { Auth, BoxTarget, Cipher, ServerTarget } from "../targets/names";
import type { KernelMode, Language, LinkLayer, PortSpec, XmitHash } from "../profile/types";

/** Everything derived from a profile. Box and server are both rendered from it, so their values cannot disagree. Templates print it and compute nothing. */
export interface Plan {
  /** Name of the profile's file without its extension. */
  profile: string;
  /** Language of SETUP. */
  language: Language;
  hostname: string;
  box: BoxPlan;
  lan: LanPlan;
  lines: LinePlan[];
  server: ServerPlan;
  tunnel: TunnelPlan;
  bond: BondPlan;
  /** null: TCP goes through the bond like everything else. */
  lane: LanePlan | null;
  qos: QosPlan;
  bypass: BypassPlan[];
  forwards: ForwardPlan[];
  firewall: FirewallPlan;
  /** While no tunnel is up, LAN traffic leaves directly over the first line that answers. */
  fallback: boolean;
  ipv6: Ipv6Plan;
  /**
   * Metrics of the default routes; the lowest wins. deadEndMetric keeps lookups in a line's table from falling through to the bond.
   * serverPriority: of the server's rules for the networks behind the bond, before any that a cloud's image brings.
   * protocol: marks the server's rules and routes of ours, and the box's to the networks behind routers of the LAN, so that those of an earlier
   * profile are known.
   */
  routes: { bondMetric: number; fallbackMetric: number; deadEndMetric: number; serverPriority: number; protocol: number };
  icmpRedirects: boolean;
  /** From when on a line is taken out, loss as a part of the packets (0 to 1), delay in ms; null: none is. */
  sick: { loss: number; delay: number } | null;
  /** The status page in the LAN; null: there is none. closed: it shows nothing without the password. */
  page: { port: number; controls: boolean; closed: boolean } | null;
  /** Who is notified of what stays down; null: nobody. The URL and the command are secrets: docs/status-page.md#notifications */
  notify: { url: boolean; command: boolean; /** Seconds. */ after: number } | null;
  ssh: { user: string; keys: string[] } | null;
  /** null: the profile does not have all rates. */
  expected: { direct: Rates; down: Expectation; up: Expectation } | null;
  warnings: Warning[];
}

export interface BoxPlan {
  target: BoxTarget;
  /** Name for people. */
  title: string;
  /** Code name of the Debian release it is based on. */
  release: string;
  /** The system on the card is read-only; persistent data has its own area. */
  protected: boolean;
  /** Installs security updates by itself, if protected. */
  updates: boolean;
}

export interface ServerPlan {
  address: string;
  backups: string[];
  /** The server and its backups in the order in which the box tries them. `folder` is relative to dist/NAME. */
  bundles: { address: string; folder: string }[];
  /** Seconds. */
  failover: { after: number; back: number };
  target: ServerTarget;
  /** Name for people. */
  title: string;
  /** systemd is its init. */
  systemd: boolean;
  interface: string | null;
  updates: boolean;
}

export interface Ipv6Plan {
  /** null: the LAN has no IPv6, and the modems' router advertisements are cancelled. */
  tunnel: Ipv6Tunnel | null;
  refused: Ipv6Refused;
}

/** Routing of IPv6 packets from the LAN that must not leave: their mark, the table that rejects them, and the table for the rejection. */
export interface Ipv6Refused {
  mark: number;
  priority: number;
  table: number;
  answerPriority: number;
  answerTable: number;
}

/** IPv6 for the LAN through the bond. */
export interface Ipv6Tunnel {
  /** The LAN's network, a /64. */
  lan: string;
  /** The box's address in it, with prefix length. */
  boxLan: string;
  /** Link-local addresses of the bond's two ends. */
  serverAddress: string;
  boxAddress: string;
  /** Largest TCP segment, bytes. */
  mss: number;
  /** MAC addresses of machines whose IPv6 is refused, since they bypass the bond. */
  refusedMacs: string[];
}

export interface LanPlan {
  subnet: string;
  /** Networks behind routers of the LAN. */
  routes: { network: string; via: string }[];
  /** Every network behind the bond: subnet, and those of routes. */
  networks: string[];
  network: string;
  netmask: string;
  prefix: number;
  address: string;
  interface: string;
  dns: string[];
}

/** Both directions, kbit/s. */
export interface Rates {
  down: number;
  up: number;
}

export interface LinePlan {
  /** Position in the profile, from 0. */
  index: number;
  name: string;
  modem: string;
  /** Firewall mark of the tunnel's socket and of bypass traffic. */
  mark: number;
  /** Number of the routing table that leads to the modem. */
  table: number;
  rulePriority: number;
  tap: string;
  /** UDP port on the server. */
  port: number;
  /** As written in the profile, kbit/s; of a line that changes, at most; of one whose rate is found, what is supposed first. */
  rate: Rates;
  /** What a line that changes has at least, kbit/s. */
  least: Partial<Rates>;
  /** The profile does not say the rate. */
  found: { down: boolean; up: boolean };
  rateKind: "sync" | "ip";
  link: LinkLayer;
  encapsulation: string;
  /** Bytes that the link layer adds to each IP packet. */
  linkOverhead: number;
  /** Smallest packet that the link layer counts, bytes; 0: no minimum. */
  linkMpu: number;
  /** Largest IP packet of the line, bytes. */
  mtu: number;
  rttMs: number | null;
  /** Largest inner IP packet that this line and the server's port carry without fragmentation, bytes. */
  maxInnerMtu: number;
  /** Outer IP packet for a full inner packet, bytes. */
  outerSize: number;
  /** How a shaper on this line's tap accounts for the link. */
  framing: Framing;
  /** TCP payload of one flow that has this line to itself, through the tunnel, kbit/s. */
  goodput: Rates;
  /** Shaper rate of this line in its link layer's units, kbit/s. */
  shaped: Rates;
  /** Delay added on the server so that all lines take equally long, microseconds. */
  equalizeUs: number;
  /** spare: it carries while the others are full. reserve: while no other works. */
  use: "always" | "spare" | "reserve";
  /** The same for the striper: 0, 1, 2. */
  held: number;
  /** Bytes a month that the contract includes; null: not counted. */
  monthly: number | null;
  /** What 256 bytes take at the line's rate, nanoseconds. */
  price: Rates;
  /** The least that it is followed to: what 256 bytes take at the highest rate, nanoseconds. */
  leastPrice: Rates;
  /** The most that it is followed to: what 256 bytes take at the least rate, nanoseconds. */
  mostPrice: Rates;
  /** What a packet takes one way longer than on the nearest line, as the profile has it, microseconds; 0: unknown. */
  delayUs: number;
}

export interface TunnelPlan {
  subnet: string;
  prefix: number;
  netmask: string;
  serverAddress: string;
  boxAddress: string;
  /** Exactly one of tls and staticKey is set. */
  tls: TlsPlan | null;
  staticKey: { cipher: Cipher; auth: Auth } | null;
  keepalive: { interval: number; timeout: number };
  replayWindow: { packets: number; seconds: number };
  /** Transmit queue of a tap, packets. */
  queueLength: number;
  /** Inner MTU of taps and bond on both ends, bytes. */
  mtu: number;
  /** Largest TCP segment: mtu minus 40 bytes for the IPv4 and TCP headers. */
  mss: number;
  /** Outer IP packet for a full inner packet, bytes. */
  outerSize: number;
}

export interface TlsPlan {
  /** Ciphers that the server accepts, preferred first, in OpenVPN's syntax: separated by ":". */
  ciphers: string;
  /** Cipher that the box uses; null: it decides by its processor when a tunnel starts. */
  cipher: Cipher | null;
  /** The server identifies the box by its certificate's fingerprint, otherwise by the certificate. */
  byFingerprint: boolean;
}

export interface BondPlan {
  name: string;
  /** The kernel's. */
  mode: KernelMode;
  /** Each packet goes to the line on which it arrives first, whichever the kernel's bond chose. See docs/striper.md. */
  striper: boolean;
  /** How packets are dealt to the lines, for people. */
  dealing: string;
  hash: XmitHash | null;
  /** The tap that carries whenever it works; null: no line is preferred. */
  primary: string | null;
  /** Milliseconds. */
  arpInterval: number;
  /** Milliseconds until the bond goes on without a dead line, from arpInterval. See docs/data-path.md#arp-monitoring. */
  detectMs: number;
  /** The striper sends nothing over a line that has not been heard for this many ms. */
  silenceMs: number;
  watchdog: WatchdogPlan;
  reconnect: ReconnectPlan;
}

/** TCP of the LAN in one part per line. See docs/lane.md. */
export interface LanePlan {
  /** false: only while the lines jump or lose packets. */
  always: boolean;
  /** Otherwise on at the start, too, until the lines have been measured: one has a rate that changes, as those do that jump. */
  untried: boolean;
  /** It takes no further connection while so many carry anything. */
  most: number;
  /** Of its programs: down on the server, up on the box. */
  buffers: Record<keyof Rates, LaneBuffers>;
  /** UDP to port 443 is refused while the lane is on. */
  refusesQuic: boolean;
  /** Network of its inner addresses. */
  network: string;
  /** The server's address in it, the first. */
  serverAddress: string;
  /** One per line that is not in reserve, the nearest first. */
  paths: LanePath[];
  /** Largest IP packet, bytes: that of the tunnel less a VLAN tag. */
  mtu: number;
  /** Port of the connections, at both ends. */
  port: number;
  /** Port of the probes, on the box's loopback and on the server. */
  probePort: number;
  /** Routing of the LAN's packets into the box itself. */
  mark: number;
  table: number;
  priority: number;
  /** Networks that it never carries to, none within another: what is at home, and what the firewall closes. */
  apart: string[];
}

/** Bytes, as they are given to the kernel, which doubles them for what it keeps beside them. */
export interface LaneBuffers {
  /** Towards the other end of the lane. */
  send: number;
  /** Of what is to go there; null: as the kernel finds it. */
  receive: number | null;
}

/** The way of the lane over one line. */
export interface LanePath {
  /** Name of the line. */
  line: string;
  tap: string;
  /** VLAN that names the line. */
  vlan: number;
  device: string;
  /** The box's address on it. */
  boxAddress: string;
  /** The line's position in the profile, from 0. */
  index: number;
}

/** Timing of bondbox-watchdog, which takes a dead line out on both ends, even if only one direction died. See docs/watchdog.md. */
export interface WatchdogPlan {
  /** Seconds between two looks at the counters when idle. */
  every: number;
  /** The same under load. */
  everyUnderLoad: number;
  /** There is load when the other lines brought this many packets since the last look. */
  load: number;
  /** A line is in doubt when the others brought this many packets since it brought its last, ... */
  missed: number;
  /** ... the first of them this many ms ago, ... */
  missedMs: number;
  /** ... although it carried traffic within this time, ms. */
  carriedMs: number;
  /** A line carries traffic from this many packets on; packets of earlier looks count half. */
  carries: number;
  /** A line is taken out after this many ms without a frame. */
  silentMs: number;
  /** Milliseconds from taking a line out until the kernel's ARP monitor agrees that it is down. */
  settleMs: number;
  /** A line that fails again within this many ms of its return ... */
  relapseMs: number;
  /** ... must be heard without a gap for this many ms before it is used again, twice as long each time, ... */
  holdMs: number;
  /** ... up to this many ms. */
  longestHoldMs: number;
  /** Milliseconds between two tries on kernels before 4.5, which cannot listen while silent. */
  blindMs: number;
}

/** Timing of bondbox-reconnect, which starts a tunnel anew that the server does not answer any more. See docs/tunnels.md#reconnect. */
export interface ReconnectPlan {
  /** The bond sends probes over every line; otherwise one that stands by has only OpenVPN's own pings. */
  probed: boolean;
  /** The server is asked when nothing has come through the tunnel for this many ms. */
  silentMs: number;
  /** The tunnel starts anew when the server has answered for this many ms, and the tunnel still brings nothing ... */
  answeredMs: number;
  /** ... or after this many ms, if the server never answers. */
  deafMs: number;
  /** How long a start has for its handshake, ms; after each vain one twice as long ... */
  firstPauseMs: number;
  /** ... up to this many ms. */
  longestPauseMs: number;
}

/** One direction of the shaper. */
export interface ShaperPlan {
  /** One queue on bond0, or one per tap. */
  where: "bond" | "tap";
  /** What the bond can carry, kbit/s in the link layer's units. */
  total: number;
}

export interface QosPlan {
  enabled: boolean;
  share: number;
  /** Shaped on the server. */
  down: ShaperPlan;
  /** Shaped on the box. */
  up: ShaperPlan;
  /** Framing that the bond's queue assumes: that of the limiting line. */
  framing: Framing;
  /** Ports in groups of what fits into one iptables rule. */
  priority: { ports: string[]; hosts: string[] };
  bulk: { ports: string[] };
}

/** How a shaper converts the length of an inner IP packet to bytes on the line. */
export interface Framing {
  link: LinkLayer;
  /** Bytes per packet that tunnel and link layer add to the inner IP packet. */
  overhead: number;
  mpu: number;
}

/** One marking rule. One bypass of a profile becomes as many rules as iptables needs. */
export interface BypassPlan {
  name: string;
  line: string;
  mark: number;
  /** null: any. */
  protocol: "tcp" | "udp" | null;
  /** In iptables' syntax, such as "6112,27000:30000"; null: any. */
  ports: string | null;
  /** Destination; null: any. */
  network: string | null;
  /** Machine that it is for, by address or by MAC address; both null: all, and the box itself. */
  host: string | null;
  mac: string | null;
}

/** Ports for people are such as 80 or "10000-20000", those in iptables' syntax such as "80" or "10000:20000". */
export interface ForwardPlan {
  /** On the server, for people. */
  port: PortSpec;
  /** The same in iptables' syntax. */
  ports: string;
  protocols: ("tcp" | "udp")[];
  host: string;
  /** On the LAN host, for people. */
  hostPort: PortSpec;
  /** The same in iptables' syntax. */
  hostPorts: string;
  /** Where iptables' DNAT sends it, such as "192.168.1.10" if the port stays the same. */
  destination: string;
  /** The forward ends on the box itself. */
  toBox: boolean;
}

/** TCP payload that the bond carries, kbit/s. Computed, not measured. */
export interface Expectation {
  /** All flows together, no shaper. */
  ceiling: number;
  /** One flow alone, no shaper; with balance-xor on the slowest line, where chance may put it. */
  oneFlow: number;
  /** The same with balance-xor on the fastest line; otherwise equal. */
  luckyFlow: number;
  /** All flows together, with the shaper on. */
  shaped: number;
}

export interface FirewallPlan {
  /** Networks that may connect to the tunnels. */
  tunnelSources: string[];
  /** Networks of the server's that LAN machines may reach all the same. */
  reach: string[];
  /** The same of IPv6. */
  reach6: string[];
  /** What LAN machines reach neither on the server nor through it, as iptables lists networks. */
  closed: string;
  closed6: string;
}

export interface Warning {
  code: "rate-spread" | "rtt-spread" | "static-key" | "rate-low" | "rate-swapped" | "rate-link" | "port-filtered" | "server-address";
  text: string;
  /** What the text is about, for texts in other languages. */
  about: Record<string, string | number>;
}

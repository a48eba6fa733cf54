import type { Auth, BondMode, BoxTarget, Cipher, LinkLayer, ServerTarget, XmitHash } from "../profile/types";

/** Everything derived from a profile: the one place where box and server meet. Templates print it and compute nothing. */
export interface Plan {
  /** Name of the profile's file without its ending. */
  profile: string;
  hostname: string;
  box: BoxPlan;
  lan: LanPlan;
  lines: LinePlan[];
  server: ServerPlan;
  tunnel: TunnelPlan;
  bond: BondPlan;
  qos: QosPlan;
  bypass: BypassPlan[];
  forwards: ForwardPlan[];
  firewall: { tunnelSources: string[] };
  /** While no tunnel is up the LAN goes straight over the first line that answers. */
  fallback: boolean;
  ipv6: Ipv6Plan;
  /** Metrics of the default routes, the lower wins; deadEnd keeps a line's table from falling through to the bond. */
  routes: { bondMetric: number; fallbackMetric: number; deadEndMetric: number };
  icmpRedirects: boolean;
  ssh: { user: string; keys: string[] } | null;
  expected: { direct: Rates; down: Expectation; up: Expectation };
  warnings: Warning[];
}

export interface BoxPlan {
  target: BoxTarget;
  /** As a person calls it. */
  title: string;
  /** Debian's name for the release that it is made of. */
  release: string;
  /** Its first boot is driven by cloud-init; else by firstrun.sh. */
  cloudInit: boolean;
  /** The system on the card is read-only; what must last has an area of its own. */
  protected: boolean;
}

export interface ServerPlan {
  address: string;
  backups: string[];
  /** The server and its backups, in the order in which the box tries them, each with the folder of dist/NAME that its files are in. */
  bundles: { address: string; folder: string }[];
  /** s */
  failover: { after: number; back: number };
  /** The box must see to it: there is another one to go to, or an old session that only a new start ends. */
  watched: boolean;
  target: ServerTarget;
  /** As a person calls it. */
  title: string;
  /** It is run by systemd. */
  systemd: boolean;
  interface: string | null;
  updates: boolean;
}

export interface Ipv6Plan {
  /** null: the LAN has no IPv6, and what modems say of it is taken back. */
  tunnel: Ipv6Tunnel | null;
  refused: Ipv6Refused;
}

/** Routing of what LAN machines send by IPv6 and must not leave: a mark, the table in which its way ends, and the one of the answer's way. */
export interface Ipv6Refused {
  mark: number;
  priority: number;
  table: number;
  answerPriority: number;
  answerTable: number;
}

/** The LAN's IPv6, which goes through the bond. */
export interface Ipv6Tunnel {
  /** The LAN's network, a /64. */
  lan: string;
  /** The box in it, with its prefix. */
  boxLan: string;
  /** The bond's two ends, link-local. */
  serverAddress: string;
  boxAddress: string;
  /** TCP segments, bytes. */
  mss: number;
}

export interface LanPlan {
  subnet: string;
  network: string;
  netmask: string;
  prefix: number;
  address: string;
  interface: string;
  dns: string[];
}

/** kbit/s */
export interface Rates {
  down: number;
  up: number;
}

export interface LinePlan {
  /** 0-based place in the profile. */
  index: number;
  name: string;
  modem: string;
  /** Firewall mark of the tunnel's socket and of bypass traffic; also its routing table's number. */
  mark: number;
  table: number;
  rulePriority: number;
  tap: string;
  /** UDP port on the server. */
  port: number;
  /** As in the profile, kbit/s. */
  rate: Rates;
  rateKind: "sync" | "ip";
  link: LinkLayer;
  encapsulation: string;
  /** Bytes that the link adds to each IP packet. */
  linkOverhead: number;
  /** Smallest packet that the link counts, bytes, 0: none. */
  linkMpu: number;
  /** Largest IP packet of the line, bytes. */
  mtu: number;
  rttMs: number | null;
  /** Largest inner IP packet that is not split on this line, bytes. */
  maxInnerMtu: number;
  /** Size on the line of a full inner packet, bytes, IP. */
  outerSize: number;
  /** What the tunnel adds to a packet on average, bytes. */
  tunnelOverhead: number;
  /** How a shaper on this line's tap counts. */
  framing: Framing;
  /** TCP payload of one flow that has this line for itself through the tunnel, kbit/s. */
  goodput: Rates;
  /** Shaper rate of this line, in the units of its link, kbit/s. */
  shaped: Rates;
  /** Held back on the server so that all lines take equally long, microseconds. */
  equalizeUs: number;
}

export interface TunnelPlan {
  subnet: string;
  prefix: number;
  netmask: string;
  serverAddress: string;
  boxAddress: string;
  /** The one that is set. */
  tls: TlsPlan | null;
  staticKey: { cipher: Cipher; auth: Auth } | null;
  keepalive: { interval: number; timeout: number };
  replayWindow: { packets: number; seconds: number };
  /** Packets that a tap may queue. */
  queueLength: number;
  /** Inner MTU of taps and bond on both ends, bytes. */
  mtu: number;
  /** mtu - 40 */
  mss: number;
}

export interface TlsPlan {
  /** What the server takes, the preferred first, in OpenVPN's words: names with ":" between them. */
  ciphers: string;
  /** What the box uses; null: it looks at its processor when a tunnel starts. */
  cipher: Cipher | null;
  /** Both ends must be told: the server's OpenVPN agrees on nothing. */
  told: boolean;
  /** The server knows the box by its certificate's fingerprint; else by the certificate. */
  byFingerprint: boolean;
}

export interface BondPlan {
  name: "bond0";
  mode: BondMode;
  hash: XmitHash | null;
  /** ms */
  arpInterval: number;
  /** ms until a dead line is left: 2.5 x arpInterval. Source: docs/data-path.md#arp-monitoring. */
  detectMs: number;
  watchdog: WatchdogPlan;
}

/** What takes a line out on both ends when it dies, also in one direction only, and keeps one out that comes and goes. */
export interface WatchdogPlan {
  /** s between two looks, idle and under load. */
  every: number;
  everyUnderLoad: number;
  /** Packets of the other lines between two looks, and how often on end, without one of this line: then it is in doubt, ... */
  dealt: number;
  missed: number;
  /** ... if it carried within this time, ms. It carries from this many packets on, where those of older looks count half. */
  carriedMs: number;
  carries: number;
  /** ms without a frame until a line is left. */
  silentMs: number;
  /** From leaving a line until the kernel's own monitor holds it for down, too, ms. */
  settleMs: number;
  /** A line that fails again within this time of its return, ms, ... */
  relapseMs: number;
  /** ... must be heard without a gap for this long before it is taken back, ms, twice as long each time, ... */
  holdMs: number;
  /** ... and never longer than this, ms. */
  longestHoldMs: number;
  /** Between two tries where the kernel cannot listen while it is silent, ms. */
  blindMs: number;
}

/** One direction of the shaper. */
export interface ShaperPlan {
  /** bond: one queue on bond0. tap: one per line. */
  where: "bond" | "tap";
  /** Sum that the bond can carry, kbit/s, in the units of the link. */
  total: number;
}

export interface QosPlan {
  enabled: boolean;
  share: number;
  /** Shaped on the server's bond0 egress. */
  down: ShaperPlan;
  /** Shaped on the box. */
  up: ShaperPlan;
  /** Framing that the bond's queue counts with: the line that is the limit. */
  framing: Framing;
  /** Ports in groups that fit one iptables rule. */
  priority: { ports: string[]; hosts: string[] };
  bulk: { ports: string[] };
}

/** How a shaper turns the length of an inner IP packet into what the line counts. */
export interface Framing {
  link: LinkLayer;
  /** bytes, from the inner IP header: tunnel and link. */
  overhead: number;
  mpu: number;
}

/** One marking rule; a profile's bypass becomes as many as iptables needs. */
export interface BypassPlan {
  name: string;
  line: string;
  mark: number;
  /** null: any. */
  protocol: "tcp" | "udp" | null;
  /** In iptables' words, such as 6112,27000:30000; null: any. */
  ports: string | null;
  /** Destination; null: any. */
  network: string | null;
}

export interface ForwardPlan {
  port: number;
  protocols: ("tcp" | "udp")[];
  host: string;
  hostPort: number;
  /** The box itself is the host. */
  toBox: boolean;
}

/** What the bond carries, TCP payload, kbit/s; computed, not measured. */
export interface Expectation {
  /** All flows together, no shaper. */
  ceiling: number;
  /** One flow alone, no shaper. */
  oneFlow: number;
  /** All flows together, at the shaper's share. */
  shaped: number;
}

export interface Warning {
  code: "rate-spread" | "rtt-spread" | "static-key";
  text: string;
}

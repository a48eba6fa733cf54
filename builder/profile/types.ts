import type { Auth, BoxTarget, Cipher, ServerTarget } from "../targets/names";

/** A profile with every default filled in. profiles/profile.schema.json is the reference. */
export interface Profile {
  language: Language;
  hostname: string;
  lines: Line[];
  lan: { subnet: string; address: string; interface: string; dns?: string[]; routes: Route[] };
  server: {
    address: string;
    backups: string[];
    failover: { after: number; back: number };
    target: ServerTarget;
    interface: string;
    /** Largest IP packet of its way to the internet, bytes. */
    mtu: number;
    /** IPv6 network for the LAN that the provider routes to the server. */
    prefix?: string;
    updates: boolean;
  };
  tunnel: {
    network: string;
    /** What the names of the devices begin with. */
    tap: string;
    firstPort: number;
    cipher: Cipher | "auto";
    auth?: Auth;
    keepalive: { interval: number; timeout: number };
  };
  bond: { name: string; mode: BondMode; hash?: XmitHash; arpInterval: number };
  tcpLane: "auto" | "on" | "off";
  quic?: "bond" | "lane";
  qos: {
    enabled: boolean;
    share: number;
    priority: { ports: PortSpec[]; hosts: string[] };
    bulk: { ports: PortSpec[] };
  };
  bypass: Bypass[];
  forwards: Forward[];
  firewall: { tunnelSources: string[]; reach: string[] };
  fallback: "direct" | "none";
  ipv6: "block" | "tunnel";
  box: { target: BoxTarget; storage: BoxStorage; updates: boolean };
  /** loss in percent, delay in ms. */
  sick: { takeOut: boolean; loss: number; delay: number };
  page: {
    enabled: boolean;
    /** Of the controls, in the clear or as hashPassword makes it; without one there are none. */
    password?: string;
    reading: "open" | "password";
  };
  /** Who is notified of what is down for longer than `after` minutes. */
  notify?: { url?: string; command?: string; after: number };
  icmpRedirects: boolean;
  ssh: { user: string; keys: string[] };
}

/** A profile as a person may write it, with the schema's defaults: rates with units, and without values whose default depends on others. */
export type Written = Omit<Profile, "lines" | "tunnel" | "bond"> & {
  lines: (Omit<Line, "down" | "up" | "least" | "found" | "monthly"> & { down: WrittenRate; up: WrittenRate; monthly?: string })[];
  tunnel: Omit<Profile["tunnel"], "network" | "keepalive"> & { network?: string; keepalive: { interval?: number; timeout: number } };
  bond: Omit<Profile["bond"], "arpInterval"> & { arpInterval?: number };
};

/** A rate, what a line has at least and at most, or "auto": it is found. */
export type WrittenRate = number | string | { min: number | string; max: number | string };

/** Languages that SETUP is written in: overlay/docs/ has one file for each. */
export type Language = "en" | "fr";
export type BoxStorage = "protected" | "plain";
/** How the kernel's bond deals packets. */
export type KernelMode = "balance-rr" | "balance-xor" | "active-backup" | "broadcast";
export type BondMode = "auto" | KernelMode;
export type XmitHash = "layer2" | "layer2+3" | "layer3+4";
export type Protocol = "tcp" | "udp" | "both";
export type LinkLayer = "atm" | "ptm" | "ethernet";
/** A port, or a range such as "27000-30000". */
export type PortSpec = number | string;

export interface Line {
  name: string;
  modem: string;
  /** In kbit/s; of a line that changes, at most; of one whose rate is found, what is supposed first. */
  down: number;
  up: number;
  /** What a line that changes has at least, kbit/s. */
  least?: { down?: number; up?: number };
  /** The profile does not say the rate. */
  found?: { down?: true; up?: true };
  rate: "sync" | "ip";
  use: "always" | "spare" | "reserve";
  /** Bytes a month that the contract includes. */
  monthly?: number;
  link: LinkLayer;
  encapsulation?: string;
  /** Bytes per IP packet. */
  overhead?: number;
  /** Bytes. */
  mtu?: number;
  /** Round-trip time to the server on the idle line, ms. */
  rtt?: number;
}

/** A network behind a router of the LAN. */
export interface Route {
  network: string;
  /** The router's address in the LAN. */
  via: string;
}

export interface Bypass {
  name: string;
  line: string;
  protocol: Protocol;
  /** Machines behind the box that it is for; all if not given. */
  hosts?: string[];
  ports?: PortSpec[];
  networks?: string[];
}

export interface Forward {
  port: PortSpec;
  protocol: Protocol;
  host: string;
  /** As many ports as `port` has. */
  hostPort?: PortSpec;
}

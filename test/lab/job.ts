/** What the host asks of the emulated machine, and what it gets back. Both sides of the lab import this and nothing else of each other. */

import type { ServerMachine } from "./target";

export type Direction = "down" | "up";
export const directions: readonly Direction[] = ["down", "up"];
/** The two ends of the bond, and the server that waits in reserve. */
export type Half = "box" | "server" | "backup";
/** Of these the bond is made at the start, and their slaves are looked at. */
export const ends = ["box", "server"] as const;
export type End = (typeof ends)[number];

/** One direction of a line, as the kernel's netem plays it. Source: tc-netem(8); docs/lab.md, "Lines at cell level". */
export interface Emulation {
  /** kbit/s, in the units of the link. */
  rate: number;
  /** Bytes added to an Ethernet frame; may be negative, as the frame's own header is no part of the link. */
  overhead: number;
  /** 48 payload bytes in 53 on ATM; null: no cells. */
  cell: { payload: number; header: number } | null;
  /** Microseconds. */
  delay: number;
  /** Microseconds more or less, evenly spread. Packets keep their order, as on a real line. */
  jitter: number;
  /** Packets, those on the way included. */
  limit: number;
  /** Percent; 100: the line is cut, and nobody is told. */
  loss: number;
}

export interface LineJob {
  name: string;
  /** Largest IP packet, bytes. */
  mtu: number;
  /** In the LAN. */
  modem: string;
  /** The line's two ends outside. */
  wan: { modem: string; router: string };
  down: Emulation;
  up: Emulation;
}

/** A machine that somebody rents. */
export interface ServerJob {
  address: string;
  router: string;
  machine: ServerMachine;
  /** Folder of its files below the profile's artefacts. */
  artefacts: string;
}

export interface NetworkJob {
  lan: { prefix: number; box: string; clients: string[] };
  /** Its port in the LAN. */
  boxInterface: string;
  server: ServerJob;
  /** null: the profile has none. */
  backup: ServerJob | null;
  /** Addresses of the host on the internet. The first is for traffic through the box; `direct` is reached through a modem. */
  host: { addresses: string[]; direct: string };
  /** Of the way between the server's provider and the host, microseconds, one way. */
  internetDelay: number;
  lines: LineJob[];
  /** The modems are IPv6 routers. */
  ipv6: boolean;
}

export type TrafficJob = { name: string; start: number; end: number } & (
  | {
      kind: "flow";
      direction: Direction;
      /** Parallel TCP connections, or streams of UDP. */
      flows: number;
      /** Payload of each UDP packet, bytes; null: TCP. */
      datagram: number | null;
      /** A download over HTTP/3 in place of those. */
      quic: boolean;
      /** kbit/s of each; null: as much as there is. UDP has one. */
      rate: number | null;
      port: number;
      /** A line's name: past the box, straight through its modem. */
      via: string | null;
      /** Of sender and receiver; the kernel's own if null. */
      congestion: string | null;
      /** Three packets out of order are a loss to the sender, always. */
      strict: boolean;
      /** Number of the LAN's client. */
      client: number;
    }
  | { kind: "ping"; every: number; via: string | null; client: number }
  /** Fresh connections that each bring so many bytes. */
  | { kind: "page"; bytes: number; every: number; via: string | null; client: number; port: number }
  /** One connection that brings as much as there is: how old is what comes? */
  | { kind: "age"; direction: Direction; via: string | null; client: number; port: number }
  /** Shell scripts: a service on the host, and what a client does with it. $1 is the host's address, $2 the server's. */
  | { kind: "program"; serve: string; run: string; client: number }
  | { kind: "ask"; from: "client" | "host"; address: string; port: number; protocol: "tcp" | "udp"; every: number }
  | { kind: "connect6"; every: number }
  | { kind: "scan"; ports: string }
  | { kind: "intrude"; how: "wrong-key" | "replay" | "stranger"; line: string; port: number }
);

export type EventJob = { at: number } & (
  | { kind: "emulate"; line: string; direction: Direction; emulation: Emulation; label: string }
  | { kind: "hang-up"; line: string }
  | { kind: "dial"; line: string; address: string }
  | { kind: "halt"; half: Half }
  | { kind: "boot"; half: Half }
  | { kind: "rebuild"; half: Half }
  | { kind: "run"; half: Half; command: string[] }
);

/**
 * What one scenario asks for. Jobs that ask for the same machine run in it one after the other, each from its own second 0 and from lines
 * that are whole.
 */
export interface Job {
  name: string;
  network: NetworkJob;
  /** Tunnels by line, and the bond's addresses; null: only the network, without box and server. */
  bond: { taps: string[]; server: string; box: string } | null;
  /** The servers install themselves at their first boot. If not, install.sh lies in /root, and the time line starts without a bond. */
  install: boolean;
  /** The box is as a card has set it up, and a laptop in the LAN has what it can push. */
  laptop: boolean;
  /** Services that answer with the asker's address, by the namespace that they are in. */
  listeners: { where: string; address: string; port: number; protocol: "tcp" | "udp" }[];
  traffic: TrafficJob[];
  events: EventJob[];
  /** Length of the time line, virtual seconds. */
  seconds: number;
  /** A shell on the second serial port at the end. */
  keep: boolean;
}

export interface FlowResult {
  kind: "flow";
  /** End of each interval, seconds on the time line, and what the receiver got in it, kbit/s. */
  rates: [at: number, kbit: number][];
  retransmits: number | null;
  /** Of one stream of UDP, by the same intervals: packets that did not come, all packets, and the jitter as of RFC 3550, ms. */
  datagrams: [at: number, lost: number, sent: number, jitter: number][];
  /** Connections that ended otherwise than asked for, or were silent in their last third. */
  lost: number;
  error: string | null;
  /** Payload of all connections. */
  bytes: number;
  /** What the two ends' programs took of the processor meanwhile; null: there are no such machines. */
  processor: Record<End, ProcessorTime> | null;
}

/** Seconds of the emulated processor, on which an instruction takes a nanosecond. */
export interface ProcessorTime {
  user: number;
  kernel: number;
}

export interface PingResult {
  kind: "ping";
  /** Time of sending, seconds, and the answer's time, ms; null: none came. */
  pings: [at: number, ms: number | null][];
}

export interface PageResult {
  kind: "page";
  /** Start of each, seconds, and how long until it was whole, ms; null: it did not come. */
  taken: [at: number, ms: number | null][];
}

export interface AgeResult {
  kind: "age";
  /** Time of arrival, seconds, and how long before the sender's kernel had taken it, ms. */
  taken: [at: number, ms: number | null][];
}

export interface AskResult {
  kind: "ask";
  /** Time of asking, time of the answer, and the address that was answered; null: none. */
  answers: { at: number; until: number; answer: string | null }[];
}

export interface ProgramResult {
  kind: "program";
  /** The client's exit status; -1: it did not come to its end. */
  status: number;
  said: string;
}

export interface Connect6Result {
  kind: "connect6";
  /** Start and end of each try to connect, and why it failed; null: it did not. */
  tries: { at: number; until: number; error: string | null }[];
}

export interface ScanResult {
  kind: "scan";
  /** Ports that are not closed, such as "22/open/tcp". */
  ports: string[];
  /** How many were asked, TCP and UDP; 0: that scan did not come to its end. */
  scanned: { tcp: number; udp: number };
  /** nmap's own words. */
  said: string[];
}

export interface IntrudeResult {
  kind: "intrude";
  sent: number;
  /** Packets of the intruder that the server's bond has seen. */
  passed: number;
  /** Packets that the server sent to the intruder. */
  answered: number;
}

export type TrafficResult =
  FlowResult | PingResult | PageResult | AgeResult | ProgramResult | AskResult | Connect6Result | ScanResult | IntrudeResult;

/** Bytes since the start at one moment: what came out of each line, and what bond0 of the box has received and sent. */
export interface Sample {
  at: number;
  lines: { down: number; up: number }[];
  bond: { down: number; up: number };
  /** Slaves that the kernel holds for up, one letter a line: "+", "-", or "?" without a bond. */
  slaves: Record<End, string>;
}

export interface JobResult {
  /** Virtual seconds from the start of the containers until both lines were up on both ends; null: never. */
  up: number | null;
  traffic: Record<string, TrafficResult>;
  samples: Sample[];
  /** What happened, as a person reads it. */
  notes: { at: number; text: string }[];
  /** IP packets that a machine between box and server had to split, or could not, since the machine's start. */
  fragments: number;
  /** IPv6 packets since the machine's start, those of a single link (link-local, multicast) aside; null: the modems are no IPv6 routers. */
  ipv6: Ipv6Seen[] | null;
  /** Share of the emulated processor's time that was idle. */
  idle: number;
  logs: Record<string, string>;
}

export interface Ipv6Seen {
  line: string;
  /** From the LAN to the modem. */
  modem: number;
  /** On the line, both ways. */
  wire: number;
  /** The first of them, as tcpdump tells. */
  first: string[];
}

/** Words for tc-netem(8). */
export function netem({ rate, overhead, cell, delay, jitter, limit, loss }: Emulation): string[] {
  const cells = cell === null ? [] : [`${cell.payload}`, `${cell.header}`];
  return ["netem", "delay", `${delay}us`, ...(jitter > 0 ? [`${jitter}us`] : []), "loss", `${loss}%`]
    .concat(["rate", `${rate}kbit`, `${overhead}`, ...cells])
    .concat(["limit", `${limit}`]);
}

/**
 * What a job asks of its machine. Two jobs with the same text can share one, unless one of them leaves more behind than lines that changed
 * and halves that lost power and have it again.
 */
export function machineOf({ network, bond, install, laptop, keep, events, name }: Job): string {
  const count = (wanted: EventJob["kind"]): number => events.filter(({ kind }) => kind === wanted).length;
  const apart =
    !install || laptop || count("halt") !== count("boot") || events.some(({ kind }) => !["emulate", "halt", "boot"].includes(kind));
  return JSON.stringify([network, bond, install, keep, apart ? name : null]);
}

/** The machines that somebody rents, by their half. */
export const serversOf = ({ server, backup }: NetworkJob): [Half, ServerJob][] => [
  ["server", server],
  ...(backup === null ? [] : [["backup", backup] as [Half, ServerJob]]),
];

/** Namespace of the LAN's client number `index`. */
export const clientName = (index: number): string => (index === 0 ? "client" : `client-${index + 1}`);

/** The host's IPv6 address, where modems are IPv6 routers. */
export const host6 = "2001:db8:ffff::1";

/** Marks on the console. */
export const marks = { progress: "@lab ", result: "@result ", done: "@done" };

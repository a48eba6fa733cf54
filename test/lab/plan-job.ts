import { formatAddress, parseAddress, parseNetwork } from "../../builder/base/ipv4";
import { efficiency, wireBytes } from "../../builder/plan/sizes";
import type { LinePlan, Plan } from "../../builder/plan/types";
import { portBounds } from "../../builder/profile/ports";
import { UsageError } from "../../builder/errors";
import {
  clientName,
  type Direction,
  directions,
  type Emulation,
  type EventJob,
  type Job,
  type LineJob,
  host6,
  type NetworkJob,
  type ServerJob,
  type TrafficJob,
} from "./job";
import { type LineChange, type NamedScenario, references, type ScenarioEvent, type ScenarioTraffic } from "./scenario";
import { standingOf, type System } from "./target";

/** Where nothing else is said: what a provider's and a modem's queue hold, ms of full packets. See docs/lab.md, "Lines at cell level". */
const queues = { down: 220, up: 1100 };
/** Where the profile does not know, ms. */
const usualRtt = 20;
/** Public resolvers that the box's fallback pings: a test compares them with its own. */
export const resolvers = ["1.1.1.1", "8.8.8.8", "9.9.9.9"];
const ETHERNET = 14;

/** A line's values at one moment, as a person gives them. */
interface LineValues {
  rate: Record<Direction, number>;
  rtt: number;
  jitter: number;
  loss: number;
  queue: Record<Direction, number>;
}

function valuesOf(line: LinePlan, change: LineChange = {}): LineValues {
  return changed({ rate: line.rate, rtt: line.rttMs ?? usualRtt, jitter: 0, loss: 0, queue: queues }, change);
}

function changed(values: LineValues, { down, up, rtt, jitter, loss, queueDown, queueUp }: LineChange): LineValues {
  return {
    rate: { down: down ?? values.rate.down, up: up ?? values.rate.up },
    rtt: rtt ?? values.rtt,
    jitter: jitter ?? values.jitter,
    loss: loss ?? values.loss,
    queue: { down: queueDown ?? values.queue.down, up: queueUp ?? values.queue.up },
  };
}

/** How the kernel's netem plays one direction of a line. It counts Ethernet frames, the plan IP packets: 14 bytes less. */
export function emulation(line: LinePlan, values: LineValues, direction: Direction): Emulation {
  const rate = values.rate[direction];
  const seconds = (values.queue[direction] + values.rtt / 2) / 1000;
  const fullPackets = (seconds * rate * 1000) / (8 * wireBytes(line.mtu, line));
  const common = {
    delay: Math.round(values.rtt * 500),
    jitter: Math.round(values.jitter * 1000),
    limit: Math.max(4, Math.round(fullPackets)),
    loss: values.loss,
  };
  if (line.rateKind === "ip") return { ...common, rate, overhead: -ETHERNET, cell: null };
  const overhead = line.linkOverhead - ETHERNET;
  switch (line.link) {
    case "atm":
      return { ...common, rate, overhead, cell: { payload: 48, header: 5 } };
    case "ptm":
      return { ...common, rate: Math.round((rate * 64) / 65), overhead, cell: null };
    case "ethernet":
      return { ...common, rate, overhead, cell: null };
  }
}

/** The scenario's network: the profile's, and around it what the internet is to it. */
export function networkOf(
  plan: Plan,
  scenario: Pick<NamedScenario, "lines" | "internetRtt" | "ipv6" | "resolvers" | "traffic">,
): NetworkJob {
  const lan = parseNetwork(plan.lan.subnet);
  const taken = new Set([plan.lan.address, ...plan.lines.map(({ modem }) => modem)]);
  const hosts = [...new Set(plan.forwards.filter(({ toBox }) => !toBox).map(({ host }) => host))];
  // Those that the profile names, and as many more as the scenario wants.
  const clients = [...hosts];
  for (let free = lan.base + 50; clients.length < Math.max(1, ...scenario.traffic.map(({ machine }) => machine)); free++)
    if (![...taken, ...hosts].includes(formatAddress(free))) clients.push(formatAddress(free));
  const bypassed = plan.bypass.flatMap(({ network }) => (network === null ? [] : [formatAddress(parseNetwork(network).base)]));
  const [backup] = plan.server.backups;
  const internet = ["198.51.100.1", ...bypassed, ...(scenario.resolvers ? resolvers : [])];
  return {
    lan: { prefix: plan.lan.prefix, box: plan.lan.address, clients },
    boxInterface: plan.lan.interface,
    server: serverJob(plan, plan.server.address, "server"),
    backup: backup === undefined ? null : serverJob(plan, backup, "backup-1"),
    host: { addresses: [...new Set(internet)], direct: "198.51.100.201" },
    internetDelay: Math.round(scenario.internetRtt * 500),
    lines: plan.lines.map((line, index): LineJob => {
      const values = valuesOf(line, scenario.lines[line.name]);
      return {
        name: line.name,
        mtu: line.mtu,
        modem: line.modem,
        wan: { modem: `${wanNetwork(index)}.2`, router: `${wanNetwork(index)}.1` },
        down: emulation(line, values, "down"),
        up: emulation(line, values, "up"),
      };
    }),
    ipv6: scenario.ipv6,
  };
}

/** The provider's router has the first address of the server's /24, or the second where that is the server's own. */
function serverJob({ server: { target } }: Plan, address: string, artefacts: string): ServerJob {
  const number = parseAddress(address) as number;
  const router = formatAddress(number % 256 === 1 ? number + 1 : number - (number % 256) + 1);
  return { address, router, machine: standingOf(target).machine, artefacts };
}

/** What a scenario's machine starts from. */
export const systemOf = ({ kernel }: Pick<NamedScenario, "kernel">, { server }: Plan): System => ({
  release: standingOf(server.target).release,
  newestKernel: kernel === "newest",
});

/** Everything that the emulated machine is asked for. @throws UsageError where a line of the scenario is none of the profile's. */
export function jobOf(scenario: NamedScenario, plan: Plan, keep: boolean): Job {
  checkNames(scenario, plan);
  const traffic = scenario.traffic.map((wanted, index) => trafficOf(wanted, { index, scenario, plan }));
  const network = networkOf(plan, scenario);
  return {
    name: scenario.name,
    network,
    bond: scenario.alone
      ? null
      : { taps: plan.lines.map(({ tap }) => tap), server: plan.tunnel.serverAddress, box: plan.tunnel.boxAddress },
    install: scenario.install,
    laptop: Object.keys(scenario.push).length > 0,
    listeners: listenersOf(scenario, plan, network.lan.clients),
    traffic,
    events: eventsOf(scenario, plan),
    seconds: scenario.seconds,
    keep,
  };
}

interface TrafficContext {
  index: number;
  scenario: NamedScenario;
  plan: Plan;
}

function trafficOf(wanted: ScenarioTraffic, { index, scenario, plan }: TrafficContext): TrafficJob {
  const common = { name: wanted.name, start: wanted.start, end: wanted.end ?? scenario.seconds };
  switch (wanted.kind) {
    case "flow": {
      const { direction = "down", flows, rate = null, via = null, congestion = null, strict } = wanted;
      const mtu = plan.lines.find(({ name }) => name === via)?.mtu ?? plan.tunnel.mtu;
      const datagram = wanted.protocol === "udp" ? mtu - UDP_IP : null;
      const quic = wanted.protocol === "quic";
      const client = wanted.machine - 1;
      return { ...common, kind: "flow", direction, flows, datagram, quic, rate, via, congestion, strict, client, port: 5201 + index };
    }
    case "ping":
      return { ...common, kind: "ping", every: wanted.every, via: wanted.via ?? null, client: wanted.machine - 1 };
    case "page":
    case "age": {
      const { direction = "down", bytes = 0, every, via = null } = wanted;
      const one = { ...common, via, client: wanted.machine - 1, port: 5201 + index };
      return wanted.kind === "page" ? { ...one, kind: "page", bytes, every } : { ...one, kind: "age", direction };
    }
    case "program":
      return { ...common, kind: "program", serve: wanted.serve ?? "", run: wanted.run ?? "", client: wanted.machine - 1 };
    case "ask":
      return {
        ...common,
        kind: "ask",
        from: wanted.from,
        address: addressOf(wanted.to ?? "host", plan),
        port: wanted.port ?? 80,
        protocol: asked(wanted.protocol),
        every: wanted.every,
      };
    case "connect6":
      return { ...common, kind: "connect6", every: wanted.every };
    case "scan":
      return { ...common, kind: "scan", ports: wanted.ports };
    case "intrude": {
      const line = plan.lines.find(({ name }) => name === wanted.line) as LinePlan;
      return { ...common, kind: "intrude", how: wanted.how ?? "stranger", line: line.name, port: line.port };
    }
  }
}

/** Nothing is asked over QUIC: the scenario's check refuses it. */
const asked = (protocol: ScenarioTraffic["protocol"]): "tcp" | "udp" => (protocol === "udp" ? "udp" : "tcp");

function addressOf(to: string, plan: Plan): string {
  return to === "host" ? "198.51.100.1" : to === "server" ? plan.server.address : to;
}

/** A service for each question: on the internet, and behind each forward. */
function listenersOf({ traffic }: NamedScenario, plan: Plan, clients: string[]): Job["listeners"] {
  const onHost = traffic
    .filter(({ kind, from }) => kind === "ask" && from === "client")
    .map(({ to = "host", port = 80, protocol }) => ({ where: "host", address: addressOf(to, plan), port, protocol: asked(protocol) }));
  const ipv6: Job["listeners"] = traffic.some(({ kind }) => kind === "connect6")
    ? [{ where: "host", address: host6, port: 80, protocol: "tcp" }]
    : [];
  const atHome = plan.forwards
    .filter(({ toBox }) => !toBox)
    .flatMap(({ host, hostPort, protocols }) =>
      protocols.map((protocol) => ({ where: clientName(clients.indexOf(host)), address: host, port: portBounds(hostPort)[0], protocol })),
    );
  const seen = new Set<string>();
  return [...onHost, ...ipv6, ...atHome].filter((listener) => {
    const id = JSON.stringify(listener);
    return listener.address !== plan.server.address && !seen.has(id) && seen.add(id);
  });
}

/** The /24 between the modem of line number `index` and the internet, without its last part. */
const wanNetwork = (index: number): string => `100.64.${index + 1}`;

function eventsOf(scenario: NamedScenario, plan: Plan): EventJob[] {
  const values = new Map(plan.lines.map((line) => [line.name, valuesOf(line, scenario.lines[line.name])]));
  const cut = new Map<string, Set<Direction>>(plan.lines.map(({ name }) => [name, new Set()]));
  const jobs: EventJob[] = [];
  let dialled = 100;
  const emulate = (at: number, line: LinePlan, which: readonly Direction[], label: string): void => {
    for (const [index, direction] of which.entries()) {
      const now = emulation(line, values.get(line.name) as LineValues, direction);
      const loss = cut.get(line.name)?.has(direction) ? 100 : now.loss;
      jobs.push({ at, kind: "emulate", line: line.name, direction, emulation: { ...now, loss }, label: index === 0 ? label : "" });
    }
  };
  const one = (event: ScenarioEvent): void => {
    const { at, half = "box" } = event;
    const line = plan.lines.find(({ name }) => name === event.line) as LinePlan;
    const which = event.direction === undefined ? directions : [event.direction];
    const way = event.direction === undefined ? "" : ` (${event.direction} only)`;
    switch (event.do) {
      case "cut":
      case "restore":
        for (const direction of which) cut.get(line.name)?.[event.do === "cut" ? "add" : "delete"](direction);
        return emulate(at, line, which, `${line.name} ${event.do === "cut" ? "cut" : "restored"}${way}`);
      case "change":
        values.set(line.name, changed(values.get(line.name) as LineValues, event.to ?? {}));
        return emulate(at, line, directions, `${line.name}: ${describe(event.to ?? {})}`);
      case "flap":
        for (let now = at, whole = true; now < (event.until ?? at); now += event.every ?? 1, whole = !whole)
          one({ ...event, do: whole ? "cut" : "restore", at: now });
        return one({ ...event, do: "restore", at: event.until ?? at });
      case "reconnect":
        return void jobs.push(
          { at, kind: "hang-up", line: line.name },
          { at: at + event.after, kind: "dial", line: line.name, address: `${wanNetwork(plan.lines.indexOf(line))}.${++dialled}` },
        );
      case "halt":
      case "boot":
        return void jobs.push({ at, kind: event.do, half });
      case "reboot":
        return void jobs.push({ at, kind: "halt", half }, { at: at + event.after, kind: "boot", half });
      case "rebuild":
        return void jobs.push({ at, kind: "halt", half }, { at: at + event.after, kind: "rebuild", half });
      case "run":
        return void jobs.push({ at, kind: "run", half, command: event.command ?? [] });
    }
  };
  for (const event of [...scenario.events].sort((a, b) => a.at - b.at)) one(event);
  return jobs.sort((a, b) => a.at - b.at);
}

function describe(change: LineChange): string {
  return Object.entries(change)
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");
}

/** Every line and machine that the scenario names must be the profile's. */
function checkNames(scenario: NamedScenario, plan: Plan): void {
  const withBackup = scenario.events.some(({ half }) => half === "backup") || scenario.figures.some(({ expect }) => expect === "backup");
  if (withBackup && plan.server.backups.length === 0)
    throw new UsageError(`${scenario.file}: profile ${plan.profile} has no backup server`, "Give it one in server.backups.");
  const known = plan.lines.map(({ name }) => name);
  const computed = new Set<string>(references);
  const named: [where: string, name: string | undefined][] = [
    ...Object.keys(scenario.lines).map((name): [string, string] => ["lines", name]),
    ...scenario.events.map(({ line }, index): [string, string | undefined] => [`events[${index}].line`, line]),
    ...scenario.traffic.flatMap(({ line, via }, index): [string, string | undefined][] => [
      [`traffic[${index}].line`, line],
      [`traffic[${index}].via`, via],
    ]),
    ...scenario.figures.flatMap(({ kind, of, expect }, index): [string, string | undefined][] => [
      [`figures[${index}].of`, kind === "took" || (of !== undefined && computed.has(of)) ? undefined : of],
      [`figures[${index}].expect`, ["server", "backup"].includes(expect ?? "") || /^[\d.]+$/.test(expect ?? "") ? undefined : expect],
    ]),
  ];
  for (const [where, name] of named) {
    if (name === undefined || known.includes(name)) continue;
    throw new UsageError(`${scenario.file}: ${where}: profile ${plan.profile} has no line "${name}"`, `Its lines are ${known.join(", ")}.`);
  }
}

/** Bytes of the headers of IP and UDP. */
const UDP_IP = 28;

/** What a line alone must give, straight through its modem, computed: payload of UDP in full packets, and an idle ping. kbit/s and ms. */
function lineAlone(line: LinePlan, values: LineValues, internetRtt: number): Record<Direction | "ping", number> {
  const part = (line.mtu - UDP_IP) / wireBytes(line.mtu, line);
  const echo = wireBytes(84, line) * 8;
  const ping = values.rtt + internetRtt + echo / values.rate.down + echo / values.rate.up;
  return { down: values.rate.down * part, up: values.rate.up * part, ping };
}

export interface Calibration {
  job: Job;
  expected: {
    line: string;
    traffic: string;
    direction: Direction | "ping";
    value: number;
    /** TCP payload that the same packets would carry, as a part of UDP's. */
    tcp: number;
  }[];
  /** Seconds of a flow that do not count. */
  skip: number;
}

/** Seconds on the time line. Uploads are slower, and a packet more or less counts for more. */
const schedule = { down: [0.5, 8.5], up: [10, 24], ping: [28, 30] } as const;

/**
 * The network without box and server: each line must first give what it is set to. More is sent than the line can carry, and what arrives
 * counts, so that no TCP must first find the rate (docs/lab.md, "Calibration").
 */
export function calibrationOf(scenario: NamedScenario, plan: Plan): Calibration {
  const still = Object.fromEntries(Object.entries(scenario.lines).map(([name, change]) => [name, { ...change, jitter: 0, loss: 0 }]));
  const alone = plan.lines.map((line) => lineAlone(line, valuesOf(line, still[line.name]), scenario.internetRtt));
  const traffic = plan.lines.flatMap(({ name, mtu }, index): TrafficJob[] => {
    const flow = (direction: Direction): TrafficJob => ({
      name: `${name} ${direction}`,
      kind: "flow",
      start: schedule[direction][0],
      end: schedule[direction][1],
      direction,
      flows: 1,
      datagram: mtu - UDP_IP,
      quic: false,
      rate: Math.ceil(1.05 * (alone[index]?.[direction] ?? 0)),
      port: (direction === "down" ? 5201 : 5301) + index,
      via: name,
      congestion: null,
      strict: false,
      client: 0,
    });
    return [
      flow("down"),
      flow("up"),
      { name: `${name} ping`, kind: "ping", start: schedule.ping[0], end: schedule.ping[1], every: 0.1, via: name, client: 0 },
    ];
  });
  const expected = plan.lines.flatMap((line, index) =>
    (["down", "up", "ping"] as const).map((direction) => ({
      line: line.name,
      traffic: `${line.name} ${direction}`,
      direction,
      value: alone[index]?.[direction] ?? Number.NaN,
      tcp: (efficiency(line.mtu, line.mtu, line) * wireBytes(line.mtu, line)) / (line.mtu - UDP_IP),
    })),
  );
  const network = networkOf(plan, { ...scenario, lines: still, ipv6: false, resolvers: false, traffic: [] });
  const job: Job = {
    name: "calibration",
    network,
    bond: null,
    install: true,
    laptop: false,
    listeners: [],
    traffic,
    events: [],
    seconds: 31,
    keep: false,
  };
  return { job, expected, skip: 2 };
}

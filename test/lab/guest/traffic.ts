import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { staticKey } from "../../../builder/keys/static-keys";
import type {
  AgeResult,
  AskResult,
  Connect6Result,
  FlowResult,
  Half,
  IntrudeResult,
  NetworkJob,
  PageResult,
  PingResult,
  ProgramResult,
  ProcessorTime,
  ScanResult,
  TrafficJob,
  TrafficResult,
} from "../job";
import { clientName, host6 } from "../job";
import type { Machine } from "./halves";
import { directAddress } from "./network";
import { attempt, inside, run, Running, sleep, until } from "./shell";

type Kind<K extends TrafficJob["kind"]> = Extract<TrafficJob, { kind: K }>;

export interface TrafficContext {
  network: NetworkJob;
  bond: { server: string; box: string } | null;
  machines: ReadonlyMap<Half, Machine>;
  /** Of the time line's second 0, ms. */
  zero: number;
}

/** Makes one kind of traffic from its start to its end and gives what came of it. */
export function make(job: TrafficJob, context: TrafficContext): Promise<TrafficResult> {
  switch (job.kind) {
    case "flow":
      return job.quic ? quic(job, context) : flow(job, context);
    case "ping":
      return ping(job, context);
    case "page":
      return page(job, context);
    case "age":
      return age(job, context);
    case "program":
      return program(job, context);
    case "ask":
      return ask(job, context);
    case "connect6":
      return connect6(job, context);
    case "scan":
      return scan(job, context);
    case "intrude":
      return intrude(job, context);
  }
}

const timeOf = (at: number, { zero }: TrafficContext): number => (at - zero) / 1000;

function target(via: string | null, { host, lines }: NetworkJob): string {
  if (via === null) return host.addresses[0] as string;
  return directAddress(
    host.direct,
    lines.findIndex(({ name }) => name === via),
  );
}

/** Interval of iperf3's figures, s. */
const interval = 0.1;
/** Bytes of a write. Newer versions count what was received in whole ones: with their own 128 kB, a slow line would be silent for seconds. */
const block = 2048;

async function flow(job: Kind<"flow">, context: TrafficContext): Promise<FlowResult> {
  const seconds = job.end - job.start;
  const each = job.flows > 1 ? interval * 5 : interval;
  const report = ["-i", `${each}`, "-f", "k", "--forceflush"];
  const address = target(job.via, context.network);
  if (job.strict) beStrict(job.direction === "down" ? ["host", clientName(job.client)] : [clientName(job.client), "host"]);
  // Of that address: else it would answer UDP from the host's first one.
  const server = new Running(inside("host", ["iperf3", "-s", "-1", "-B", address, "-p", `${job.port}`, ...report]));
  await sleep(100);
  const before = processorOf(context);
  const words = ["-c", address, "-p", `${job.port}`, "-t", `${seconds}`, "-P", `${job.flows}`, "-l", `${job.datagram ?? block}`];
  if (job.datagram !== null) words.push("-u");
  if (job.direction === "down") words.push("-R");
  if (job.rate !== null) words.push("-b", `${job.rate}k`, "--pacing-timer", job.datagram === null ? "50000" : "10000");
  if (job.congestion !== null) words.push("-C", job.congestion);
  const client = new Running(inside(clientName(job.client), ["iperf3", ...words, ...report]));
  const code = await client.within((seconds + 8) * 1000);
  const after = processorOf(context);
  await server.within(2000);
  const [receiver, sender] = job.direction === "down" ? [client, server] : [server, client];
  const rates: FlowResult["rates"] = [];
  const datagrams: FlowResult["datagrams"] = [];
  const last = new Map<string, number>();
  for (const { at, text } of receiver.lines) {
    // [  5]   0.10-0.20   sec  70.7 KBytes  5792 Kbits/sec
    const [, id = "", from, to, rate] = /^\[ *(\w+)\] +([\d.]+)-([\d.]+) +sec .*? ([\d.]+) Kbits\/sec/.exec(text) ?? [];
    // The sum at the end, and a last piece that is too short to tell.
    if (rate === undefined || Math.abs(Number(to) - Number(from) - each) > each / 2) continue;
    if (Number(rate) > 0 && id !== "SUM") last.set(id, Number(to));
    if (job.flows === 1 || id === "SUM") rates.push([timeOf(at, context), Number(rate)]);
    // ... 1040 Kbits/sec  0.077 ms  0/9 (0%)
    const [, jitter, lost, sent] = / ([\d.]+) ms +(\d+)\/(\d+) \(/.exec(text) ?? [];
    if (job.flows === 1 && jitter !== undefined) datagrams.push([timeOf(at, context), Number(lost), Number(sent), Number(jitter)]);
  }
  const [, retransmits] = /^\[ *(?:SUM|\d+)\] .* Kbits\/sec +(\d+) +sender$/m.exec([sender.text, client.text].join("\n")) ?? [];
  // [SUM]   0.00-30.05  sec  36.0 MBytes  10049 Kbits/sec                  receiver
  const [, start, end, mean] =
    /^\[ *(?:SUM|\d+)\] +([\d.]+)-([\d.]+) +sec .* ([\d.]+) Kbits\/sec(?: .*)? receiver$/m.exec(sums(receiver.text)) ?? [];
  const silent = [...last.values()].filter((at) => at < (seconds * 2) / 3).length + (job.flows - last.size);
  const error = /iperf3: error - (.*)/.exec(`${client.text}\n${server.text}`)?.[1] ?? (code === 0 ? null : `iperf3 ended with ${code}`);
  return {
    kind: "flow",
    rates,
    retransmits: retransmits === undefined ? null : Number(retransmits),
    datagrams,
    lost: error === null ? silent : job.flows,
    error,
    bytes: Math.round(((Number(end ?? 0) - Number(start ?? 0)) * Number(mean ?? 0) * 1000) / 8),
    processor: before === null || after === null ? null : { box: since(before.box, after.box), server: since(before.server, after.server) },
  };
}

/** From now on. Without a word of what came twice the sender cannot learn that nothing was lost. Source: tcp(7), RFC 5681, RFC 8985. */
function beStrict([sender, receiver]: [string, string]): void {
  run(inside(sender, ["sysctl", "-qw", "net.ipv4.tcp_recovery=0", "net.ipv4.tcp_max_reordering=3", "net.ipv4.tcp_reordering=3"]));
  run(inside(receiver, ["sysctl", "-qw", "net.ipv4.tcp_dsack=0"]));
}

/** Of the host, as Debian's ssl-cert made it. */
const certificate = ["/etc/ssl/private/ssl-cert-snakeoil.key", "/etc/ssl/certs/ssl-cert-snakeoil.pem"];

/** Downloads over HTTP/3, each larger than what can come. What has arrived is as long as the file. */
async function quic(job: Kind<"flow">, context: TrafficContext): Promise<FlowResult> {
  const address = target(null, context.network);
  const [from, to] = [`/run/quic-${job.port}/from`, `/run/quic-${job.port}/to`];
  for (const folder of [from, to]) mkdirSync(folder, { recursive: true });
  const names = Array.from({ length: job.flows }, (_, index) => `file${index}`);
  for (const name of names) run(["truncate", "-s", "4G", `${from}/${name}`]);
  const server = new Running(inside("host", ["gtlsserver", "-q", "-d", from, address, `${job.port}`, ...certificate]));
  await sleep(500);
  const before = processorOf(context);
  const clients = names.map((name) => {
    const words = ["-q", "--exit-on-all-streams-close", `--download=${to}`, address, `${job.port}`, `https://host/${name}`];
    return new Running(inside(clientName(job.client), ["gtlsclient", ...words]));
  });
  const sizes = (): number[] => names.map((name) => statSync(`${to}/${name}`, { throwIfNoEntry: false })?.size ?? 0);
  const rates: FlowResult["rates"] = [];
  const last = names.map(() => 0);
  let known = { at: Date.now(), sizes: sizes() };
  const [begin, end] = [known.at, context.zero + job.end * 1000];
  while (Date.now() < end) {
    await sleep(interval * 1000);
    const now = { at: Date.now(), sizes: sizes() };
    const bytes = now.sizes.reduce((sum, size, index) => sum + size - (known.sizes[index] ?? 0), 0);
    for (const [index, size] of now.sizes.entries()) if (size > (known.sizes[index] ?? 0)) last[index] = now.at;
    rates.push([timeOf(now.at, context), (bytes * 8) / (now.at - known.at)]);
    known = now;
  }
  const after = processorOf(context);
  for (const running of [...clients, server]) running.kill("SIGTERM");
  await Promise.all([...clients, server].map(({ ended }) => ended));
  rmSync(`/run/quic-${job.port}`, { recursive: true });
  const silent = last.filter((at) => at < begin + ((end - begin) * 2) / 3).length;
  const said = clients.find((_, index) => last[index] === 0)?.text;
  return {
    kind: "flow",
    rates,
    retransmits: null,
    datagrams: [],
    lost: silent,
    error: said === undefined ? null : `nothing came over QUIC: ${said} ${server.text}`.trim(),
    bytes: known.sizes.reduce((sum, size) => sum + size, 0),
    processor: before === null || after === null ? null : { box: since(before.box, after.box), server: since(before.server, after.server) },
  };
}

/** What iperf3 says at the end; of several connections, what it says of all together. */
function sums(text: string): string {
  const rows = text.split("\n");
  // Of UDP it also says so how many packets came out of order.
  const all = rows.filter((row) => /^\[SUM\] .* Kbits\/sec/.test(row));
  return (all.length > 0 ? all : rows).join("\n");
}

function processorOf({ machines }: TrafficContext): FlowResult["processor"] {
  const [box, server] = [machines.get("box"), machines.get("server")];
  return box === undefined || server === undefined ? null : { box: box.processor(), server: server.processor() };
}

const since = (before: ProcessorTime, after: ProcessorTime): ProcessorTime => ({
  user: after.user - before.user,
  kernel: after.kernel - before.kernel,
});

async function ping(job: Kind<"ping">, context: TrafficContext): Promise<PingResult> {
  const count = Math.round((job.end - job.start) / job.every);
  const start = Date.now();
  const words = ["ping", "-n", "-D", "-i", `${job.every}`, "-c", `${count}`, "-W", "3", target(job.via, context.network)];
  const running = new Running(inside(clientName(job.client), words));
  await running.within((job.end - job.start + 6) * 1000);
  const answers = new Map<number, { at: number; ms: number }>();
  for (const { text } of running.lines) {
    const [, stamp, sequence, ms] = /^\[([\d.]+)\] .*icmp_seq=(\d+) ttl=\d+ time=([\d.]+) ms$/.exec(text) ?? [];
    if (ms === undefined || answers.has(Number(sequence))) continue;
    answers.set(Number(sequence), { at: timeOf(Number(stamp) * 1000 - Number(ms), context), ms: Number(ms) });
  }
  const pings = Array.from({ length: count }, (_, index): [number, number | null] => {
    const answer = answers.get(index + 1);
    return answer === undefined ? [timeOf(start, context) + index * job.every, null] : [answer.at, answer.ms];
  });
  return { kind: "ping", pings };
}

async function page(job: Kind<"page">, context: TrafficContext): Promise<PageResult> {
  const seconds = job.end - job.start;
  return { kind: "page", taken: await measured(job, context, ["page", `${job.bytes}`, `${job.every}`, `${seconds}`]) };
}

/** What the sender's kernel keeps of what it may not send yet, bytes: else that would be the oldest. Of the whole namespace, and from now on. */
const kept = 16384;

async function age(job: Kind<"age">, context: TrafficContext): Promise<AgeResult> {
  const sender = job.direction === "down" ? "host" : clientName(job.client);
  run(inside(sender, ["sysctl", "-qw", `net.ipv4.tcp_notsent_lowat=${kept}`]));
  return { kind: "age", taken: await measured(job, context, ["age", job.direction, `${job.end - job.start}`]) };
}

/** Runs both ends of guest/bytes.ts. @returns what either has told */
async function measured(job: Kind<"page" | "age">, context: TrafficContext, [what = "", ...more]: string[]): Promise<PageResult["taken"]> {
  const place = [target(job.via, context.network), `${job.port}`];
  const program = [process.execPath, process.argv[1] as string, "bytes"];
  const server = new Running(inside("host", [...program, "serve", ...place]));
  if (!(await until(10, () => server.text === "ready"))) throw new Error(`the lab's server did not start: ${server.text}`);
  const client = new Running(inside(clientName(job.client), [...program, what, ...place, ...more]));
  const code = await client.within((job.end - job.start + 25) * 1000);
  server.kill("SIGTERM");
  await server.ended;
  if (code !== 0) throw new Error(`the lab's client of kind ${what} ended with ${code}: ${client.text}`);
  return [...client.lines, ...server.lines].flatMap(({ text }): PageResult["taken"] => {
    const [, at, ms] = /^(\d+) (lost|[\d.]+)$/.exec(text) ?? [];
    return ms === undefined ? [] : [[timeOf(Number(at), context), ms === "lost" ? null : Number(ms)]];
  });
}

/** How long a service may take to start, s. */
const patience = 2;

async function program(job: Kind<"program">, context: TrafficContext): Promise<ProgramResult> {
  const { server } = context.network;
  const script = (text: string): string[] => ["sh", "-euc", text, "sh", target(null, context.network), server.address];
  // A session of its own, so that all that it has started ends with it.
  const service = new Running(["setsid", ...inside("host", script(job.serve))]);
  await sleep(patience * 1000);
  const client = new Running(inside(clientName(job.client), script(job.run)));
  const status = await client.within((job.end - job.start - patience) * 1000);
  attempt(["pkill", "-TERM", "-s", `${service.pid}`]);
  await service.within(2000);
  return { kind: "program", status, said: `${client.text}\nthe service: ${service.text}`.trim() };
}

/** Fresh connections, one after the other: who does the far end think is asking? */
async function ask(job: Kind<"ask">, context: TrafficContext): Promise<AskResult> {
  const answers: AskResult["answers"] = [];
  const to = job.protocol === "tcp" ? `TCP4:${job.address}:${job.port},connect-timeout=1` : `UDP4:${job.address}:${job.port}`;
  const one = async (): Promise<void> => {
    const at = Date.now();
    const running = new Running(inside(job.from, ["sh", "-c", `echo '?' | socat -t 1.5 -T 2 - '${to}'`]));
    await running.within(3000);
    const answer = running.lines.map(({ text }) => text.trim()).find((text) => /^\d+\.\d+\.\d+\.\d+$/.test(text)) ?? null;
    const until = running.lines.find(({ text }) => text.trim() === answer)?.at ?? Date.now();
    answers.push({ at: timeOf(at, context), until: timeOf(until, context), answer });
  };
  await repeat(job, context, one);
  return { kind: "ask", answers: answers.sort((a, b) => a.at - b.at) };
}

/** Longest wait for a connection, s. A client's own patience is minutes. */
const longest = 20;

/** Connections to the host's IPv6 address: how long until the client knows whether there is one? */
async function connect6(job: Kind<"connect6">, context: TrafficContext): Promise<Connect6Result> {
  const tries: Connect6Result["tries"] = [];
  const one = async (): Promise<void> => {
    const at = Date.now();
    const running = new Running(inside("client", ["socat", "-u", "/dev/null", `TCP6:[${host6}]:80,connect-timeout=${longest}`]));
    const code = await running.within((longest + 2) * 1000);
    const said = running.lines.map(({ text }) => text.replace(/^.*: /, "")).at(-1) ?? `socat ended with ${code}`;
    tries.push({ at: timeOf(at, context), until: timeOf(Date.now(), context), error: code === 0 ? null : said });
  };
  await repeat(job, context, one);
  return { kind: "connect6", tries: tries.sort((a, b) => a.at - b.at) };
}

/** Starts one after the other at their times, whether or not those before have ended. */
async function repeat({ start, end, every }: Kind<"ask" | "connect6">, { zero }: TrafficContext, one: () => Promise<void>): Promise<void> {
  const all: Promise<void>[] = [];
  for (let at = start; at < end; at += every) {
    await sleep(Math.max(0, zero + at * 1000 - Date.now()));
    all.push(one());
  }
  await Promise.all(all);
}

/** Packets a second. The server's kernel tells of at most 1,000 closed UDP ports a second, to all who ask. */
const scanRate = { tcp: 3000, udp: 900 };

async function scan(job: Kind<"scan">, { network }: TrafficContext): Promise<ScanResult> {
  // A closed UDP port is known by the server's own word, which it else gives one asker once a second only.
  run(inside("server", ["sysctl", "-qw", "net.ipv4.icmp_ratelimit=0"]));
  const found: string[] = [];
  const said: string[] = [];
  const scanned = { tcp: 0, udp: 0 };
  for (const protocol of ["tcp", "udp"] as const) {
    const pace = ["--min-rate", `${scanRate[protocol]}`, "--max-rate", `${scanRate[protocol]}`, "--max-retries", "6"];
    const words = ["nmap", "-n", "-Pn", protocol === "tcp" ? "-sS" : "-sU", "-p", job.ports, ...pace, "-oX", "-"];
    const running = new Running(inside("host", [...words, network.server.address]));
    await running.within((job.end - job.start) * 1000);
    said.push(running.text);
    // Ports of one state are only counted where there are many.
    for (const [, state = "", count = "0"] of running.text.matchAll(/<extraports state="([^"]+)" count="(\d+)"/g)) {
      scanned[protocol] += Number(count);
      if (state !== "closed") found.push(`${count} ports/${state}/${protocol}`);
    }
    for (const [, port = "", state = ""] of running.text.matchAll(/<port [^>]*portid="(\d+)"><state state="([^"]+)"/g)) {
      scanned[protocol] += 1;
      if (state !== "closed") found.push(`${port}/${state}/${protocol}`);
    }
  }
  return { kind: "scan", ports: found, scanned, said };
}

/** The intruder's own pings are told by their size. */
const size = 77;

async function intrude(job: Kind<"intrude">, context: TrafficContext): Promise<IntrudeResult> {
  const seconds = job.end - job.start;
  const { server } = context.network;
  // What comes out of the tunnels, in the server's own bond, and what the intruder sends and is sent.
  const seen = new Running(inside("server", ["tcpdump", "-n", "-l", "-i", "bond0", "icmp[icmptype] == icmp-echo"]));
  const own = new Running(inside("router", ["tcpdump", "-n", "-l", "-i", "to-host", "udp", "and", "port", `${job.port}`]));
  const count = (packet: RegExp): number => own.lines.filter(({ text }) => packet.test(text)).length;
  await sleep(500);
  let sent = 0;
  if (job.how === "replay") {
    const file = "/run/replay.pcap";
    const filter = ["udp", "and", "dst", "port", `${job.port}`];
    await new Running(inside("router", ["timeout", `${seconds / 2}`, "tcpdump", "-n", "-w", file, "-i", "to-server", ...filter])).within(
      seconds * 1000,
    );
    const replay = run(inside("router", ["tcpreplay", "-i", "to-server", "--pps", "100", file]));
    sent = Number(/Successful packets: +(\d+)/.exec(replay)?.[1] ?? 0);
  } else if (job.how === "stranger") {
    for (let bytes = 1; bytes < 1400; bytes += 7) {
      const to = `UDP4:${server.address}:${job.port}`;
      attempt(inside("host", ["sh", "-c", `head -c ${bytes} /dev/urandom | socat -u - '${to}'`]));
    }
  } else {
    await withWrongKey(job, context, seconds);
  }
  await sleep(1000);
  for (const running of [seen, own]) running.kill("SIGTERM");
  await Promise.all([seen.ended, own.ended]);
  // IP 198.51.100.9.40000 > 203.0.113.5.1195: UDP, length 54
  if (job.how !== "replay") sent = count(new RegExp(` > \\S+\\.${job.port}: `));
  const sequences = [...seen.text.matchAll(/id (\d+), seq (\d+), length (\d+)/g)];
  const known = new Set<string>();
  let passed = 0;
  for (const [, id = "", sequence = "", length = ""] of sequences) {
    if (Number(length) === size + 8 || known.has(`${id} ${sequence}`)) passed++;
    known.add(`${id} ${sequence}`);
  }
  if (sequences.length === 0) throw new Error("no ping of the LAN was seen in the bond: the test has seen nothing");
  const answered = count(new RegExp(`\\.${job.port} > `));
  return { kind: "intrude", sent, passed, answered };
}

/** The box's own file for the line, with another key: what it says to the server, and pings through its tap. */
async function withWrongKey(job: Kind<"intrude">, { machines, bond, network }: TrafficContext, seconds: number): Promise<void> {
  const box = machines.get("box");
  const config = box?.read(`/etc/openvpn/bondbox/${job.line}.conf`);
  if (box === undefined || config === null || config === undefined || bond === null) throw new Error(`the box has no tunnel ${job.line}`);
  const folder = "/run/intruder";
  const tap = "tap9";
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/key`, staticKey(randomBytes(256)), { mode: 0o600 });
  const wrong = config.replace(/^(secret|tls-crypt) \S+/m, `$1 ${folder}/key`);
  if (wrong === config) throw new Error(`the tunnel ${job.line} has no key that the lab knows to exchange`);
  const changed = wrong
    // The box's other files, as they are seen from here.
    .replace(/^(cert|key|ca) (\/\S+)/gm, (_, word: string, path: string) => `${word} ${box.path(path)}`)
    .replace(/^mark .*$/m, "")
    .replace(/^status .*$/m, "")
    .replace(/^dev tap.*$/m, `dev ${tap}`);
  writeFileSync(`${folder}/conf`, changed);
  // A client with certificates opens its tap after the handshake only, to which it never comes.
  for (const words of [
    ["tuntap", "add", "dev", tap, "mode", "tap"],
    ["address", "add", `${bond.box}/30`, "dev", tap],
    ["link", "set", tap, "up"],
    // Without an answer to ARP no ping leaves: the server's address is given.
    ["neigh", "replace", bond.server, "lladdr", "ff:ff:ff:ff:ff:ff", "dev", tap],
  ])
    run(inside("host", ["ip", ...words]));
  const tunnel = new Running(inside("host", ["openvpn", "--config", `${folder}/conf`, "--remote", network.server.address]));
  await sleep(1000);
  const words = ["ping", "-n", "-i", "0.05", "-W", "1", "-s", `${size}`, "-c", `${Math.round((seconds - 3) / 0.05)}`, "-I", tap];
  await new Running(inside("host", [...words, bond.server])).within(seconds * 1000);
  tunnel.kill("SIGTERM");
  await tunnel.ended;
  run(inside("host", ["ip", "link", "delete", tap]));
}

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { parseBonding } from "../../../overlay/runtime/parse/bonding";
import { directions, type End, ends, type Half, type Job, type JobResult, marks, type Sample, serversOf, type TrafficResult } from "../job";
import { bytes } from "./bytes";
import { Machine, prepareMachines } from "./halves";
import { Ipv6 } from "./ipv6";
import { Network } from "./network";
import { inside, progress, Running, sleep, until } from "./shell";
import { make, type TrafficContext } from "./traffic";

/** Between two samples, ms. */
const sampleEvery = 100;
/** Longest time until both lines are up, s. */
const patience = 240;
/** After a job that changed lines, ms: the watchdog forgets a failure after 60 s (docs/watchdog.md). */
const forgotten = 61_000;

/** One letter per slave, in the order of the taps: "+" up, "-" not up, "?" there is no bond with slaves. */
function slaves(network: Network, half: End, taps: string[]): string {
  const found = parseBonding(network.proc(half, "bonding/bond0")).slaves;
  if (found.length === 0) return "?".repeat(taps.length);
  return taps.map((tap) => (found.find((slave) => slave.interface === tap)?.status === "up" ? "+" : "-")).join("");
}

/** What the jobs of one machine share: the network, and the machines in it. */
class Place {
  readonly network: Network;
  readonly ipv6: Ipv6 | null;
  readonly machines = new Map<Half, Machine>();

  /** @param jobs at least one; all ask for the same machine */
  constructor(private readonly jobs: Job[]) {
    const { network } = this.first;
    this.network = new Network(network);
    this.ipv6 = network.ipv6 ? new Ipv6(network.lines) : null;
    const listeners = new Map(jobs.flatMap((job) => job.listeners).map((listener) => [JSON.stringify(listener), listener]));
    for (const { where, address, port, protocol } of listeners.values()) {
      const [family, bind] = address.includes(":") ? [6, `[${address}]`] : [4, address];
      const options = `${port},bind=${bind},fork`;
      const to = protocol === "tcp" ? `TCP${family}-LISTEN:${options},reuseaddr` : `UDP${family}-RECVFROM:${options}`;
      // One that answers without having read may be gone before it is asked, and then socat 1.8 tells nothing.
      new Running(inside(where, ["socat", "-T", "2", to, "SYSTEM:read question; echo $SOCAT_PEERADDR"]));
    }
  }

  private get first(): Job {
    return this.jobs[0] as Job;
  }

  /** @returns seconds until all lines are up on both ends; null: they did not come up in time */
  async boot(): Promise<number | null> {
    const { bond, install, network } = this.first;
    if (bond === null) return 0;
    prepareMachines();
    const start = Date.now();
    for (const half of ["box", ...serversOf(network).map(([name]) => name)] as Half[]) {
      this.network.plug(half);
      const machine = new Machine(half, this.first);
      this.machines.set(half, machine);
      machine.boot();
    }
    progress(`${[...this.machines.keys()].join(", ")} are starting`);
    const done = !install || (await this.allUp(patience));
    const seconds = (Date.now() - start) / 1000;
    if (install) progress(done ? `all lines up on both ends after ${seconds.toFixed(1)} s` : "the lines did not come up");
    // What else starts at boot comes to its end before anything is measured.
    if (done) await until(60, () => [...this.machines.values()].every((machine) => settled(machine)));
    if (done) await sleep(3000);
    return done ? seconds : null;
  }

  /**
   * As after the boot: every line as it was, up on both ends, and no failure in the watchdog's memory.
   * @param before the job that has ended
   */
  async calm({ events }: Job): Promise<void> {
    for (const line of this.first.network.lines)
      for (const direction of directions) this.network.emulate(line.name, direction, line[direction]);
    if (this.first.bond === null) return;
    if (!(await this.allUp(patience))) throw new Error("the lines did not come up again after the scenario before");
    await sleep(events.length > 0 ? forgotten : 3000);
  }

  private allUp(seconds: number): Promise<boolean> {
    const taps = this.first.bond?.taps ?? [];
    const allUp = "+".repeat(taps.length);
    return until(seconds, () => ends.every((half) => slaves(this.network, half, taps) === allUp));
  }
}

/** One job: its time line begins at second 0, and what it has seen is its own. */
class Run {
  private readonly notes: JobResult["notes"] = [];
  private readonly samples: Sample[] = [];
  private readonly zero = Date.now();

  constructor(
    private readonly job: Job,
    private readonly place: Place,
  ) {}

  /** @param up what Place.boot gave */
  async result(up: number | null): Promise<JobResult> {
    const { job } = this;
    const { machines, network, ipv6 } = this.place;
    const traffic: Record<string, TrafficResult> = {};
    const busy = processor();
    if (up !== null) {
      const context: TrafficContext = { network: job.network, bond: job.bond, machines, zero: this.zero };
      const sampling = this.sample();
      await Promise.all([
        ...job.events.map((_, index) => this.event(index)),
        ...job.traffic.map(async (wanted) => {
          await this.at(wanted.start);
          traffic[wanted.name] = await make(wanted, context);
          this.note(`${wanted.name}: done`);
        }),
      ]);
      await sampling;
    }
    const now = processor();
    const logs = Object.fromEntries(
      [...machines].flatMap(([half, machine]) => Object.entries(machine.logs()).map(([name, text]) => [`${half}-${name}`, text])),
    );
    return {
      up,
      traffic,
      samples: this.samples,
      notes: this.notes,
      fragments: network.fragments(),
      ipv6: ipv6?.seen() ?? null,
      idle: (now.idle - busy.idle) / Math.max(1, now.total - busy.total),
      logs,
    };
  }

  private async event(index: number): Promise<void> {
    const event = this.job.events[index];
    if (event === undefined) return;
    const { machines, network } = this.place;
    await this.at(event.at);
    switch (event.kind) {
      case "emulate":
        network.emulate(event.line, event.direction, event.emulation);
        if (event.label !== "") this.note(event.label);
        break;
      case "hang-up":
        network.hangUp(event.line);
        this.note(`${event.line} hangs up`);
        break;
      case "dial":
        network.dial(event.line, event.address);
        this.note(`${event.line} is back as ${event.address}`);
        break;
      case "halt":
        this.note(`${event.half} loses power`);
        await machines.get(event.half)?.halt();
        network.plug(event.half);
        break;
      case "boot":
        this.note(`${event.half} starts`);
        machines.get(event.half)?.boot();
        break;
      case "rebuild":
        this.note(`${event.half} is a new machine, and starts`);
        machines.get(event.half)?.rebuild();
        machines.get(event.half)?.boot();
        break;
      case "run": {
        const what = `${event.half}: ${oneLine(event.command.join(" "))}`;
        this.note(what);
        const running = machines.get(event.half)?.start(event.command) ?? null;
        const code = await running?.ended;
        if (code !== 0) throw new Error(`${what} failed (${code ?? "there is no machine"})\n${running?.text ?? ""}`);
        this.note(`${event.half}: done`);
        break;
      }
    }
  }

  private async sample(): Promise<void> {
    const { job } = this;
    const { network } = this.place;
    const taps = job.bond?.taps ?? [];
    const first = job.network.lines.map(({ name }) => network.lineBytes(name));
    let before = "";
    for (let at = 0; at <= job.seconds; at += sampleEvery / 1000) {
      await this.at(at);
      const lines = job.network.lines.map(({ name }, index) => {
        const { down, up } = network.lineBytes(name);
        return { down: down - (first[index]?.down ?? 0), up: up - (first[index]?.up ?? 0) };
      });
      const bond = job.bond === null ? { received: 0, sent: 0 } : network.counters("box", "bond0");
      const states = { box: slaves(network, "box", taps), server: slaves(network, "server", taps) };
      this.samples.push({ at: (Date.now() - this.zero) / 1000, lines, bond: { down: bond.received, up: bond.sent }, slaves: states });
      const now = `box ${states.box} server ${states.server}`;
      if (now !== before && job.bond !== null) this.note(`slaves: ${now}`);
      before = now;
    }
  }

  private note(text: string): void {
    const at = (Date.now() - this.zero) / 1000;
    this.notes.push({ at, text });
    progress(`${at.toFixed(1).padStart(6)} s  ${text}`);
  }

  private at(seconds: number): Promise<void> {
    return sleep(Math.max(0, this.zero + seconds * 1000 - Date.now()));
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").slice(0, 120);

function settled(machine: Machine): boolean {
  const state = machine.ask(["systemctl", "is-system-running"]) ?? machine.ask(["sh", "-c", "systemctl is-system-running || :"]);
  return state !== null && /^(running|degraded)$/m.test(state);
}

/** Ticks of the emulated processor. */
function processor(): { idle: number; total: number } {
  const ticks = (/^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1] ?? "").split(" ").map(Number);
  return { idle: ticks[3] ?? 0, total: ticks.reduce((sum, value) => sum + value, 0) };
}

/** Each result is written when it is there, so that it counts even if a later job fails. */
async function main(): Promise<void> {
  const jobs = JSON.parse(readFileSync("/lab/job.json", "utf8")) as Job[];
  const place = new Place(jobs);
  const up = await place.boot();
  for (const [index, job] of jobs.entries()) {
    const before = jobs[index - 1];
    if (before !== undefined) await place.calm(before);
    if (jobs.length > 1) progress(`       ${job.name}`);
    const result = await new Run(job, place).result(up);
    const packed = gzipSync(JSON.stringify(result)).toString("base64");
    for (const row of packed.match(/.{1,200}/g) ?? []) process.stdout.write(`${marks.result}${row}\n`);
    process.stdout.write(`${marks.done}\n`);
  }
}

const [, , what, ...rest] = process.argv;
(what === "bytes" ? bytes(rest) : main()).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stdout.write(`${marks.progress}the lab failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);

import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { parseBonding } from "../../../overlay/runtime/parse/bonding";
import { type End, ends, type Half, type Job, type JobResult, marks, type Sample, serversOf, type TrafficResult } from "../job";
import { Machine, prepareMachines } from "./halves";
import { Ipv6 } from "./ipv6";
import { Network } from "./network";
import { inside, progress, Running, sleep, until } from "./shell";
import { make, type TrafficContext } from "./traffic";

/** Between two samples, ms. */
const sampleEvery = 100;
/** Longest time until both lines are up, s. */
const patience = 240;

/** One letter per slave, in the order of the taps: "+" up, "-" not up, "?" there is no bond with slaves. */
function slaves(network: Network, half: End, taps: string[]): string {
  const found = parseBonding(network.proc(half, "bonding/bond0")).slaves;
  if (found.length === 0) return "?".repeat(taps.length);
  return taps.map((tap) => (found.find((slave) => slave.interface === tap)?.status === "up" ? "+" : "-")).join("");
}

class Lab {
  private readonly network: Network;
  private readonly ipv6: Ipv6 | null;
  private readonly machines = new Map<Half, Machine>();
  private readonly told: JobResult["told"] = [];
  private readonly samples: Sample[] = [];
  private readonly listeners: Running[] = [];
  private zero = Date.now();

  constructor(private readonly job: Job) {
    this.network = new Network(job.network);
    this.ipv6 = job.network.ipv6 ? new Ipv6(job.network.lines) : null;
    for (const { where, address, port, protocol } of job.listeners) {
      const [family, bind] = address.includes(":") ? [6, `[${address}]`] : [4, address];
      const options = `${port},bind=${bind},fork`;
      const to = protocol === "tcp" ? `TCP${family}-LISTEN:${options},reuseaddr` : `UDP${family}-RECVFROM:${options}`;
      // One that answers without having read may be gone before it is asked, and then socat 1.8 tells nothing.
      this.listeners.push(new Running(inside(where, ["socat", "-T", "2", to, "SYSTEM:read question; echo $SOCAT_PEERADDR"])));
    }
  }

  async run(): Promise<JobResult> {
    const { job } = this;
    const up = job.bond === null ? 0 : await this.bootAll(job.bond.taps);
    const traffic: Record<string, TrafficResult> = {};
    const busy = processor();
    this.zero = Date.now();
    if (up !== null) {
      const context: TrafficContext = { network: job.network, bond: job.bond, machines: this.machines, zero: this.zero };
      const sampling = this.sample();
      await Promise.all([
        ...job.events.map((_, index) => this.event(index)),
        ...job.traffic.map(async (wanted) => {
          await this.at(wanted.start);
          traffic[wanted.name] = await make(wanted, context);
          this.tell(`${wanted.name}: done`);
        }),
      ]);
      await sampling;
    }
    const now = processor();
    const logs = Object.fromEntries(
      [...this.machines].flatMap(([half, machine]) => Object.entries(machine.logs()).map(([name, text]) => [`${half}-${name}`, text])),
    );
    return {
      up,
      traffic,
      samples: this.samples,
      told: this.told,
      fragments: this.network.fragments(),
      ipv6: this.ipv6?.seen() ?? null,
      idle: (now.idle - busy.idle) / Math.max(1, now.total - busy.total),
      logs,
    };
  }

  private async bootAll(taps: string[]): Promise<number | null> {
    prepareMachines();
    const start = Date.now();
    for (const half of ["box", ...serversOf(this.job.network).map(([name]) => name)] as Half[]) {
      this.network.plug(half);
      const machine = new Machine(half, this.job);
      this.machines.set(half, machine);
      machine.boot();
    }
    progress(`${[...this.machines.keys()].join(", ")} are starting`);
    const allUp = "+".repeat(taps.length);
    const done = !this.job.install || (await until(patience, () => ends.every((half) => slaves(this.network, half, taps) === allUp)));
    const seconds = (Date.now() - start) / 1000;
    if (this.job.install) progress(done ? `all lines up on both ends after ${seconds.toFixed(1)} s` : "the lines did not come up");
    // What else starts at boot comes to its end before anything is measured.
    if (done) await until(60, () => [...this.machines.values()].every((machine) => settled(machine)));
    if (done) await sleep(3000);
    return done ? seconds : null;
  }

  private async event(index: number): Promise<void> {
    const event = this.job.events[index];
    if (event === undefined) return;
    await this.at(event.at);
    switch (event.kind) {
      case "emulate":
        this.network.emulate(event.line, event.direction, event.emulation);
        if (event.label !== "") this.tell(event.label);
        break;
      case "halt":
        this.tell(`${event.half} loses power`);
        await this.machines.get(event.half)?.halt();
        this.network.plug(event.half);
        break;
      case "boot":
        this.tell(`${event.half} starts`);
        this.machines.get(event.half)?.boot();
        break;
      case "rebuild":
        this.tell(`${event.half} is a new machine, and starts`);
        this.machines.get(event.half)?.rebuild();
        this.machines.get(event.half)?.boot();
        break;
      case "run": {
        const what = `${event.half}: ${oneLine(event.command.join(" "))}`;
        this.tell(what);
        const running = this.machines.get(event.half)?.start(event.command) ?? null;
        const code = await running?.ended;
        if (code !== 0) throw new Error(`${what} failed (${code ?? "there is no machine"})\n${running?.text ?? ""}`);
        this.tell(`${event.half}: done`);
        break;
      }
    }
  }

  private async sample(): Promise<void> {
    const { network, job } = this;
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
      if (now !== before && job.bond !== null) this.tell(`slaves: ${now}`);
      before = now;
    }
  }

  private tell(text: string): void {
    const at = (Date.now() - this.zero) / 1000;
    this.told.push({ at, text });
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

async function main(): Promise<void> {
  const job = JSON.parse(readFileSync("/lab/job.json", "utf8")) as Job;
  const result = await new Lab(job).run();
  writeFileSync("/run/result.json", JSON.stringify(result));
  const packed = gzipSync(JSON.stringify(result)).toString("base64");
  for (const row of packed.match(/.{1,200}/g) ?? []) process.stdout.write(`${marks.result}${row}\n`);
  process.stdout.write(`${marks.done}\n`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stdout.write(`${marks.progress}the lab failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);

import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Base as LabBase, makeBase as makeLabBase } from "../lab/base";
import { networkOf } from "../lab/plan-job";
import { qemuVersion } from "../lab/qemu";
import { standingOf } from "../lab/target";
import { hashes } from "../support/files";
import { type Base, makeBase, type Release } from "./base";
import { Box } from "./box";
import { Card } from "./card";
import { BootFailure } from "./errors";
import { Phases } from "./phases";
import { type Prepared, Workshop } from "./prepare";
import { Random } from "./random";
import type { Scenario } from "./scenarios";
import { World } from "./world";

export interface Settings {
  root: string;
  version: string;
  /** Folder for the logs. */
  out: string;
  /** How many times the power is cut in the scenario "cuts". */
  cuts: number;
  seed: number;
  keep: boolean;
  /** Whether a scenario runs whose findings are known. */
  fresh: boolean;
  print: (text: string) => void;
}

/** Bytes of the smallest card that people use. */
const cardBytes = 4 * 1024 ** 3;

/** How long to wait at most, s: emulation is slow, and slower on a busy computer. */
const patience = { setUp: 2400, answer: 20 };

/** What a scenario works with: cards, the box, the machine around it, and the findings. */
export class Bench {
  readonly workshop: Workshop;
  readonly random: Random;
  readonly patience = patience;
  readonly phases = new Phases();
  /** What was found to be right. */
  readonly right: string[] = [];
  failed = 0;
  private readonly builds = new Map<string, Prepared>();
  private world: Promise<World> | null = null;
  private current: Box | null = null;
  private prepared: Prepared | null = null;
  private readonly started = Date.now();

  constructor(
    readonly settings: Settings,
    /** For cards, sockets and logs; removed at the end. */
    readonly folder: string,
    readonly name: string,
  ) {
    this.workshop = new Workshop(settings.root, settings.version, folder, (text) => this.log(text));
    this.random = new Random(settings.seed);
    this.phases.start("prepare");
  }

  /**
   * Makes what a scenario needs.
   * @returns hashes of all that its findings come from
   */
  async prepare({ builds, releases }: Scenario): Promise<string[]> {
    const { root, seed, cuts } = this.settings;
    for (const [label, build] of Object.entries(builds)) this.builds.set(label, await this.workshop.build(label, build));
    const stand = await Promise.all(releases.map((release) => this.base(release)));
    const around = await Promise.all([...this.builds.values()].map((prepared) => this.baseAround(prepared)));
    // The artefacts hold neither the image nor what makes it.
    const makers = ["builder/card", "builder/disk", "builder/machine", "builder/pack", "test/boot", "test/lab", "test/support"];
    const programs = makers.map((folder) => hashes(join(root, folder)));
    const artefacts = [...this.builds.values()].map((prepared) => hashes(prepared.artefacts));
    const made = [...stand, ...around].map(({ image }) => image);
    return [
      this.name,
      `seed ${seed}`,
      `cuts ${cuts}`,
      qemuVersion(),
      qemuVersion("aarch64"),
      ...made,
      JSON.stringify([programs, artefacts]),
    ];
  }

  /** A build of the scenario's, by its label. */
  built(label: string): Prepared {
    const found = this.builds.get(label);
    if (found === undefined) throw new Error(`the scenario does not say that it needs the build "${label}"`);
    return found;
  }

  log(text: string): void {
    const at = ((Date.now() - this.started) / 1000).toFixed(0).padStart(5);
    this.settings.print(`${this.name} ${at} s  ${text}`);
  }

  base(release: Release): Promise<Base> {
    return makeBase(join(this.settings.root, "test/boot/base"), release, (text) => this.log(text));
  }

  /** Records one finding. @throws BootFailure when it is wrong, since what follows would mean nothing. */
  expect(what: string, so: boolean, detail = ""): void {
    const shown = detail === "" ? "" : `: ${detail.trim().slice(-2000)}`;
    if (so) {
      this.right.push(what);
      return this.log(`ok      ${what}${shown.split("\n").length > 1 ? "" : shown}`);
    }
    throw new BootFailure(`${what}${shown}`);
  }

  /** A new card with an image on it. */
  card(image: string, name: string): Card {
    const file = join(this.folder, `${name}.card`);
    rmSync(file, { force: true });
    return Card.of(image, file, cardBytes);
  }

  /** Starts lines, internet and server of a build, while the box boots. They stay on whatever happens to the box. */
  async surround(prepared: Prepared): Promise<void> {
    this.prepared = prepared;
    const { root } = this.settings;
    const { plan, artefacts } = prepared;
    const base = await this.baseAround(prepared);
    const network = networkOf(plan, { lines: {}, internetRtt: 10, ipv6: false, resolvers: false, traffic: [] });
    const agent = this.workshop.agent();
    this.world = World.start({ base, network, artefacts, sources: join(root, "test/lab"), agent, folder: this.folder });
    // A failure is thrown where the world is first needed.
    void this.world.then(
      () => this.log("lines and server are on"),
      () => undefined,
    );
  }

  /** The root file system of the machine around the box. */
  private baseAround({ plan }: Prepared): Promise<LabBase> {
    const init = join(this.settings.root, "test/lab/guest/init.sh");
    const { release } = standingOf(plan.server.target);
    return makeLabBase(init, { release, newestKernel: false }, (text) => this.log(text));
  }

  /** Puts a card into the box, which is off then. */
  async insert(card: Card, release: Release): Promise<Box> {
    await this.current?.cut(this.random);
    this.current = new Box(card, await this.base(release), this.folder);
    return this.current;
  }

  get box(): Box {
    if (this.current === null) throw new Error("there is no box");
    return this.current;
  }

  private async around(): Promise<{ world: World; prepared: Prepared }> {
    const { world, prepared } = this;
    if (world === null || prepared === null) throw new Error("the lines and the server have not been started");
    return { world: await world, prepared };
  }

  /**
   * Lets the box run until a condition holds, and switches it on again when it restarts by itself.
   * @param so the condition
   * @param seconds how long to wait at most
   * @param every seconds between two looks
   * @returns the seconds that it took; null: not in time
   */
  async runUntil(so: () => Promise<boolean>, seconds: number, every = 1): Promise<number | null> {
    const start = Date.now();
    const { box } = this;
    let boots = 0;
    while (Date.now() - start < seconds * 1000) {
      if (!box.on) {
        // A box that keeps restarting would never fail otherwise.
        if (++boots > 6) throw new BootFailure(`the box has restarted ${boots} times`);
        box.start();
        this.log(`power is on (boot ${box.boots})`);
      }
      if (await so()) return (Date.now() - start) / 1000;
      await sleep(every * 1000);
    }
    return null;
  }

  /** Waits until traffic crosses the bond with every line in it. */
  async reachesAggregation(seconds = patience.setUp): Promise<void> {
    const took = await this.runUntil(() => this.aggregates(), seconds);
    const lines = (await this.around()).prepared.plan.lines.length;
    this.expect(
      `the box is in aggregation, all ${lines} lines up on the server`,
      took !== null,
      took === null ? `not within ${seconds} s` : `${took.toFixed(0)} s`,
    );
  }

  private async aggregates(): Promise<boolean> {
    const { world, prepared } = await this.around();
    const { boxAddress } = prepared.plan.tunnel;
    const { text, code } = await world.ask(
      "server",
      ["sh", "-c", `cat /proc/net/bonding/bond0 && ping -c 1 -W 3 ${boxAddress}`],
      patience.answer,
    );
    return code === 0 && (text.match(/^Slave Interface: .*\nMII Status: up$/gm) ?? []).length === prepared.plan.lines.length;
  }

  /** Checks that a TCP transfer from the LAN to the internet arrives complete, and that each line carries a share of it. */
  async transfers(bytes = 600_000): Promise<void> {
    const { world, prepared } = await this.around();
    const taps = prepared.plan.lines.map(({ tap }) => tap);
    const before = await this.received(taps);
    const script = `head -c ${bytes} /dev/urandom >/run/sent; sha256sum </run/sent
      ip netns exec host socat -T 150 TCP-LISTEN:5300,reuseaddr SYSTEM:'sha256sum; echo $SOCAT_PEERADDR' & sleep 2
      ip netns exec client socat -t 150 -T 150 - TCP:198.51.100.1:5300,connect-timeout=30 </run/sent`;
    const { text } = await world.ask(null, ["sh", "-c", script], 240);
    const after = await this.received(taps);
    const [sent, got, address] = text.split("\n");
    const shares = taps.map((_, at) => (after[at] ?? 0) - (before[at] ?? 0));
    this.expect(
      `${bytes} bytes from the LAN to the internet and through the bond arrive complete`,
      sent !== undefined && sent === got,
      text,
    );
    this.expect("the internet sees the server's address", address === prepared.plan.server.address, address);
    this.expect(
      "each line carries its share",
      shares.every((share) => share > bytes / taps.length / 3),
      shares.join(" + "),
    );
  }

  /** Bytes that each of the server's taps has received. */
  private async received(taps: string[]): Promise<number[]> {
    const files = taps.map((tap) => `/sys/class/net/${tap}/statistics/rx_bytes`);
    const { world } = await this.around();
    const { text } = await world.ask("server", ["cat", ...files]);
    return text.trim().split("\n").map(Number);
  }

  /**
   * Runs a program in the machine around the box.
   * @param where the name of a network namespace; null: none of them
   * @param command the program and its arguments
   */
  async ask(where: string | null, command: string[]): Promise<string> {
    const { code, text } = await (await this.around()).world.ask(where, command);
    if (code !== 0) throw new BootFailure(`${command.join(" ").slice(0, 200)}: ${text}`);
    return text;
  }

  /** Starts a transfer that goes on while something else happens. */
  async startTraffic(): Promise<void> {
    const script = `ip netns exec host iperf3 -s -1 -p 5301 >/dev/null & ip netns exec client iperf3 -R -c 198.51.100.1 -p 5301 -t 40 >/dev/null; kill %1`;
    const { world } = await this.around();
    world.ask(null, ["sh", "-c", script], 60).catch(() => undefined);
  }

  /** Runs a command in the box to see its state. @returns what it printed */
  async look(command: string): Promise<string> {
    return (await this.box.shell(command))?.text ?? "(no answer)";
  }

  /** Checks both file systems of a card whose box is off, after the repairs that the next start would make by itself. */
  checkFileSystems(card: Card): void {
    const copy = card.copy(join(this.folder, "check.card"));
    const faults = copy.faults();
    rmSync(copy.file);
    this.expect("both file systems are clean", faults.length === 0, faults.join("\n"));
  }

  /** @param card its box is off */
  checkSecrets(card: Card): void {
    const secrets = this.workshop.secrets();
    const found = card.foundOnBoot(secrets);
    this.expect(`none of ${secrets.size} lines of keys is on the boot partition`, secrets.size > 0 && found.length === 0, found.join(", "));
  }

  /** Stops all machines, and keeps the logs. */
  async close(failure: unknown): Promise<void> {
    const logs = join(this.settings.out, this.name);
    mkdirSync(logs, { recursive: true });
    if (failure !== null && this.current?.on && this.current.hasShell) await this.saveState(logs);
    await this.current?.cut(this.random);
    const world = await this.world?.catch(() => null);
    world?.stop();
    for (const log of ["box.log", "world.log"]) if (existsSync(join(this.folder, log))) cpSync(join(this.folder, log), join(logs, log));
    const status = this.current?.card.read("bondbox-status.txt");
    this.phases.end();
    for (const row of this.phases.table()) this.log(row);
    if (status) writeFileSync(join(logs, "bondbox-status.txt"), status);
  }

  private async saveState(logs: string): Promise<void> {
    const state = await this.box.shell(
      "journalctl -b --no-pager -o short-monotonic | tail -n 600; systemctl list-jobs; systemctl --failed; mount; ip -br a; cat /proc/net/bonding/bond0",
      90,
    );
    writeFileSync(join(logs, "box-state.log"), state?.text ?? "the box did not answer\n");
    const world = await this.world?.catch(() => null);
    const server = await world
      ?.ask("server", ["sh", "-c", "journalctl -b --no-pager | tail -n 300; cat /proc/net/bonding/bond0; ip -br a"])
      .catch(() => null);
    writeFileSync(join(logs, "server-state.log"), server?.text ?? "the server did not answer\n");
  }
}

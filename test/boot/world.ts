import { type ChildProcess, spawn } from "node:child_process";
import { type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { statSync, writeFileSync } from "node:fs";
import type { Base } from "../lab/base";
import type { NetworkJob } from "../lab/job";
import { packJob } from "../lab/machine";
import { BootFailure } from "./errors";
import { connectTo, qemuEnds, watchMachine } from "./qemu";
import type { Answer, WorldJob } from "./world/protocol";

export interface WorldInput {
  base: Base;
  network: NetworkJob;
  /** The folder dist/<profile>, of which the server's part is used. */
  artefacts: string;
  /** The folder test/lab. */
  sources: string;
  /** Path of the guest's program, bundled. */
  agent: string;
  /** Folder for sockets and logs. */
  folder: string;
}

/** MB */
const memory = 1400;
/** How long it may take until it is ready, s. */
const longestStart = 900;

/**
 * Everything except the box, in one emulated PC: the LAN with its client, the modems, the lines, the internet, the server. They are the
 * lab's, but run in real time. The box is another emulated machine, at the other end of a cable of datagram sockets.
 */
export class World {
  private last = 0;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly ready: Promise<Answer>;

  private constructor(
    private readonly child: ChildProcess,
    private readonly port: Socket,
  ) {
    this.ready = new Promise((resolve) => this.waiting.set(0, resolve));
    createInterface({ input: port }).on("line", (row) => {
      const answer = JSON.parse(row) as Answer;
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
    });
    port.on("error", () => undefined);
  }

  static async start(input: WorldInput): Promise<World> {
    const { base, folder } = input;
    const initrd = join(folder, "world-initrd");
    const job: WorldJob = { network: input.network };
    packJob({ base, job, parts: ["server"], artefacts: input.artefacts, sources: input.sources, agent: input.agent }, folder, initrd);
    const log = join(folder, "world.log");
    writeFileSync(log, "");
    const child = spawn("qemu-system-x86_64", words(input, initrd, log), { stdio: ["ignore", "ignore", "inherit"] });
    watchMachine(child);
    const port = await connectTo(join(folder, "world.socket"), child);
    const world = new World(child, port);
    const late = sleep(longestStart * 1000, null, { ref: false });
    const started = await Promise.race([world.ready, qemuEnds(child), late]);
    if (started === null) throw new BootFailure(`the machine around the box ended, or was not ready after ${longestStart} s; see ${log}`);
    return world;
  }

  /**
   * Runs a program in that machine.
   * @param where "server", the name of a network namespace, or null for neither
   * @param command the program and its arguments
   * @param seconds how long it may take at most
   */
  async ask(where: string | null, command: string[], seconds = 60): Promise<Answer> {
    const id = ++this.last;
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve));
    this.port.write(`${JSON.stringify({ id, where, command, seconds })}\n`);
    const answer = await Promise.race([answered, qemuEnds(this.child)]);
    if (answer === null) throw new BootFailure("the machine around the box has ended");
    return answer;
  }

  stop(): void {
    this.port.destroy();
    this.child.kill("SIGKILL");
  }
}

function words({ base, folder }: WorldInput, initrd: string, log: string): string[] {
  const root = `memory-backend-file,id=rom,mem-path=${base.image},size=${statSync(base.image).size},share=off,readonly=on`;
  const kernel =
    "console=ttyS0 quiet panic=-1 mitigations=off nokaslr norandmaps audit=0 selinux=0 apparmor=0 nowatchdog random.trust_cpu=on";
  return [
    ...["-M", "q35,nvdimm=on", "-cpu", "max", "-accel", "tcg", "-smp", "1", "-m", `${memory}M,slots=2,maxmem=16G`],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-object", root, "-device", "nvdimm,memdev=rom,unarmed=on", "-device", "virtio-rng-pci"],
    ...cable(folder, "world", "box"),
    ...["-serial", `file:${log}`, "-serial", `unix:${join(folder, "world.socket")},server=on,wait=off`],
    ...["-kernel", base.kernel, "-initrd", initrd, "-append", kernel],
  ];
}

/** A network card and a cable to another machine. Each end is a datagram socket of its own, and works whether or not the other exists. */
export function cable(folder: string, here: string, there: string): string[] {
  const end = (name: string): string => join(folder, `${name}.cable`);
  const wire = ["dgram,id=lan", "local.type=unix", `local.path=${end(here)}`, "remote.type=unix", `remote.path=${end(there)}`].join(",");
  const mac = here === "box" ? "b8:27:eb:00:00:01" : "52:54:00:00:00:01";
  return ["-netdev", wire, "-device", `virtio-net-pci,netdev=lan,mac=${mac}`];
}

import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import type { Half, Job, ProcessorTime, ServerJob } from "../job";
import { serversOf } from "../job";
import type { ServerMachine } from "../target";
import { attempt, inside, run, Running } from "./shell";

const image = "/rom";
const disks = "/mem/disks";
const brought = "/lab";

/**
 * Box and servers: each a container with a systemd of its own, in its own network, over a disk of its own that outlives a reboot. Their
 * files are the stock system, the few that make it the machine in question (test/lab/machines), and what build-image made.
 */
export class Machine {
  private container: Running | null = null;
  private readonly server: ServerJob | null;
  private readonly install: boolean;
  private readonly laptop: boolean;
  /** Every disk that it has had. */
  private disks = 0;

  constructor(
    private readonly half: Half,
    { network, install, laptop }: Pick<Job, "network" | "install" | "laptop">,
  ) {
    this.server = serversOf(network).find(([name]) => name === half)?.[1] ?? null;
    this.install = install;
    this.laptop = laptop;
    this.rebuild();
  }

  /** A new machine in its place: nothing of the old one's disk is left. */
  rebuild(): void {
    if (this.disks > 0) run(["umount", "--lazy", this.root]);
    this.disks++;
    for (const folder of ["upper", "work", "root"]) mkdirSync(`${this.disk}/${folder}`, { recursive: true });
    const layers = `lowerdir=${image},upperdir=${this.disk}/upper,workdir=${this.disk}/work`;
    run(["mount", "-t", "overlay", "-o", layers, "overlay", this.root]);
    for (const machine of ["every", this.server?.machine ?? "box"])
      run(["cp", "-a", "--no-preserve=ownership", `${brought}/machines/${machine}/.`, this.root]);
    if (this.server === null) {
      // As SETUP.md has it.
      run(["tar", "-xpf", `${brought}/box/overlay.tar`, "-C", this.root, "--no-overwrite-dir"]);
      if (this.laptop) this.recordCard();
    } else {
      this.provide(this.server);
    }
  }

  /** As bondbox-setup leaves a box: what is on it, and of which card. */
  private recordCard(): void {
    const home = this.path("/var/lib/bondbox");
    const list = `tar -tf ${brought}/box/overlay.tar | sed -n 's|^\\(.*[^/]\\)$|/\\1|p' | sort >${home}/files`;
    run(["sh", "-c", `mkdir -p ${home} && ${list} && echo 0123456789abcdef >${home}/id`]);
  }

  /** What the provider does. */
  private provide(server: ServerJob): void {
    const files = `${brought}/${server.artefacts}`;
    if (this.install) {
      mkdirSync(`${this.root}/var/lib/cloud/seed`, { recursive: true });
      run(["cp", "-r", `${files}/seed`, `${this.root}/var/lib/cloud/seed/nocloud`]);
    } else run(["cp", `${files}/install.sh`, `${this.root}/root`]);
    const [path, text] = providerNetwork[server.machine](server);
    writeFileSync(this.path(path), text);
  }

  private get disk(): string {
    return `${disks}/${this.half}-${this.disks}`;
  }

  private get root(): string {
    return `${this.disk}/root`;
  }

  boot(): void {
    const { group } = this;
    mkdirSync(group, { recursive: true });
    const script = `echo $$ >${group}/cgroup.procs; exec "$@"`;
    const apart = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child"];
    this.container = new Running(["sh", "-c", script, "sh", ...inside(this.half, [...apart, "sh", `${brought}/boot.sh`, this.root])]);
  }

  private get group(): string {
    return `/sys/fs/cgroup/${this.half}`;
  }

  /** What all its programs have taken of the processor since the first boot. */
  processor(): ProcessorTime {
    const text = readFileSync(`${this.group}/cpu.stat`, "utf8");
    const of = (name: string): number => Number(new RegExp(`^${name}_usec (\\d+)$`, "m").exec(text)?.[1] ?? 0) / 1e6;
    return { user: of("user"), kernel: of("system") };
  }

  /** As if its plug was pulled. */
  async halt(): Promise<void> {
    const init = this.init();
    if (init !== null) process.kill(init, "SIGKILL");
    await this.container?.within(5000);
    this.container = null;
  }

  /** Runs a program in it. @returns what it said; null: it failed, or there is no machine. */
  ask(command: string[]): string | null {
    const words = this.within(command);
    return words === null ? null : attempt(words);
  }

  /** The same for one that takes its time. @returns null: there is no machine. */
  start(command: string[]): Running | null {
    const words = this.within(command);
    return words === null ? null : new Running(words);
  }

  private within(command: string[]): string[] | null {
    const init = this.init();
    return init === null ? null : ["nsenter", "-t", `${init}`, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", ...command];
  }

  /** A file of it, as the machine around it sees it. */
  path(path: string): string {
    return `${this.root}${path}`;
  }

  read(path: string): string | null {
    try {
      return readFileSync(this.path(path), "utf8");
    } catch {
      return null;
    }
  }

  get console(): string {
    return this.container?.text ?? "";
  }

  /** Its first process, as the machine around it numbers it. */
  private init(): number | null {
    const network = statSync(`/run/netns/${this.half}`).ino;
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        if (readFileSync(`/proc/${name}/comm`, "utf8") !== "systemd\n") continue;
        if (!readlinkSync(`/proc/${name}/ns/net`).includes(`[${network}]`)) continue;
        if (/^NSpid:.*\t1$/m.test(readFileSync(`/proc/${name}/status`, "utf8"))) return Number(name);
      } catch {
        // It has ended meanwhile.
      }
    }
    return null;
  }

  /** What tells why something went wrong. */
  logs(): Record<string, string> {
    const wanted = this.half === "box" ? [] : ["/var/log/bondbox-install.log", "/var/log/cloud-init.log", "/var/log/cloud-init-output.log"];
    const files = wanted.map((path): [string, string] => [path.slice("/var/log/".length), this.read(path) ?? "(not there)\n"]);
    return {
      "console.log": this.console,
      "journal.log": this.ask(["journalctl", "--no-pager", "-b", "-o", "short-monotonic"]) ?? "(no journal)\n",
      "state.log": this.ask(["sh", "-c", stateOf]) ?? "(no state)\n",
      ...Object.fromEntries(files),
    };
  }
}

/** What a provider's image brings along: a file and its text. */
const providerNetwork: Record<ServerMachine, (server: ServerJob) => [path: string, text: string]> = {
  "server-ifupdown": ({ address, router }) => [
    "/etc/network/interfaces",
    `auto lo
iface lo inet loopback
auto eth0
iface eth0 inet static
    address ${address}/24
    gateway ${router}
source /etc/network/interfaces.d/*
`,
  ],
  "server-networkd": ({ address, router }) => [
    "/etc/systemd/network/10-provider.network",
    `[Match]
Name=eth0
[Network]
Address=${address}/24
Gateway=${router}
`,
  ],
};

const stateOf = `systemctl --failed --plain --no-legend --no-pager; ip -br address; ip rule; ip route; cat /proc/net/bonding/bond0
tc -s qdisc; iptables-save -c; tail -n 200 /var/log/ovpn-*.log 2>/dev/null; bondbox status 2>/dev/null; :`;

/** Mounts that containers need and the small system around them has not yet. */
export function prepareMachines(): void {
  mkdirSync(disks, { recursive: true });
  run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]);
}

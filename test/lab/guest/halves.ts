import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import type { Half, NetworkJob } from "../job";
import { attempt, inside, run, Running } from "./shell";

const image = "/rom";
const disks = "/mem/disks";
const brought = "/lab";

/**
 * Box and server: each a container with a systemd of its own, in its own network, over a disk of its own that outlives a reboot. Their
 * files are the stock system, the few that make it the machine in question (test/lab/machines), and what build-image made.
 */
export class Machine {
  private container: Running | null = null;

  constructor(
    private readonly half: Half,
    { server }: NetworkJob,
  ) {
    for (const folder of ["upper", "work", "root"]) mkdirSync(`${this.disk}/${folder}`, { recursive: true });
    const layers = `lowerdir=${image},upperdir=${this.disk}/upper,workdir=${this.disk}/work`;
    run(["mount", "-t", "overlay", "-o", layers, "overlay", this.root]);
    run(["cp", "-a", "--no-preserve=ownership", `${brought}/machines/${half}/.`, this.root]);
    if (half === "box") {
      // As SETUP.md has it.
      run(["tar", "-xpf", `${brought}/box/overlay.tar`, "-C", this.root, "--no-overwrite-dir"]);
    } else {
      mkdirSync(`${this.root}/var/lib/cloud/seed`, { recursive: true });
      run(["cp", "-r", `${brought}/server/seed`, `${this.root}/var/lib/cloud/seed/nocloud`]);
      writeFileSync(`${this.root}/etc/network/interfaces`, providerNetwork(server));
    }
  }

  private get disk(): string {
    return `${disks}/${this.half}`;
  }

  private get root(): string {
    return `${this.disk}/root`;
  }

  boot(): void {
    const group = `/sys/fs/cgroup/${this.half}`;
    mkdirSync(group, { recursive: true });
    const script = `echo $$ >${group}/cgroup.procs; exec "$@"`;
    const apart = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child"];
    this.container = new Running(["sh", "-c", script, "sh", ...inside(this.half, [...apart, "sh", `${brought}/boot.sh`, this.root])]);
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
    const init = this.init();
    return init === null ? null : attempt(["nsenter", "-t", `${init}`, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", ...command]);
  }

  read(path: string): string | null {
    try {
      return readFileSync(`${this.root}${path}`, "utf8");
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

/** What a provider's image brings along. */
function providerNetwork({ address, router }: NetworkJob["server"]): string {
  return `auto lo
iface lo inet loopback
auto eth0
iface eth0 inet static
    address ${address}/24
    gateway ${router}
source /etc/network/interfaces.d/*
`;
}

const stateOf = `systemctl --failed --plain --no-legend --no-pager; ip -br address; ip rule; ip route; cat /proc/net/bonding/bond0
tc -s qdisc; iptables-save -c; tail -n 200 /var/log/ovpn-*.log 2>/dev/null; bondbox status 2>/dev/null; :`;

/** Mounts that containers need and the small system around them has not yet. */
export function prepareMachines(): void {
  mkdirSync(disks, { recursive: true });
  run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]);
}

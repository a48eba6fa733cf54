import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { makeSshKey } from "../../builder/keys/ssh-key";
import { type Outcome, run } from "./programs";
import { temporaryFolder } from "./trees";

/** Debian's root file system without a system that has started, in namespaces of its own, until the first process ends. */
const ENTER = `
mount -t tmpfs tmpfs /mnt
mkdir /mnt/root
mount -o loop,ro "$1" /mnt/root
cd /mnt/root
mount --rbind /dev dev; mount -t proc proc proc; mount -t sysfs sysfs sys
for at in mnt run tmp media; do mount -t tmpfs tmpfs $at; done
mount --bind "$2" media
exec chroot . /bin/sh -eu /media/start`;

/**
 * A machine that is rented and has SSH: files, settings and locks are real. What would need a system that has started, or the archive, is a
 * stand-in: packages, units, modules. The bond is what its stand-in leaves in /sys. apt-get waits for /mnt/go, and fails while there is
 * /mnt/broken.
 */
const START = `
for at in etc usr var; do mkdir /mnt/$at /mnt/$at.work; mount -t overlay -o lowerdir=/$at,upperdir=/mnt/$at,workdir=/mnt/$at.work overlay /$at; done
for at in root home; do mount -t tmpfs tmpfs /$at; done
mkdir /mnt/net; mount --bind /mnt/net /sys/class/net
ip link set lo up
cd /
stub() { printf '#!/bin/sh\\n%s\\n' "$2" >/usr/local/sbin/$1; chmod 755 /usr/local/sbin/$1; }
stub dpkg-query '[ ! -e /mnt/installed ] || echo "install ok installed"'
stub apt-get '[ "$1" != install ] || {
  until [ -e /mnt/go ]; do sleep 0.1; done
  [ ! -e /mnt/broken ] || { echo "E: Unable to fetch some archives" >&2; exit 100; }
  echo "Setting up openvpn ..."
  : >/mnt/installed
}'
for name in modprobe udevadm networkctl apt-mark service; do stub $name ''; done
bond='mkdir -p /mnt/net/bond0/bonding; echo bondbox >/mnt/net/bond0/ifalias; echo "balance-rr 0" >/mnt/net/bond0/bonding/mode; echo tap0 tap1 >/mnt/net/bond0/bonding/slaves'
stub systemctl "case \\"\\$*\\" in
  *'start bondbox-bond') $bond ;;
  'disable --now'*bondbox-bond*) rm -rf /mnt/net/bond0 ;;
esac"
stub ifup "$bond"
stub ifdown 'rm -rf /mnt/net/bond0'
# As systemd starts something: with nothing of the session that asked for it.
stub systemd-run 'while [ "\${1#-}" != "$1" ]; do echo "$1" >>/mnt/systemd-run; shift; done; env -i setsid "$@" </dev/null >/dev/null 2>&1 &'
mkdir -p /run/sshd
: >/mnt/net/bonding_masters
# Also for users who are not root.
cp /media/authorized /run/authorized; chmod 644 /run/authorized
: >/mnt/go
. /media/situation
exec /usr/sbin/sshd -D -e -f /media/sshd.conf
`;

/** A machine that nothing of bondbox was on yet, and the computer that pushes to it. */
export class NewServer {
  readonly hostKey = makeSshKey();
  readonly folder = temporaryFolder();
  private first = 0;

  /**
   * Starts it.
   * @param image a root file system
   * @param situation shell that runs before its SSH server
   */
  static async start(image: string, situation = ""): Promise<NewServer> {
    const server = new NewServer();
    await server.begin(image, situation);
    return server;
  }

  private write(name: string, text: string, mode = 0o600): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode });
    return path;
  }

  private async begin(image: string, situation: string): Promise<void> {
    const own = makeSshKey();
    this.write("start", START);
    this.write("situation", situation);
    this.write("host", this.hostKey.pem);
    this.write("authorized", `${own.line}\n`);
    this.write(
      "sshd.conf",
      `ListenAddress 127.0.0.1\nHostKey /media/host\nAuthorizedKeysFile /run/authorized\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication yes\n`,
    );
    const words = ["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-euc", ENTER, "sh", image, this.folder];
    const child = spawn("unshare", words, { stdio: ["ignore", "ignore", "pipe"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    await new Promise<void>((ready, fail) => {
      let said = "";
      child.stderr.on("data", (chunk: Buffer) => {
        said += String(chunk);
        if (said.includes("Server listening")) ready();
      });
      child.on("exit", () => fail(new Error(`the machine: ${said}`)));
    });
    this.first = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8"));
    this.configure(this.write("id", own.pem));
  }

  /**
   * What the person's ssh knows: the only way to the machine, as its public address.
   * @param identity a file with a private key
   */
  configure(identity: string, port = 22): void {
    const config = this.write(
      "config",
      `Host 203.0.113.10 rented
  HostName 203.0.113.10
  IdentityFile ${identity}
  IdentityAgent none
  UserKnownHostsFile ${join(this.folder, "user-known")}
  GlobalKnownHostsFile /dev/null
  ProxyCommand nsenter --net=/proc/${this.first}/ns/net socat - TCP:127.0.0.1:${port}
`,
    );
    this.write("ssh", `#!/bin/sh\nexec /usr/bin/ssh -F ${config} "$@"\n`, 0o700);
  }

  /** The variables with which a program has this machine's ssh. */
  get env(): Record<string, string> {
    return { PATH: `${this.folder}:${process.env.PATH}` };
  }

  /** Runs a shell script on the machine, not over SSH. */
  on(script: string): Outcome {
    return run("nsenter", ["-t", String(this.first), "--mount", "--net", "--pid", "--root", "--wd", "sh", "-euc", script]);
  }
}

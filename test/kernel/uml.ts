import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userModeLinux } from "../support/releases";
import { KernelError, type KernelOptions, type KernelResult, readResult, writeTree } from "./guest";

/**
 * Before the writable root exists. The host's files are seen through a read-only mount; an overlay on a tmpfs takes all
 * writes. pivot_root, not chroot: the kernel starts modprobe with the root that it knows.
 */
const stage1 = (modules: string): string => `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec 2>&1
dir=\${0%/*}
mount -t proc proc /proc
insmod ${modules}/$(uname -r)/kernel/fs/overlayfs/overlay.ko
mount -t tmpfs -o size=75% tmpfs "$dir/root"
cd "$dir/root" && mkdir upper work new
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay new
cd new && mkdir -p .old lib/modules
for at in tmp var/tmp run dev/shm; do mkdir -p $at; mount -t tmpfs -o mode=1777 tmpfs $at; done
chmod 755 run
ln -sfn ${modules}/$(uname -r) lib/modules/$(uname -r)
# links to folders, such as Debian's /lib, stay links, and folders that exist keep their mode
tar -C "$dir/files" -cf - . | tar -xpf - --no-same-owner --no-overwrite-dir --keep-directory-symlink
cp "$dir/stage2" "$dir/script" run/
umount /proc
pivot_root . .old
cd /
exec /bin/sh /run/stage2 </dev/null
`;

/** In the writable root. The console goes through a fifo, so that the script sees no terminal and colours nothing. */
const stage2 = (marker: string, modules: string[], timeoutMs: number): string => `
exec 2>&1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
umount -l /.old
rmdir /.old
mkdir -p /dev/pts /dev/shm /dev/net /run/lock /run/netns
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
ln -sfn /proc/self/fd /dev/fd
stty -opost </dev/console
export HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
hostname kernel-test
${modules.map((module) => `modprobe ${module}`).join("\n")}
ip link set lo up
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
# the belt for the case that the process outside is killed: its own timer comes first
(sleep ${Math.ceil(timeoutMs / 1000) + 5}; echo o >/proc/sysrq-trigger) >/dev/null 2>&1 &
cd /root
mkfifo /run/console
exec 9<>/run/console
cat /run/console >/dev/console 9>&- &
echo "${marker}:start" >&9
if command -v bash >/dev/null; then shell=bash; else shell=sh; fi
$shell /run/script >&9 2>&1 9>&-
printf '\\n%s:%s:end\\n' "${marker}" "$?" >&9
# the host ends the machine when it reads the line above
sleep 5
echo o >/proc/sysrq-trigger
sleep 60
`;

/**
 * Boots user-mode-linux and runs a bash script in it as root, with bonding, CAKE, HTB, netem, tun and the like.
 *
 * The guest's root is the host's file system read-only under a layer in memory, so every program of the host is there and
 * nothing that is written inside reaches the host; /tmp, /run and /var/tmp start empty. Its network is its own: `lo` only.
 * It runs in real time, and its iptables is the legacy one. Needs no root.
 *
 * @throws KernelError when the script did not come to its end; Error when the kernel is not unpacked
 */
export async function runInKernel(script: string, options: KernelOptions = {}): Promise<KernelResult> {
  const { timeoutMs = 400_000, memoryMb = 256, files = {}, modules = ["tun", "bonding max_bonds=0"] } = options;
  const marker = `kernel-${randomBytes(8).toString("hex")}`;
  const folder = await mkdtemp(join(tmpdir(), "bondbox-kernel-"));
  try {
    await mkdir(join(folder, "root"));
    await writeTree(join(folder, "files"), files);
    await writeFile(join(folder, "stage1"), stage1(userModeLinux().modules), { mode: 0o755 });
    await writeFile(join(folder, "stage2"), stage2(marker, modules, timeoutMs));
    await writeFile(join(folder, "script"), script);
    const console = await boot({
      folder,
      memoryMb,
      timeoutMs,
      end: new RegExp(`${marker}:\\d+:end\\r?\\n`),
      words: ["root=/dev/root rootfstype=hostfs rootflags=/ ro".split(" "), `init=${folder}/stage1`].flat(),
    });
    return readResult(console, marker);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface Machine {
  /** For the kernel's own files. */
  folder: string;
  memoryMb: number;
  timeoutMs: number;
  /** What the console shows when all is done: the kernel is then stopped. */
  end: RegExp;
  /** Of the kernel: its root, its first program, its disks (ubd0=FILE). */
  words: string[];
}

/** Runs the kernel until it shows its end, its own end, or the time limit; returns what the console showed. */
export function boot({ folder, memoryMb, timeoutMs, end, words }: Machine): Promise<string> {
  const { program, folder: cwd, libraries } = userModeLinux();
  const kernel = [
    `mem=${memoryMb}M`,
    words,
    "con=null con0=null,fd:1 quiet loglevel=1 random.trust_cpu=on panic=-1 seccomp=auto".split(" "),
    `uml_dir=${folder}/uml`,
  ].flat();
  return new Promise((resolve, reject) => {
    const child = spawn(program, kernel, {
      cwd,
      env: { ...process.env, LD_LIBRARY_PATH: libraries },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const chunks: Buffer[] = [];
    let tail = "";
    let late = false;
    // The kernel and the processes of its guest are one group, and nobody else is in it: spawned detached it leads one.
    // Not through a wrapper such as timeout(1): the kernel then makes a group of its own, out of reach.
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // gone already
      }
    };
    const timer = setTimeout(() => {
      late = true;
      kill();
    }, timeoutMs);
    process.once("exit", kill);
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      tail = (tail + chunk.toString("latin1")).slice(-chunk.length - 100);
      if (end.test(tail)) kill();
    };
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      process.removeListener("exit", kill);
      settle();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => finish(() => reject(error)));
    child.on("close", () => {
      kill();
      const console = Buffer.concat(chunks).toString("utf8");
      const problem = `the kernel was stopped after ${timeoutMs} ms, before the script's end`;
      finish(() => (late ? reject(new KernelError(problem, console)) : resolve(console)));
    });
  });
}

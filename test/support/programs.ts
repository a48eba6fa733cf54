import { spawn, spawnSync } from "node:child_process";

/** The Debian package of each program that the conformance tests call. */
const packages: Record<string, string> = {
  "/usr/bin/python3": "python3",
  bash: "bash",
  blockdev: "util-linux",
  bmaptool: "bmap-tools",
  conntrack: "conntrack",
  cp: "coreutils",
  dash: "dash",
  debugfs: "e2fsprogs",
  dmsetup: "dmsetup",
  "dpkg-deb": "dpkg",
  e2fsck: "e2fsprogs",
  "fsck.fat": "dosfstools",
  gzip: "gzip",
  "iptables-legacy-restore": "iptables",
  "iptables-nft-restore": "iptables",
  haproxy: "haproxy",
  losetup: "mount",
  mcopy: "mtools",
  mdir: "mtools",
  mke2fs: "e2fsprogs",
  "mkfs.fat": "dosfstools",
  "mkfs.vfat": "dosfstools",
  nft: "nftables",
  openssl: "openssl",
  openvpn: "openvpn",
  script: "bsdutils",
  setpriv: "util-linux",
  sfdisk: "fdisk",
  shellcheck: "shellcheck",
  systemctl: "systemd",
  "systemd-analyze": "systemd",
  tar: "tar",
  unshare: "util-linux",
  unzip: "unzip",
  xmllint: "libxml2-utils",
  xz: "xz-utils",
  zip: "zip",
  zstd: "zstd",
};

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
  /** Both, as a person would see them. */
  output: string;
}

export interface RunOptions {
  input?: string;
  cwd?: string;
  env?: Record<string, string>;
  timeout?: number;
}

function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  // Debian keeps /usr/sbin out of a user's path.
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: "C", ...more };
}

/** Runs a real program to its end. One that is missing is a failure that says what to install. */
export function run(program: string, args: string[], { env, ...options }: RunOptions = {}): Outcome {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 64 << 20,
    timeout: 110_000,
    ...options,
    env: environment(env),
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") {
    throw new Error(`${program} is missing: run "apt-get install ${packages[program] ?? program}", or scripts/test, which does it`);
  }
  if (error) throw error;
  return { status, stdout, stderr, output: stdout + stderr };
}

/**
 * Runs a shell script as root of mounts and a network of its own, with an empty file system on /mnt: nothing outside changes.
 * Without root, a user namespace lends it.
 * @param args are $1, $2 ... of the script.
 */
export function inNamespace(script: string, args: string[] = [], options: RunOptions = {}): Outcome {
  const lent = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const whole = `mount -t tmpfs tmpfs /mnt\nmount -t tmpfs tmpfs /run\n${script}`;
  const outcome = run("unshare", [...lent, "--mount", "--net", "sh", "-euc", whole, "sh", ...args], options);
  // A lent root may neither make a namespace everywhere nor send the kernel a long set of rules.
  if (/^unshare: |Message too long/m.test(outcome.stderr)) throw new Error(`run the tests as root: ${outcome.stderr.trim()}`);
  return outcome;
}

const enter = `
mkdir /mnt/root
mount -o loop,ro "$1" /mnt/root
cd /mnt/root
for at in dev proc sys; do mount --rbind /$at $at; done
for at in mnt run tmp media; do mount -t tmpfs tmpfs $at; done
mount --bind "$2" media
exec chroot . /bin/sh -euc "$3" sh /media`;

/**
 * The same in the root file system of another system, as root.
 * @param image its file system, which stays as it is.
 * @param script its $1 is the folder.
 */
export function inRoot(image: string, script: string, folder: string, options: RunOptions = {}): Outcome {
  return inNamespace(enter, [image, folder, script], options);
}

/** The same for a program that mostly waits, so that others run meanwhile. */
export function runAside(program: string, args: string[], { input = "", env, ...options }: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, env: environment(env) });
    const texts = { stdout: "", stderr: "", output: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (text: string) => {
        texts[name] += text;
        texts.output += text;
      });
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, ...texts }));
    child.stdin.end(input);
  });
}

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeSshKey } from "../../builder/keys/ssh-key";
import { makeBase } from "../lab/base";
import { root } from "../support/builds";
import { smallProfile, writeProfile } from "../support/command";
import { copyRepository } from "../support/copy";
import { NewServer } from "../support/new-server";
import { type Outcome, run, runAside } from "../support/programs";

/** Debian's releases that are targets: the lab's root file systems. */
const releases = ["bookworm", "trixie"] as const;
type Release = (typeof releases)[number];
const images = new Map<Release, string>();

const folder = mkdtempSync(join(tmpdir(), "bondbox-fresh-"));
const copy = join(folder, "bondbox");
const secrets = join(folder, "secrets");

beforeAll(async () => {
  for (const release of releases) {
    const base = await makeBase(join(root, "test/lab/guest/init.sh"), { release, newestKernel: false }, console.log);
    images.set(release, base.image);
  }
  copyRepository(copy);
  // It has tests of its own, and would miss the bond.
  writeFileSync(join(copy, "overlay/server/systemd/usr/local/sbin/bondbox-preflight.shell.hbs"), "#!/bin/sh\necho 'ok    stand-in'\n");
}, 1_800_000);
beforeEach(() => rmSync(secrets, { recursive: true, force: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ADDRESS = "203.0.113.10";

function profile(target: string, more: object = {}): string {
  return writeProfile(folder, target, { ...smallProfile, server: { address: ADDRESS, target }, ...more });
}

/** The words after "push". */
const words = (file: string, ...more: string[]): string[] => ["--profile", file, "--secrets", secrets, "--only", "server", ...more];
const program = join(copy, "scripts/push");

/** Types "push --fresh root@ADDRESS --yes". */
function pushFresh(server: NewServer, file: string, ...more: string[]): Promise<Outcome> {
  return runAside(program, words(file, "--fresh", `root@${ADDRESS}`, "--yes", "--accept", server.hostKey.fingerprint, ...more), {
    env: server.env,
  });
}

const image = (release: Release): string => images.get(release) as string;

/** Every path that install.sh might change, with its kind and content. */
const SNAPSHOT = `cd /; { find etc usr/local root home var/lib/cloud -printf '%p %y %m %U %G %l\\n' 2>/dev/null | sort
  find etc usr/local root home -type f -exec cksum {} + | sort; ls /mnt/net; }`;

const SYSTEMD = "mkdir -p /run/systemd/system";
/** What Ubuntu 14.04 says it is. It has no systemd. */
const UBUNTU_14 = `rm /etc/os-release; printf 'NAME="Ubuntu"\\nID=ubuntu\\nVERSION_ID="14.04"\\nPRETTY_NAME="Ubuntu 14.04.6 LTS"\\n' >/etc/os-release
printf 'auto lo\\niface lo inet loopback\\n' >/etc/network/interfaces`;

const ready = /^ {4}ready, waiting for the box on UDP 1194 1196$/m;

describe("a rented server that has nothing but SSH", () => {
  it.each<[title: string, target: string, release: Release, situation: string, started: string]>([
    ["Debian GNU/Linux 13", "debian-13", "trixie", SYSTEMD, "--quiet\n--collect\n--unit=bondbox_fresh\n"],
    ["Debian GNU/Linux 12", "debian-12", "bookworm", SYSTEMD, "--quiet\n--collect\n--unit=bondbox_fresh\n"],
    ["Ubuntu 14.04.6 LTS", "ubuntu-14.04", "bookworm", UBUNTU_14, ""],
  ])("%s: is set up, known from then on, and as before once all is removed", async (title, target, release, situation, started) => {
    const server = await NewServer.start(image(release), situation);
    const before = server.on(SNAPSHOT).stdout;
    const file = profile(target);

    const looked = await pushFresh(server, file, "--dry-run");
    expect(looked.stderr.replace(/^Note: .*\n/gm, "")).toBe("");
    expect(looked).toMatchObject({ status: 0, stdout: expect.stringMatching(`^server at ${ADDRESS}: ${title}.*, no bondbox yet\n$`) });
    expect(server.on(SNAPSHOT).stdout).toBe(before);

    const { status, stdout, stderr } = await pushFresh(server, file);
    expect({ status, stderr: stderr.replace(/^Note: .*\n/gm, "") }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(ready);
    expect(stdout).toContain("    installing openvpn");
    // Nothing of what apt prints.
    expect(stdout).not.toContain("Setting up");
    expect(stdout).toMatch(/\nDone: the server at 203\.0\.113\.10 is ready, and its host key is remembered\..*\n$/);
    expect(server.on("cat /mnt/systemd-run 2>/dev/null || :").stdout).toBe(started);
    expect(readFileSync(join(secrets, target, "known_hosts"), "utf8")).toContain(`${ADDRESS} ${server.hostKey.line} bondbox-server\n`);

    // Known now: without --accept.
    const status2 = run(program, ["--profile", file, "--secrets", secrets, "--only", "server", "--user", "root", "--status"], {
      env: server.env,
    });
    expect(status2.output).toMatch(/^server \(bondbox \S+\): nothing was pushed since it was set up\n$/);
    expect(await pushFresh(server, file)).toMatchObject({
      status: 0,
      stdout: `Nothing to do: the server at ${ADDRESS} has this already, and is ready.\n`,
    });
    const changed = await pushFresh(server, profile(target, { forwards: [{ port: 8080, host: "192.168.1.9" }] }));
    expect(changed).toMatchObject({ status: 1, stderr: expect.stringContaining("[trial.not-fresh]\n  Push without --fresh") });

    expect(server.on("sh /root/bondbox/install.sh --remove 2>&1").stdout).toMatch(/bondbox: removed\n$/);
    expect(server.on(SNAPSHOT).stdout).toBe(before);
  });
});

/** Rows that were printed so far, of a push that goes on. */
class Running {
  output = "";
  readonly ended: Promise<number | string | null>;
  private readonly child;

  constructor(command: string, args: string[], env: Record<string, string>) {
    this.child = spawn(command, args, { env: { ...process.env, LC_ALL: "C", ...env } });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    this.ended = new Promise((resolve) => this.child.on("close", (code, signal) => resolve(code ?? signal)));
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  /** As Ctrl-C does. */
  interrupt(): void {
    this.child.kill("SIGINT");
  }

  async until(row: string | RegExp): Promise<void> {
    await expect.poll(() => this.output, { timeout: 60_000 }).toMatch(row);
  }
}

function startFresh(server: NewServer, file: string, ...more: string[]): Running {
  const all = words(file, "--fresh", `root@${ADDRESS}`, "--yes", "--accept", server.hostKey.fingerprint, ...more);
  return new Running(program, all, server.env);
}

const CUT = "pkill -KILL -P 1 sshd";

describe("a connection that is cut while install.sh runs", () => {
  it.each<[string, Release, string, string]>([
    ["with systemd", "trixie", "debian-13", SYSTEMD],
    ["without", "bookworm", "ubuntu-14.04", UBUNTU_14],
  ])("%s: it goes on there, and is followed to its end", async (_, release, target, situation) => {
    const server = await NewServer.start(image(release), `${situation}\nrm /mnt/go`);
    const push = startFresh(server, profile(target));
    await push.until("installing openvpn");
    server.on(`${CUT}; ip link set lo down`);
    await push.until("the connection broke");
    server.on("touch /mnt/go");
    await expect.poll(() => server.on("cat /run/bondbox_fresh/state").stdout, { timeout: 60_000 }).toBe("0\n");
    server.on("ip link set lo up");
    expect(await push.ended, push.output).toBe(0);
    // Each row once.
    expect(push.output.match(/installing openvpn|ready, waiting/g)).toEqual(["installing openvpn", "ready, waiting"]);
  });

  it("and push with it: the same command follows what is running there; with another profile it waits for its end", async () => {
    const server = await NewServer.start(image("bookworm"), `${SYSTEMD}\nrm /mnt/go`);
    const file = profile("debian-12");
    const first = startFresh(server, file);
    await first.until("installing openvpn");
    server.on(`${CUT}; sleep 0.5; ip link set lo down`);
    await first.until("the connection broke");
    first.interrupt();
    expect([130, "SIGINT"]).toContain(await first.ended);
    server.on("ip link set lo up");
    const other = await pushFresh(server, profile("debian-12", { hostname: "other", forwards: [{ port: 8080, host: "192.168.1.9" }] }));
    expect(other).toMatchObject({ status: 1, stderr: expect.stringContaining("[trial.fresh-busy]") });
    profile("debian-12");
    const second = startFresh(server, file);
    await second.until("installing openvpn");
    server.on("touch /mnt/go");
    expect(await second.ended, second.output).toBe(0);
    expect(second.output).toMatch(ready);
    expect(server.on("grep -c 'installing openvpn' /var/log/bondbox-install.log").stdout).toBe("1\n");
  });

  it("by a restart of the server: it says so, and the same command finishes", async () => {
    const server = await NewServer.start(image("bookworm"), `${SYSTEMD}\nrm /mnt/go`);
    const file = profile("debian-12");
    const push = startFresh(server, file);
    await push.until("installing openvpn");
    server.on(
      `ip link set lo down; pkill -KILL -f '[f]resh.sh run'; pkill -KILL -f 'bondbox/[i]nstall.sh'; rm -r /run/bondbox_fresh; ${CUT}; ip link set lo up`,
    );
    expect(await push.ended, push.output).toBe(4);
    expect(push.output).toContain("[trial.fresh-cut-off]");
    server.on("touch /mnt/go");
    expect(await pushFresh(server, file)).toMatchObject({ status: 0, stdout: expect.stringContaining("a part of bondbox") });
  });
});

describe("install.sh that fails", () => {
  it("on the way: its last rows and what is there, never exit code 0; the same command goes on, --remove takes it away", async () => {
    const server = await NewServer.start(image("trixie"), `${SYSTEMD}\ntouch /mnt/broken`);
    const before = server.on(SNAPSHOT).stdout;
    const file = profile("debian-13");
    const { status, stdout, stderr } = await pushFresh(server, file);
    expect(status).toBe(4);
    expect(stdout).not.toContain("Done");
    expect(stderr).toMatch(
      /^push: install\.sh failed on the server, where a part of bondbox is now: \[trial\.fresh-failed\]\n( {4}.*\n)* {4}E: Unable to fetch some archives\n {4}bondbox: could not install openvpn.*\n( {4}.*\n)* {2}Fix that, and run the same command again.*install\.sh --remove, on the server\.\n/m,
    );
    server.on("sh /root/bondbox/install.sh --remove");
    expect(server.on(SNAPSHOT).stdout).toBe(before);
    expect((await pushFresh(server, file)).status).toBe(4);
    server.on("rm /mnt/broken");
    expect(await pushFresh(server, file)).toMatchObject({ status: 0, stdout: expect.stringMatching(ready) });
  });

  it("before any change: what is in the way, and nothing of bondbox is there", async () => {
    const server = await NewServer.start(image("trixie"), `${SYSTEMD}\necho theirs >/usr/local/sbin/wondershaper`);
    const before = server.on(SNAPSHOT).stdout;
    const { status, stderr } = await pushFresh(server, profile("debian-13"));
    expect(status).toBe(1);
    expect(stderr).toContain(
      "[trial.fresh-refused]\n    bondbox: not installed, and nothing was changed:\n      /usr/local/sbin/wondershaper exists, and it is not bondbox's.\n        Move it away.\n",
    );
    expect(server.on(SNAPSHOT).stdout).toBe(before);
  });

  it("for want of room: before anything is changed, or with the reason", async () => {
    const file = profile("debian-13");
    const full = await NewServer.start(image("trixie"), `${SYSTEMD}\nmount -t tmpfs -o size=16k tmpfs /root`);
    const before = full.on(SNAPSHOT).stdout;
    expect(await pushFresh(full, file)).toMatchObject({ status: 2, stderr: expect.stringContaining("[trial.no-room]") });
    expect(full.on(SNAPSHOT).stdout).toBe(before);
    // A small drive for /etc.
    const small = await NewServer.start(
      image("trixie"),
      `${SYSTEMD}\nmkdir /mnt/small; mount -t tmpfs -o size=40k tmpfs /mnt/small; mkdir -p /etc/bondbox; mount --bind /mnt/small /etc/bondbox`,
    );
    expect(await pushFresh(small, file)).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(/No space left on device\n[\s\S]*make room on a full disk/),
    });
  });
});

describe("a server that is not taken", () => {
  let server: NewServer;
  const users = `for user in admin pi; do
    useradd -m $user; echo "$user:a secret" | chpasswd
  done
  echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin`;
  const files = (): Record<string, string> => ({
    stranger: (writeFileSync(join(folder, "stranger"), makeSshKey().pem, { mode: 0o600 }), join(folder, "stranger")),
  });

  it("for each reason has its own words, and nothing of bondbox afterwards", { timeout: 600_000 }, async () => {
    server = await NewServer.start(image("trixie"), `${SYSTEMD}\n${users}`);
    const before = server.on(SNAPSHOT).stdout;
    const file = profile("debian-13");
    const attempt = async (at: string, ...more: string[]): Promise<string> => {
      const { status, output } = await runAside(program, words(file, "--fresh", at, "--yes", ...more), { env: server.env });
      return `${status}: ${output.replace(/^Note: .*\n/gm, "")}`;
    };
    const accept = ["--accept", server.hostKey.fingerprint];
    expect(await attempt(`root@${ADDRESS}`)).toMatch(/^1: push: the server at 203\.0\.113\.10 is not known.*\[push\.unknown-key\]/);
    expect(await attempt(`root@${ADDRESS}`)).toContain(`--accept ${server.hostKey.fingerprint}`);
    expect(await attempt(`root@${ADDRESS}`, "--accept", makeSshKey().fingerprint)).toMatch(/^1: .*\[push\.unknown-key\]/);
    expect(await attempt(`pi@${ADDRESS}`, ...accept)).toMatch(/^1: push: pi may not become root on the server without a password/);
    expect(await attempt(`nobody-here@${ADDRESS}`, ...accept)).toMatch(/^1: push: the server does not let nobody-here in/);
    const wrong = await runAside(
      program,
      ["--profile", profile("debian-12"), "--secrets", secrets, "--only", "server", "--fresh", `root@${ADDRESS}`, "--yes", ...accept],
      { env: server.env },
    );
    expect(`${wrong.status}: ${wrong.stderr}`).toMatch(
      /^1: (Note: .*\n)*push: that server runs "Debian GNU\/Linux 13 \(trixie\)", and the profile's server\.target is debian-12 \[trial\.other-system\]\n {2}Write target: debian-13 in the profile/,
    );
    server.configure(join(server.folder, "id"), 23);
    expect(await attempt(`root@${ADDRESS}`, ...accept)).toMatch(/^2: push: the server cannot be reached at 203\.0\.113\.10/);
    server.configure(files().stranger as string);
    expect(await attempt(`root@${ADDRESS}`, ...accept)).toMatch(/^1: push: the server does not let root in with .*stranger/);
    expect(server.on(SNAPSHOT).stdout).toBe(before);

    // A name of ~/.ssh/config, and a user who may become root. The password is asked for once, and again while it is wrong.
    const all = [program, ...words(file, "--fresh", "admin@rented", "--yes", ...accept)].map((word) => `'${word}'`).join(" ");
    const push = new Running("script", ["-qec", all, "/dev/null"], server.env);
    await push.until(/password: $/);
    push.type("wrong\n");
    await push.until(/password: \s+.*password: $/);
    push.type("a secret\n");
    expect(await push.ended, push.output).toBe(0);
    expect(push.output.match(/password:/g)).toHaveLength(2);
    expect(push.output).toContain("is ready, and its host key is remembered");
    expect(push.output).not.toContain("a secret");
  });
});

describe("--rollback", () => {
  it("of a server: back to what was there before the last push, forward again, and nothing where there was none", async () => {
    const server = await NewServer.start(image("bookworm"), UBUNTU_14);
    const [target, forwards] = ["ubuntu-14.04", [{ port: 8080, host: "192.168.1.9" }]];
    const file = profile(target);
    expect((await pushFresh(server, file)).status).toBe(0);
    const push = (...more: string[]): Promise<Outcome> =>
      runAside(program, words(file, "--user", "root", "--yes", ...more), { env: server.env });
    // What a trial leaves of itself is no part of a generation.
    const installed = (): string => server.on("xargs sha256sum </etc/bondbox/files; sha256sum /etc/bondbox/install.sh").stdout;
    const first = installed();

    expect(await push("--rollback")).toMatchObject({ status: 1, stderr: expect.stringContaining("[trial.nothing-before]") });
    profile(target, { forwards });
    const pushed = await push();
    expect(pushed.status, pushed.output).toBe(0);
    const second = installed();
    expect(second).not.toBe(first);

    const looked = await push("--rollback", "--dry-run");
    expect(looked).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^server:\n {2}changed:\n( {4}.*\n)* {4}\/etc\/bondbox\/rules\.v4\n/),
    });
    expect(installed()).toBe(second);
    for (const [times, wanted] of [first, second, first].entries()) {
      const { status, output } = await push("--rollback");
      expect(status, `${times}: ${output}`).toBe(0);
      expect(output).toContain(
        "Done: server runs what was there before the last push, and keeps it. push --rollback once more goes forward",
      );
      expect(installed()).toBe(wanted);
    }
    // The profile counts again.
    expect((await push()).status).toBe(0);
    expect(installed()).toBe(second);
  });
});

describe("a mistake on the command line", () => {
  it.each<[string[], string]>([
    [["--fresh", "root@203.0.113.10"], "trial.fresh-server"],
    [["--fresh", "root@203.0.113.10", "--only", "box"], "trial.fresh-server"],
    [["--fresh", "root@203.0.113.10", "--only", "modem"], "trial.no-such-half"],
    [["--fresh", "root@203.0.113.10", "--status"], "usage.together"],
    [["--fresh", "root@203.0.113.10", "--rollback"], "usage.together"],
    [["--rollback", "--status"], "usage.together"],
    [["--fresh", "root@203.0.113.10", "--only", "server", "--server", "203.0.113.10"], "usage.together"],
    [["--fresh", "root@203.0.113.10", "--only", "server", "--confirm-within", "60"], "usage.together"],
    [["--fresh", "root@203.0.113.10", "--only", "server", "--user", "admin"], "usage.together"],
    [["--fresh", "root@203.0.113.10", "--only", "server"], "trial.must-ask"],
    [["--fresh", "--only", "server"], "usage.needs-value"],
    [["--fresh", "root@198.51.100.7", "--only", "server", "--yes"], "trial.fresh-elsewhere"],
    ...[
      "root@",
      "@203.0.113.10",
      "root@203.0.113.10:22",
      "root@203.0.113.10:/root",
      "ssh://203.0.113.10",
      "root@-o",
      "a b@c",
      "root@host;id",
    ].map((at): [string[], string] => [["--fresh", at, "--only", "server", "--yes"], "trial.fresh-address"]),
  ])("%j: %s", (args, code) => {
    const { status, stdout, stderr } = run(program, ["--profile", profile("debian-13"), "--secrets", secrets, ...args]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^push: .*\\[${code.replace(".", "\\.")}\\]\n {2}\\S.*\n$`));
  });

  it("a backup of the profile's is a server, too", () => {
    const file = profile("debian-13", { server: { address: ADDRESS, backups: ["203.0.113.11"], target: "debian-13" } });
    const { stderr } = run(program, words(file, "--fresh", "root@203.0.113.12", "--yes"));
    expect(stderr).toContain('"203.0.113.12" is no server of this profile: the box would look for 203.0.113.10 or 203.0.113.11');
    // Nobody is asked, so it comes as far as that.
    expect(run(program, words(file, "--fresh", "root@203.0.113.11")).stderr).toContain("[trial.must-ask]");
  });
});

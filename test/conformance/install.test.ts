import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { makeBase } from "../lab/base";
import { built, root } from "../support/builds";
import { debOf, writeFiles } from "../support/card";
import { inNamespace, inRoot, type Outcome, run, type RunOptions } from "../support/programs";
import { rustCoreutils } from "../support/releases";
import { planned, sha256, temporaryFolder } from "../support/trees";

/** Debian's releases that are targets: the lab's root file systems. */
const releases = ["bookworm", "trixie"] as const;
type Release = (typeof releases)[number];
const images = new Map<Release, string>();

beforeAll(async () => {
  for (const release of releases) {
    const base = await makeBase(join(root, "test/lab/guest/init.sh"), { release, newestKernel: false }, console.log);
    images.set(release, base.image);
  }
}, 1_800_000);

/** Runs a script, whose $1 is the folder, in a release's root file system, or in this machine's own. */
function inSystem(release: Release | null, script: string, folder: string, options: RunOptions = {}): Outcome {
  return release === null ? inNamespace(script, [folder], options) : inRoot(images.get(release) ?? "", script, folder, options);
}

/** The functions of install.sh, as it carries them, and the commands that create the user. */
function piecesOf(name: string): { functions: string; user: string } {
  const script = readFileSync(join(built(name).folder, "server/install.sh"), "utf8");
  const [, functions = ""] = /^(set -eu\n[\s\S]*?)^log=/m.exec(script) ?? [];
  const paths = `paths="${[...script.matchAll(/^put (\S+) 0/gm)].map(([, path]) => path).join("\n")}"\n`;
  const [, user = ""] = /^(getent passwd \S+ >\/dev\/null[\s\S]*?)^if \[ -f "\$list" \]/m.exec(script) ?? [];
  return { functions: functions + paths, user };
}

/**
 * Runs shell with the functions of a profile's install.sh, in layers over the machine's own folders: files, settings and users are
 * real, and gone with the namespace. `user` makes the profile's user.
 */
function withFunctions(commands: string, name = "home", stderrToo = false, release: Release | null = null): string[] {
  const { functions, user } = piecesOf(name);
  expect(functions).toContain("remove_all() {");
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, "script"),
    `${functions}\nuser() {\n${user === "" ? ":" : user}\n}\nmkdir -p $state\n: >"$list.new"\n${commands}\n`,
  );
  const layers = `
    for at in etc usr var; do
      mkdir /mnt/$at /mnt/$at.work
      mount -t overlay -o lowerdir=/$at,upperdir=/mnt/$at,workdir=/mnt/$at.work overlay /$at
    done
    for at in root home; do mount -t tmpfs tmpfs /$at; done
    mount -t tmpfs tmpfs /run; mount -t sysfs sysfs /sys
    cd /
    /bin/sh "$1/script"${stderrToo ? " 2>&1" : ""}`;
  const { status, stdout, stderr } = inSystem(release, layers, folder);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").slice(0, -1);
}

/** Shell that lays Ubuntu 26.04's coreutils, Rust programs but for cp, mv and rm, over those of the machine. */
function withRustCoreutils(): string {
  // Elsewhere than the cache, which the machine's own folders hide.
  const folder = temporaryFolder();
  cpSync(rustCoreutils(), folder, { recursive: true });
  const program = join(folder, "bin/coreutils");
  mkdirSync(join(folder, "coreutils"));
  for (const name of run(program, ["--list"]).stdout.split("\n"))
    if (/^\w/.test(name) && !["coreutils", "cp", "mv", "rm"].includes(name))
      writeFileSync(join(folder, "coreutils", name), `#!/bin/sh\nexec ${program} ${name} "$@"\n`, { mode: 0o755 });
  return `cp --remove-destination ${folder}/coreutils/* /usr/bin/; [ "$(sort --version | grep -c uutils)" = 1 ]`;
}

/** A file that nobody else has. */
const FILE = "/etc/bondbox-try/deep/er/file";

describe("put", () => {
  it("writes a file as a whole, with its mode, and its folders", () => {
    const commands = `printf 'a\\n\\nb' | put ${FILE} 0600; stat -c '%a %U:%G' ${FILE}; cat ${FILE}; echo; ls -A /etc/bondbox-try/deep/er`;
    expect(withFunctions(commands)).toEqual(["600 root:root", "a", "", "b", "file"]);
  });

  it.each(["0644", "0600", "0755", "0440"])("gives mode %s whatever was there", (mode) => {
    const commands = `echo a | put ${FILE} 0777; echo a | put ${FILE} ${mode}; stat -c 0%a ${FILE}`;
    expect(withFunctions(commands)).toEqual([mode]);
  });

  it("says what has changed, and only that", () => {
    const say = "sort -u $pending 2>/dev/null || :; rm -f $pending; echo ==";
    const commands = `
      echo a | put ${FILE} 0644; echo b | put ${FILE}2 0644; ${say}
      echo a | put ${FILE} 0644; echo b | put ${FILE}2 0644; ${say}
      echo a | put ${FILE} 0644; echo c | put ${FILE}2 0644; ${say}
      rm ${FILE}; echo a | put ${FILE} 0644; ${say}`;
    expect(withFunctions(commands)).toEqual([FILE, `${FILE}2`, "==", "==", `${FILE}2`, "==", FILE, "=="]);
  });

  it("keeps the list of all its files, changed or not", () => {
    const commands = `echo a | put ${FILE} 0644; mv "$list.new" $list; : >"$list.new"; echo a | put ${FILE} 0644; cat $list "$list.new"`;
    expect(withFunctions(commands)).toEqual([FILE, FILE]);
  });

  it("replaces a link instead of writing through it", () => {
    const commands = `mkdir -p ${FILE.replace(/\/file$/, "")}; echo other >/etc/other; ln -s /etc/other ${FILE}
      echo a | put ${FILE} 0644; cat /etc/other ${FILE}; stat -c %F ${FILE}`;
    expect(withFunctions(commands)).toEqual(["other", "a", "regular file"]);
  });

  it("that is cut off leaves the old file, and nobody can read what is half there", () => {
    const commands = `echo old | put ${FILE} 0644; rm $pending
      mkfifo /mnt/slow
      put ${FILE} 0644 </mnt/slow & putting=$!
      exec 3>/mnt/slow; echo secret >&3
      until [ -s ${FILE}.bondbox-new ]; do sleep 0.05; done
      stat -c %a ${FILE}.bondbox-new; kill $putting; { wait $putting; } 2>/dev/null || :
      cat ${FILE}; [ ! -e $pending ] && echo nothing pending`;
    expect(withFunctions(commands)).toEqual(["600", "old", "nothing pending"]);
  });
});

describe("folder", () => {
  it("remembers what was not there, parents first, and nothing twice", () => {
    const commands = `folder /etc/bondbox-try/a/b; folder /etc/bondbox-try/a/c; folder /etc/bondbox-try; folder /etc; cat $state/folders`;
    expect(withFunctions(commands)).toEqual(["/etc/bondbox-try", "/etc/bondbox-try/a", "/etc/bondbox-try/a/b", "/etc/bondbox-try/a/c"]);
  });

  it("is open to all, whatever the umask", () => {
    expect(withFunctions("folder /etc/bondbox-try; stat -c %a /etc/bondbox-try")).toEqual(["755"]);
  });
});

/** Every path of a folder that has changed since, with its kind and content. */
const SNAPSHOT =
  "snapshot() { (cd /etc && find . -printf '%p %y %m %u %l\\n' | sort; find . -type f -exec sha256sum {} + | sort) >/mnt/$1; }";

describe("remove_all", () => {
  it("takes the files, and the folders that it has made: all is as before", () => {
    const commands = `${SNAPSHOT}
      rmdir $state 2>/dev/null || rm -r $state; snapshot before; mkdir $state; : >"$list.new"
      echo a | put ${FILE} 0600; echo b | put /etc/cron.d/bondbox 0644; echo c | put /etc/bondbox-other/x 0644
      mv "$list.new" $list
      mkdir /root/bondbox; echo key >/root/bondbox/install.sh
      remove_all
      snapshot after; diff /mnt/before /mnt/after && echo same; ls -A /root`;
    expect(withFunctions(commands)).toEqual(["same"]);
  });

  it("leaves a folder in which somebody else has put something, and files that are not ours", () => {
    const commands = `
      echo a | put /etc/bondbox-try/deep/file 0644; echo theirs >/etc/bondbox-try/theirs; mv "$list.new" $list
      remove_all
      find /etc/bondbox-try`;
    expect(withFunctions(commands)).toEqual(["/etc/bondbox-try", "/etc/bondbox-try/theirs"]);
  });

  it("leaves a folder that was there before, though it is empty now", () => {
    expect(
      withFunctions(
        `mkdir /etc/bondbox-try; echo a | put /etc/bondbox-try/file 0644; mv "$list.new" $list; remove_all; ls -d /etc/bondbox-try`,
      ),
    ).toEqual(["/etc/bondbox-try"]);
  });

  it("gives the kernel's settings back as they were before the first run", () => {
    const show =
      "sysctl -n net.ipv4.ip_forward net.ipv4.conf.all.send_redirects net.ipv4.conf.default.accept_redirects | tr '\\n' ' '; echo";
    const commands = `
      sysctl -q net.ipv4.ip_forward=0 net.ipv4.conf.all.send_redirects=1 net.ipv4.conf.default.accept_redirects=1; ${show}
      printf 'net.ipv4.ip_forward = 1\\n# A comment.\\nnet.ipv4.conf.all.send_redirects = 0\\n' | put /etc/sysctl.d/60-bondbox.conf 0644
      remember /etc/sysctl.d/60-bondbox.conf; sysctl -q -p /etc/sysctl.d/60-bondbox.conf; ${show}
      # A later run, whose profile has a setting more, remembers those of before the first one.
      printf 'net.ipv4.conf.default.accept_redirects = 0\\n' >>/etc/sysctl.d/60-bondbox.conf
      remember /etc/sysctl.d/60-bondbox.conf; sysctl -q -p /etc/sysctl.d/60-bondbox.conf; ${show}
      mv "$list.new" $list; remove_all; ${show}`;
    expect(withFunctions(commands)).toEqual(["0 1 1 ", "1 0 1 ", "1 0 0 ", "0 1 1 "]);
  });
});

describe("the user of the profile", () => {
  const { user = "", keys = [] } = planned("ssh-firewall").ssh ?? {};
  const show = `cut -d: -f1,7 /etc/passwd | grep '^${user}:' || echo nobody`;
  const withUser = (commands: string): string[] => withFunctions(commands, "ssh-firewall");

  it("is made with keys, without a password, once", () => {
    const commands = `user; user; ${show}; stat -c '%a %U' /home/${user}/.ssh /home/${user}/.ssh/authorized_keys
      cat /home/${user}/.ssh/authorized_keys; getent shadow ${user} | cut -d: -f2`;
    expect(withUser(commands)).toEqual([`${user}:/bin/bash`, `700 ${user}`, `600 ${user}`, ...keys, "!"]);
  });

  it("is taken away with home, where install.sh has made it", () => {
    expect(withUser(`user; remove_all; ${show}; ls -A /home`)).toEqual(["nobody"]);
  });

  it("that was there stays, with its own keys and without ours", () => {
    const commands = `useradd -m ${user}; mkdir /home/${user}/.ssh; echo 'ssh-ed25519 AAAA own' >/home/${user}/.ssh/authorized_keys
      user; wc -l </home/${user}/.ssh/authorized_keys; remove_all; ${show}; cat /home/${user}/.ssh/authorized_keys`;
    expect(withUser(commands)).toEqual([String(keys.length + 1), expect.stringContaining(`${user}:`), "ssh-ed25519 AAAA own"]);
  });

  it("that was there is named before anything changes, and that it gets no right: not one that install.sh has made", () => {
    const said = `bondbox: the user ${user} exists: it gets the profile's keys, and no right that it does not have`;
    expect(look(`useradd -m ${user}`, "ssh-firewall")).toEqual([said, "status 0"]);
    expect(look(`useradd -m ${user}; mkdir -p $state; : >$state/user`, "ssh-firewall")).toEqual(["status 0"]);
    expect(look("", "ssh-firewall")).toEqual(["status 0"]);
  });

  it("may become root if install.sh has made it, and only then", () => {
    const rule = "cat /etc/sudoers.d/bondbox 2>/dev/null || echo none";
    expect(withUser(`user; ${rule}; stat -c %a /etc/sudoers.d/bondbox`)).toEqual([`${user} ALL=(ALL:ALL) NOPASSWD: ALL`, "440"]);
    expect(withUser(`useradd -m ${user}; user; ${rule}`)).toEqual(["none"]);
  });

  it("may have another primary group", () => {
    expect(withUser(`groupadd others; useradd -m -g others ${user}; user; stat -c %U:%G /home/${user}/.ssh`)).toEqual([`${user}:others`]);
  });

  it("gets no key twice, and none of a key that only begins alike", () => {
    const [first = ""] = keys;
    const commands = `useradd -m ${user}; mkdir /home/${user}/.ssh; echo '${first} more words' >/home/${user}/.ssh/authorized_keys
      user; user; grep -cF '${first}' /home/${user}/.ssh/authorized_keys; remove_all; cat /home/${user}/.ssh/authorized_keys`;
    expect(withUser(commands)).toEqual(["2", `${first} more words`]);
  });
});

/** What install.sh says before it changes anything, and whether it goes on. */
function look(situation: string, name = "home", release: Release | null = null): string[] {
  return withFunctions(
    `rm -r $state; ${SNAPSHOT}
    ${situation}
    snapshot before; status=0; (look) || status=$?; echo "status $status"
    snapshot after; diff /mnt/before /mnt/after`,
    name,
    true,
    release,
  );
}

describe("a look before the first change", () => {
  const refused = "bondbox: not installed, and nothing was changed:";
  const { lan, lane, lines, tunnel } = planned("home");
  const [first] = lines;

  it("finds nothing on a machine that holds nothing of the kind", () => {
    expect(
      look("ip link add eth1 type veth peer name far; ip link set far up; ip address add 198.18.0.5/24 dev eth1; ip link set eth1 up"),
    ).toEqual(["status 0"]);
  });

  const situations: [title: string, situation: string, what: string, fix: string][] = [
    [
      "a tap of its own",
      `ip tuntap add dev ${first?.tap} mode tap`,
      `this machine has a ${first?.tap} already, and it is not bondbox's.`,
      "Build with another bond.name or tunnel.tap, or with tcpLane: off.",
    ],
    [
      "an interface called as the bond",
      "ip link add bond0 type veth peer name far",
      "this machine has a bond0 already, and it is not bondbox's.",
      "Build with another bond.name or tunnel.tap, or with tcpLane: off.",
    ],
    [
      "a private network that is the LAN's",
      `ip link add eth1 type veth peer name far; ip link set far up; ip address add ${lan.subnet.replace("0/24", "9/24")} dev eth1; ip link set eth1 up`,
      `the profile's network ${lan.subnet} is where this machine has its own ${lan.subnet} dev eth1.`,
      "Build with another lan.subnet or tunnel.network.",
    ],
    [
      "a part of it",
      `ip link add eth1 type veth peer name far; ip link set far up; ip address add ${lan.subnet.replace("0/24", "65/26")} dev eth1; ip link set eth1 up`,
      `the profile's network ${lan.subnet} is where this machine has its own ${lan.subnet.replace("0/24", "64/26")} dev eth1.`,
      "Build with another lan.subnet or tunnel.network.",
    ],
    [
      "one that it is a part of",
      "ip link add eth1 type veth peer name far; ip link set far up; ip link set eth1 up; ip address add 198.18.0.5/24 dev eth1; ip route add 192.168.0.0/16 via 198.18.0.1",
      `the profile's network ${lan.subnet} is where this machine has its own 192.168.0.0/16 via 198.18.0.1.`,
      "Build with another lan.subnet or tunnel.network.",
    ],
    [
      "an address of it without a network",
      `ip link add eth1 type veth peer name far; ip link set far up; ip link set eth1 up; ip address add ${lan.subnet.replace("0/24", "9/32")} dev eth1`,
      `the profile's network ${lan.subnet} is where this machine has its own ${lan.subnet.replace("0/24", "9")} dev eth1.`,
      "Build with another lan.subnet or tunnel.network.",
    ],
    [
      "the network of the tunnels",
      `ip link add eth1 type veth peer name far; ip link set far up; ip link set eth1 up; ip address add ${tunnel.serverAddress}/24 dev eth1`,
      `the profile's network ${tunnel.subnet} is where this machine has its own ${tunnel.subnet.replace(/\/.*/, "/24")} dev eth1.`,
      "Build with another lan.subnet or tunnel.network.",
    ],
    [
      "the network of the TCP lane",
      `ip link add eth1 type veth peer name far; ip link set far up; ip link set eth1 up; ip address add ${lane?.serverAddress}/24 dev eth1`,
      `the profile's network ${lane?.network} is where this machine has its own 172.16.17.0/24 dev eth1.`,
      "Build with another lan.subnet or tunnel.network.",
    ],
    [
      "an interface called as one of the lane's",
      "ip link add lane0 type veth peer name far",
      "this machine has a lane0 already, and it is not bondbox's.",
      "Build with another bond.name or tunnel.tap, or with tcpLane: off.",
    ],
    [
      "a wondershaper of the owner's",
      "echo theirs >/usr/local/sbin/wondershaper",
      "/usr/local/sbin/wondershaper exists, and it is not bondbox's.",
      "Move it away.",
    ],
    [
      "a link that leads nowhere",
      "mkdir -p /etc/openvpn/bondbox; ln -s /gone /etc/openvpn/bondbox/ovh.conf",
      "/etc/openvpn/bondbox/ovh.conf exists, and it is not bondbox's.",
      "Move it away.",
    ],
    [
      "a program on a tunnel's port",
      "ip link set lo up; openvpn --dev null --port 1194 >/dev/null 2>&1 & until ss -ulnH 'sport = :1194' | grep -q .; do sleep 0.05; done",
      "UDP port 1194 is in use: openvpn.",
      "Stop that, or build with another tunnel.firstPort.",
    ],
  ];
  describe.each(releases)("on %s", (release) => {
    it.each(situations)("refuses %s, and changes nothing", (_, situation, what, fix) => {
      expect(look(situation, "home", release)).toEqual([refused, `  ${what}`, `    ${fix}`, "status 1"]);
    });
  });

  it("refuses a machine whose own network is one behind a router at home", () => {
    const own = "ip link add eth1 type veth peer name far; ip link set far up; ip address add 10.50.7.9/24 dev eth1; ip link set eth1 up";
    expect(look(own, "machines")).toEqual([
      refused,
      "  the profile's network 10.50.0.0/16 is where this machine has its own 10.50.7.0/24 dev eth1.",
      "    Build with another lan.subnet, lan.routes or tunnel.network.",
      "status 1",
    ]);
    expect(look(own)).toEqual(["status 0"]);
  });

  it("names all that is in the way at once", () => {
    expect(
      look("ip link add bond0 type veth peer name far; echo theirs >/usr/local/sbin/wondershaper").filter((line) => /^ {2}\S/.test(line)),
    ).toHaveLength(2);
  });

  it("takes for its own what it has made, also in a run that was cut off, and its own devices", () => {
    expect(
      look(`mkdir -p $state; echo a | put /usr/local/sbin/wondershaper 0755
      ip tuntap add dev ${first?.tap} mode tap; ip link set ${first?.tap} alias bondbox`),
    ).toEqual(["status 0"]);
  });
});

describe("a server that an earlier bondbox has set up, whose devices have no mark", () => {
  const makers: Record<string, [file: string, content: string]> = {
    home: ["/usr/local/sbin/bondbox-bond", 'bond=bond0\ntaps="tap0 tap1 "'],
    "guide-2017": ["/etc/network/interfaces.d/bondbox.cfg", "iface bond0 inet static\n    bond-slaves tap0 tap1"],
  };
  /** A bridge stands in for the bond, which needs a module: the kernel shows what has joined it in the same way. */
  const devices = `ip link add bond0 type bridge; ip link add bond1 type bridge
    for tap in tap0 tap1 tap7; do ip tuntap add dev $tap mode tap; done`;
  const joined = "ip link set tap0 master bond0; ip link set tap1 master bond0";
  const show = "for device in bond0 tap0 tap1; do cat /sys/class/net/$device/ifalias 2>/dev/null || :; done";

  function looked(name: string, situation: string, alias = ""): string[] {
    const [file, content] = makers[name] ?? ["", ""];
    return withFunctions(
      `printf '%b\\n' ${JSON.stringify(content)} ${alias} | put ${file} 0755; mv "$list.new" $list
      ${devices}\n${situation}
      status=0; (look) >/mnt/said 2>&1 || status=$?; echo "status $status"; grep -o 'has a [a-z0-9]*' /mnt/said || :; ${show}; (look) >/dev/null 2>&1 && echo again || :`,
      name,
    );
  }

  it.each(Object.keys(makers))("%s: goes on, and marks them as its own", (name) => {
    expect(looked(name, joined)).toEqual(["status 0", "bondbox", "bondbox", "bondbox", "again"]);
  });

  it.each<[string, string, string[]]>([
    [
      "a bond of the owner's that has come since",
      "ip link delete tap0; ip link delete tap1; ip link set tap7 master bond0",
      ["has a bond0"],
    ],
    ["a bond of the owner's over nothing", "ip link delete tap0; ip link delete tap1", ["has a bond0"]],
    ["a bond that the owner uses, too", `${joined}; ip link set tap7 master bond0`, ["has a bond0", "has a tap0", "has a tap1"]],
    ["a tap of the owner's", "ip link set tap1 master bond0; ip link set tap0 master bond1", ["has a tap0"]],
  ])("refuses %s, and marks nothing", (_, situation, found) => {
    for (const name of Object.keys(makers)) expect(looked(name, situation).filter((line) => line !== "")).toEqual(["status 1", ...found]);
  });

  it("refuses them where the installed build marks its devices", () => {
    expect(looked("home", joined, "'ip link set alias bondbox'").filter((line) => line !== "")).toEqual([
      "status 1",
      "has a bond0",
      "has a tap0",
      "has a tap1",
    ]);
  });

  it("refuses them where something else is in the way, and marks nothing", () => {
    const said = looked("home", `${joined}; echo theirs >/usr/local/sbin/wondershaper`);
    expect(said.filter((line) => line !== "")).toEqual(["status 1"]);
  });
});

describe("packages", () => {
  /** A repository of Debian packages for the real apt: ours, what they need, and what an owner installs. */
  const setUp = (): { folder: string; script: string } => {
    const folder = temporaryFolder();
    const debs = [
      debOf({ name: "bondbox-test-lib" }),
      debOf({ name: "bondbox-test-ours", depends: "bondbox-test-lib" }),
      debOf({ name: "bondbox-test-also" }),
      debOf({ name: "bondbox-test-theirs", depends: "bondbox-test-also" }),
    ];
    writeFiles(
      folder,
      debs.map(({ file, content }) => ({ path: file, mode: 0o644, content })),
    );
    const index = debs.map(({ file, content }) => {
      const { stdout } = run("dpkg-deb", ["--field", join(folder, file)]);
      return `${stdout}Filename: ./${file}\nSize: ${content.length}\nSHA256: ${sha256(content)}\n`;
    });
    writeFileSync(join(folder, "Packages"), index.join("\n"));
    const script = `
      rm -rf /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d; mkdir -p /etc/apt/sources.list.d /etc/apt/apt.conf.d
      echo 'deb [trusted=yes] file:${folder} ./' >/etc/apt/sources.list
      echo 'APT::Sandbox::User "root";' >/etc/apt/apt.conf.d/test
      theirs() { { apt-get update && apt-get install -y "$@"; } >/dev/null; }
      there() { for p in lib ours also theirs; do [ -n "$(missing bondbox-test-$p)" ] || printf '%s ' $p; done; echo; }
      get() { need bondbox-test-ours bondbox-test-also >/dev/null; }`;
    return { folder, script };
  };

  it.each<[string, string, string[]]>([
    ["nothing more", "get; there; remove_packages >/dev/null; there", ["lib ours also ", ""]],
    [
      "a package of theirs that needs one of ours",
      "get; theirs bondbox-test-theirs; remove_packages | tail -n 1; there",
      ["bondbox: left, because you or another package wants them: bondbox-test-also", "also theirs "],
    ],
    [
      "one of ours that they have asked for since",
      "get; theirs bondbox-test-lib; remove_packages | tail -n 1; there",
      ["bondbox: left, because you or another package wants them: bondbox-test-lib", "lib "],
    ],
    ["one that was there before", "theirs bondbox-test-also; get; remove_packages >/dev/null; there", ["also "]],
    ["nothing, since all was there", "theirs bondbox-test-ours bondbox-test-also; get; remove_packages; there", ["lib ours also "]],
    [
      "an autoremove of theirs",
      "get; apt-get autoremove -y >/dev/null; there; apt-get autoremove -y >/dev/null; get; there",
      ["lib ours also ", "lib ours also "],
    ],
    [
      "a set-up that was cut off",
      "installed >$state/before; theirs bondbox-test-ours; apt-mark auto bondbox-test-ours >/dev/null; remove_packages >/dev/null; there",
      [""],
    ],
    [
      "no room to note what was there before: none is installed",
      "mount -t tmpfs -o size=4k tmpfs $state; cat /dev/zero >$state/full 2>/dev/null || :; get 2>/dev/null & wait $! || echo stopped; there",
      ["stopped", ""],
    ],
  ])("with %s", (_, commands, expected) => {
    const { script } = setUp();
    expect(withFunctions(`${script}\n${commands}`)).toEqual(expected);
  });

  it("with one that was there before, and coreutils in Rust", () => {
    const { script } = setUp();
    const commands = "theirs bondbox-test-also; get; there; remove_packages >/dev/null; there";
    expect(withFunctions(`${withRustCoreutils()}\n${script}\n${commands}`)).toEqual(["lib ours also ", "also "]);
  });

  it("are waited for while another program has apt's lock, and it is named", () => {
    const { script } = setUp();
    const commands = `
      /usr/bin/python3 -c 'import fcntl, os, time; f = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(f, fcntl.LOCK_EX); open("/run/held", "w")
while not os.path.exists("/run/waited"): time.sleep(0.1)' &
      until [ -e /run/held ]; do sleep 0.05; done
      sleep() { : >/run/waited; command sleep 0.5; }
      need bondbox-test-ours; there`;
    const said = withFunctions(`${script}\n${commands}`);
    expect(said[0]).toBe("bondbox: installing bondbox-test-ours");
    expect(said.join("\n")).toContain(
      "bondbox: waiting for another program's use of apt: E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process",
    );
    expect(said.at(-1)).toBe("lib ours ");
  });
});

describe("install.sh", () => {
  it("runs once at a time: a second one waits, and says so", () => {
    const install = join(built("home").folder, "server/install.sh");
    // Both end at the same place: they were never here.
    const script = `mount -t tmpfs tmpfs /run
      (flock 9; : >/run/held; sleep 1; echo "the first one ends") 9>/run/bondbox-install.lock &
      until [ -e /run/held ]; do sleep 0.05; done
      /bin/sh "$1" --remove 2>&1 || echo "status $?"; wait`;
    expect(inNamespace(script, [install]).stdout).toBe(
      "bondbox: waiting for another install.sh\nthe first one ends\nbondbox: there is nothing to remove\nstatus 1\n",
    );
  });

  it.each(["home", "guide-2017"])("of %s tells of a wrong word, and of a machine that it never was on, and changes nothing", (name) => {
    const install = join(built(name).folder, "server/install.sh");
    const script = `mount -t overlay -o lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/work overlay /etc
      for word in --remov --remove; do status=0; /bin/sh "$1" $word 2>&1 || status=$?; echo "status $status"; done; find /mnt/etc`;
    const { stdout } = inNamespace(`mkdir /mnt/etc /mnt/work\n${script}`, [install]);
    expect(stdout).toBe("usage: install.sh [--remove]\nstatus 64\nbondbox: there is nothing to remove\nstatus 1\n/mnt/etc\n");
  });

  it("of 14.04 refuses the owner's own tunnel of a line's name, and has nothing to remove afterwards", () => {
    const script = `
      for at in etc usr var; do mkdir /mnt/$at /mnt/$at.work; mount -t overlay -o lowerdir=/$at,upperdir=/mnt/$at,workdir=/mnt/$at.work overlay /$at; done
      for at in root home; do mount -t tmpfs tmpfs /$at; done
      mount -t sysfs sysfs /sys
      cd /etc/openvpn; echo 'dev tun' >ovh.conf; (umask 077; echo theirs >ovh.key)
      snapshot() { (cd /mnt; find etc usr var /root /home -printf '%p %y %m %U:%G %T@ %l\n' | sort; find etc usr var -type f -exec cksum {} +) >/run/$1; }
      snapshot before
      for word in '' --remove; do status=0; /bin/sh "$1" $word 2>&1 || status=$?; echo "status $status"; done
      snapshot after; diff /run/before /run/after; grep -o 'etc/openvpn/ovh[^ ]* f [0-9]*' /run/after`;
    const { stdout, stderr } = inNamespace(script, [join(built("guide-2017").folder, "server/install.sh")]);
    expect({ said: stdout.split("\n").slice(0, -1), stderr }).toEqual({
      said: [
        "bondbox: not installed, and nothing was changed:",
        "  /etc/openvpn/ovh.conf exists, and it is not bondbox's.",
        "    Move it away.",
        "  /etc/openvpn/ovh.key exists, and it is not bondbox's.",
        "    Move it away.",
        "status 1",
        "bondbox: there is nothing to remove",
        "status 1",
        "etc/openvpn/ovh.conf f 644",
        "etc/openvpn/ovh.key f 600",
      ],
      stderr: "",
    });
  });

  it("lays itself where it is found again when cloud-init runs it as user-data, and shows what it says", () => {
    const install = join(built("home").folder, "server/install.sh");
    // Something is in the way, so it goes no further than its look.
    const script = `
      for at in etc usr var; do mkdir /mnt/$at /mnt/$at.work; mount -t overlay -o lowerdir=/$at,upperdir=/mnt/$at,workdir=/mnt/$at.work overlay /$at; done
      mount -t tmpfs tmpfs /root; mount -t tmpfs tmpfs /run; mount -t sysfs sysfs /sys
      echo theirs >/usr/local/sbin/wondershaper; mkdir -p /var/lib/cloud/instance/scripts; cp "$1" /var/lib/cloud/instance/scripts/part-001
      /bin/sh /var/lib/cloud/instance/scripts/part-001 >/run/said 2>&1 || echo "status $?"
      cmp "$1" /root/bondbox/install.sh && stat -c %a /root/bondbox/install.sh; cmp /run/said /var/log/bondbox-install.log; sed -n 2p /run/said; ls -d /etc/bondbox 2>&1`;
    expect(inNamespace(script, [install]).stdout).toBe(
      "status 1\n600\n  /usr/local/sbin/wondershaper exists, and it is not bondbox's.\nls: cannot access '/etc/bondbox': No such file or directory\n",
    );
  });

  it("is for root", () => {
    const { stdout } = inNamespace(
      'chmod 755 /mnt; cp "$1" /mnt/install.sh; chmod 755 /mnt/install.sh; setpriv --reuid 65534 --clear-groups sh /mnt/install.sh 2>&1 || echo "status $?"',
      [join(built("home").folder, "server/install.sh")],
    );
    expect(stdout).toBe("bondbox: this needs root: sudo sh install.sh\nstatus 1\n");
  });
});

/**
 * A machine on which install.sh of profile home runs from its first line to its last: files, folders, settings and locks are real. What
 * would change the tests' own system (packages, units, modules) is a stand-in, and the bond is what its stand-in leaves in /sys.
 */
const MACHINE = `
for at in etc usr var; do mkdir /mnt/$at /mnt/$at.work; mount -t overlay -o lowerdir=/$at,upperdir=/mnt/$at,workdir=/mnt/$at.work overlay /$at; done
for at in root home; do mount -t tmpfs tmpfs /$at; done
mount -t sysfs sysfs /sys; mkdir /mnt/net; mount --bind /mnt/net /sys/class/net
cd /
# Preflight has tests of its own; it would miss the bond.
sed 's/^bondbox-preflight ||/true ||/' "$1/install.sh" >/mnt/install.sh
stub() { printf '#!/bin/sh\\n%s\\n' "$2" >/usr/local/sbin/$1; chmod 755 /usr/local/sbin/$1; }
stub dpkg-query 'echo install ok installed'
for name in modprobe udevadm networkctl apt-get apt-mark; do stub $name ''; done
stub systemctl 'bond=/mnt/net/bond0
case "$*" in
  *"start bondbox-bond") mkdir -p $bond/bonding; echo bondbox >$bond/ifalias; echo "balance-rr 0" >$bond/bonding/mode; echo tap0 tap1 >$bond/bonding/slaves ;;
  "disable --now"*bondbox-bond*) rm -rf $bond ;;
esac'
snapshot() {
  { find etc usr/local root home var/lib/cloud -printf '%p %y %m %U %G %l\\n' 2>/dev/null | sort
    find etc usr/local root home -type f -exec cksum {} + | sort
    sysctl -a 2>/dev/null | grep -E '^net\\.ipv4\\.(ip_forward|conf\\.(all|default)\\.)'; ls /mnt/net; } >/mnt/$1
}
# Under a number, so that two can speak at once. Each is a group of its own, so that it can be killed with all that it has started.
install() { number=$1; shift; setsid sh /mnt/install.sh "$@" >/mnt/said.$number 2>&1; }
`;

function onMachine(script: string, release: Release | null = null): string[] {
  const { status, stdout, stderr } = inSystem(release, MACHINE + script, join(built("home").folder, "server"), { timeout: 880_000 });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

describe("install.sh as a whole", () => {
  const unfinished = "bondbox: not finished: mend that, make room on a full disk, and run this again";
  const ready = "bondbox: ready, waiting for the box on UDP 1194 1196";

  const situations: [title: string, situation: string, words: string[], state: string][] = [
    ["an empty machine", "", [ready, "bondbox: removed"], "as before"],
    ["removed twice", "install 0; install 0 --remove", [ready, "bondbox: removed"], "as before"],
    [
      "the owner's bond0",
      "mkdir /mnt/net/bond0; echo uplink >/mnt/net/bond0/ifalias",
      [
        "  this machine has a bond0 already, and it is not bondbox's.",
        "    Build with another bond.name or tunnel.tap, or with tcpLane: off.",
        "bondbox: there is nothing to remove",
      ],
      "as before",
    ],
    [
      "the owner's wondershaper",
      "echo theirs >/usr/local/sbin/wondershaper",
      ["  /usr/local/sbin/wondershaper exists, and it is not bondbox's.", "    Move it away.", "bondbox: there is nothing to remove"],
      "as before",
    ],
    [
      "the owner's own file in a folder of ours",
      "mkdir -p /etc/openvpn/bondbox; echo theirs >/etc/openvpn/bondbox/other.conf",
      [ready, "bondbox: removed"],
      "as before",
    ],
  ];
  describe.each(releases)("on %s", (release) => {
    it.each(situations)("%s", (_, situation, words, state) => {
      const script = `${situation}
        snapshot before; install 0 || :; grep -v '^bondbox: not installed' /mnt/said.0
        install 0 --remove || :; tail -n 1 /mnt/said.0
        snapshot after; diff /mnt/before /mnt/after && echo 'as before'`;
      // What is there after one run and its removal is what was there before, whatever came earlier.
      expect(onMachine(script, release)).toEqual([...words, state]);
    });

    it("set up by user-data, tries again at the next boot when apt fails, and is done with that once it is ready", () => {
      const said = onMachine(
        `
        # Nothing is installed until apt-get can.
        stub dpkg-query '[ ! -e /mnt/installed ] || echo "install ok installed"'
        stub apt-get '[ "$1" != install ] || { [ -e /mnt/reached ] && : >/mnt/installed; } || { echo "E: Unable to fetch some archives" >&2; exit 100; }'
        part=/var/lib/cloud/instance/scripts/part-001 again=/var/lib/cloud/scripts/per-boot/bondbox log=/var/log/bondbox-install.log
        mkdir -p \${part%/*} \${again%/*}
        snapshot before
        boot() { status=0; "$@" >/dev/null 2>&1 || status=$?; echo "status $status: $(grep 'could not' $log) $(tail -n 1 $log)"; stat -c '%a %U' $again; }
        cp /mnt/install.sh $part; boot sh $part; rm $part
        boot $again
        : >/mnt/reached; boot $again
        snapshot ready; echo 'nobody writes here' >$log; boot $again; snapshot again; diff /mnt/ready /mnt/again
        sh /root/bondbox/install.sh --remove
        snapshot after; diff /mnt/before /mnt/after && echo 'as before'`,
        release,
      );
      const packages = /^need (.*)$/m.exec(readFileSync(join(built("home").folder, "server/install.sh"), "utf8"))?.[1];
      const failed = `bondbox: could not install ${packages} ${unfinished}`;
      expect(said).toEqual([
        `status 1: ${failed}`,
        "755 root",
        `status 1: ${failed}`,
        "755 root",
        `status 0:  ${ready}`,
        "755 root",
        "status 0:  nobody writes here",
        "755 root",
        "bondbox: removed",
        "as before",
      ]);
    });
  });

  it("run three times: as one run leaves it", () => {
    const script = `install 0; snapshot once; install 0; install 0; cat /mnt/said.0; snapshot again; diff /mnt/once /mnt/again && echo 'as before'`;
    expect(onMachine(script)).toEqual([ready, "as before"]);
  });

  it("with coreutils in Rust: as with those in C", () => {
    const said = onMachine(`
      snapshot before; install 0; snapshot once; install 0 --remove; snapshot gone; diff /mnt/before /mnt/gone && echo 'as before'
      ${withRustCoreutils()}
      snapshot before; install 0; cat /mnt/said.0; snapshot again; cmp -s /mnt/before /mnt/again || echo changed
      diff /mnt/once /mnt/again && echo 'as with C'
      install 0 --remove; cat /mnt/said.0; snapshot gone; diff /mnt/before /mnt/gone && echo 'as before'`);
    expect(said).toEqual(["as before", ready, "changed", "as with C", "bondbox: removed", "as before"]);
  });

  it("two at once, 40 times: both end well, and the server is as one alone leaves it", { timeout: 900_000 }, () => {
    expect(
      onMachine(`
        snapshot never; install 0; snapshot once
        for round in $(seq 40); do
          # Now and then on an empty machine, where both have everything to do.
          [ $((round % 4)) != 0 ] || install 0 --remove
          install 1 & first=$!
          install 2 & second=$!
          wait $first || { echo "round $round"; cat /mnt/said.1; }
          wait $second || { echo "round $round"; cat /mnt/said.2; }
          cat /mnt/said.1 /mnt/said.2 >>/mnt/said
          snapshot again; cmp -s /mnt/once /mnt/again || { echo "round $round"; diff /mnt/once /mnt/again || :; }
        done
        sort -u /mnt/said
        install 0 --remove; snapshot gone; diff /mnt/never /mnt/gone && echo 'as before'`),
    ).toEqual([ready, "bondbox: waiting for another install.sh", "as before"]);
  });

  it("cut off at 20 moments: --remove leaves the machine as before, and so does another run and its removal", { timeout: 900_000 }, () => {
    // Seeded, so that a failure comes again: shares of the time that a whole run takes.
    let seed = 20260;
    const shares = Array.from({ length: 20 }, () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % 100);
    const said = onMachine(`
      snapshot before
      start=$(date +%s%N); install 0; took=$((($(date +%s%N) - start) / 1000000)); install 0 --remove
      snapshot after; diff /mnt/before /mnt/after
      for share in ${shares.join(" ")}; do
        ms=$((took * share / 100))
        setsid sh /mnt/install.sh >/mnt/said.0 2>&1 & pid=$!
        sleep $((ms / 1000)).$(printf %03d $((ms % 1000)))
        kill -s KILL -- -$pid 2>/dev/null || :
        wait $pid 2>/dev/null || :
        echo "files $(cat /etc/bondbox/files /etc/bondbox/files.new 2>/dev/null | sort -u | wc -l)"
        # Every other one is taken up again first.
        [ $((share % 2)) = 0 ] || install 0 || cat /mnt/said.0
        install 0 --remove || grep -qx 'bondbox: there is nothing to remove' /mnt/said.0 || cat /mnt/said.0
        snapshot after; cmp -s /mnt/before /mnt/after || { echo "cut at $share %"; diff /mnt/before /mnt/after || :; }
      done`);
    expect(said.filter((line) => !/^files \d+$/.test(line))).toEqual([]);
    // The moments differ: some before the first file, some in between.
    expect(new Set(said).size).toBeGreaterThan(3);
  });

  it("a full disk: it says so, and with room again another run is as one alone; --remove needs no room", { timeout: 900_000 }, () => {
    // From the first byte on to the last: a page is the least that a file takes there.
    const pages = [0, 1, 2, 3, 5, 12, 24, 36, 42];
    const said = onMachine(`
      # All that is written to is on /mnt.
      used() { df -k --output=used /mnt | tail -n 1; }
      room() { mount -o remount,size=$1 /mnt; }
      snapshot before; start=$(used); install 0; took=$(($(used) - start)); snapshot once; install 0 --remove
      [ $took -gt ${4 * (pages.at(-1) ?? 0)} ] || echo "a run takes only $took KB: not every disk is full"
      for pages in ${pages.join(" ")}; do
        for then in remove again; do
          room $(($(used) + 4 * pages))k
          status=0; sh /mnt/install.sh >/run/said 2>&1 || status=$?
          echo "status $status: $(tail -n 2 /run/said | head -n 1)"; tail -n 1 /run/said
          if [ $then = again ]; then
            room 1g; install 0 || cat /mnt/said.0
            snapshot again; cmp -s /mnt/once /mnt/again || { echo "$pages pages, again"; diff /mnt/once /mnt/again || :; }
          fi
          sh /mnt/install.sh --remove >/run/said 2>&1 || cat /run/said
          room 1g; snapshot after; cmp -s /mnt/before /mnt/after || { echo "$pages pages, $then"; diff /mnt/before /mnt/after || :; }
        done
      done`);
    // Of what the shell itself writes, dash names no cause.
    const full = /^status 1: (cat: write error: No space left on device|\/mnt\/install\.sh: \d+: echo: echo: I\/O error)$/;
    expect(said.filter((line) => !full.test(line) && line !== unfinished)).toEqual([]);
    expect(said).toHaveLength(2 * 2 * pages.length);
    expect(said).toContain("status 1: cat: write error: No space left on device");
  });
});

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { built } from "../support/builds";
import { inNamespace } from "../support/programs";
import { planned, temporaryFolder } from "../support/trees";

/** The functions of install.sh, as it carries them, and the commands that create the user. */
function piecesOf(name: string): { functions: string; user: string } {
  const script = readFileSync(join(built(name).folder, "server/install.sh"), "utf8");
  const [, functions = ""] = /^(set -eu\n[\s\S]*?)^\[ "\$\(id -u\)"/m.exec(script) ?? [];
  const [, user = ""] = /^(id \S+ >\/dev\/null[\s\S]*?)^if \[ -f "\$list" \]/m.exec(script) ?? [];
  return { functions, user };
}

/**
 * Runs shell with the functions of a profile's install.sh, in layers over the machine's own folders: files, settings and users are
 * real, and gone with the namespace. `user` makes the profile's user.
 */
function withFunctions(commands: string, name = "home"): string[] {
  const { functions, user } = piecesOf(name);
  expect(functions).toContain("remove_all() {");
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, "script"),
    `${functions}\nuser() {\n${user === "" ? ":" : user}\n}\nmkdir -p $state\n: >"$list.new"\n${commands}\n`,
  );
  const layers = `
    for at in etc usr; do
      mkdir /mnt/$at /mnt/$at.work
      mount -t overlay -o lowerdir=/$at,upperdir=/mnt/$at,workdir=/mnt/$at.work overlay /$at
    done
    for at in root home; do mount -t tmpfs tmpfs /$at; done
    cd /
    /bin/sh "$1/script"`;
  const { status, stdout, stderr } = inNamespace(layers, [folder]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").slice(0, -1);
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
  const run = (commands: string): string[] => withFunctions(commands, "ssh-firewall");

  it("is made with keys, without a password, once", () => {
    const commands = `user; user; ${show}; stat -c '%a %U' /home/${user}/.ssh /home/${user}/.ssh/authorized_keys
      cat /home/${user}/.ssh/authorized_keys; getent shadow ${user} | cut -d: -f2`;
    expect(run(commands)).toEqual([`${user}:/bin/bash`, `700 ${user}`, `600 ${user}`, ...keys, "!"]);
  });

  it("is taken away with home, where install.sh has made it", () => {
    expect(run(`user; remove_all; ${show}; ls -A /home`)).toEqual(["nobody"]);
  });

  it("that was there stays, with its own keys and without ours", () => {
    const commands = `useradd -m ${user}; mkdir /home/${user}/.ssh; echo 'ssh-ed25519 AAAA own' >/home/${user}/.ssh/authorized_keys
      user; wc -l </home/${user}/.ssh/authorized_keys; remove_all; ${show}; cat /home/${user}/.ssh/authorized_keys`;
    expect(run(commands)).toEqual([String(keys.length + 1), expect.stringContaining(`${user}:`), "ssh-ed25519 AAAA own"]);
  });

  it("gets no key twice, and none of a key that only begins alike", () => {
    const [first = ""] = keys;
    const commands = `useradd -m ${user}; mkdir /home/${user}/.ssh; echo '${first} more words' >/home/${user}/.ssh/authorized_keys
      user; user; grep -cF '${first}' /home/${user}/.ssh/authorized_keys; remove_all; cat /home/${user}/.ssh/authorized_keys`;
    expect(run(commands)).toEqual(["2", `${first} more words`]);
  });
});

describe("install.sh", () => {
  it.each(["home", "guide-2017"])("of %s tells of a wrong word, and of a machine that it never was on, and changes nothing", (name) => {
    const install = join(built(name).folder, "server/install.sh");
    const script = `mount -t overlay -o lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/work overlay /etc
      for word in --remov --remove; do status=0; /bin/sh "$1" $word 2>&1 || status=$?; echo "status $status"; done; find /mnt/etc`;
    const { stdout } = inNamespace(`mkdir /mnt/etc /mnt/work\n${script}`, [install]);
    expect(stdout).toBe("usage: install.sh [--remove]\nstatus 64\nbondbox: there is nothing to remove\nstatus 1\n/mnt/etc\n");
  });

  it("is for root", () => {
    const { stdout } = inNamespace(
      'chmod 755 /mnt; cp "$1" /mnt/install.sh; chmod 755 /mnt/install.sh; setpriv --reuid 65534 --clear-groups sh /mnt/install.sh 2>&1 || echo "status $?"',
      [join(built("home").folder, "server/install.sh")],
    );
    expect(stdout).toBe("bondbox: this needs root: sudo sh install.sh\nstatus 1\n");
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/builds";
import { cardOf, debOf, type TestCard, writeFiles } from "../support/card";
import { type Outcome, run } from "../support/programs";
import { temporaryFolder } from "../support/trees";

const CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=12345678-02 rootfstype=ext4 fsck.repair=yes rootwait quiet";
const INIT = "init=/usr/local/sbin/bondbox-init";

const debs = () => [debOf({ name: "bondbox-test-a" }), debOf({ name: "bondbox-test-b", depends: "bondbox-test-a", postinst: "sleep 0.2" })];

/**
 * Runs a script with the functions of card.sh on a box whose boot partition has a card's files.
 * @param more folders with files, $2, $3 ...
 */
function onBox(card: TestCard, script: string, more: string[] = []): Outcome {
  const folder = temporaryFolder();
  writeFiles(join(folder, "fat"), [
    ...card.bootfs,
    { path: "cmdline.txt", mode: 0o644, content: `${CMDLINE}\n` },
    { path: "config.txt", mode: 0o644, content: "arm_64bit=1\n" },
  ]);
  writeFiles(folder, [{ path: "overlay.tar", mode: 0o600, content: card.overlayTar }]);
  const whole = `. "$0"\npower_up "$1"\n${script}`;
  const outcome = run("unshare", [
    "--mount",
    "--uts",
    "--net",
    "sh",
    "-uc",
    whole,
    join(root, "test/conformance/card.sh"),
    folder,
    ...more,
  ]);
  const image = readFileSync(join(folder, "fat.img"), "latin1");
  const left = card.secrets.filter((secret) => image.includes(secret));
  return { ...outcome, output: outcome.output + left.map((secret) => `secret left on the card: ${secret}\n`).join("") };
}

/** Prints the card's state at the end. */
const REPORT = `
echo "== status"; status
echo "== fat"; (cd $firmware && find . -type f | sort)
echo "== cmdline"; cat $firmware/cmdline.txt
echo "== home"; (cd $box/var/lib/bondbox && find . -type f ! -path './state/*' ! -name keep.img | sort)
echo "== calls"; cat $box/var/log/systemctl
echo "== packages"; dpkg-query --admindir $box/var/lib/dpkg -W -f '\${Package} \${db:Status-Status} \${Version}\\n' 'bondbox-test-*' 2>&1
echo "== policy"; ls $box/usr/sbin/policy-rc.d 2>&1
echo "== differs"; tar -df "$1/overlay.tar" -C $box 2>&1 | grep -v 'cloud-init.disabled: \\(Mod time\\|Size\\)'
echo "== end"`;

function part({ output }: Outcome, name: string): string {
  const found = new RegExp(`^== ${name}\\n([\\s\\S]*?)^== `, "m").exec(output);
  if (found === null) throw new Error(`no part ${name} in\n${output}`);
  return found[1] as string;
}

/** What must be true of a card that is set up, however it got there. */
function expectSetUp(outcome: Outcome, cmdline = `${CMDLINE} ${INIT}\n`): void {
  expect(outcome.output).not.toContain("secret left");
  expect(part(outcome, "fat").split("\n").filter(Boolean)).toEqual([
    "./bondbox-status.txt",
    "./bondbox/id",
    "./cmdline.txt",
    "./config.txt",
  ]);
  expect(part(outcome, "cmdline")).toBe(cmdline);
  expect(part(outcome, "home")).toBe("./files\n./id\n");
  expect(part(outcome, "packages")).toBe("bondbox-test-a installed 1.0\nbondbox-test-b installed 1.0\n");
  expect(part(outcome, "policy")).toContain("No such file");
  expect(part(outcome, "differs")).toBe("");
  expect(part(outcome, "calls").trimEnd()).toMatch(/^reboot$/m);
}

describe("the first boot", () => {
  it("moves, installs, and restarts once", async () => {
    const card = await cardOf({}, debs());
    expect(card.secrets.length).toBeGreaterThan(10);
    const outcome = onBox(card, `boot${REPORT}`);
    expectSetUp(outcome);
    expect(part(outcome, "status")).toMatch(/^bondbox is set up, and the box restarts\.\n$/);
    expect(part(outcome, "calls").match(/^reboot$/gm)).toHaveLength(1);
    expect(outcome.stdout).toContain("installing the packages\n");
  });

  it("leaves nothing to do for the next one, which writes nothing to the card", async () => {
    const script = `boot; touch -d 2001-01-01 $box/mark; boot; status >$box/first; boot
      cmp $box/first $firmware/bondbox-status.txt && echo same
      find $firmware $box/etc $box/usr/local $box/var/lib/bondbox -newer $box/var/lib/bondbox/id -type f ! -name bondbox-status.txt`;
    const outcome = onBox(await cardOf({}, debs()), `${script}${REPORT}`);
    expectSetUp(outcome);
    expect(outcome.stdout).toMatch(/^same\n== status/m);
    expect(part(outcome, "status")).toMatch(/^bondbox is running: 0 of 2 lines up - the LAN has no internet\.\n/);
    expect(part(outcome, "status")).toMatch(
      /\nSet up in \d+ s: move \d+ s, packages \d+ s, overlay \d+ s, system \d+ s, storage \d+ s,\s+wait \d+ s\.\n/,
    );
    expect(part(outcome, "calls").match(/^reboot$/gm)).toHaveLength(1);
  });

  it("names the port that the board has, if it is not the profile's, also once the box runs", async () => {
    const script = `
      rm -r $box/sys/class/net/eth0
      port end0 device
      port wlan0 device wireless
      port docker0
      boot; status; echo "== running"; boot`;
    const outcome = onBox(await cardOf({}, debs()), `${script}${REPORT}`);
    expectSetUp(outcome);
    const said =
      /bondbox is set up, and the box restarts\.\nThere is no port eth0; there is end0\.\nTo fix it: write "interface: end0" below "lan:"/;
    expect(outcome.stdout).toMatch(said);
    expect(part(outcome, "status")).toMatch(
      /\n! There is no port eth0; there is end0\.\n {2}> write "interface: end0" below "lan:" in the profile/,
    );
  });

  it("leaves the card writable if the profile says so", async () => {
    const outcome = onBox(await cardOf({ box: { storage: "plain" } }, debs()), `boot${REPORT}`);
    expectSetUp(outcome, `${CMDLINE}\n`);
  });

  it("delays its restart until the settings of Raspberry Pi Imager are applied", async () => {
    const script = `
      program sleep 'date +%s%N >>/var/log/slept; [ "$(wc -l </var/log/slept)" -lt 3 ] || : >/run/jobs'
      boot stay
      echo ' 60 cloud-final.service start waiting' >$box/run/jobs
      [ ! -e $box/etc/cloud/cloud-init.disabled ] && echo "cloud-init is on"
      inside /usr/local/sbin/bondbox-setup finish
      echo "slept $(wc -l <$box/var/log/slept)"
      rm $box/usr/bin/sleep`;
    const outcome = onBox(await cardOf({}, debs()), `${script}${REPORT}`);
    expectSetUp(outcome);
    expect(outcome.stdout).toContain("cloud-init is on\n");
    expect(outcome.stdout).toContain("slept 3\n");
  });

  it("is started on bookworm by firstrun.sh, after the settings of Raspberry Pi Imager", async () => {
    const card = await cardOf({ box: { target: "raspios-bookworm" } }, debs());
    const words = "systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target";
    const script = `
      is_a bookworm arm64
      rm $firmware/vendor-data
      echo "$(cat $firmware/cmdline.txt) ${words}" >$firmware/cmdline.txt
      echo 'echo of the person >/etc/imager' >$firmware/firstrun-imager.sh
      inside sh /boot/firmware/firstrun.sh; echo "ended $?"
      cat $firmware/cmdline.txt $box/etc/imager
      boot${REPORT}`;
    const outcome = onBox(card, script);
    expect(outcome.stdout).toContain(`ended 0\n${CMDLINE}\nof the person\n`);
    expectSetUp(outcome);
  });
});

/** A cut ends as a restart, so one after the last step takes the place of the box's own. */
const CUT = `
  cut=0
  was_cut() {
    cut=$((cut + 1))
    ! is_set_up || echo reboot >>$box/var/log/systemctl
  }`;

describe("an interruption", () => {
  it("is repaired at the next start, whenever it comes", async () => {
    // Seconds until each start is cut off. The first ones are so short that they interrupt it on a fast machine, too.
    const cuts = Array.from({ length: 24 }, (_, index) => (0.05 + index * 0.03).toFixed(2));
    const script = `${CUT}
      for after in ${cuts.join(" ")}; do
        ! is_set_up || break
        setsid sh -c '. "$0"; boot' "$0" >>$1/log 2>&1 &
        sleep $after
        kill -KILL -$! 2>/dev/null && was_cut
        wait $! 2>/dev/null
      done
      echo "cut off $cut times"
      is_set_up || boot
      boot${REPORT}`;
    const outcome = onBox(await cardOf({}, debs()), script);
    expectSetUp(outcome);
    expect(Number(/cut off (\d+) times/.exec(outcome.stdout)?.[1])).toBeGreaterThanOrEqual(3);
  });

  it.each(["cp", "sync", "mv", "dd", "find", "tar", "rm", "dpkg", "comm"])("at any call of %s is repaired", async (program) => {
    // The program ends the whole start at its first, second, third ... call, until a start needs fewer.
    const script = `${CUT}
      real=$(command -v ${program})
      mv $box$real $box$real.whole
      printf '#!/bin/sh\\n[ "$1" != --print-architecture ] || { echo arm64; exit; }\\nread -r left </run/left; echo $((left - 1)) >/run/left; [ "$left" != 0 ] || kill -KILL 0\\nexec %s.whole "$@"\\n' $real >$box$real
      chmod 755 $box$real
      for calls in 0 1 2 3 5 8 13 21 34; do
        ! is_set_up || break
        setsid sh -c '. "$0"; rm -rf $box/run/bondbox*; echo $1 >$box/run/left; boot' "$0" $calls >>$1/log 2>&1 || was_cut
      done
      mv -f $box$real.whole $box$real
      echo "cut off $cut times"
      is_set_up || boot
      boot${REPORT}`;
    const outcome = onBox(await cardOf({}, debs()), script);
    expectSetUp(outcome);
    expect(Number(/cut off (\d+) times/.exec(outcome.stdout)?.[1])).toBeGreaterThanOrEqual(1);
  });
});

describe("a changed card", () => {
  const copy = 'cp -R "$2"/. $firmware/';

  it("is applied at the next start, and files that it no longer has are removed", async () => {
    const first = await cardOf({}, debs());
    const second = await cardOf({ lines: [{ name: "three", modem: "192.168.1.254", down: 7000, up: 900 }] }, debs());
    const folder = writeFiles(temporaryFolder(), second.bootfs);
    writeFiles(folder, [{ path: "../overlay.tar", mode: 0o600, content: second.overlayTar }]);
    const outcome = onBox(first, `boot; boot; ${copy}; boot; cp "$2/../overlay.tar" "$1"; ls $box/etc/openvpn/bondbox${REPORT}`, [folder]);
    expectSetUp(outcome);
    expect(outcome.stdout).toContain("three.conf\n");
    expect(outcome.stdout).not.toMatch(/^(one|two)\.conf$/m);
    expect(part(outcome, "calls").match(/^reboot$/gm)).toHaveLength(2);
  });

  it("changes nothing if it is incomplete, and says so", async () => {
    const script = `boot; boot; ${copy}; truncate -s -1 $firmware/bondbox/overlay.tar; boot; echo "ended $?"${REPORT}`;
    const card = await cardOf({}, debs());
    const folder = writeFiles(temporaryFolder(), card.bootfs);
    const outcome = onBox(card, script, [folder]);
    expect(outcome.stdout).toContain("ended 1\n");
    expect(part(outcome, "status")).toMatch(/^bondbox could not finish: the files .* are incomplete\n\nTo fix it: copy bootfs/);
    expect(part(outcome, "home")).toBe("./files\n./id\n");
    expect(part(outcome, "differs")).toBe("");
  });

  it("that lacks its last file is reported", async () => {
    const script = `boot; boot; ${copy}; rm $firmware/bondbox/overlay.tar; echo 0123456789abcdef >$firmware/bondbox/id; boot; echo "ended $?"${REPORT}`;
    const card = await cardOf({}, debs());
    const outcome = onBox(card, script, [writeFiles(temporaryFolder(), card.bootfs)]);
    expect(outcome.stdout).toContain("ended 0\n");
    expect(part(outcome, "status")).toContain("A changed card was copied only in part");
  });

  it("brings its own set-up, because the installed one may be half replaced", async () => {
    const card = await cardOf({ hostname: "other" }, debs());
    const folder = writeFiles(temporaryFolder(), card.bootfs);
    writeFiles(folder, [{ path: "../overlay.tar", mode: 0o600, content: card.overlayTar }]);
    const begin = "inside /usr/local/sbin/bondbox-setup begin; echo 'exit 9' >$box/usr/local/lib/bondbox/setup/run.sh";
    const outcome = onBox(await cardOf({}, debs()), `boot; boot; ${copy}; ${begin}; boot; cp "$2/../overlay.tar" "$1"${REPORT}`, [folder]);
    expectSetUp(outcome);
  });

  it("is where what was pushed goes, when the card is writable, and is what counts when it is newer", async () => {
    const [first, second] = [await cardOf({}, debs()), await cardOf({ hostname: "pushed" }, debs())];
    const folder = writeFiles(temporaryFolder(), [{ path: "overlay.tar", mode: 0o600, content: second.overlayTar }, ...first.bootfs]);
    // As the trial's "confirm" leaves it.
    const push = `generations=$box/var/lib/bondbox/keep/generations
      mkdir -p $generations/fedcba9876543210
      cp "$2/overlay.tar" $generations/fedcba9876543210
      (cd $generations/fedcba9876543210 && sha256sum overlay.tar >SHA256SUMS)
      echo "fedcba9876543210 $(cat $box/var/lib/bondbox/id)" >$generations/current`;
    const look = "cat $box/etc/hostname; cat $box/var/lib/bondbox/pushed 2>/dev/null || echo nothing pushed";
    const { stdout } = onBox(first, `boot; boot; ${push}; boot; ${look}; ${copy}; boot; boot; ${look}`, [folder]);
    expect(stdout.split("\n").filter((row) => /^(pushed|bondbox|fedcba\w+|nothing pushed)$/.test(row))).toEqual([
      "pushed",
      "fedcba9876543210",
      first.plan.hostname,
      "nothing pushed",
    ]);
  });

  it("turns the protection off if the profile now says so", async () => {
    const [first, second] = [await cardOf({}, debs()), await cardOf({ box: { storage: "plain" } }, debs())];
    const folder = writeFiles(temporaryFolder(), second.bootfs);
    const outcome = onBox(first, `boot; boot; ${copy}; boot; ls $box/etc/systemd/system/fstrim.timer 2>&1${REPORT}`, [folder]);
    expect(part(outcome, "cmdline")).toBe(`${CMDLINE}\n`);
    expect(outcome.stdout).toContain("No such file");
  });
});

describe("a system that the card was not built for", () => {
  it.each([
    ["another release", "is_a bookworm arm64", "it holds Debian bookworm"],
    ["32 bits", "is_a trixie armhf", "it holds a system for armhf, not 64-bit"],
    ["a desktop", ": >$box/usr/sbin/lightdm", "it holds a system with a desktop, not Lite"],
  ])("%s: nothing is changed, and the status says so", async (_, change, reason) => {
    const outcome = onBox(await cardOf({}, debs()), `${change}; boot; ls $box/var/lib/bondbox 2>&1${REPORT}`);
    expect(part(outcome, "status")).toContain(reason);
    expect(part(outcome, "status")).toContain("To fix it: write Raspberry Pi OS Lite (64-bit), trixie");
    expect(part(outcome, "fat")).toContain("./bondbox/overlay.tar\n");
    expect(part(outcome, "cmdline")).toBe(`${CMDLINE}\n`);
    expect(outcome.stdout).toContain("/var/lib/bondbox': No such file");
    expect(part(outcome, "calls")).toBe("");
  });
});

describe("what fails", () => {
  it("a package: shows its messages, does not restart, and continues when the package works", async () => {
    const broken = debOf({ name: "bondbox-test-b", postinst: "[ -e /etc/fixed ] || { echo the disk is on fire; exit 1; }" });
    const script = `boot; echo "ended $?"; status; ls $box/usr/sbin/policy-rc.d 2>&1; : >$box/etc/fixed; boot${REPORT}`;
    const outcome = onBox(await cardOf({}, [debOf({ name: "bondbox-test-a" }), broken]), script);
    expect(outcome.stdout).toMatch(
      /ended 1\nbondbox could not finish: the packages could not be set up\n[\s\S]*the disk is on fire[\s\S]*policy-rc.d': No such/,
    );
    expectSetUp(outcome);
  });

  it("a full card: says how much space is missing", async () => {
    const script = `program df 'echo; echo "x 1000 900 100 90% /"'; boot; echo "ended $?"${REPORT}`;
    const outcome = onBox(await cardOf({}, debs()), script);
    expect(part(outcome, "status")).toMatch(/^bondbox could not finish: the card has 0 MB free, and \d+ MB are needed\n/);
    expect(part(outcome, "fat")).toContain("./bondbox/overlay.tar\n");
  });
});

describe("packages", () => {
  it("that are installed already, or newer, stay", async () => {
    const old = debOf({ name: "bondbox-test-a", version: "0.9" });
    const folder = writeFiles(temporaryFolder(), [{ path: "new.deb", mode: 0o644, content: debOf({ name: "bondbox-test-a" }).content }]);
    const script = `cp "$2/new.deb" $box/root; inside dpkg.real -i /root/new.deb >/dev/null; boot${REPORT}`;
    const outcome = onBox(await cardOf({}, [old, debOf({ name: "bondbox-test-b" })]), script, [folder]);
    expectSetUp(outcome);
  });

  it("start no service while they are set up, and leave the rule of somebody else for that alone", async () => {
    const asks = debOf({ name: "bondbox-test-b", postinst: "/usr/sbin/policy-rc.d x start || echo $? >/root/allowed" });
    const cards = [debOf({ name: "bondbox-test-a" }), asks];
    expect(onBox(await cardOf({}, cards), `boot; echo "answer $(cat $box/root/allowed)"${REPORT}`).stdout).toContain("answer 101\n");
    const script = `printf '#!/bin/sh\\nexit 104\\n' >$box/usr/sbin/policy-rc.d; chmod 755 $box/usr/sbin/policy-rc.d; boot; cat $box/root/allowed $box/usr/sbin/policy-rc.d`;
    expect(onBox(await cardOf({}, cards), script).stdout).toMatch(/104\n#!\/bin\/sh\nexit 104\n$/);
  });
});

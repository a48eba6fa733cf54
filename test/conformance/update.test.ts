import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeArchive, type Package } from "../support/archive";
import { built, root } from "../support/builds";
import { run } from "../support/programs";

const folder = mkdtempSync(join(tmpdir(), "bondbox-update-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const architecture = run("dpkg", ["--print-architecture"]).output.trim();
const seen = (version: string, more: Partial<Package> = {}): Package => ({
  name: "bondbox-seen",
  version,
  architecture,
  files: { "usr/share/bondbox-seen": `${version}\n` },
  ...more,
});

/** A folder with an archive of one package. */
function archiveOf(one: Package): string {
  const to = join(folder, `${one.name}-${one.version}`);
  makeArchive(to, [one]);
  return to;
}

/** Parts of what a script printed, by the name in "== name". */
function parts(output: string): (name: string) => string {
  return (name) => {
    const found = new RegExp(`^== ${name}\\n([^]*?)(?=^== |(?![^]))`, "m").exec(output);
    if (found === null) throw new Error(`no part ${name}:\n${output}`);
    return (found[1] as string).trim();
  };
}

/** Runs a script on a box whose system is this computer's own, with its changes beside it. */
function onBox(script: string): (name: string) => string {
  mkdirSync(join(folder, "machine"));
  const first = join(archiveOf(seen("1")), `bondbox-seen_1_${architecture}.deb`);
  const text = `. ${join(root, "test/conformance/update.sh")}\nset +e\n${script}`;
  const { output } = run("unshare", ["--mount", "sh", "-c", text], {
    env: { ...process.env, T: join(folder, "machine"), BOX: built("home").box, FIRST: first },
  });
  return parts(output);
}

describe("security updates of a protected box, with the real apt", { timeout: 300_000 }, () => {
  let said: (name: string) => string;
  beforeAll(() => {
    const broken = seen("3", { postinst: "echo this package is broken >&2; exit 1" });
    const brought = archiveOf({ name: "bondbox-brought", version: "1", architecture, files: { "usr/share/bondbox-brought": "1\n" } });
    said = onBox(`
      publish ${archiveOf(seen("2"))}
      echo "== look"; update look; kept waiting; state
      echo "== again"; sed -i 's/ [0-9]*$/ 1000000000/' "$box/var/lib/bondbox/keep/updates/seen"; update look; kept waiting
      echo "== night"; update night; state; cat "$box/run/systemctl"
      echo "== kernel"; (cd "$firmware" && find bondbox-a -type f | sort); cat "$firmware/bondbox-a/cmdline.txt" "$firmware/bondbox-a/trial.txt"
      echo "== tryboot"; cat "$firmware/tryboot.txt"
      echo "== chosen"; cat "$firmware/bondbox-system.txt"
      echo "== untouched"; chroot "$T/card" dpkg-query -W bondbox-seen; cat "$box/usr/share/bondbox-seen"; find "$T/card" -xdev -name policy-rc.d -newer "$FIRST"
      start a
      echo "== made"; cat "$box/run/bondbox-system/root/usr/share/bondbox-seen"; ls "$box/run/bondbox-system/root/usr/sbin/policy-rc.d" 2>&1 | sed 's/.*: //'
      echo "== kept"; update judge; state; kept waiting; cat "$firmware/bondbox-system.txt"
      umount "$box/run/bondbox-system"
      start a
      publish ${archiveOf(seen("2.5"))}
      update look
      mkdir -p "$box/run/card/packages"
      cp ${brought}/*.deb "$box/run/card/packages"
      echo "bondbox-brought 1 ${architecture} - bondbox-brought_1_${architecture}.deb" >"$box/run/card/packages/want"
      echo "== brought"; update install /run/card; state
      start b
      update judge; state; kept waiting
      ls "$box/run/bondbox-system/root/usr/share" | grep bondbox
      # The one before again, as if it had never been tried.
      umount "$box/run/bondbox-system"
      in_box bondbox-init system-choose a
      rm -rf "$firmware/bondbox-b"
      start a
      publish ${archiveOf(broken)}
      echo "== broken"; update night; state; ls "$firmware"; cat "$firmware/bondbox-system.txt"
      publish ${archiveOf(seen("4"))}
      for try in 1 2 3; do
        start a
        update night
        echo "== undone $try"; state
        update judge; state
      done
      : >"$box/run/systemctl"
      echo "== enough"; update night; state; cat "$box/run/systemctl"
      publish ${archiveOf(seen("5"))}
      echo "== newer"; update night; state
      start b
      echo "line adsl" >>"$box/var/lib/bondbox/keep/updates/up"
      sed -i 's/^each_line() {/&\\n"$@" adsl tap9/' "$box/etc/bondbox/updates.conf"
      : >"$box/run/systemctl"
      echo "== wrong"; update judge; cat "$box/run/systemctl" "$firmware/bondbox-system.txt"; start a; update judge; state
      rm "$box/archive"/*
      echo "== unreachable"; update look; kept trouble
      rm "$firmware/bondbox-system.txt"
      echo "== old"; update look; state
      mkdir -p "$box/var/lib/bondbox/trial"; echo tried >"$box/var/lib/bondbox/trial/state"
      echo "== push"; update night
      echo "== end"`);
  });

  it("says how many wait, and since when", () => {
    expect(said("look")).toMatch(/^checked \d{10}\ncount 1\noldest \d{10}\nnone - -$/);
    expect(said("again")).toMatch(/^checked \d{10}\ncount 1\noldest 1000000000$/);
  });

  it("makes a system beside the one that runs, with a kernel of its own, and lets the boot loader try it once", () => {
    expect(said("night")).toMatch(/^trying a [0-9a-f]{16}\nreboot --reboot-argument=0 tryboot$/);
    const words = "console=tty1 root=PARTUUID=1-02 rootwait init=/usr/local/sbin/bondbox-init bondbox.system=a";
    const files = ["cmdline.txt", "initramfs8", "kernel8.img", "trial.txt"].map((name) => `bondbox-a/${name}`);
    const trial = "bondbox.trial=303 panic=10 watchdog.open_timeout=180 systemd.watchdog_sec=60";
    expect(said("kernel").split("\n")).toEqual([...files, words, `${words.replace("rootwait", "rootwait=60")} ${trial}`]);
    expect(said("tryboot")).toBe(
      "arm_64bit=1\ninclude bondbox-system.txt\n\n[all]\nos_prefix=bondbox-a/\ncmdline=trial.txt\nkernel_watchdog_timeout=60",
    );
    expect(said("chosen")).toBe("# none");
    expect(said("untouched")).toBe("bondbox-seen\t1\n1");
    expect(said("made")).toBe("2\nNo such file or directory");
  });

  it("keeps it when everything works that did", () => {
    expect(said("kept")).toMatch(/^kept a [0-9a-f]{16}\nchecked \d{10}\ncount 0\noldest \nos_prefix=bondbox-a\/$/);
  });

  it("installs what push brings in the same way, which says nothing of what else waits", () => {
    const rows = said("brought").split("\n");
    expect(rows[0]).toMatch(/^trying b /);
    expect(rows[1]).toMatch(/^kept b /);
    expect(rows[3]).toBe("count 1");
    expect(rows.slice(5)).toEqual(["bondbox-brought", "bondbox-seen"]);
  });

  it("leaves what runs alone where a package cannot be installed", () => {
    const [state = "", reason = "", ...rest] = said("broken").split("\n").slice(1);
    expect(said("broken")).toMatch(/^the packages could not be installed: .*\nended with 1\nfailed b /);
    expect([state, reason]).toEqual(["ended with 1", expect.stringMatching(/^failed b [0-9a-f]{16}$/)]);
    expect(rest[0]).toMatch(/^the packages could not be installed: /);
    expect(rest).not.toContain("bondbox-b");
    expect(rest.at(-1)).toMatch(/^os_prefix=bondbox-a\/ *$/);
  });

  it("tries what was undone three times, and then not until there is something else", () => {
    for (const time of [1, 2, 3])
      expect(said(`undone ${time}`)).toMatch(/^trying b ([0-9a-f]{16})\nundone b \1\nthe box did not come up with it, or lost its power$/);
    expect(said("enough")).toMatch(/^undone b [0-9a-f]{16}\nthe box did not come up with it, or lost its power$/);
    expect(said("newer")).toMatch(/^trying b /);
  });

  it("restarts into the one before when a line does not come up, and says which", () => {
    expect(said("wrong")).toMatch(/^reboot\nos_prefix=bondbox-a\/ *\nundone b [0-9a-f]{16}\nline adsl is down$/);
  });

  it.each([
    ["unreachable", /^ended with 1\nthe archives could not be asked: /],
    ["old", /^the card was made before there were updates: write it again\nended with 1\nfailed b -\nthe card was made before /],
    ["push", /^a push is on trial\nended with 75$/],
  ])("refuses with a sentence: %s", (name, sentence) => expect(said(name)).toMatch(sentence));
});

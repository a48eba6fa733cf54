import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeArchive, type Package, scriptOf } from "../support/archive";
import type { Bench } from "./bench";
import { checkProtection, cut, wait } from "./scenarios";

/** Where the machine around the box gives away packages. */
const address = "198.51.100.1";

/** An update that can be seen. */
const good = (version: string): Package => ({ name: "nano", version, files: { "bin/nano": "#!/bin/sh\n" } });
/** A program that does not run. */
const brokenOpenvpn: Package = { name: "openvpn", version: "99", files: { "usr/sbin/openvpn": "#!/bin/sh\nexit 1\n" } };
/** A kernel whose first file system cannot be read, put in place as Raspberry Pi's packages do. */
const brokenKernel: Package = {
  name: "less",
  version: "9999",
  files: { "usr/lib/kernel/initramfs8": "x".repeat(4096) },
  postinst: "cp /usr/lib/kernel/initramfs8 /boot/firmware/initramfs8",
};

/** A box that takes updates by itself, good ones and such as would end it. */
export async function updates(bench: Bench): Promise<void> {
  const built = bench.built("first");
  await bench.surround(built);
  const card = bench.card(await bench.workshop.image(built, (await bench.base("trixie")).image), "updates");
  card.withRoot((root) => writeSources(root));
  const box = await bench.insert(card, "trixie");
  bench.phases.start("first boot, to aggregation");
  await bench.reachesAggregation();
  await checkProtection(bench);
  const before = await bench.look("dpkg-query -W nano openvpn less");

  bench.phases.start("a good update");
  await publish(bench, [good("99")]);
  await night(bench);
  await ends(bench, "kept a");
  await bench.reachesAggregation();
  const kept = await bench.look("cat /proc/cmdline; dpkg-query -W nano; cat /var/lib/bondbox/keep/updates/waiting; bondbox status");
  bench.expect("the update is installed, and runs", /bondbox\.system=a/.test(kept) && /^nano\t99$/m.test(kept), kept);
  bench.expect("nothing waits after it", /^count 0$/m.test(kept), kept);
  await cut(bench, "after the update");
  bench.expect("the card's own system was not touched", !/^Version: 99$/m.test(card.rootFile("/var/lib/dpkg/status") ?? ""), before);
  bench.checkFileSystems(card);
  await bench.reachesAggregation();
  const after = await bench.look("cat /proc/cmdline; dpkg-query -W nano");
  bench.expect("it is there after a power cut", /bondbox\.system=a/.test(after) && /^nano\t99$/m.test(after), after);

  bench.phases.start("a broken kernel");
  await publish(bench, [good("99"), brokenKernel]);
  await night(bench);
  await ends(bench, "undone b");
  bench.expect("the broken kernel was started", /Kernel panic/.test(box.allConsoles()));
  await bench.reachesAggregation();
  await isAsBefore(bench, "with a broken kernel");

  bench.phases.start("a broken OpenVPN");
  await publish(bench, [good("99"), brokenOpenvpn]);
  await night(bench);
  await ends(bench, "undone b");
  await bench.reachesAggregation();
  await isAsBefore(bench, "with a broken OpenVPN");

  bench.phases.start("power cuts");
  await publish(bench, [good("100")]);
  for (let at = 0; at < 4; at++) {
    await night(bench);
    await wait(bench, bench.random.between(1, 200));
    await cut(bench, `in an update, cut ${at + 1}`);
    bench.checkFileSystems(card);
    await bench.reachesAggregation();
    const now = await bench.look("cat /proc/cmdline; dpkg-query -W nano; cat /var/lib/bondbox/keep/updates/state");
    const [system, version] = [/bondbox\.system=(.)/.exec(now)?.[1] ?? "none", /^nano\t(.*)$/m.exec(now)?.[1] ?? "?"];
    const whole = (system === "a" && version === "99") || (system === "b" && version === "100");
    bench.expect("after the cut it is the old or the new system, whole", whole, now);
    if (version === "100") break;
  }

  bench.phases.start("packages by push");
  await bring(bench, { name: "bondbox-test", version: "1", files: { "usr/bin/bondbox-test": "#!/bin/sh\n" } });
  await ends(bench, "kept [ab]");
  await bench.reachesAggregation();
  const brought = await bench.look("cat /proc/cmdline; dpkg-query -W bondbox-test nano");
  bench.expect(
    "the packages that push brought are there, too",
    /^bondbox-test\t1$/m.test(brought) && /^nano\t\d+$/m.test(brought),
    brought,
  );

  bench.phases.start("unlocked");
  await bench.look("bondbox storage unlock; systemctl reboot");
  await bench.runUntil(async () => (await bench.look("cat /run/bondbox-init")).includes("plain: it is unlocked"), bench.patience.setUp, 5);
  const plain = await bench.look("cat /run/bondbox-init /proc/cmdline; dpkg-query -W nano openvpn less");
  bench.expect("unlocked it is the card's own system", !/bondbox\.system/.test(plain) && plain.endsWith(before), plain);
  await cut(bench, "at the end");
  bench.checkFileSystems(card);
}

/** No other archive is in reach. */
function writeSources(root: string): void {
  const sources = join(root, "etc/apt/sources.list");
  rmSync(join(root, "etc/apt/sources.list.d"), { recursive: true, force: true });
  mkdirSync(join(root, "etc/apt/sources.list.d"));
  writeFileSync(sources, `deb [trusted=yes] http://${address}/ ./\n`);
}

const server = `const { createServer } = require("node:http"), { readFileSync } = require("node:fs");
createServer((asked, answer) => {
  try { answer.end(readFileSync("/run/archive/" + asked.url.split("/").pop())); }
  catch { answer.writeHead(404).end(); }
}).listen(80, "${address}");`;

async function publish(bench: Bench, packages: Package[]): Promise<void> {
  const folder = join(bench.folder, "archive");
  makeArchive(folder, packages);
  await bench.ask(null, ["sh", "-c", scriptOf(folder, "/run/archive")]);
  const start = `ss -ltn | grep -q ':80 ' || { setsid node -e "$0" >/dev/null 2>&1 & sleep 3; }`;
  await bench.ask("host", ["sh", "-c", start, server]);
}

/** What the timer does, with less patience. */
async function night(bench: Bench): Promise<void> {
  const quick = "sed -i 's/^STEADY=.*/STEADY=5/; s/^LONGEST=.*/LONGEST=150/' /etc/bondbox/updates.conf";
  await bench.look(`${quick}; rm -f /var/lib/bondbox/keep/updates/state; systemctl start --no-block bondbox-update.service`);
}

/** What push does with packages, once they are there. */
async function bring(bench: Bench, one: Package): Promise<void> {
  const folder = join(bench.folder, "card");
  makeArchive(folder, [one]);
  const file = `${one.name}_${one.version}_arm64.deb`;
  writeFileSync(join(folder, "want"), `${one.name} ${one.version} arm64 - ${file}\n`);
  await bench.look(
    `${scriptOf(folder, "/run/card/packages")}; rm -f /var/lib/bondbox/keep/updates/state; systemd-run --collect bondbox-update install /run/card`,
  );
}

const stateOf = "bondbox-update state; sed 's/^/trouble /' /var/lib/bondbox/keep/updates/trouble 2>/dev/null";

/** Waits until the box says how it ended. */
async function ends(bench: Bench, expected: string): Promise<void> {
  const ended = async (): Promise<boolean> => /^(kept|undone|failed) .|^trouble/m.test(await bench.look(stateOf));
  await bench.runUntil(ended, bench.patience.setUp, 5);
  const said = await bench.look(`bondbox-update state; ${stateOf}; tail -n 20 /run/bondbox-update/log`);
  bench.expect(`the update ends: ${expected}`, new RegExp(`^${expected} `).test(said), said);
}

async function isAsBefore(bench: Bench, what: string): Promise<void> {
  const now = await bench.look("cat /proc/cmdline; dpkg-query -W nano openvpn less; cat /var/lib/bondbox/keep/updates/state");
  bench.expect(
    `the box is as before, ${what}`,
    /bondbox\.system=a/.test(now) && /^nano\t99$/m.test(now) && !/\t99(99)?$/m.test(now.replace(/^nano.*$/m, "")),
    now,
  );
}

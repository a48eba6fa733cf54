import { copyBootfs } from "../../builder/card/copy";
import { UsageError } from "../../builder/errors";
import { BootFailure } from "./errors";
import type { Bench } from "./bench";
import type { Card } from "./card";
import type { BoxTarget } from "../../builder/targets/names";
import type { Release } from "./base";

export interface Scenario {
  title: string;
  /** Whether scripts/test runs it. */
  short: boolean;
  run: (bench: Bench) => Promise<void>;
}

const targets: Record<Release, BoxTarget> = { trixie: "raspios-trixie", bookworm: "raspios-bookworm" };

/** By name. */
export const scenarios: Record<string, Scenario> = {
  life: {
    title: "a ready image from its first boot through power cuts to a changed profile",
    short: true,
    run: life,
  },
  ready: { title: "a ready image: first boot, aggregation", short: false, run: (bench) => ready(bench, "trixie") },
  "ready-bookworm": { title: "the same with bookworm", short: false, run: (bench) => ready(bench, "bookworm") },
  bootfs: {
    title: "files copied onto a stock card with copy-bootfs",
    short: false,
    run: (bench) => copied(bench, "trixie", "copy-bootfs"),
  },
  "bootfs-bookworm": { title: "the same with bookworm", short: false, run: (bench) => copied(bench, "bookworm", "copy-bootfs") },
  "by-hand": { title: "files copied by hand: cloud-init starts the set-up", short: false, run: (bench) => copied(bench, "trixie", "hand") },
  wrong: { title: "files for the other system: refused, nothing changed", short: false, run: wrong },
  cuts: { title: "power cuts at random moments, during the first boot and under traffic", short: false, run: cuts },
  bare: { title: "the stand-in alone, up to its end of boot", short: false, run: bare },
};

/** One card's life with as few boots as show it all. */
async function life(bench: Bench): Promise<void> {
  const first = await bench.workshop.build("first", "raspios-trixie");
  await bench.surround(first);
  const base = await bench.base("trixie");
  const card = bench.card(await bench.workshop.image(first, base.image), "life");
  const box = await bench.insert(card, "trixie");

  box.start();
  bench.expect("the first boot tells on the serial port that it sets up", await box.says(/bondbox: installing the packages/, 600));
  await wait(bench, bench.random.between(2, 20));
  await cut(bench, "in the middle of the set-up");
  await bench.reachesAggregation();
  await bench.transfers();
  await isProtected(bench);
  await tellsOnCard(bench, card);

  bench.startTraffic();
  await wait(bench, bench.random.between(4, 10));
  await cut(bench, "under traffic");
  bench.checkSecrets(card);
  bench.checkFileSystems(card);
  const changed = await bench.workshop.build("changed", "raspios-trixie", { hostname: "bondbox-two" });
  card.withBoot((folder) => copyBootfs(changed.bootfs, folder));
  bench.tell("the changed profile's files are copied onto the boot partition");
  await takesUp(bench, changed.id);
  await bench.reachesAggregation();
  bench.expect("the changed profile is in force", (await bench.look("hostname")).trim() === "bondbox-two", await bench.look("hostname"));
  await isProtected(bench);
  await cut(bench, "at the end");
  bench.checkSecrets(card);
  bench.checkFileSystems(card);
}

/** Until the card with this id has been set up, and the box has started anew after it. */
async function takesUp(bench: Bench, id: string): Promise<number> {
  const state = "cat /var/lib/bondbox/id /run/bondbox-init";
  const took = await bench.runUntil(
    async () => {
      const said = await bench.look(state);
      return said.startsWith(`${id}\n`) && said.includes("protected: yes");
      // Each look costs the box a second of its own.
    },
    bench.patience.setUp,
    5,
  );
  bench.expect("the card is taken up, and the box starts anew by itself", took !== null);
  return took ?? 0;
}

async function ready(bench: Bench, release: Release): Promise<void> {
  const built = await bench.workshop.build("first", targets[release]);
  await bench.surround(built);
  const card = bench.card(await bench.workshop.image(built, (await bench.base(release)).image), "ready");
  await bench.insert(card, release);
  await comesUp(bench, card);
}

/** @param by scripts/copy-bootfs, or a person with nothing but a file manager */
async function copied(bench: Bench, release: Release, by: "copy-bootfs" | "hand"): Promise<void> {
  const built = await bench.workshop.build("first", targets[release]);
  await bench.surround(built);
  const card = bench.card((await bench.base(release)).image, "copied");
  if (by === "hand") card.copyToBoot(built.bootfs);
  else card.withBoot((folder) => copyBootfs(built.bootfs, folder));
  bench.tell("the files are copied onto the boot partition");
  bench.expect("before the first boot the keys are on the boot partition", card.foundOnBoot(bench.workshop.secrets()).length > 0);
  await bench.insert(card, release);
  await comesUp(bench, card);
}

/** From the first boot to a box that works, tells so, and has no key where others can read it. */
async function comesUp(bench: Bench, card: Card): Promise<void> {
  await bench.reachesAggregation();
  await bench.transfers();
  await isProtected(bench);
  await tellsOnCard(bench, card);
  await cut(bench, "at the end");
  bench.checkSecrets(card);
  bench.checkFileSystems(card);
}

async function wrong(bench: Bench): Promise<void> {
  const built = await bench.workshop.build("first", "raspios-bookworm");
  const base = await bench.base("trixie");
  const card = bench.card(base.image, "wrong");
  bench.expect("copy-bootfs refuses this card", refuses(card, built.bootfs));
  card.copyToBoot(built.bootfs);
  bench.tell("the files are copied onto the boot partition by hand");
  const before = card.rootFile("/var/lib/dpkg/status");
  const box = await bench.insert(card, "trixie");
  box.start();
  bench.expect(
    "it says on the serial port that this is not its system",
    await box.says(/FAILED: this card's files are for .*bookworm/, 600),
  );
  await wait(bench, 20);
  await cut(bench, "at the end");
  const status = card.read("bondbox-status.txt") ?? "";
  bench.expect("bondbox-status.txt says so, and what to do", /nothing was changed[\s\S]*To fix it:/.test(status), status);
  bench.expect("no package was installed", before !== null && card.rootFile("/var/lib/dpkg/status") === before);
  bench.expect(
    "no file of the box was laid",
    card.rootFile("/usr/local/sbin/bondbox-setup") === null && card.rootFile("/usr/local/bin/bondbox") === null,
  );
}

function refuses(card: Card, bootfs: string): boolean {
  try {
    card.withBoot((folder) => copyBootfs(bootfs, folder));
    return false;
  } catch (error) {
    if (error instanceof UsageError) return true;
    throw error;
  }
}

/** Cards one after the other: some cuts during the first boot, some under traffic, until there have been enough. */
async function cuts(bench: Bench): Promise<void> {
  const built = await bench.workshop.build("first", "raspios-trixie");
  await bench.surround(built);
  const image = await bench.workshop.image(built, (await bench.base("trixie")).image);
  // How long an undisturbed first boot takes here, so that cuts fall on all of it.
  const measured = bench.card(image, "cuts");
  await bench.insert(measured, "trixie");
  const whole = await takesUp(bench, built.id);
  await bench.reachesAggregation();
  let done = 0;
  while (done < bench.settings.cuts) {
    const card = bench.card(image, "cuts");
    const box = await bench.insert(card, "trixie");
    for (let at = 0; at < 5 && done < bench.settings.cuts; at++, done++) {
      if (!box.on) box.start();
      await wait(bench, bench.random.between(1, whole * 0.6));
      await cut(bench, `cut ${done + 1} of ${bench.settings.cuts}, during the first boot`);
    }
    await bench.reachesAggregation();
    for (let at = 0; at < 3 && done < bench.settings.cuts; at++, done++) {
      bench.startTraffic();
      await wait(bench, bench.random.between(1, 30));
      await cut(bench, `cut ${done + 1} of ${bench.settings.cuts}, under traffic`);
      await bench.reachesAggregation();
    }
    await isProtected(bench);
    await tellsOnCard(bench, card);
    await cut(bench, "at the end of this card");
    bench.checkSecrets(card);
    bench.checkFileSystems(card);
  }
}

async function bare(bench: Bench): Promise<void> {
  for (const release of ["trixie", "bookworm"] as const) {
    const card = bench.card((await bench.base(release)).image, "bare");
    const box = await bench.insert(card, release);
    const took = await bench.runUntil(async () => / login: /.test(box.console()), 900);
    bench.expect(`the stand-in for ${release} boots up to its login`, took !== null);
    await box.cut(bench.random);
  }
}

async function isProtected(bench: Bench): Promise<void> {
  bench.expect("the first process tells that the card is protected", /bondbox-init: protected: yes/.test(bench.box.console()));
  if (!bench.box.hasShell) return;

  const said = await bench.look(
    "cat /run/bondbox-init; findmnt -nro FSTYPE,OPTIONS /; findmnt -nro OPTIONS /run/bondbox-lower; findmnt -nro FSTYPE,OPTIONS /var/lib/bondbox/keep",
  );
  bench.expect("the card is protected: a layer in memory over a read-only system", /^overlay /m.test(said) && /^ro,/m.test(said), said);
  bench.expect("what must last has its area", /^ext4 rw/m.test(said), said);
}

async function tellsOnCard(bench: Bench, card: Card): Promise<void> {
  const end = Date.now() + 120_000;
  while (!/is running: 2 of 2 lines up/.test(card.read("bondbox-status.txt") ?? "") && Date.now() < end) await wait(bench, 3);
  const status = card.read("bondbox-status.txt") ?? "(not there)";
  bench.expect("bondbox-status.txt says that all lines are up", /is running: 2 of 2 lines up/.test(status), status);
  bench.tell(`bondbox-status.txt: ${status.trim().replaceAll("\n", " | ")}`);
}

async function cut(bench: Bench, when: string): Promise<void> {
  if (!bench.box.on) throw new BootFailure("there is no power to be cut: the box is off");
  const writes = await bench.box.cut(bench.random);
  bench.tell(`power is cut ${when}; of ${writes?.all} writes ${writes?.lost} are lost`);
}

/** @param seconds or less, when the box starts anew meanwhile: then it is let. */
async function wait(bench: Bench, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    if (!bench.box.on) bench.box.start();
    await new Promise((resolve) => setTimeout(resolve, Math.min(500, end - Date.now())));
  }
}

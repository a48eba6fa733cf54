import { copyBootfs } from "../../builder/card/copy";
import { UsageError } from "../../builder/errors";
import { BootFailure } from "./errors";
import type { Bench } from "./bench";
import type { Card } from "./card";
import type { Release } from "./base";
import type { Build } from "./prepare";
import { updates } from "./updates";

export interface Scenario {
  title: string;
  /** Whether scripts/test runs it. */
  short: boolean;
  /** How long it took on a quiet computer with two cores and all caches, s; null: not measured. */
  seconds: number | null;
  /** What is built for it, by label. */
  builds: Record<string, Build>;
  /** The stand-ins that it boots. */
  releases: Release[];
  run: (bench: Bench) => Promise<void>;
}

const first: Record<Release, Record<"first", Build>> = {
  trixie: { first: { target: "raspios-trixie" } },
  bookworm: { first: { target: "raspios-bookworm" } },
};
const onTrixie = { builds: first.trixie, releases: ["trixie"] } satisfies Partial<Scenario>;
const onBookworm = { builds: first.bookworm, releases: ["bookworm"] } satisfies Partial<Scenario>;

/** By name. */
export const scenarios: Record<string, Scenario> = {
  life: {
    title: "a ready image from its first boot through power cuts to a changed profile",
    short: true,
    seconds: 611,
    builds: { ...first.trixie, changed: { target: "raspios-trixie", change: { hostname: "bondbox-two" } } },
    releases: ["trixie"],
    run: life,
  },
  ready: {
    title: "a ready image: first boot, aggregation",
    short: false,
    seconds: null,
    ...onTrixie,
    run: (bench) => ready(bench, "trixie"),
  },
  "ready-bookworm": {
    title: "the same with bookworm",
    short: false,
    seconds: null,
    ...onBookworm,
    run: (bench) => ready(bench, "bookworm"),
  },
  bootfs: {
    title: "files copied onto a stock card with copy-bootfs",
    short: false,
    seconds: null,
    ...onTrixie,
    run: (bench) => copied(bench, "trixie", "copy-bootfs"),
  },
  "bootfs-bookworm": {
    title: "the same with bookworm",
    short: false,
    seconds: 341,
    ...onBookworm,
    run: (bench) => copied(bench, "bookworm", "copy-bootfs"),
  },
  "by-hand": {
    title: "files copied by hand: cloud-init starts the set-up",
    short: false,
    seconds: 477,
    ...onTrixie,
    run: (bench) => copied(bench, "trixie", "hand"),
  },
  wrong: {
    title: "files for the other system: refused, nothing changed",
    short: false,
    seconds: null,
    builds: first.bookworm,
    releases: ["trixie"],
    run: wrong,
  },
  updates: {
    title: "security updates at night: kept, undone with a broken OpenVPN and a broken kernel, and the power cut at random moments",
    short: false,
    seconds: null,
    ...onTrixie,
    run: updates,
  },
  cuts: {
    title: "power cuts at random moments, during the first boot and under traffic",
    short: false,
    seconds: null,
    ...onTrixie,
    run: cuts,
  },
  bare: {
    title: "the stand-in alone, up to its end of boot",
    short: false,
    seconds: null,
    builds: {},
    releases: ["trixie", "bookworm"],
    run: bare,
  },
};

/** One card's life with as few boots as show it all. */
async function life(bench: Bench): Promise<void> {
  const first = bench.built("first");
  await bench.surround(first);
  const base = await bench.base("trixie");
  const card = bench.card(await bench.workshop.image(first, base.image), "life");
  const box = await bench.insert(card, "trixie");

  bench.phases.start("first boot, to the packages");
  box.start();
  bench.expect(
    "the first boot reports on the serial port that the set-up has started",
    await box.says(/bondbox: installing the packages/, bench.patience.setUp),
  );
  await wait(bench, bench.random.between(2, 20));
  await cut(bench, "in the middle of the set-up");
  bench.phases.start("set-up, to aggregation");
  await bench.reachesAggregation();
  bench.phases.start("transfer, looks");
  await bench.transfers();
  await checkProtection(bench);
  await checkStatusFile(bench, card);

  await bench.startTraffic();
  await wait(bench, bench.random.between(4, 10));
  await cut(bench, "under traffic");
  bench.phases.start("card at rest");
  bench.checkSecrets(card);
  bench.checkFileSystems(card);
  const changed = bench.built("changed");
  card.withBoot((folder) => copyBootfs(changed.bootfs, folder));
  bench.log("copy-bootfs has put the changed profile's files onto the boot partition");
  bench.phases.start("changed profile, to its restart");
  await appliesCard(bench, changed.id);
  bench.phases.start("changed profile, to aggregation");
  await bench.reachesAggregation();
  bench.expect("the changed profile is in effect", (await bench.look("hostname")).trim() === "bondbox-two", await bench.look("hostname"));
  await checkProtection(bench);
  await cut(bench, "at the end");
  bench.phases.start("card at rest");
  bench.checkSecrets(card);
  bench.checkFileSystems(card);
}

/** Waits until the card with this id has been set up and the box has restarted after it. @returns the seconds that it took */
async function appliesCard(bench: Bench, id: string): Promise<number> {
  const took = await bench.runUntil(
    async () => {
      const state = await bench.look("cat /var/lib/bondbox/id /run/bondbox-init");
      return state.startsWith(`${id}\n`) && state.includes("protected: yes");
    },
    bench.patience.setUp,
    // Each look costs the emulated box about a second of its own.
    5,
  );
  bench.expect("the box applies the card and restarts by itself", took !== null);
  return took ?? 0;
}

async function ready(bench: Bench, release: Release): Promise<void> {
  const built = bench.built("first");
  await bench.surround(built);
  const card = bench.card(await bench.workshop.image(built, (await bench.base(release)).image), "ready");
  await bench.insert(card, release);
  await comesUp(bench, card);
}

/**
 * A card that was written with a stock image, and then got the files.
 * @param by scripts/copy-bootfs, or a person with nothing but a file manager
 */
async function copied(bench: Bench, release: Release, by: "copy-bootfs" | "hand"): Promise<void> {
  const built = bench.built("first");
  await bench.surround(built);
  const card = bench.card((await bench.base(release)).image, "copied");
  if (by === "hand") card.copyToBoot(built.bootfs);
  else card.withBoot((folder) => copyBootfs(built.bootfs, folder));
  bench.log("the files are copied onto the boot partition");
  bench.expect("before the first boot the keys are on the boot partition", card.foundOnBoot(bench.workshop.secrets()).length > 0);
  await bench.insert(card, release);
  await comesUp(bench, card);
}

/** From the first boot to a box that works, reports so, and has no key where others can read it. */
async function comesUp(bench: Bench, card: Card): Promise<void> {
  bench.phases.start("first boot, to aggregation");
  await bench.reachesAggregation();
  await bench.transfers();
  await checkProtection(bench);
  await checkStatusFile(bench, card);
  await cut(bench, "at the end");
  bench.checkSecrets(card);
  bench.checkFileSystems(card);
}

async function wrong(bench: Bench): Promise<void> {
  const built = bench.built("first");
  const base = await bench.base("trixie");
  const card = bench.card(base.image, "wrong");
  bench.expect("copy-bootfs refuses this card", refuses(card, built.bootfs));
  card.copyToBoot(built.bootfs);
  bench.log("the files are copied onto the boot partition by hand");
  const before = card.rootFile("/var/lib/dpkg/status");
  const box = await bench.insert(card, "trixie");
  box.start();
  bench.expect(
    "it reports on the serial port that this is the wrong system",
    await box.says(/FAILED: this card's files are for .*bookworm/, bench.patience.setUp),
  );
  await wait(bench, 20);
  await cut(bench, "at the end");
  const status = card.read("bondbox-status.txt") ?? "";
  bench.expect("bondbox-status.txt says so, and how to fix it", /nothing was changed[\s\S]*To fix it:/.test(status), status);
  bench.expect("no package was installed", before !== null && card.rootFile("/var/lib/dpkg/status") === before);
  bench.expect(
    "no file of the box was installed",
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

/** One card after another: some cuts during the first boot, some under traffic, until there have been as many as were asked for. */
async function cuts(bench: Bench): Promise<void> {
  const built = bench.built("first");
  await bench.surround(built);
  const image = await bench.workshop.image(built, (await bench.base("trixie")).image);
  // How long an undisturbed first boot takes here, so that the cuts are spread over all of it.
  const measured = bench.card(image, "cuts");
  await bench.insert(measured, "trixie");
  const whole = await appliesCard(bench, built.id);
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
      await bench.startTraffic();
      await wait(bench, bench.random.between(1, 30));
      await cut(bench, `cut ${done + 1} of ${bench.settings.cuts}, under traffic`);
      await bench.reachesAggregation();
    }
    await checkProtection(bench);
    await checkStatusFile(bench, card);
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

export async function checkProtection(bench: Bench): Promise<void> {
  bench.expect("the first process reports that the card is protected", /bondbox-init: protected: yes/.test(bench.box.console()));
  if (!bench.box.hasShell) return;

  const state = await bench.look(
    "cat /run/bondbox-init; findmnt -nro FSTYPE,OPTIONS /; findmnt -nro OPTIONS /run/bondbox-lower; findmnt -nro FSTYPE,OPTIONS /var/lib/bondbox/keep",
  );
  bench.expect("the card is protected: a layer in memory over a read-only system", /^overlay /m.test(state) && /^ro,/m.test(state), state);
  bench.expect("what must survive a restart has its own file system", /^ext4 rw/m.test(state), state);
}

async function checkStatusFile(bench: Bench, card: Card): Promise<void> {
  const end = Date.now() + 600_000;
  while (!/is running: 2 of 2 lines up/.test(card.read("bondbox-status.txt") ?? "") && Date.now() < end) await wait(bench, 3);
  const status = card.read("bondbox-status.txt") ?? "(not there)";
  bench.expect("bondbox-status.txt says that all lines are up", /is running: 2 of 2 lines up/.test(status), status);
  bench.log(`bondbox-status.txt: ${status.trim().replaceAll("\n", " | ")}`);
}

export async function cut(bench: Bench, when: string): Promise<void> {
  if (!bench.box.on) throw new BootFailure("the power cannot be cut: the box is off");
  const writes = await bench.box.cut(bench.random);
  bench.log(`power cut ${when}; ${writes?.lost} of ${writes?.all} writes are lost`);
}

/**
 * Lets time pass, and switches the box on again when it restarts meanwhile.
 * @param seconds how long
 */
export async function wait(bench: Bench, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    if (!bench.box.on) bench.box.start();
    await new Promise((resolve) => setTimeout(resolve, Math.min(500, end - Date.now())));
  }
}

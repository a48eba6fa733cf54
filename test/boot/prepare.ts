import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { buildSync } from "esbuild";
import { parse, stringify } from "yaml";
import { build, planProfile } from "../../builder/build/build";
import { lockOf } from "../../builder/card/make";
import type { Plan } from "../../builder/plan/types";
import type { BoxTarget } from "../../builder/targets/names";
import { Steps } from "../../builder/base/steps";
import { layKeys } from "../support/keys";
import { secretsIn } from "./secrets";

/** What is built for a scenario: the home profile, with some changes. */
export interface Build {
  target: BoxTarget;
  change?: Record<string, unknown>;
}

export interface Prepared {
  plan: Plan;
  /** Path of the profile. */
  profile: string;
  /** The folder that build-image made. */
  artefacts: string;
  /** Its files for a card that is written already. */
  bootfs: string;
  /** Of the card. */
  id: string;
}

/** In emulation, answers take longer than on any line. */
const slow = { bond: { mode: "balance-rr", arpInterval: 1500 } };

/** Builds what the scenarios need, in a folder. It uses the same caches as build-image, and leaves nothing else behind. */
export class Workshop {
  constructor(
    private readonly root: string,
    private readonly version: string,
    private readonly folder: string,
    private readonly log: (text: string) => void,
  ) {}

  /** Builds a profile. The keys are the same each time and whatever the changes are, so that a run can be known (docs/lab.md). */
  async build(label: string, { target, change = {} }: Build): Promise<Prepared> {
    const profile = join(this.folder, label, "boot.yaml");
    const base = parse(readFileSync(join(this.root, "profiles/home.yaml"), "utf8")) as Record<string, unknown>;
    mkdirSync(dirname(profile), { recursive: true });
    writeFileSync(profile, stringify({ ...base, ...slow, box: { target }, ...change }));
    // The repository's lock files are for this system, with the TCP lane and without; for the other, build-image resolves the packages.
    const { plan } = planProfile(this.root, profile);
    const shipped = plan.lane === null ? "guide-2017" : "home";
    if (target === "raspios-trixie") copyFileSync(join(this.root, `profiles/${shipped}.packages.lock.json`), lockOf(profile));
    return this.make(profile, null);
  }

  /** The ready image of a build. @returns its path */
  async image({ profile }: Prepared, base: string): Promise<string> {
    return join((await this.make(profile, base)).artefacts, "boot.img");
  }

  /**
   * Does what build-image does.
   * @param base the image to make a ready one from; null: only the files
   */
  private async make(profile: string, base: string | null): Promise<Prepared> {
    const { root, version, log } = this;
    const loaded = planProfile(root, profile);
    const out = join(dirname(profile), "dist");
    // Two profiles of one name do not share a folder of keys, though here the keys are the same.
    const secrets = join(this.folder, "secrets", basename(dirname(profile)));
    layKeys(join(secrets, loaded.plan.profile), loaded.plan);
    const card = { base, image: base !== null, update: false, mirror: null, log };
    await build(loaded, { root, out, secrets, rotateKeys: false, version, steps: new Steps(() => {}), card });
    const bootfs = join(out, "bootfs");
    return { plan: loaded.plan, profile, artefacts: out, bootfs, id: readFileSync(join(bootfs, "bondbox/id"), "utf8").trim() };
  }

  /** What must be nowhere on the boot partition: every line of every key of the profile. */
  secrets(): Map<string, Buffer> {
    return secretsIn(join(this.folder, "secrets"));
  }

  /** The program of the machine around the box, as one file. */
  agent(): string {
    const outfile = join(this.folder, "agent.cjs");
    const entry = join(this.root, "test/boot/world/agent.ts");
    buildSync({ entryPoints: [entry], bundle: true, platform: "node", target: "node18", format: "cjs", outfile, logLevel: "error" });
    return outfile;
  }
}

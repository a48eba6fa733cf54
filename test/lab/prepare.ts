import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { buildSync } from "esbuild";
import { parse, stringify } from "yaml";
import { build, type LoadedProfile, planProfile } from "../../builder/build/build";
import { usage } from "../../builder/errors";
import { Steps } from "../../builder/base/steps";
import { layKeys } from "../support/keys";
import type { NamedScenario } from "./scenario";

export interface Prepared {
  loaded: LoadedProfile;
  /** What build-image made. */
  artefacts: string;
}

/** Builds what scenarios need: each distinct profile once, with the builder itself. */
export class Workshop {
  private readonly made = new Map<string, Promise<Prepared>>();

  constructor(
    private readonly root: string,
    private readonly version: string,
    /** Where everything is put. */
    private readonly folder: string,
  ) {}

  /**
   * @param profile in place of the scenario's.
   * @throws what build-image throws at a mistake.
   */
  prepare(scenario: NamedScenario, profile: string | null): Promise<Prepared> {
    const file = this.write(scenario, profile ?? scenario.profile);
    const known = this.made.get(file);
    if (known !== undefined) return known;
    const making = this.make(file);
    this.made.set(file, making);
    return making;
  }

  private async make(file: string): Promise<Prepared> {
    const loaded = planProfile(this.root, file);
    const out = join(this.folder, "dist", basename(file, ".yaml"));
    const secrets = join(this.folder, "secrets");
    layKeys(join(secrets, loaded.plan.profile), loaded.plan);
    const steps = new Steps(() => {});
    await build(loaded, { root: this.root, out, secrets, rotateKeys: false, version: this.version, steps, card: null });
    return { loaded, artefacts: out };
  }

  /** The profile as it is, or a copy with the scenario's changes. */
  private write({ set }: NamedScenario, profile: string): string {
    const path = this.find(profile);
    if (Object.keys(set).length === 0) return path;
    const text = stringify(merge(parse(readFileSync(path, "utf8")), set));
    const id = createHash("sha256").update(text).digest("hex").slice(0, 8);
    const file = join(this.folder, "profiles", `${basename(path, ".yaml")}-${id}.yaml`);
    mkdirSync(join(this.folder, "profiles"), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  private find(profile: string): string {
    if (/[/\\]|\.ya?ml$/.test(profile)) return profile;
    for (const folder of ["profiles", "test/profiles"]) {
      const path = join(this.root, folder, `${profile}.yaml`);
      if (existsSync(path)) return path;
    }
    throw usage.noSuchProfile(profile, null, []);
  }

  /** The guest's program as one file. */
  agent(): string {
    const outfile = join(this.folder, "agent.cjs");
    const entry = join(this.root, "test/lab/guest/agent.ts");
    // Without comments and blanks: a known result does not depend on them.
    const packed = { bundle: true, platform: "node", target: "node18", format: "cjs", minifyWhitespace: true } as const;
    buildSync({ ...packed, entryPoints: [entry], outfile, logLevel: "error" });
    return outfile;
  }
}

/** Groups are joined key by key, everything else is replaced. */
function merge(base: unknown, change: unknown): unknown {
  if (!isGroup(base) || !isGroup(change)) return change;
  const keys = new Set([...Object.keys(base), ...Object.keys(change)]);
  return Object.fromEntries([...keys].map((key) => [key, key in change ? merge(base[key], change[key]) : base[key]]));
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { inject } from "vitest";
import { Steps } from "../../builder/base/steps";
import { build, planProfile } from "../../builder/build/build";
import type { Plan } from "../../builder/plan/types";
import { type Target, targets } from "../../builder/targets";
import { version } from "../../package.json";
import { layKeys } from "./keys";

export const root = resolve(import.meta.dirname, "../..");

declare module "vitest" {
  interface ProvidedContext {
    builds: string;
  }
}

/** All profiles that are built for the tests: those that are shipped and those of test/profiles. */
export const profileFiles = ["profiles", "test/profiles"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => join(root, folder, name)),
);

export const profileNames = profileFiles.map((file) => basename(file, ".yaml"));

/**
 * Before the tests that look at builds: builds each profile once, without a card, and unpacks the box's half. All in this
 * process, since starting the command for each would take several times as long; what the command itself does is the
 * subject of command.test.ts.
 */
export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-builds-"));
  for (const file of profileFiles) {
    const loaded = planProfile(root, file);
    const out = join(folder, loaded.plan.profile);
    const secrets = join(folder, "secrets");
    // So that what runs in virtual time can be repeated: other keys are other bytes, and other moments.
    layKeys(join(secrets, loaded.plan.profile), loaded.plan);
    await build(loaded, { root, out, secrets, rotateKeys: false, version, steps: new Steps(() => {}), card: null });
    const box = join(out, "box/root");
    mkdirSync(box);
    execFileSync("tar", ["-xpf", join(out, "box/overlay.tar"), "-C", box]);
    writeFileSync(planFile(folder, loaded.plan.profile), JSON.stringify(loaded.plan));
  }
  project.provide("builds", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}

/** Where the set-up keeps the plan of a profile, beside its output folder. */
function planFile(builds: string, name: string): string {
  return join(builds, `${name}.plan.json`);
}

export interface Built {
  name: string;
  /** The output folder. */
  folder: string;
  /** The box's files, unpacked from overlay.tar. */
  box: string;
  manifest: Manifest;
  /** Each file of the server's half by path, as install.sh carries it. */
  server: Map<string, { mode: string; content: string }>;
}

export interface Manifest {
  profile: string;
  profileHash: string;
  versions: Record<string, string>;
  files: { half: "box" | "server"; path: string; type: string; owner: string; mode: string; sha256?: string; target?: string }[];
  artefacts: { path: string; mode: string; bytes: number; sha256: string }[];
}

const builds = new Map<string, Built>();

/** A profile's build, made before the tests and read once in each test file. */
export function built(name: string): Built {
  const known = builds.get(name) ?? readBuilt(name);
  builds.set(name, known);
  return known;
}

function readBuilt(name: string): Built {
  const folder = join(inject("builds"), name);
  return {
    name,
    folder,
    box: join(folder, "box/root"),
    manifest: JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as Manifest,
    server: filesOfInstall(readFileSync(join(folder, "server/install.sh"), "utf8")),
  };
}

/** The here-documents of install.sh. */
function filesOfInstall(script: string): Built["server"] {
  const files: Built["server"] = new Map();
  for (const [, path = "", mode = "", , content = ""] of script.matchAll(/^put (\S+) (\d{4}) <<'(END_*)'\n([\s\S]*?)^\3$/gm))
    files.set(path, { mode, content });
  return files;
}

const plans = new Map<string, Plan>();

/** A profile's plan, as JSON holds it. */
export function planned(name: string): Plan {
  const plan = plans.get(name) ?? (JSON.parse(readFileSync(planFile(inject("builds"), name), "utf8")) as Plan);
  plans.set(name, plan);
  return plan;
}

/** The profiles whose server is run by one of the two. */
export function profilesOf(init: Target["init"]): string[] {
  return profileNames.filter((name) => targets[planned(name).server.target].init === init);
}

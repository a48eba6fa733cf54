import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { inject } from "vitest";
import { loadProfile } from "../../builder/profile/load";
import { type Target, targets } from "../../builder/targets";

export const root = resolve(import.meta.dirname, "../..");

declare module "vitest" {
  interface ProvidedContext {
    builds: string;
  }
}

/** Profiles that every conformance test looks at: those that are shipped and those of test/profiles. */
export const profileFiles = ["profiles", "test/profiles"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => join(root, folder, name)),
);

export const profileNames = profileFiles.map((file) => basename(file, ".yaml"));

/** The profiles whose server is run by one of the two. */
export function profilesOf(init: Target["init"]): string[] {
  return profileFiles
    .filter((file) => targets[loadProfile(readFileSync(file, "utf8"), file).server.target].init === init)
    .map((file) => basename(file, ".yaml"));
}

/** Before all tests: builds each profile once with the public command and unpacks both halves. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-builds-"));
  for (const file of profileFiles) {
    const out = join(folder, basename(file, ".yaml"));
    execFileSync(join(root, "scripts/build-image"), ["--profile", file, "--no-card", "--out", out, "--secrets", join(folder, "secrets")], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    execFileSync("mkdir", [join(out, "box/root")]);
    execFileSync("tar", ["-xpf", join(out, "box/overlay.tar"), "-C", join(out, "box/root")]);
  }
  project.provide("builds", folder);
  return () => rmSync(folder, { recursive: true, force: true });
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

/** A profile's build, made before the tests. */
export function built(name: string): Built {
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

/** What "scripts/build-image --json" prints for a profile. */
export function planOf(name: string): Record<string, unknown> {
  const file = profileFiles.find((path) => basename(path, ".yaml") === name) as string;
  return JSON.parse(execFileSync(join(root, "scripts/build-image"), ["--profile", file, "--json"], { encoding: "utf8" }));
}

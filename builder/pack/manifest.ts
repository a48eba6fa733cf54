import { sha256 } from "../base/hash";
import type { Entry } from "../render/tree";
import type { Artefact } from "../render/tree";

/** Its name in the output folder. */
export const MANIFEST = "manifest.json";
/** Says that a folder is a build of ours. */
const GENERATED = "by bondbox; edit the profile instead";

/** What a later build reads of a manifest. */
export interface Manifest {
  profile: string;
  keySet: string | null;
  /** Paths below the folder. */
  artefacts: string[];
}

/** @returns null: no manifest of ours */
export function readManifest(text: string): Manifest | null {
  try {
    const { generated, profile, keySet = null, artefacts } = JSON.parse(text) as Record<string, unknown>;
    if (generated !== GENERATED || typeof profile !== "string" || !Array.isArray(artefacts)) return null;
    return { profile, keySet: keySet as string | null, artefacts: artefacts.map(({ path }: { path: string }) => path) };
  } catch {
    return null;
  }
}

export interface ManifestInput {
  version: string;
  profile: string;
  profileHash: string;
  target: string;
  boxTarget: string;
  /** Names the set of keys. */
  keySet: string;
  /** sha256 of the runtime's one file. */
  runtimeHash: string;
  box: Entry[];
  server: Entry[];
  artefacts: Artefact[];
}

/** What the build made: each file of both halves with owner, mode and, unless it would give a secret away, hash, and the artefacts that carry them. */
export function manifestOf({
  version,
  profile,
  profileHash,
  target,
  boxTarget,
  keySet,
  runtimeHash,
  box,
  server,
  artefacts,
}: ManifestInput): string {
  const manifest = {
    generated: GENERATED,
    profile,
    profileHash,
    keySet,
    versions: { bondbox: version, runtime: runtimeHash, boxTarget, serverTarget: target },
    files: [...box.map((entry) => describe("box", entry)), ...server.map((entry) => describe("server", entry))],
    artefacts: artefacts.map(({ path, mode, content }) => ({
      path,
      mode: octal(mode),
      bytes: Buffer.byteLength(content),
      sha256: sha256(content),
    })),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function describe(half: "box" | "server", entry: Entry): object {
  return {
    half,
    path: entry.path,
    type: entry.kind,
    owner: `${entry.owner}:${entry.group}`,
    mode: octal(entry.mode),
    ...(entry.kind === "file" && entry.guessable !== true ? { sha256: sha256(entry.content) } : {}),
    ...(entry.kind === "link" ? { target: entry.target } : {}),
  };
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

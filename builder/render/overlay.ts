import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { TunnelKeys } from "../keys/keys";
import type { LinePlan, Plan } from "../plan/types";
import { type Half, peerFingerprint } from "./keys";
import { fillIn } from "./template";
import { type Entry, type FileEntry, file, link } from "./tree";

/** A file as it is in overlay/. */
export interface OverlayFile {
  /** Absolute path on the target; a template's path still has its extensions. */
  path: string;
  text: string;
}

/** Folders of overlay/ that a half of a plan has besides its system's own. */
export const layersOf = ({ bond, box, lane }: Plan, half: Half): string[] => [
  ...(half === "box" && box.protected ? ["updates"] : []),
  ...(bond.striper ? ["striper"] : []),
  ...(lane === null ? [] : ["lane/common", `lane/${half}`]),
];

/** Reads a folder of overlay/, sorted. */
export function readOverlay(folder: string, below = ""): OverlayFile[] {
  return readdirSync(join(folder, below))
    .sort()
    .flatMap((name) => {
      const path = `${below}/${name}`;
      return statSync(join(folder, path)).isDirectory()
        ? readOverlay(folder, path)
        : [{ path, text: readFileSync(join(folder, path), "utf8") }];
    });
}

/**
 * Reads several folders of overlay/.
 * @param root of the repository.
 * @param layers folders below overlay/, common ones first.
 */
export function readLayers(root: string, layers: string[]): OverlayFile[] {
  return layers.flatMap((layer) => readOverlay(join(root, "overlay", layer)));
}

/** One end of the bond, as templates see it by the name `here`. */
export interface End {
  box: boolean;
  /** systemd is its init. */
  systemd: boolean;
  /** Inner address of this end. */
  address: string;
  /** Inner address of the other end. */
  peer: string;
}

export interface RenderContext {
  plan: Plan;
  keys: Map<string, TunnelKeys>;
  /** Names the set of keys on both halves. */
  keySet: string;
  /** First line of every generated file. */
  generated: string;
  /** The text of each {{> name}}. */
  parts: Record<string, string>;
}

/** Fills in the templates NAME.LANGUAGE.hbs of an overlay and copies other files. A template that renders to nothing makes no file. */
export function renderOverlay(files: OverlayFile[], half: Half, context: RenderContext): FileEntry[] {
  return files.flatMap((source) =>
    perLine(source, context.plan.lines).flatMap(({ path, line }) => render({ ...source, path }, { line, half }, context)),
  );
}

function endOf(half: Half, { server, tunnel: { boxAddress, serverAddress } }: Plan): End {
  return half === "box"
    ? { box: true, systemd: true, address: boxAddress, peer: serverAddress }
    : { box: false, systemd: server.systemd, address: serverAddress, peer: boxAddress };
}

/** A path with @line@ makes one file per line. */
function perLine({ path }: OverlayFile, lines: LinePlan[]): { path: string; line: LinePlan | null }[] {
  return path.includes("@line@") ? lines.map((line) => ({ path: path.replaceAll("@line@", line.name), line })) : [{ path, line: null }];
}

/** Fills in a file that belongs to no line and no half. */
export function renderFile(source: OverlayFile, context: Omit<RenderContext, "keys" | "keySet">): FileEntry[] {
  return fill(source, context.plan, context);
}

function render(source: OverlayFile, { line, half }: { line: LinePlan | null; half: Half }, context: RenderContext): FileEntry[] {
  const { plan, keys, keySet } = context;
  const ofLine = line === null ? null : { ...line, peerFingerprint: peerFingerprint(keys.get(line.name), half) };
  return fill(source, { ...plan, keySet, line: ofLine, here: endOf(half, plan) }, context);
}

function fill({ path, text }: OverlayFile, values: object, { generated, parts }: Omit<RenderContext, "keys" | "keySet">): FileEntry[] {
  const match = /^(.*)\.([a-z]+)\.hbs$/.exec(path);
  if (match === null) return [file(path, text)];
  const [, target = "", language = ""] = match;
  const filled = fillIn({ name: path, text, language, parts }, values, generated);
  return filled === "" ? [] : [file(target, filled)];
}

/** Reads the parts that templates of both halves share, by name. */
export function readParts(folder: string): Record<string, string> {
  return Object.fromEntries(readOverlay(folder).map(({ path, text }) => [path.slice(1, -".hbs".length), text]));
}

const UNITS = "/etc/systemd/system";

/**
 * The links that "systemctl enable" would make, read from the units' [Install] sections.
 * @param entries the files of a half.
 * @param instances names for template units.
 */
export function enableUnits(entries: FileEntry[], instances: string[]): Entry[] {
  return entries
    .filter(({ path }) => path.startsWith(`${UNITS}/`) && /\.(service|socket|path|timer)$/.test(path))
    .flatMap(({ path, content }) => {
      const unit = path.slice(UNITS.length + 1);
      const names = unit.includes("@.") ? instances.map((name) => unit.replace("@.", `@${name}.`)) : [unit];
      const wanting = [...content.toString().matchAll(/^WantedBy=(.+)$/gm)].flatMap(([, list = ""]) => list.split(" "));
      return wanting.flatMap((target) => names.map((name) => link(`${UNITS}/${target}.wants/${name}`, `${UNITS}/${unit}`)));
    });
}

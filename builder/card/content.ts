import { sha256 } from "../base/hash";
import type { Artefact } from "../render/tree";
import type { Plan } from "../plan/types";
import { type OverlayFile, readOverlay, renderFile } from "../render/overlay";
import { complete, type DirectoryEntry, type Entry, type FileEntry, file, link } from "../render/tree";

export interface CardInput {
  /** Of the repository. */
  root: string;
  plan: Plan;
  /** First line of every generated file. */
  generated: string;
  /** What {{> name}} stands for, by name. */
  parts: Record<string, string>;
  /** The box's half. */
  overlayTar: Buffer;
  /** All that the box needs beside the stock system. */
  debs: CardPackage[];
}

export interface CardPackage {
  name: string;
  version: string;
  architecture: string;
  /** On the card: FAT-safe, and unique whatever the case. */
  file: string;
  sha256: string;
  content: Buffer;
}

export interface Card {
  /** 16 hex digits over all that is on the card: another build, another id. */
  id: string;
  /** Files for the boot partition, paths relative. */
  bootfs: Artefact[];
  /** What a ready image has in its root. */
  root: Entry[];
  /** What a ready image has on its boot partition; nothing in it is secret. */
  boot: Artefact[];
}

/** Begin of bondbox-status.txt on a card that no box has started from. */
export const NOT_RUN = "bondbox has not run on this card yet.";

/** On the box, for root alone. */
const HOME = "/var/lib/bondbox";
const UNITS = "/etc/systemd/system";

/** What makes a stock card the box: files for its boot partition, or the same inside a ready image. Source: docs/card.md#first-boot. */
export function renderCard(input: CardInput): Card {
  const box = readOverlay(`${input.root}/overlay/box`);
  const folder = cardFolder(input, setupOf(box, input));
  const id = sha256(sums(folder)).slice(0, 16);
  const whole = [...folder, { path: "id", mode: 0o644, content: `${id}\n` }].sort((a, b) => (a.path < b.path ? -1 : 1));
  whole.push({ path: "SHA256SUMS", mode: 0o644, content: sums(whole) });
  const onBoot = whole.map((part) => ({ ...part, path: `bondbox/${part.path}` }));
  return {
    id,
    bootfs: [...onBoot, ...starters(input.root), { path: "bondbox-status.txt", mode: 0o644, content: notBooted(input.plan) }],
    root: rootOf(box, whole, input),
    boot: [
      { path: "bondbox/id", mode: 0o644, content: `${id}\n` },
      { path: "bondbox-status.txt", mode: 0o644, content: notBooted(input.plan) },
    ],
  };
}

/** A file of the box's half, as it will be there. */
function boxFile(box: OverlayFile[], path: string, { plan, generated, parts }: CardInput): FileEntry {
  const found = box.filter((source) => source.path === path || (source.path.startsWith(`${path}.`) && source.path.endsWith(".hbs")));
  const rendered = found.flatMap((source) => renderFile(source, { plan, generated, parts }));
  if (rendered.length !== 1) throw new Error(`overlay/box has not one ${path}`);
  return rendered[0] as FileEntry;
}

const SETUP = "/usr/local/sbin/bondbox-setup";
const SETUP_PARTS = "/usr/local/lib/bondbox/setup/";

/** bondbox-setup as it runs from the card, before anything is installed: with its values and parts next to it. */
function setupOf(box: OverlayFile[], input: CardInput): Artefact[] {
  const parts = box.filter(({ path }) => path.startsWith(SETUP_PARTS));
  return [
    { path: "setup", mode: 0o755, content: boxFile(box, SETUP, input).content },
    { path: "setup.conf", mode: 0o644, content: boxFile(box, "/etc/bondbox/setup.conf", input).content },
    ...parts.map(({ path, text }) => ({ path: `setup.d/${path.slice(SETUP_PARTS.length)}`, mode: 0o644, content: text })),
  ];
}

/** All that is in the folder bondbox but its id and its sums. */
function cardFolder({ plan, overlayTar, debs }: CardInput, setup: Artefact[]): Artefact[] {
  const want = debs.map(
    ({ name, version, architecture, sha256: sum, file: path }) => `${name} ${version} ${architecture} ${sum} ${path}\n`,
  );
  const folder: Artefact[] = [
    { path: "overlay.tar", mode: 0o600, content: overlayTar },
    { path: "packages/want", mode: 0o644, content: want.join("") },
    ...setup,
    // For scripts/copy-bootfs, which looks at the card first.
    { path: "target", mode: 0o644, content: `${plan.box.target}\n` },
    ...debs.map(({ file: path, content }) => ({ path: `packages/${path}`, mode: 0o644, content })),
  ];
  return folder.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** As sha256sum reads it. */
function sums(files: Artefact[]): string {
  return files.map(({ path, content }) => `${sha256(content)}  ${path}\n`).join("");
}

/** What starts the setup on a card that another program has written: both ways, so that a card of the other kind is noticed. */
function starters(root: string): Artefact[] {
  return readOverlay(`${root}/overlay/card`).map(({ path, text }) => ({ path: path.slice(1), mode: 0o644, content: text }));
}

/** What a person finds on the card when nothing has started the setup. */
function notBooted({ box: { title } }: Plan): string {
  return `${NOT_RUN}

Put the card into the Raspberry Pi and switch it on; it needs no internet. After some minutes this file says how it went.

If this text is still here then, the system on the card did not start the setup:
- The card must hold ${title}. Nothing else is taken.
- The files must have been copied with scripts/copy-bootfs, which looks at the card first.
`;
}

function rootOf(box: OverlayFile[], whole: Artefact[], input: CardInput): Entry[] {
  const folders = [HOME, `${HOME}/card`, `${HOME}/card/packages`, `${HOME}/card/setup.d`].map((path): DirectoryEntry => ({
    kind: "directory",
    path,
    mode: path === HOME ? 0o755 : 0o700,
    owner: "root",
    group: "root",
  }));
  const files = whole.map(({ path, content }) => ({
    ...file(`${HOME}/card/${path}`, content),
    mode: path === "setup" ? 0o700 : 0o600,
  }));
  const units = ["setup.service", "setup.service.d/common.conf", "finish.service", "finish.service.d/common.conf"];
  const starter = units.map((name) => boxFile(box, `${UNITS}/bondbox-${name}`, input));
  return complete([
    ...folders,
    ...files,
    boxFile(box, SETUP, input),
    ...starter,
    ...starter.filter(({ path }) => path.endsWith(".d/common.conf")).map(({ path }) => folderOf(path)),
    link(`${UNITS}/multi-user.target.wants/bondbox-setup.service`, `${UNITS}/bondbox-setup.service`),
  ]);
}

function folderOf(path: string): DirectoryEntry {
  return { kind: "directory", path: path.slice(0, path.lastIndexOf("/")), mode: 0o755, owner: "root", group: "root" };
}

import { readFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { cacheFolder } from "../machine/host";
import { EnvironmentError } from "../errors";
import { checkBase, makeImage, pinnedImage } from "../pack/image";
import type { Artefact } from "../render/tree";
import { type Deb, boxPackages } from "../pack/packages";
import type { Plan } from "../plan/types";
import { type Card, renderCard } from "./content";
import { boxes, packagesOfBox } from "../targets/boxes";

export { imageFiles } from "../pack/image";

export interface CardOptions {
  /** The image of Raspberry Pi OS to start from; null: the published one, fetched. */
  base: string | null;
  /** Whether a ready image is made. */
  image: boolean;
  /** Resolve the packages anew and write the lock file. */
  update: boolean;
  /** Debian's archive; null: the one that this machine's apt knows, or the public one. */
  mirror: string | null;
  log: (line: string) => void;
}

/** What a card is made of and no profile says: fetched before anything is locked or written. */
export interface Supplies {
  debs: Deb[];
  /** Path of the image to start from; null: no ready image is made. */
  base: string | null;
  /** What a person should hear of. */
  notes: string[];
}

/**
 * Fetches a card's packages and its base.
 * @param profilePath the lock file stands beside it.
 * @throws EnvironmentError without packages.
 */
export async function suppliesOf(plan: Plan, profilePath: string, options: CardOptions): Promise<Supplies> {
  const { box, profile, ssh } = plan;
  const { base, image, update, mirror, log } = options;
  if (image && base !== null) checkBase(resolve(base));
  const lockFile = lockOf(profilePath);
  const os = boxes[box.target];
  const debs = await boxPackages({ box: os, names: packagesOfBox(plan), lockFile, update, mirror, cache: cacheFolder("packages"), log });
  if (!image) return { debs, base: null, notes: [] };
  const notes = ssh === null ? [`nobody will be able to log in to a box made from ${profile}.img: the profile has no ssh.keys.`] : [];
  if (base !== null) return { debs, base: isAbsolute(base) ? base : resolve(base), notes };
  try {
    return { debs, base: await pinnedImage(os.image, cacheFolder("images"), log), notes };
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    const note = `no ${profile}.img was made. ${error.message}. bootfs/ has the same for a card that is written already. ${error.hint}`;
    return { debs, base: null, notes: [note] };
  }
}

/** The lock file of a profile's packages, which stands beside it. */
export function lockOf(profilePath: string): string {
  return profilePath.replace(/\.ya?ml$/, ".packages.lock.json");
}

/** The card's files from the box's half. */
export function cardOf(
  plan: Plan,
  { debs }: Supplies,
  { root, ...rest }: { root: string; generated: string; parts: Record<string, string>; overlayTar: Buffer },
): Card {
  const contents = debs.map(({ path, ...deb }) => ({ ...deb, content: readFileSync(path) }));
  return renderCard({ root, plan, debs: contents, ...rest });
}

/** The files for a card that another program has written. */
export function bootfsOf({ bootfs }: Card): Artefact[] {
  return bootfs.map((artefact) => ({ ...artefact, path: `bootfs/${artefact.path}` }));
}

/** Makes the ready image in a folder, which will be called place. */
export async function addImage(
  { box, profile }: Plan,
  { boot, root }: Card,
  { base, folder, place, log }: { base: string; folder: string; place: string; log: (line: string) => void },
): Promise<void> {
  const name = `${profile}.img`;
  const [out, final] = [join(folder, name), join(place, name)];
  await makeImage({ base, out, place: final, name: profile, box: boxes[box.target], boot, root, cache: cacheFolder("images"), log });
}

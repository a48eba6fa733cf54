import type { BoxTarget } from "../names";
import type { BoxOs } from "./box";
import { raspiosBookworm } from "./raspios-bookworm";
import { raspiosTrixie } from "./raspios-trixie";

export { type BoxOs, packagesOfBox, type PinnedImage } from "./box";

/** Every box target by its name in the profile, the recommended one first. */
export const boxes: Record<BoxTarget, BoxOs> = {
  "raspios-trixie": raspiosTrixie,
  "raspios-bookworm": raspiosBookworm,
};

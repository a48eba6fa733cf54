import type { ServerTarget } from "./names";
import { debian12 } from "./debian-12";
import { debian13 } from "./debian-13";
import type { Target } from "./target";
import { ubuntu1404 } from "./ubuntu-14.04";
import { ubuntu2204 } from "./ubuntu-22.04";
import { ubuntu2404 } from "./ubuntu-24.04";
import { ubuntu2604 } from "./ubuntu-26.04";

export type { Target } from "./target";

/** Every server target by its name in the profile, the recommended one first. */
export const targets: Record<ServerTarget, Target> = {
  "debian-13": debian13,
  "debian-12": debian12,
  "ubuntu-26.04": ubuntu2604,
  "ubuntu-24.04": ubuntu2404,
  "ubuntu-22.04": ubuntu2204,
  "ubuntu-14.04": ubuntu1404,
};

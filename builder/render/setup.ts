import { providerLimits } from "./cloud-init";
import type { Plan } from "../plan/types";
import { targets } from "../targets";
import { packagesOfBox } from "../targets/boxes";
import type { OverlayFile, RenderContext } from "./overlay";
import { fillIn } from "./template";

/** The size of the server's user-data, and which providers accept it. */
export interface Bundle extends UserDataSizes {
  providers: { name: string; limit: number; file: string; note: string; fits: boolean }[];
}

/** Bytes of user-data, plain and packed. */
export interface UserDataSizes {
  userDataBytes: number;
  packedBytes: number;
}

function bundleOf({ userDataBytes, packedBytes }: UserDataSizes, { target }: Plan["server"]): Bundle {
  const { clouds } = targets[target];
  const providers = providerLimits.map(({ name, limit, packed, note }) => ({
    name,
    limit,
    file: packed ? "user-data.base64" : "user-data",
    note: clouds === null || clouds.some((cloud) => name.includes(cloud)) ? note : "its user data is not read there: use install.sh",
    fits: (packed ? packedBytes : userDataBytes) <= limit,
  }));
  return { userDataBytes, packedBytes, providers };
}

/** SETUP.md: the steps from the build to a running bond, with this profile's values. */
export function renderSetup(
  { path, text }: OverlayFile,
  sizes: UserDataSizes,
  { plan, generated, parts }: RenderContext,
): { setup: string; bundle: Bundle } {
  const bundle = bundleOf(sizes, plan.server);
  const setup = fillIn(
    { name: path, text, language: "markdown", parts },
    { ...plan, bundle, packages: { box: packagesOfBox.join(" ") } },
    generated,
  );
  return { setup, bundle };
}

import { type ProviderNote, providerLimits } from "./cloud-init";
import type { Plan } from "../plan/types";
import { targets } from "../targets";
import { packagesOfBox } from "../targets/boxes";
import type { OverlayFile, RenderContext } from "./overlay";
import { pageOf } from "./page";
import { fillIn } from "./template";

/** The size of the server's user-data, and which providers accept it. */
export interface Bundle extends UserDataSizes {
  providers: { name: string; limit: number; file: string; note: ProviderNote; fits: boolean }[];
}

/** Bytes of user-data, plain and packed. */
export interface UserDataSizes {
  userDataBytes: number;
  packedBytes: number;
}

export interface Setup {
  /** SETUP.md */
  markdown: string;
  /** SETUP.html, from the same text. */
  page: string;
  bundle: Bundle;
}

function bundleOf({ userDataBytes, packedBytes }: UserDataSizes, { target }: Plan["server"]): Bundle {
  const { clouds } = targets[target];
  const providers = providerLimits.map(({ name, limit, packed, note }) => ({
    name,
    limit,
    file: packed ? "user-data.base64" : "user-data",
    note: clouds === null || clouds.some((cloud) => name.includes(cloud)) ? note : ("not-read" as const),
    fits: (packed ? packedBytes : userDataBytes) <= limit,
  }));
  return { userDataBytes, packedBytes, providers };
}

/**
 * The guide from the build to a running bond, with this profile's values.
 * @param source the template in the profile's language.
 * @param sizes of the server's user-data.
 * @param picture topology.svg, which the page contains.
 */
export function renderSetup(
  { path, text }: OverlayFile,
  sizes: UserDataSizes,
  picture: string,
  { plan, generated, parts, keySet }: Omit<RenderContext, "keys">,
): Setup {
  const bundle = bundleOf(sizes, plan.server);
  const markdown = fillIn(
    { name: path, text, language: "markdown", parts },
    { ...plan, keySet, bundle, packages: { box: packagesOfBox(plan).join(" ") } },
    generated,
  );
  const body = markdown.slice(markdown.indexOf("\n") + 1);
  return { markdown, page: pageOf(body, { language: plan.language, generated, pictures: { "topology.svg": picture } }), bundle };
}

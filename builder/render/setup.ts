import { providerLimits } from "./cloud-init";
import type { OverlayFile, RenderContext } from "./overlay";
import { fillIn } from "./template";

/** The server's user-data against what providers take. */
export interface Bundle {
  userDataBytes: number;
  providers: { name: string; limit: number; note: string; fits: boolean }[];
}

/** Debian packages that the box's half needs beside Raspberry Pi OS Lite. */
const boxPackages = "openvpn iptables ethtool nodejs";

/** SETUP.md: what to do with the halves, with this profile's values. */
export function renderSetup(
  { path, text }: OverlayFile,
  userData: string,
  { plan, generated, parts }: RenderContext,
): { setup: string; bundle: Bundle } {
  const userDataBytes = Buffer.byteLength(userData);
  const bundle = { userDataBytes, providers: providerLimits.map((provider) => ({ ...provider, fits: userDataBytes <= provider.limit })) };
  const setup = fillIn({ name: path, text, language: "markdown", parts }, { ...plan, bundle, packages: { box: boxPackages } }, generated);
  return { setup, bundle };
}

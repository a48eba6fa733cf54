import { targets } from "../targets";
import type { Draft } from "./checks";

/** Why packets are not dealt by earliest delivery; undefined: they are, or the profile does not say. */
export function withoutStriper({ bond, server }: Pick<Draft, "bond" | "server">): string | undefined {
  if (bond?.mode !== undefined && bond.mode !== "auto") return `bond.mode is ${bond.mode}`;
  const target = server?.target === undefined ? undefined : targets[server.target];
  return target?.striper === false ? `${target.title} has no kernel for it` : undefined;
}

/** How often a line is heard of while nothing is sent. */
export interface SignsOfLife {
  /** Between two probes of the bond, ms. */
  arpInterval: number;
  /** Between two pings of a tunnel that has sent nothing else, s. */
  ping: number;
}

/**
 * What the profile's default is: seldom where a line's data is counted, since an idle line carries little else. Under load the striper needs
 * none of them. See docs/striper.md#what-an-idle-line-carries.
 */
export function usualSignsOfLife(draft: Pick<Draft, "bond" | "server" | "lines">): SignsOfLife {
  const counted = draft.lines?.some((line) => line?.monthly !== undefined) ?? false;
  return counted && withoutStriper(draft) === undefined ? { arpInterval: 2000, ping: 10 } : { arpInterval: 300, ping: 1 };
}

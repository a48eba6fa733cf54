import { targets } from "../targets";
import type { Draftable } from "../yaml/read";
import type { Draft } from "./checks";
import type { WrittenRate } from "./types";

/** Why packets are not dealt by earliest delivery; undefined: they are, or the profile does not say. */
export function withoutStriper({ bond, server }: Pick<Draft, "bond" | "server">): string | undefined {
  if (bond?.mode !== undefined && bond.mode !== "auto") return `bond.mode is ${bond.mode}`;
  const target = server?.target === undefined ? undefined : targets[server.target];
  return target?.striper === false ? `${target.title} has no kernel for it` : undefined;
}

const isFollowed = (rate: Draftable<WrittenRate> | undefined): boolean => rate === "auto" || typeof rate === "object";

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
  const lines = draft.lines ?? [];
  const counted = lines.some((line) => line?.monthly !== undefined);
  // A single line of a rate that is said has no striper, either.
  const striped = withoutStriper(draft) === undefined && (lines.length > 1 || isFollowed(lines[0]?.down) || isFollowed(lines[0]?.up));
  return counted && striped ? { arpInterval: 2000, ping: 10 } : { arpInterval: 300, ping: 1 };
}

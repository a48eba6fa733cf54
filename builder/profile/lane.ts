import { type Network, parseNetwork } from "../base/ipv4";
import { profile as texts } from "../errors";
import type { Draftable, Report } from "../yaml/read";
import type { Draft } from "./checks";
import { withoutStriper } from "./dealing";
import { type Home, networksOf } from "./home";
import { laneNetwork } from "./tunnel-network";
import type { Line, Profile } from "./types";

type Needed = Draftable<Pick<Profile, "bond" | "server" | "qos"> & { lines: Pick<Line, "use">[] }>;

/** What the TCP lane lacks; undefined: it is possible, or the profile does not say. */
export function withoutLane({ bond, server, qos, lines }: Needed): string | undefined {
  const why = withoutStriper({ bond, server });
  if (why !== undefined) return `earliest delivery, and ${why}`;
  if (qos?.enabled === false) return "the shaper, and qos.enabled is false";
  const carrying = lines?.filter((line) => line?.use !== "reserve");
  return carrying !== undefined && carrying.length < 2 ? "two lines that are not in reserve" : undefined;
}

/** Whether a device has a name that the lane gives. */
export function isLaneDevice(name: string): boolean {
  return /^lane\d+$/.test(name);
}

/**
 * @param vpn the tunnel's network; null: it is not known.
 */
export function checkLane(draft: Draft, vpn: Network | null, home: Home, report: Report): void {
  const why = withoutLane(draft) ?? withoutNetwork(draft, vpn, home);
  if (draft.tcpLane === "on" && why !== undefined) report(["tcpLane"], texts.noLane(why));
  else if (draft.quic === "lane" && draft.tcpLane === "off") report(["quic"], texts.quicWithoutLane("tcpLane is off"));
  else if (draft.quic === "lane" && why !== undefined) report(["quic"], texts.quicWithoutLane(`it needs ${why}`));
}

function withoutNetwork({ server }: Draft, vpn: Network | null, home: Home): string | undefined {
  const servers = [server?.address, ...(server?.backups ?? [])].flatMap((address) => (address === undefined ? [] : parseNetwork(address)));
  const taken = [...networksOf(home).map(([, network]) => network), ...servers];
  return vpn === null || laneNetwork(vpn, taken) !== null ? undefined : "a network of its own, and all that it could have are taken";
}

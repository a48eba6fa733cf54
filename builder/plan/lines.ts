import { linkOf } from "../profile/links";
import { tunnelPort } from "../profile/ports";
import type { Line, Profile } from "../profile/types";
import { bondCapacity } from "./bond";
import { IPV6_MTU } from "./ipv6";
import { efficiency, maxInnerMtu, meanTunnelOverhead, outerSize } from "./sizes";
import { envelopeOf } from "./tunnel";
import type { BondPlan, Framing, LinePlan, Rates } from "./types";

/** kbit/s, more than a Raspberry Pi's port. */
const MOST_FOUND = 1_000_000;

/** The part of a line that the formulas need before the tunnel's MTU is known. */
export type Path = Pick<LinePlan, "link" | "encapsulation" | "linkOverhead" | "linkMpu" | "mtu" | "rateKind" | "rate" | "maxInnerMtu">;

export function pathOf(line: Line, profile: Profile): Path {
  const link = linkOf(line);
  return {
    link: line.link,
    encapsulation: link.name,
    linkOverhead: link.overhead,
    linkMpu: link.mpu,
    mtu: link.mtu,
    rateKind: line.rate,
    rate: { down: line.down, up: line.up },
    maxInnerMtu: maxInnerMtu(Math.min(link.mtu, profile.server.mtu), envelopeOf(profile)),
  };
}

/** TCP payload of one flow through the tunnel of a line, kbit/s. See docs/mtu.md#goodput. */
export function goodput(path: Path, mtu: number, profile: Profile): Rates {
  const part = efficiency(mtu, outerSize(mtu, envelopeOf(profile)), path);
  return { down: path.rate.down * part, up: path.rate.up * part };
}

/** TCP payload of one flow over a line without a tunnel, kbit/s. */
export function directGoodput(line: LinePlan): Rates {
  const part = efficiency(line.mtu, line.mtu, line);
  return { down: Math.round(line.rate.down * part), up: Math.round(line.rate.up * part) };
}

/** The MTU with the highest goodput that no line has to fragment. On ATM a smaller packet can fill its cells better. See docs/mtu.md#the-best-mtu. */
export function bestMtu(paths: Path[], profile: Profile, bond: BondPlan): number {
  const largest = Math.min(...paths.map((path) => path.maxInnerMtu));
  // Going lower than two ATM cells and a cipher block never gains anything.
  const smallest = Math.max(largest - 128, profile.ipv6 === "tunnel" ? IPV6_MTU : 128);
  let chosen = largest;
  let most = 0;
  for (let mtu = largest; mtu >= smallest; mtu--) {
    const carried = bondCapacity(
      paths.map((path) => goodput(path, mtu, profile).down),
      bond,
    );
    if (carried > most * (1 + 1e-9)) [chosen, most] = [mtu, carried];
  }
  return chosen;
}

interface LineContext {
  path: Path;
  mtu: number;
  profile: Profile;
  bond: BondPlan;
}

export function lineOf(line: Line, index: number, { path, mtu, profile, bond }: LineContext): LinePlan {
  const figures = goodput(path, mtu, profile);
  const mark = 101 + index;
  return {
    ...path,
    index,
    name: line.name,
    modem: line.modem,
    mark,
    table: mark,
    rulePriority: 1000 + mark,
    tap: `${profile.tunnel.tap}${index}`,
    port: tunnelPort(profile.tunnel.firstPort, index),
    rttMs: line.rtt ?? null,
    outerSize: outerSize(mtu, envelopeOf(profile)),
    framing: framingOf(path, profile),
    goodput: { down: Math.max(1, Math.round(figures.down)), up: Math.max(1, Math.round(figures.up)) },
    shaped: { down: share(line.down, profile), up: share(line.up, profile) },
    equalizeUs: equalize(line, profile, bond),
    use: line.use,
    held: { always: 0, spare: 1, reserve: 2 }[line.use],
    monthly: line.monthly ?? null,
    least: line.least ?? {},
    found: { down: line.found?.down ?? false, up: line.found?.up ?? false },
    price: { down: price(line.down), up: price(line.up) },
    leastPrice: { down: leastPrice(line, "down"), up: leastPrice(line, "up") },
    mostPrice: { down: mostPrice(line, "down"), up: mostPrice(line, "up") },
    delayUs: delay(line, profile),
  };
}

function framingOf(path: Path, profile: Profile): Framing {
  const tunnelBytes = meanTunnelOverhead(envelopeOf(profile));
  // A rate measured in IP packets already accounts for the link layer.
  return path.rateKind === "ip"
    ? { link: "ethernet", overhead: tunnelBytes, mpu: 0 }
    : { link: path.link, overhead: tunnelBytes + path.linkOverhead, mpu: path.linkMpu };
}

/**
 * What 256 bytes take, in a unit that is exact for fast lines and fits into 32 bits for slow ones.
 * @param rate kbit/s
 * @returns nanoseconds
 */
function price(rate: number): number {
  return Math.round((256 * 8e6) / rate);
}

/** What the profile says, or what a rate that is found may be at most. */
function leastPrice(line: Line, direction: keyof Rates): number {
  return price(line.found?.[direction] ? MOST_FOUND : line[direction]);
}

/** Down to a sixty-fourth of the rate, unless the profile has another limit. */
function mostPrice(line: Line, direction: keyof Rates): number {
  const least = line.least?.[direction];
  return Math.min(least === undefined ? 64 * price(line[direction]) : price(least), 2 ** 32 - 1);
}

/** How much longer a packet takes one way than on the nearest line, microseconds; 0 where the profile does not know. */
function delay({ rtt }: Line, { lines }: Profile): number {
  if (rtt === undefined) return 0;
  return Math.round(500 * (rtt - Math.min(...lines.flatMap((line) => line.rtt ?? []))));
}

function share(rate: number, { qos }: Profile): number {
  return Math.max(1, Math.floor(rate * qos.share));
}

/** Delay that makes the downlink take as long as the slowest line's, microseconds; 0 outside 5 to 60 ms, where it does not help. See docs/shaping.md#equalising-the-lines. */
function equalize(line: Line, { lines, qos }: Profile, { mode, striper }: BondPlan): number {
  const times = lines.map(({ rtt }) => rtt);
  if (mode !== "balance-rr" || striper || !qos.enabled || times.some((rtt) => rtt === undefined)) return 0;
  const oneWay = (Math.max(...(times as number[])) - (line.rtt as number)) / 2;
  return oneWay >= 5 && oneWay <= 60 ? Math.round(oneWay * 1000) : 0;
}

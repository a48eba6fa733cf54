import type { Line, LinkLayer } from "./types";

export interface Encapsulation {
  link: LinkLayer;
  /** Bytes added to an IP packet. */
  overhead: number;
  /** Smallest packet that the link layer counts, bytes; 0: no minimum. */
  mpu: number;
  /** Usual MTU, bytes of IP. */
  mtu: number;
}

/** The encapsulations by their names in tc-cake(8). See docs/mtu.md#atm-cells. */
export const encapsulations: Record<string, Encapsulation> = {
  "pppoa-vcmux": { link: "atm", overhead: 10, mpu: 0, mtu: 1500 },
  "pppoa-llc": { link: "atm", overhead: 14, mpu: 0, mtu: 1500 },
  "pppoe-vcmux": { link: "atm", overhead: 32, mpu: 0, mtu: 1492 },
  "pppoe-llcsnap": { link: "atm", overhead: 40, mpu: 0, mtu: 1492 },
  "bridged-vcmux": { link: "atm", overhead: 24, mpu: 0, mtu: 1500 },
  "bridged-llcsnap": { link: "atm", overhead: 32, mpu: 0, mtu: 1500 },
  "ipoa-vcmux": { link: "atm", overhead: 8, mpu: 0, mtu: 1500 },
  "ipoa-llcsnap": { link: "atm", overhead: 16, mpu: 0, mtu: 1500 },
  "pppoe-ptm": { link: "ptm", overhead: 30, mpu: 0, mtu: 1492 },
  "bridged-ptm": { link: "ptm", overhead: 22, mpu: 0, mtu: 1500 },
  ethernet: { link: "ethernet", overhead: 38, mpu: 84, mtu: 1500 },
  docsis: { link: "ethernet", overhead: 18, mpu: 64, mtu: 1500 },
};

const usual: Record<LinkLayer, string> = { atm: "pppoe-llcsnap", ptm: "pppoe-ptm", ethernet: "ethernet" };

/** Names of the encapsulations that exist on a link layer. */
export function encapsulationsOf(link: LinkLayer): string[] {
  return Object.keys(encapsulations).filter((name) => encapsulations[name]?.link === link);
}

/** A line's encapsulation, overhead and MTU: as written in the profile, otherwise the usual values of its link layer. */
export function linkOf(line: Pick<Line, "link" | "encapsulation" | "overhead" | "mtu">): Encapsulation & { name: string } {
  const name = line.encapsulation ?? usual[line.link];
  const known = encapsulations[name];
  if (known === undefined) throw new Error(`no encapsulation ${name}`);
  return { ...known, name, overhead: line.overhead ?? known.overhead, mtu: line.mtu ?? known.mtu };
}

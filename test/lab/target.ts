/** Debian's releases that the lab's machines are made of. */
export const releases = ["bookworm", "trixie"] as const;
export type Release = (typeof releases)[number];

/** What an emulated machine starts from. */
export interface System {
  release: Release;
  /** With the kernel of the release's backports, the newest that Debian has for it. */
  newestKernel: boolean;
}

/** A system's name, for people and for folders. */
export const systemName = ({ release, newestKernel }: System): string => (newestKernel ? `${release}-backports` : release);

/** How a provider's image sets up its network: one folder of test/lab/machines each. */
export type ServerMachine = "server-ifupdown" | "server-networkd";

export interface Standing {
  /** What both halves run on: a target's programs are of its age, and so is the Raspberry Pi OS of the box. */
  release: Release;
  machine: ServerMachine;
  /** The target is that release itself, and nothing stands in for it. */
  itself: boolean;
}

const standings: Record<string, Standing> = {
  "debian-13": { release: "trixie", machine: "server-networkd", itself: true },
  "debian-12": { release: "bookworm", machine: "server-networkd", itself: true },
  "ubuntu-26.04": { release: "trixie", machine: "server-networkd", itself: false },
  "ubuntu-24.04": { release: "trixie", machine: "server-networkd", itself: false },
  "ubuntu-22.04": { release: "bookworm", machine: "server-networkd", itself: false },
  "ubuntu-14.04": { release: "bookworm", machine: "server-ifupdown", itself: false },
};

/** What the lab runs a server target on. One that is not in the table is taken for a new one. */
export function standingOf(target: string): Standing {
  return standings[target] ?? { release: "trixie", machine: "server-networkd", itself: false };
}

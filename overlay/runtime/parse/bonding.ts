/** What the kernel reports about a bond. */
export interface Bonding {
  /** The bond's own state: up while at least one slave is up. */
  up: boolean;
  slaves: Slave[];
}

export interface Slave {
  interface: string;
  /** up, down, "going down" or "going back". */
  status: string;
  /** How often the monitor has taken it down since it joined. */
  failures: number;
}

/**
 * Reads /proc/net/bonding/<bond>. Lines are "key: value"; everything after a "Slave Interface:" belongs to that slave.
 * Keys and their order differ between kernels, so unknown ones are ignored. Source: drivers/net/bonding/bond_procfs.c
 */
export function parseBonding(text: string): Bonding {
  const bond = new Map<string, string>();
  const slaves: Map<string, string>[] = [];
  let section = bond;
  for (const line of text.split("\n")) {
    // "NS IPv6 target/s (xx::xx form):" has colons in its key, and may have no value.
    const [, key, value = ""] = /^\s*(.+?):(?:\s+(.*?))?\s*$/.exec(line) ?? [];
    if (key === undefined) {
      continue;
    }
    if (key === "Slave Interface") {
      section = new Map();
      slaves.push(section);
    }
    // 802.3ad has nested sections that repeat keys: the first one counts.
    if (!section.has(key)) {
      section.set(key, value);
    }
  }
  return {
    up: bond.get("MII Status") === "up",
    slaves: slaves.map((slave) => ({
      interface: slave.get("Slave Interface") ?? "",
      status: slave.get("MII Status") ?? "",
      failures: number(slave.get("Link Failure Count")),
    })),
  };
}

function number(text: string | undefined): number {
  const value = Number.parseInt(text ?? "", 10);
  return Number.isNaN(value) ? 0 : value;
}

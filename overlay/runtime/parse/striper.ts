/** What ails one direction of a line. much: 0 to 1 of the packets, or by how many ms the delay goes up and down. */
export type Ailment = { ails: "loses" | "jumps"; much: number } | { ails: "spare" | "reserve" };

/** What the striper says of a line. Source: overlay/bpf/striper.c, struct seen */
export interface Dealing {
  /** What it carries up, as now seen, kbit/s; null: as the profile has it. */
  up: number | null;
  /** Why nothing is sent over it; null: it is used. */
  aside: Ailment | null;
  /** What is wrong with what comes down; null: nothing. */
  ailsDown: Ailment | null;
  /** What it carries down, as the server sees it, to a few percent, kbit/s; null: it has not said. */
  down: number | null;
}

/** Numbers per line. */
const words = 4;

/** Reads /run/bondbox/striper, which bondbox-watchdog writes: nothing in it means that there is no striper, so it is no list of lines. */
export function parseStriper(text: string): Dealing[] {
  const numbers = text
    .split(/\s+/)
    .filter((word) => /^\d+$/.test(word))
    .map(Number);
  return Array.from({ length: Math.floor(numbers.length / words) }, (_, line) => {
    const [price = 0, , aside = 0, found = 0] = numbers.slice(line * words);
    // The price is what 256 bytes take, ns.
    return {
      up: price === 0 ? null : Math.round((256 * 8 * 1e6) / price),
      aside: ailment(aside),
      ailsDown: ailment(found % 65_536),
      down: downOf(found >>> 16),
    };
  });
}

/** What 1,536 bytes take, µs, as three bits and the five of their place; 0: unknown. */
function downOf(code: number): number | null {
  return code === 0 ? null : Math.round((1536 * 8 * 1000) / (8 + (code & 7)) / 2 ** (code >> 3));
}

function ailment(code: number): Ailment | null {
  const much = code % 256;
  switch (Math.floor(code / 256)) {
    case 1:
      return { ails: "loses", much: much / 1000 };
    case 2:
      // Quarters of what it is on average, which is about half of the whole way.
      return { ails: "jumps", much: much / 2 };
    case 3:
      return { ails: "spare" };
    case 4:
      return { ails: "reserve" };
    default:
      return null;
  }
}

import { targets } from "../targets";
import { boxes } from "../targets/boxes";
import { contains, parseAddress, parseNetwork } from "../base/ipv4";
import { bestWay, type Way } from "./advice";
import type { LinePlan, Plan, Rates, Warning } from "./types";

/** What a person should know before relying on this plan. */
export function warningsOf(plan: Omit<Plan, "warnings">): Warning[] {
  return [
    ...plan.lines.flatMap(unlikelyRates),
    ...plan.lines.flatMap(filteredPort),
    ...rateSpread(plan),
    ...rttSpread(plan),
    ...oldServer(plan),
    ...unreachable(plan),
  ];
}

/** kbit/s. The slowest line that is still sold carries more than the first two, and ADSL2+ no more than the last (ITU-T G.992.5). */
const [LEAST_DOWN, LEAST_UP, MOST_ATM] = [256, 64, 28_000];

/** Rates that were probably meant otherwise. */
function unlikelyRates({ name, rate, link, found: { down: anyDown, up: anyUp } }: LinePlan): Warning[] {
  if (anyDown || anyUp) return [];
  const found: Warning[] = [];
  for (const [direction, least] of [
    ["down", LEAST_DOWN],
    ["up", LEAST_UP],
  ] as const) {
    const kbits = rate[direction];
    if (kbits >= least) continue;
    const text = `Line ${name}: ${direction} is ${kbits} kbit/s. If ${kbits} Mbit/s are meant, write ${kbits}M.`;
    found.push({ code: "rate-low", text, about: { name, direction, kbits } });
  }
  const { down, up } = rate;
  if (up > 1.5 * down) {
    const text = `Line ${name} is faster up (${up} kbit/s) than down (${down}), as hardly any line is. If the two are swapped, exchange them.`;
    found.push({ code: "rate-swapped", text, about: { name, down, up } });
  }
  const kbits = Math.max(down, up);
  if (link === "atm" && kbits > MOST_ATM) {
    const text =
      `Line ${name} has link: atm, which is ADSL and carries at most ${MOST_ATM} kbit/s, not ${kbits}. ` +
      "Write link: ptm for VDSL, link: ethernet for fibre, cable, 4G and 5G.";
    found.push({ code: "rate-link", text, about: { name, kbits, most: MOST_ATM } });
  }
  return found;
}

/**
 * UDP ports that providers filter in both directions, against worms and amplification. Sources:
 * https://www.cox.com/residential/support/internet-ports-blocked-or-restricted-by-cox.html (135-139, 1434, 1900),
 * https://smartcomtelephone.com/support/ports-blocked (161, 162, 520), http://www.iinet.com/support/print.php?id=29 (445).
 */
const filteredPorts = new Set([135, 136, 137, 138, 139, 161, 162, 445, 520, 1434, 1900]);

function filteredPort({ name, port }: LinePlan): Warning[] {
  if (!filteredPorts.has(port)) return [];
  const text =
    `Line ${name}: its tunnel uses UDP port ${port}, which many providers filter: it might never come up. ` +
    "Write another tunnel.firstPort, such as 1194.";
  return [{ code: "port-filtered", text, about: { name, port } }];
}

/** Networks that no server on the internet has an address in: RFC 1918, 6598, 3927, 5737, 2544. */
const notPublic: [network: string, kind: keyof typeof kinds][] = [
  ["10.0.0.0/8", "private"],
  ["172.16.0.0/12", "private"],
  ["192.168.0.0/16", "private"],
  ["100.64.0.0/10", "nat"],
  ["169.254.0.0/16", "link-local"],
  ["192.0.2.0/24", "example"],
  ["198.51.100.0/24", "example"],
  ["203.0.113.0/24", "example"],
  ["198.18.0.0/15", "benchmark"],
];

const kinds = {
  private: "a private address",
  nat: "an address behind a provider's NAT",
  "link-local": "a link-local address",
  example: "an address for examples",
  benchmark: "an address for benchmarks",
};

function unreachable({ server }: Omit<Plan, "warnings">): Warning[] {
  return [server.address, ...server.backups].flatMap((address): Warning[] => {
    const kind = notPublic.find(([network]) => contains(parseNetwork(network), parseAddress(address)))?.[1];
    if (kind === undefined) return [];
    const text =
      `The server's address ${address} is ${kinds[kind]}: the box cannot reach it over the internet. Write the public address that the ` +
      `provider's console shows. Inside a cloud's machine, "ip address" may show another one.`;
    return [{ code: "server-address", text, about: { address, kind } }];
  });
}

const rates = (down: number, up: number): string => `${down} kbit/s down, ${up} up`;

/** Lines that differ so much that another way to use them gives more. */
function rateSpread({ lines, bond }: Omit<Plan, "warnings">): Warning[] {
  if (bond.striper) return [];
  const { now, best, better } = bestWay(bond.mode, lines);
  if (lines.length < 2 || better.length === 0) return [];
  const about = { mode: bond.mode, ...adviceOf(lines, best, now) };
  const [current, then] = [rates(about.nowDown, about.nowUp), rates(about.thenDown, about.thenUp)];
  const what = {
    "balance-rr": `balance-rr gives ${lines.length} x the slowest line: ${current}`,
    "balance-xor": `balance-xor puts each connection on one line, by chance: ${range(lines, "down")} kbit/s down, ${range(lines, "up")} up`,
    "active-backup": `active-backup uses ${lines[0]?.name} while it works: ${current}`,
    broadcast: "",
  }[bond.mode];
  const advice = {
    none: `Other ways give more ${better[0] === "down" ? "down" : "up"}, but less in the other direction.`,
    "leave-out": `Without ${about.names} it gives ${then}.`,
    "balance-xor": `bond.mode balance-xor${about.names === "" ? "" : ` without ${about.names}`} gives all connections together ${then}.`,
    "active-backup": `bond.mode active-backup with ${about.first} as the first line gives each connection ${then}.`,
    first: `With ${about.first} as the first line it gives ${then}.`,
  }[about.advice];
  return [{ code: "rate-spread", text: `The lines differ much in speed. ${what}. ${advice}`, about: { ...about } }];
}

/** The slowest and the fastest line. */
function range(lines: LinePlan[], direction: keyof Rates): string {
  const figures = lines.map(({ goodput }) => goodput[direction]);
  return `${Math.min(...figures)} to ${Math.max(...figures)}`;
}

interface Advice {
  advice: "none" | "leave-out" | "balance-xor" | "active-backup" | "first";
  /** Lines to leave out. */
  names: string;
  /** The line to write first. */
  first: string;
  /** What all connections get together, now and then, kbit/s. */
  nowDown: number;
  nowUp: number;
  thenDown: number;
  thenUp: number;
}

function adviceOf(lines: LinePlan[], best: Way, now: Way): Advice {
  const names = lines.filter((line) => !best.lines.includes(line)).map(({ name }) => name);
  const advice =
    best === now
      ? "none"
      : best.mode !== now.mode
        ? (best.mode as "balance-xor" | "active-backup")
        : best.mode === "active-backup"
          ? "first"
          : "leave-out";
  const [nowDown, nowUp, thenDown, thenUp] = [now.all.down, now.all.up, best.all.down, best.all.up].map(Math.round) as [
    number,
    number,
    number,
    number,
  ];
  return { advice, names: names.join(", "), first: best.lines[0]?.name ?? "", nowDown, nowUp, thenDown, thenUp };
}

/** TCP no longer absorbs a larger difference between the lines, ms. See docs/data-path.md#tcp-and-reordering. */
const RTT_SPREAD = 50;

function rttSpread({ lines, bond }: Omit<Plan, "warnings">): Warning[] {
  const times = lines.flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs]));
  const spread = Math.max(...times) - Math.min(...times);
  if (bond.mode !== "balance-rr" || bond.striper || times.length < 2 || spread <= RTT_SPREAD) return [];
  return [
    {
      code: "rtt-spread",
      text: `The round-trip times differ by ${Number(spread.toFixed(1))} ms: reordering will slow down single connections. Consider bond.mode balance-xor.`,
      about: {},
    },
  ];
}

/** See docs/keys.md#static-keys. */
function oldServer({ server, box }: Omit<Plan, "warnings">): Warning[] {
  if (targets[server.target].openvpn.tunnel !== "static-key") return [];
  const { version, until } = boxes[box.target].openvpn;
  return [
    {
      code: "static-key",
      text:
        "ubuntu-14.04 uses static keys without forward secrecy: whoever steals a key can decrypt recorded traffic. Standard support for this system ended in April 2019. " +
        `OpenVPN 2.8 is announced to drop static keys: the box's OpenVPN ${version}, which has them, gets security updates until ${until}. Move to a newer server before.`,
      about: { version, until },
    },
  ];
}

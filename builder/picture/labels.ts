import type { LinePlan, Plan, Rates } from "../plan/types";

export function heading(plan: Plan): string {
  const lines = plan.lines.length === 1 ? "one line" : `${plan.lines.length} lines, one connection`;
  return `${shorten(plan.profile, 40)}: ${lines}`;
}

export function subheading(plan: Plan): string {
  if (plan.lines.length === 1) return "The tunnel to the server is encrypted.";
  return "Every tunnel is encrypted and runs over its own line; the bond makes them one.";
}

export function description(plan: Plan): string {
  const lines = plan.lines.map((line) => `${line.name} (modem ${line.modem}, ${line.tap}, UDP port ${line.port})`);
  const bypassed = [...new Set(plan.bypass.map((entry) => entry.line))];
  return [
    `The machines of the LAN ${plan.lan.subnet} use the box at ${plan.lan.address} as their gateway.`,
    ...plan.lan.routes.map(({ network, via }) => `So does the router ${via} for the network ${network} behind it.`),
    `The box reaches the server ${plan.server.address} by one encrypted tunnel per line: ${lines.join(", ")}.`,
    `The tunnels are joined to ${plan.bond.name}, ${plan.tunnel.boxAddress} on the box and ${plan.tunnel.serverAddress} on the server, which leads to the internet.`,
    ...(bypassed.length > 0 ? [`Some traffic bypasses the bond by ${bypassed.join(" and ")}.`] : []),
    ...(plan.forwards.length > 0 ? [`Ports that the server forwards: ${plan.forwards.length}.`] : []),
  ].join(" ");
}

/** What the LAN's card says of the networks behind routers; null: there are none. */
export function furtherNetworks({ lan: { routes } }: Plan): string | null {
  const [first, ...more] = routes.map(({ network }) => network);
  return first === undefined ? null : more.length === 0 ? `and ${first}` : `and ${routes.length} networks`;
}

export function modeMeaning(plan: Plan): string {
  if (plan.lines.length === 1) return "one tunnel";
  if (plan.bond.striper) return "one connection uses all lines";
  return {
    "balance-rr": "one connection uses all lines",
    "balance-xor": "each connection uses one line",
    "active-backup": "one line at a time",
    broadcast: "every packet on every line",
  }[plan.bond.mode];
}

export function ratesOf({ rate, found }: LinePlan): string {
  const one = (direction: keyof Rates): string => (found[direction] ? "?" : mbit(rate[direction]));
  return found.down && found.up ? "rates found by use" : `↓ ${one("down")}  ↑ ${one("up")} Mbit/s`;
}

export function expectation(plan: Plan): string {
  if (plan.expected === null) return "as much as the lines carry, found by use";
  const { down, up } = plan.expected;
  const rate = ({ ceiling, shaped }: typeof down) => mbit(plan.qos.enabled ? shaped : ceiling);
  const together = plan.lines.length === 1 ? "" : "together ";
  return `${together}at most ${rate(down)} Mbit/s down, ${rate(up)} Mbit/s up (computed)`;
}

export interface BypassEntry {
  name: string;
  line: string;
  protocols: string[];
  ports: string[];
  networks: string[];
  hosts: string[];
}

/** The plan has one entry per firewall rule; a person thinks of one per name. */
export function bypassEntries(plan: Plan): BypassEntry[] {
  const entries = new Map<string, BypassEntry>();
  for (const { name, line, protocol, ports, network, host, mac } of plan.bypass) {
    const entry = entries.get(name) ?? { name, line, protocols: [], ports: [], networks: [], hosts: [] };
    entries.set(name, {
      ...entry,
      protocols: withNew(entry.protocols, [protocol]),
      ports: withNew(entry.ports, ports?.replaceAll(":", "-").split(",") ?? []),
      networks: withNew(entry.networks, [network]),
      hosts: withNew(entry.hosts, [host ?? mac]),
    });
  }
  return [...entries.values()];
}

function withNew(values: string[], more: (string | null)[]): string[] {
  return [...new Set([...values, ...more.filter((value) => value !== null)])];
}

export function bypassText({ name, line, protocols, ports, networks, hosts }: BypassEntry): string {
  const traffic = ports.length === 0 ? "all" : `${protocols.join("+")} ${shortList(ports, 2)}`;
  const to = networks.length === 0 ? "" : ` to ${shortList(networks, 1)}`;
  const from = hosts.length === 0 ? "" : ` from ${shortList(hosts, 1)}`;
  return `${name} → ${line}: ${traffic}${to}${from}`;
}

export function forwardText({ port, protocols, host, hostPort, toBox }: Plan["forwards"][number]): string {
  const protocol = protocols.length === 1 ? `/${protocols[0]}` : "";
  const at = hostPort === port ? "" : `:${hostPort}`;
  return `${port}${protocol} → ${toBox ? "box" : host}${at}`;
}

/** kbit/s to Mbit/s with three digits that count. */
function mbit(kbit: number): string {
  return String(kbit >= 1_000_000 ? Math.round(kbit / 1000) : Number((kbit / 1000).toPrecision(3)));
}

export function shorten(value: string, length: number): string {
  return value.length <= length ? value : `${value.slice(0, length - 1)}…`;
}

function shortList(values: string[], count: number): string {
  const rest = values.length - count;
  return values.slice(0, count).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

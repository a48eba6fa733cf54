import { parseAddress, parseNetwork } from "../base/ipv4";
import { portBounds, protocolsOf } from "../profile/ports";
import { isMac } from "../profile/machines";
import type { Bypass, Profile } from "../profile/types";
import { inIptables, portGroups } from "./qos";
import type { BypassPlan, FirewallPlan, ForwardPlan, LinePlan } from "./types";

/**
 * Networks that are no part of the internet, so that LAN machines would reach the server's surroundings by them: private ones (RFC 1918,
 * 6598, 4193), link-local ones, where providers answer with a machine's user-data and credentials, and the two addresses outside of these
 * where Azure and Oracle do (168.63.129.16, 192.0.0.192).
 */
const closed: Pick<FirewallPlan, "closed" | "closed6"> = {
  closed: ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "168.63.129.16", "192.0.0.0/24"].join(","),
  closed6: "fc00::/7,fe80::/10",
};

/** What the server lets in and out: the networks of the profile, by their version of IP, and what nobody at home reaches. */
export function firewallOf({ tunnelSources, reach }: Profile["firewall"]): FirewallPlan {
  const isIpv6 = (network: string): boolean => network.includes(":");
  return { tunnelSources, reach: reach.filter((network) => !isIpv6(network)), reach6: reach.filter(isIpv6), ...closed };
}

export function bypassOf(rule: Bypass, lines: LinePlan[]): BypassPlan[] {
  const line = lines.find(({ name }) => name === rule.line) as LinePlan;
  // 0.0.0.0/0 means the same as no network at all: everything outside the LAN.
  const networks = rule.networks?.map((network) => (parseNetwork(network).prefix === 0 ? null : network)) ?? [null];
  const ports = rule.ports === undefined || rule.ports.length === 0 ? [null] : portGroups(rule.ports);
  const protocols = ports[0] === null ? [null] : protocolsOf(rule.protocol);
  return (rule.hosts?.map(machineOf) ?? [{ host: null, mac: null }]).flatMap((machine) =>
    networks.flatMap((network) =>
      protocols.flatMap((protocol) =>
        ports.map((list) => ({ name: rule.name, line: line.name, mark: line.mark, protocol, ports: list, network, ...machine })),
      ),
    ),
  );
}

/** A machine of the LAN by its address or its MAC address, as iptables writes it. */
function machineOf(text: string): Pick<BypassPlan, "host" | "mac"> {
  return isMac(text) ? { host: null, mac: text.toLowerCase().replaceAll("-", ":") } : { host: text, mac: null };
}

/** MAC addresses of the machines that bypass the bond. */
export function bypassedMacs({ bypass }: Pick<Profile, "bypass">): string[] {
  return [...new Set(bypass.flatMap(({ hosts = [] }) => hosts.flatMap((text) => machineOf(text).mac ?? [])))];
}

export function forwardOf({ port, protocol, host, hostPort }: Profile["forwards"][number], { lan }: Profile): ForwardPlan {
  const [low, high] = portBounds(port);
  const [hostLow, hostHigh] = portBounds(hostPort ?? port);
  return {
    port,
    ports: inIptables(low, high),
    protocols: protocolsOf(protocol),
    host,
    hostPort: hostPort ?? port,
    hostPorts: inIptables(hostLow, hostHigh),
    // A range keeps its ports' order: each is as far from the first as on the server. See iptables-extensions(8), DNAT.
    destination: low === hostLow ? host : low === high ? `${host}:${hostLow}` : `${host}:${hostLow}-${hostHigh}/${low}`,
    toBox: parseAddress(host) === parseAddress(lan.address),
  };
}

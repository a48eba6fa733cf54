import { parseAddress, parseNetwork } from "../base/ipv4";
import { protocolsOf } from "../profile/ports";
import type { Bypass, Profile } from "../profile/types";
import { portGroups } from "./qos";
import type { BypassPlan, ForwardPlan, LinePlan } from "./types";

export function bypassOf(rule: Bypass, lines: LinePlan[]): BypassPlan[] {
  const line = lines.find(({ name }) => name === rule.line) as LinePlan;
  // 0.0.0.0/0 means the same as no network at all: everything outside the LAN.
  const networks = rule.networks?.map((network) => (parseNetwork(network).prefix === 0 ? null : network)) ?? [null];
  const ports = rule.ports === undefined || rule.ports.length === 0 ? [null] : portGroups(rule.ports);
  const protocols = ports[0] === null ? [null] : protocolsOf(rule.protocol);
  return networks.flatMap((network) =>
    protocols.flatMap((protocol) =>
      ports.map((list) => ({ name: rule.name, line: line.name, mark: line.mark, protocol, ports: list, network })),
    ),
  );
}

export function forwardOf({ port, protocol, host, hostPort }: Profile["forwards"][number], { lan }: Profile): ForwardPlan {
  return {
    port,
    protocols: protocolsOf(protocol),
    host,
    hostPort: hostPort ?? port,
    toBox: parseAddress(host) === parseAddress(lan.address),
  };
}

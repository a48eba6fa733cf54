import type { Plan } from "../../builder/plan/types";
import { profileNames } from "./builds";
import { planned } from "./trees";

/**
 * Profiles for the checks that cost seconds each: real tunnels, and systemd's judgement of a whole tree. Every profile is
 * built, and given to the cheap checks; of these few, each differs in something that such a check can see.
 */
const reasons: Record<string, string> = {
  home: "the profile of the README: Debian 13, TLS known by fingerprint, two lines of ADSL",
  "guide-2017": "Ubuntu 14.04: ifupdown, static keys",
  big: "eight lines, and every list as long as it can be",
  backups: "Debian 12, backup servers, updates by hand, notifications",
  "ubuntu-22-04": "certificates known as a whole",
  "ubuntu-24-04": "a server target of its own",
  "ubuntu-26-04": "OpenVPN 2.7 on the server",
  "ipv6-tunnel": "IPv6 through the bond",
  "active-backup": "one line at a time, over Ethernet",
  broadcast: "each packet over every line",
  "xor-l34": "balance-xor",
  one: "a single line",
  vdsl: "PTM framing",
  qos: "the queue on each tap",
  "ssh-firewall": "a user with keys, and tunnels from named networks alone",
  "odd-names": "names that a shell or a unit could misread",
  "ethernet-sha512": "another digest",
  "debian-12": "bookworm on the box, too",
};

export const samples = profileNames.filter((name) => name in reasons);

/** What a costly check can see of a plan: two plans that agree in all of it take the same branches of every template. */
export function traitsOf(plan: Plan): string[] {
  const { server, tunnel, bond, qos, ipv6, lines } = plan;
  const traits: Record<string, unknown> = {
    target: server.target,
    "box target": plan.box.target,
    backups: server.backups.length > 0,
    updates: server.updates,
    interface: server.interface === null,
    "static key": tunnel.staticKey,
    "known by fingerprint": tunnel.tls?.byFingerprint,
    "cipher is the box's choice": tunnel.tls?.cipher === null,
    mode: bond.mode,
    qos: qos.enabled,
    up: qos.up.where,
    ipv6: ipv6.tunnel !== null,
    fallback: plan.fallback,
    ssh: plan.ssh !== null,
    notify: plan.notify !== null,
    sources: plan.firewall.tunnelSources.length > 0,
    bypass: plan.bypass.length > 0,
    forwards: plan.forwards.length > 0,
    routes: plan.lan.routes.length > 0,
    "one line": lines.length === 1,
    "a line is held back": lines.some(({ equalizeUs }) => equalizeUs > 0),
  };
  const links = lines.map(({ link }) => `link ${link}`);
  return [...Object.entries(traits).map(([name, value]) => `${name} ${JSON.stringify(value)}`), ...new Set(links)];
}

/**
 * Few profiles that together have everything that some profile has, for a check that sees less of a plan than a sample has.
 * @param seen what the check can see
 */
export function covering(seen: (plan: Plan) => string[]): string[] {
  const traits = new Map(profileNames.map((name) => [name, seen(planned(name))]));
  const missing = new Set([...traits.values()].flat());
  const chosen: string[] = [];
  const gain = (name: string): number => (traits.get(name) ?? []).filter((trait) => missing.has(trait)).length;
  while (missing.size > 0) {
    const best = profileNames.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    chosen.push(best);
    for (const trait of traits.get(best) ?? []) missing.delete(trait);
  }
  return chosen;
}

/** What some profile has and no sample. */
export function untried(): string[] {
  const tried = new Set(samples.flatMap((name) => traitsOf(planned(name))));
  return [...new Set(profileNames.flatMap((name) => traitsOf(planned(name))))].filter((trait) => !tried.has(trait));
}

/** Samples that are no profile's name. */
export function unknownSamples(): string[] {
  return Object.keys(reasons).filter((name) => !profileNames.includes(name));
}

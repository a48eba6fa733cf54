import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** For one name server, ms. */
const patience = 2000;

/**
 * The box's name servers. Source: resolv.conf(5)
 * @param root where /etc is looked for
 * @returns addresses, the first one to be asked first
 */
export function nameServers(root: string): string[] {
  try {
    return [...readFileSync(join(root, "/etc/resolv.conf"), "utf8").matchAll(/^nameserver[ \t]+(\S+)/gm)].map(([, server = ""]) => server);
  } catch {
    return [];
  }
}

/**
 * Asks a name server, for two seconds at most.
 * @param server its address
 * @param question what to ask
 * @returns its answers; none: it does not answer, or it refuses
 */
export async function askNames(server: string, question: (resolver: Resolver) => Promise<string[]>): Promise<string[]> {
  const resolver = new Resolver({ timeout: patience, tries: 1 });
  // Its own limit grows with what it has seen of the server.
  const limit = setTimeout(() => resolver.cancel(), patience);
  try {
    resolver.setServers([server]);
    return await question(resolver);
  } catch {
    return [];
  } finally {
    clearTimeout(limit);
  }
}

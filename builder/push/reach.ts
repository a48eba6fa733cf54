import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KNOWN_HOSTS, namesOf, withHost } from "../keys/known-hosts";
import { EnvironmentError, UsageError } from "../errors";
import { askHidden, canAsk } from "../machine/host";
import { writeFiles } from "../machine/write";
import type { Plan } from "../plan/types";
import { Half, type HalfName } from "./half";
import { readSshConfig } from "./ssh/config";
import { connect, type Connection, hostKeysThrough, type Options } from "./ssh/connection";

export interface ReachOptions {
  /** Absolute path of secrets/NAME. */
  secrets: string;
  /** What a person gave on the command line. */
  user: string | undefined;
  box: string | undefined;
  server: string | undefined;
  accept: string | undefined;
}

/**
 * Both machines, as far as they take part.
 * @param plan says where they are
 * @param options what goes before that
 * @param names those that take part
 */
export function reach(plan: Plan, options: ReachOptions, names: HalfName[]): Half[] {
  const box = new Half("box", () => connectBox(plan, options));
  const proven = new Map<string, string[]>();
  const server = new Half("server", () => connectServer(plan, options, { box, proven }));
  return names.map((name) => (name === "box" ? box : server));
}

const pathOf = ({ secrets }: ReachOptions): string => join(secrets, KNOWN_HOSTS);

function common(options: ReachOptions): Options {
  return {
    knownHosts: [pathOf(options)],
    ...(options.accept === undefined ? {} : { accept: options.accept }),
    ...(canAsk() ? { ask: askHidden } : {}),
  };
}

function targetOf(half: HalfName, host: string, plan: Plan, { user }: ReachOptions) {
  return { half, host, user, defaultUser: plan.ssh?.user };
}

/** The box: at the profile's address, or, where a push is about to change that, at one where it was before. */
async function connectBox(plan: Plan, options: ReachOptions): Promise<Connection> {
  const before = namesOf(read(pathOf(options)), "box");
  const addresses = options.box === undefined ? [plan.lan.address, ...before] : [plan.lan.address, options.box];
  let first: unknown;
  for (const address of new Set(addresses)) {
    try {
      return await connect(targetOf("box", address, plan, options), common(options));
    } catch (error) {
      // Whoever answers there and is not let in, or is somebody else, is a matter of its own.
      if (!(error instanceof EnvironmentError) || error.code !== "push.unreachable") throw error;
      first ??= error;
    }
  }
  throw first;
}

interface Witness {
  box: Half;
  /** Keys of the server at an address, as the box has seen them through the bond. */
  proven: Map<string, string[]>;
}

/** The server, whose key the box is asked for: what it sees through the bond is the other end of the tunnels. */
async function connectServer(plan: Plan, options: ReachOptions, { box, proven }: Witness): Promise<Connection> {
  const host = options.server ?? plan.server.address;
  const target = targetOf("server", host, plan, options);
  const attempt = (expected: string[]): Promise<Connection> => connect(target, { ...common(options), expected });
  const connection = await attempt(proven.get(host) ?? []).catch(async (error: unknown) => {
    if (!(error instanceof UsageError) || !/^push\.(unknown|changed)-key$/.test(error.code ?? "")) throw error;
    const { port } = await readSshConfig(target);
    const seen = await box.with((witness) => hostKeysThrough(witness, plan.tunnel.serverAddress, port)).catch(() => []);
    if (seen.length === 0) throw error;
    return attempt(seen);
  });
  proven.set(host, [connection.hostKey]);
  remember(options, host, connection.hostKey);
  return connection;
}

/** So that the server is known, too, when the bond is down. */
function remember(options: ReachOptions, name: string, key: string): void {
  const path = pathOf(options);
  const text = read(path);
  const wanted = withHost(text, { name, key, half: "server" });
  if (wanted !== text) writeFiles([{ path, content: wanted }], { mode: 0o600, sync: true });
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KNOWN_HOSTS, namesOf, withHost } from "../keys/known-hosts";
import { EnvironmentError, UsageError } from "../errors";
import { askHidden, canAsk } from "../machine/host";
import { writeFiles } from "../machine/write";
import type { Plan } from "../plan/types";
import { Half, type HalfName } from "./half";
import { Answers } from "./ssh/answers";
import { readSshConfig } from "./ssh/config";
import { connect, type Connection, hostKeysThrough, type Options, type Target } from "./ssh/connection";

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
  const logIn = loginWith(options);
  const last: LastSeen = { address: null };
  const box = new Half("box", () => connectBox(plan, options, { logIn, last }));
  const proven = new Map<string, string[]>();
  const server = new Half("server", () => connectServer(plan, options, { box, proven, logIn }));
  return names.map((name) => (name === "box" ? box : server));
}

/** A server that has nothing of bondbox yet. */
export interface NewServer {
  half: Half;
  /** Keeps the host key by which it was reached last, for later pushes. */
  remember: () => void;
}

/**
 * A server that no bond leads to yet: nobody can be asked for its key.
 * @param where its address and who logs in there
 * @param options without its own address and user
 */
export function reachNew({ user, address }: { user: string | undefined; address: string }, options: ReachOptions): NewServer {
  const logIn = loginWith(options);
  let last: Connection | null = null;
  const half = new Half("server", async () => (last = await logIn({ half: "server", host: address, user, defaultUser: "root" })));
  return { half, remember: () => void (last !== null && remember(options, last)) };
}

const pathOf = ({ secrets }: Pick<ReachOptions, "secrets">): string => join(secrets, KNOWN_HOSTS);

/** Opens a connection. Keys that are proven in another way come second. */
type LogIn = (target: Target, expected?: string[]) => Promise<Connection>;

function loginWith({ accept, ...options }: ReachOptions): LogIn {
  const answers = canAsk() ? new Answers(askHidden) : null;
  return async (target, expected = []) => {
    const one = answers?.forOne();
    const all: Options = {
      knownHosts: [pathOf(options)],
      expected,
      ...(accept === undefined ? {} : { accept }),
      ...(one === undefined ? {} : { ask: one.ask }),
    };
    const connection = await connect(target, all);
    one?.keep();
    return connection;
  };
}

function targetOf(half: HalfName, host: string, plan: Plan, { user }: ReachOptions): Target {
  return { half, host, user, defaultUser: plan.ssh?.user };
}

/** Where the box answered last: an address at which nobody is costs seconds at each connection. */
interface LastSeen {
  address: string | null;
}

/** The box: at the profile's address, or, where a push is about to change that, at one where it was before. */
async function connectBox(plan: Plan, options: ReachOptions, { logIn, last }: { logIn: LogIn; last: LastSeen }): Promise<Connection> {
  const before = namesOf(read(pathOf(options)), "box");
  const addresses = options.box === undefined ? [plan.lan.address, ...before] : [plan.lan.address, options.box];
  let first: unknown;
  for (const address of new Set(last.address === null ? addresses : [last.address, ...addresses])) {
    try {
      const connection = await logIn(targetOf("box", address, plan, options));
      last.address = address;
      return connection;
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
  logIn: LogIn;
}

/** The server, whose key the box is asked for: what it sees through the bond is the other end of the tunnels. */
async function connectServer(plan: Plan, options: ReachOptions, { box, proven, logIn }: Witness): Promise<Connection> {
  const host = options.server ?? plan.server.address;
  const target = targetOf("server", host, plan, options);
  const connection = await logIn(target, proven.get(host) ?? []).catch(async (error: unknown) => {
    if (!(error instanceof UsageError) || !/^push\.(unknown|changed)-key$/.test(error.code ?? "")) throw error;
    const { port } = await readSshConfig(target);
    const seen = await box.with((witness) => hostKeysThrough(witness, plan.tunnel.serverAddress, port)).catch(() => []);
    if (seen.length === 0) throw error;
    return logIn(target, seen);
  });
  proven.set(host, [connection.hostKey]);
  remember(options, connection);
  return connection;
}

/** So that the server is known, too, when the bond is down. */
function remember(options: ReachOptions, { knownAs: name, hostKey: key }: Connection): void {
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

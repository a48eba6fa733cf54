import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../base/hash";
import { type ErrorText, trial as texts } from "../errors";
import { tarOfFiles } from "../pack/tar";
import type { Plan } from "../plan/types";
import { targets } from "../targets";
import type { State } from "./inspect";
import { messages } from "./messages";
import type { NewServer } from "./reach";
import { Rows } from "./rows";
import { readSshConfig } from "./ssh/config";
import type { Connection, Finished } from "./ssh/connection";

/** Where a person wants a new server. */
export interface Where {
  /** Who logs in; undefined: as ~/.ssh/config has it, or root. */
  user: string | undefined;
  address: string;
}

export interface FreshRequest {
  /** Of the repository. */
  root: string;
  plan: Pick<Plan, "profile" | "server">;
  /** The install.sh that was built. */
  install: string;
  server: NewServer;
  where: Where;
  dryRun: boolean;
  /** Asks whether to go on; the answer. */
  ask: (question: string) => Promise<boolean>;
  say: (text: string) => void;
  /** Reports what the server has kept, or may have. */
  fail: (error: ErrorText) => void;
  /** Waits, ms. */
  pause: (ms: number) => Promise<void>;
}

/** Exit code where something of bondbox may be on the server, and is not complete. */
const UNFINISHED = 4;
/** How long a server may be out of reach while it installs, ms. */
const PATIENCE = 600_000;
/** Between two attempts to reach it again, ms. */
const PAUSE = 3000;
/** How many of the last rows an error shows. */
const LAST = 12;

/** Where fresh.sh wants what it gets. */
const places = { script: "/root/bondbox/install.sh.new", program: "/run/bondbox_fresh/fresh.sh" };

/**
 * Reads where a new server is.
 * @param text such as "root@203.0.113.10"
 * @throws UsageError
 */
export function parseWhere(text: string): Where {
  const [, user, address] = /^(?:([A-Za-z_][\w.-]*)@)?([A-Za-z0-9][A-Za-z0-9.-]*)$/.exec(text) ?? [];
  if (address === undefined) throw texts.freshAddress(text);
  return { user, address };
}

/**
 * Refuses an address that is none of the profile's servers.
 * @param address as a person writes it: it may be a name of ~/.ssh/config
 * @throws UsageError; EnvironmentError where there is no ssh
 */
export async function checkAddress(address: string, { server }: FreshRequest["plan"]): Promise<void> {
  const known = server.bundles.map((one) => one.address);
  if (known.includes(address)) return;
  const { hostname } = await readSshConfig({ host: address });
  if (!known.includes(hostname)) throw texts.freshElsewhere(address, known);
}

/**
 * Sets up a server that has nothing but SSH, and follows its install.sh to the end, over as many connections as that takes.
 * @returns 0: it is ready; 4: it is not complete
 * @throws UsageError, EnvironmentError where nothing was changed
 */
export async function fresh(request: FreshRequest): Promise<number> {
  const { root, plan, install, server, where, dryRun, ask, say } = request;
  const state = await server.half.inspect(root);
  if (state.script === sha256(install) && state.ready) return (server.remember(), say(messages.freshAlready(where.address)), 0);
  check(state, plan);
  say(messages.fresh(where.address, state));
  if (dryRun) return 0;
  if (!(await ask(messages.freshQuestion))) throw texts.notWanted();
  await start(request);
  say(messages.freshStarted);
  return follow(request);
}

/** Refuses what is no new server for this profile. What may be in the way on it is for install.sh to say. */
function check({ build, ready, script, system }: State, { profile, server }: FreshRequest["plan"]): void {
  if (build !== null && build.profile !== profile) throw texts.otherProfile("server", build.profile, profile);
  if (ready || script !== null) throw texts.notFresh();
  if (system?.id === server.target) return;
  const own = Object.values(targets).find(({ name }) => name === system?.id);
  throw texts.otherSystem(system?.title ?? null, server.target, own?.name ?? null);
}

/** Runs a command of fresh.sh. It is brought each time: a restart of the server has taken what was brought before. */
function command(connection: Connection, { root }: FreshRequest, words: string[], onOutput?: (chunk: Buffer) => void): Promise<Finished> {
  const program = readFileSync(join(root, "overlay/trial/fresh.sh"), "utf8");
  return connection.run(["sh", "-c", program, "sh", ...words], { asRoot: true, ...(onOutput === undefined ? {} : { onOutput }) });
}

async function start(request: FreshRequest): Promise<void> {
  const { root, install, server } = request;
  const payload = await tarOfFiles([
    { path: places.program.slice(1), mode: 0o700, content: readFileSync(join(root, "overlay/trial/fresh.sh")) },
    { path: places.script.slice(1), mode: 0o600, content: install },
  ]);
  await server.half.with(async (connection) => {
    // Nothing of ours stays where there is no room for all of it.
    const unpack = 'umask 077; tar -xf - -C / && exit; rm -f "$1"; rmdir "${1%/*}"; exit 74';
    const brought = await connection.run(["sh", "-c", unpack, "sh", places.script], { asRoot: true, input: payload });
    if (/No space left|Wrote only/.test(brought.stderr)) throw texts.noRoom("server", payload.length);
    if (brought.status !== 0) throw texts.failed("server", "copying install.sh", brought.stderr);
    const { status, stderr } = await command(connection, request, ["start"]);
    if (status === 75) throw texts.freshBusy();
    if (status !== 0) throw texts.failed("server", "starting install.sh", stderr);
  });
}

async function follow(request: FreshRequest): Promise<number> {
  const { server, say, where } = request;
  const rows = new Rows((row) => say(messages.row(row)));
  const end = await untilEnd(request, rows);
  rows.end();
  if (end === 0) {
    server.remember();
    say(messages.freshDone(where.address));
    return 0;
  }
  const last = rows.last(LAST);
  if (end === 81) throw texts.freshRefused(last);
  request.fail(typeof end === "string" ? texts.freshLost(end) : end === 82 ? texts.freshCutOff(last) : texts.freshFailed(last));
  return UNFINISHED;
}

/**
 * Follows the log to its end.
 * @returns how fresh.sh says it ended, or why it cannot be followed any more
 */
async function untilEnd(request: FreshRequest, rows: Rows): Promise<number | string> {
  const { server, say, pause } = request;
  for (let since: number | null = null; ;) {
    const before = rows.bytes;
    try {
      const { status, stderr } = await server.half.with((connection) =>
        command(connection, request, ["follow", String(before)], (chunk) => rows.take(chunk)),
      );
      if (status !== null && [0, 80, 81, 82].includes(status)) return status;
      return `following its log failed: ${stderr.trim()}`;
    } catch (error) {
      const { message, code } = error as ErrorText;
      // Whoever is not let in any more, or meets somebody else, will not be by waiting.
      if (code !== "push.broken" && code !== "push.unreachable") return message;
      if (since === null || rows.bytes > before) say(messages.freshDeaf);
      since = rows.bytes > before ? performance.now() : (since ?? performance.now());
      if (performance.now() - since > PATIENCE) return message;
      await pause(PAUSE);
    }
  }
}

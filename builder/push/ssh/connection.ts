import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Duplex, Readable } from "node:stream";
import type { NodeSSH } from "node-ssh";
import type { AnyAuthMethod, AuthHandlerMiddleware, ServerHostKeyAlgorithm } from "ssh2";
import { shell } from "../../base/quote";
import { push as texts } from "../../errors";
import { sshFingerprint } from "../../keys/ssh-key";
import { environment, loadQuietly, onInterrupt } from "../../machine/host";
import { type SshConfig, readSshConfig } from "./config";
import { kindOf, knownName, KnownHosts } from "./known-hosts";

export interface Target {
  half: "box" | "server";
  /** Its address, or what ~/.ssh/config calls it. */
  host: string;
  /** Who logs in, before what ~/.ssh/config has; the profile's user comes after that. */
  user: string | undefined;
  defaultUser: string | undefined;
}

export interface Options {
  /** More files with known hosts. */
  knownHosts: string[];
  /** Keys of that host that are proven in another way, such as "ssh-ed25519 AAAA…". */
  expected?: string[];
  /** A fingerprint that the person takes for right. It does not excuse a key that has changed. */
  accept?: string;
  /** Asks for something that is not shown while it is typed; undefined: nobody is there. */
  ask?: (question: string) => Promise<string>;
  /** In place of ~/.ssh/config. */
  configFile?: string;
}

export interface Finished {
  /** null: a signal ended it. */
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: Buffer | undefined;
  asRoot?: boolean;
  onOutput?: (chunk: Buffer) => void;
}

/** For each step until somebody is logged in, ms. */
const PATIENCE = 10_000;
/** Passwords are asked for so often. */
const TRIES = 3;
/** Of those that the library knows, the best first. */
const KINDS: ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

/** Somebody logged in on one half. */
export class Connection {
  private readonly done: () => void;

  constructor(
    private readonly ssh: NodeSSH,
    private readonly target: Target,
    private readonly user: string,
    /** By what the machine was known, such as "ssh-ed25519 AAAA…". */
    readonly hostKey: string,
    /** As known_hosts names it. */
    readonly knownAs: string,
    private readonly end: () => void,
  ) {
    this.done = onInterrupt(() => this.close());
  }

  /**
   * Runs a program there.
   * @param words each arrives as it is
   * @param options.input what it reads
   * @param options.asRoot through sudo, unless root is logged in
   * @param options.onOutput gets what it prints as it comes
   * @throws EnvironmentError where the connection breaks, or sudo refuses
   */
  async run(words: string[], { input, asRoot = false, onOutput }: RunOptions = {}): Promise<Finished> {
    const sudo = asRoot && this.user !== "root";
    const command = (sudo ? ["sudo", "-n", "--", ...words] : words).map(farWord).join(" ");
    let broken = false;
    const client = this.ssh.connection;
    const notice = (): void => void (broken = true);
    client?.once("close", notice);
    try {
      const stdin = Readable.from(input === undefined ? [] : pieces(input));
      const { code, stdout, stderr } = await this.ssh.execCommand(command, {
        stdin,
        noTrim: true,
        ...(onOutput === undefined ? {} : { onStdout: onOutput }),
      });
      if (broken && code === null) throw texts.broken(this.target.half);
      if (sudo && code === 1 && /^sudo: /m.test(stderr) && !(await this.mayBecomeRoot())) throw texts.sudo(this.target.half, this.user);
      return { status: code, stdout, stderr };
    } catch (error) {
      if (!(error instanceof Error) || "hint" in error) throw error;
      throw texts.broken(this.target.half);
    } finally {
      client?.removeListener("close", notice);
    }
  }

  /** What failed may be the command itself: sudo also warns, such as of a host name that it cannot resolve, and goes on. */
  private async mayBecomeRoot(): Promise<boolean> {
    const { code } = await this.ssh.execCommand("sudo -n -- sh -c :");
    return code === 0;
  }

  close(): void {
    this.done();
    this.ssh.dispose();
    this.end();
  }
}

/** A word for the far shell. One with a line end is a script of ours, and quoted in the same way. */
function farWord(word: string): string {
  return word.includes("\n") ? `'${word.replaceAll("'", "'\\''")}'` : shell(word);
}

/** So large that the library keeps its own window full. */
const PIECE = 32_768;

function* pieces(input: Buffer): Generator<Buffer> {
  for (let at = 0; at < input.length; at += PIECE) yield input.subarray(at, at + PIECE);
}

/**
 * Logs in on a half, as ssh(1) would: with the person's configuration, agent, keys, jump hosts and known hosts.
 * @throws EnvironmentError, UsageError where it is not reached, not known, or not let in
 */
export async function connect(target: Target, options: Options): Promise<Connection> {
  const config = await readSshConfig({ ...target, configFile: options.configFile });
  const { NodeSSH } = await loadQuietly(() => import("node-ssh"));
  const ssh = new NodeSSH();
  const proxy = proxyOf(config, options.configFile);
  const name = config.alias ?? knownName(config.hostname, config.port);
  const hosts = new KnownHosts([...options.knownHosts, ...config.knownHosts]);
  const seen: { key: Buffer | null; refusal: Error | null } = { key: null, refusal: null };
  const login = new Login(config, target, options);
  try {
    await ssh.connect({
      host: config.hostname,
      port: config.port,
      username: config.user,
      ...(proxy === null ? {} : { sock: proxy.stream }),
      algorithms: {
        serverHostKey: preferred([...(options.expected ?? []).map((key) => key.split(" ")[0] as string), ...hosts.kinds(name)]),
      },
      readyTimeout: PATIENCE * 6,
      timeout: PATIENCE,
      keepaliveInterval: PATIENCE,
      keepaliveCountMax: 2,
      hostVerifier: (key: Buffer): boolean => {
        seen.key = key;
        seen.refusal = refusalOf(key, { hosts, name, target, config, options });
        return seen.refusal === null;
      },
      authHandler: login.handler,
    });
  } catch (error) {
    ssh.dispose();
    // What it says comes after the break that it caused.
    await proxy?.ended();
    if (seen.refusal !== null) throw seen.refusal;
    throw login.refused ?? failureOf(error, { target, config, said: proxy?.said() ?? "" });
  }
  // Once somebody is logged in, the library hears no errors any more, and one that nobody hears ends the process. What matters is that it
  // closes afterwards.
  ssh.connection?.on("error", () => {});
  const key = seen.key as Buffer;
  return new Connection(ssh, target, config.user, `${kindOf(key)} ${key.toString("base64")}`, name, () => proxy?.end());
}

/** Kinds of keys to ask for: those that are known first, as ssh(1) does, or a server that has several would look unknown. */
function preferred(known: string[]): ServerHostKeyAlgorithm[] {
  const isKnown = (kind: string): boolean => known.includes(kind) || (kind.startsWith("rsa-") && known.includes("ssh-rsa"));
  return [...KINDS.filter(isKnown), ...KINDS.filter((kind) => !isKnown(kind))];
}

interface Met {
  hosts: KnownHosts;
  name: string;
  target: Target;
  config: SshConfig;
  options: Options;
}

/** Why a key is not taken for the host's; null: it is. */
function refusalOf(key: Buffer, { hosts, name, target, config, options }: Met): Error | null {
  const { expected = [], accept } = options;
  const offered = sshFingerprint(key);
  const text = `${kindOf(key)} ${key.toString("base64")}`;
  const { kind, at } = hosts.judge(name, key);
  if (kind === "revoked") return texts.revoked(target.half, config.hostname, offered);
  if (kind === "known" || expected.includes(text)) return null;
  if (kind === "changed" && at !== null)
    return texts.changedKey(target.half, config.hostname, { offered, known: sshFingerprint(at.key), file: at.file, line: at.line, name });
  return offered === accept ? null : texts.unknownKey(target.half, config.hostname, { offered, user: config.user });
}

/** How somebody logs in, one way after the other. */
class Login {
  /** Why nobody was let in, once all ways were tried. */
  refused: Error | null = null;
  private readonly ways: AsyncGenerator<AnyAuthMethod>;
  private left: string[] = [];
  private readonly locked: string[] = [];
  private readonly tried: string[] = [];

  constructor(
    private readonly config: SshConfig,
    private readonly target: Target,
    private readonly options: Options,
  ) {
    this.ways = this.all();
  }

  /** As ssh2 calls it; false ends it, which its types do not know. */
  readonly handler: AuthHandlerMiddleware = (left, _partial, next) => {
    this.left = left ?? ["publickey", "password", "keyboard-interactive"];
    void this.ways.next().then(({ value, done }) => {
      if (done !== true) return next(value as AnyAuthMethod);
      this.refused ??= texts.noLogin(this.target.half, this.config.user, { tried: this.tried, locked: this.locked });
      (next as unknown as (way: false) => void)(false);
    });
  };

  private async *all(): AsyncGenerator<AnyAuthMethod> {
    const { user: username, agent, identities } = this.config;
    // Its names are none that an import of a CommonJS module shows: the command's own bundle would find none.
    const { utils } = (await import("ssh2")).default;
    yield { type: "none", username };
    if (agent !== null) {
      this.tried.push("the agent's keys");
      yield { type: "agent", username, agent };
    }
    for (const path of identities) {
      const key = await this.open(path, utils.parseKey);
      if (key === null) continue;
      this.tried.push(path);
      yield { type: "publickey", username, ...key };
    }
    const { ask } = this.options;
    for (let tries = 0; ask !== undefined && tries < TRIES; tries++) {
      const question = `${username}@${this.config.hostname}'s password: `;
      if (this.left.includes("password")) yield { type: "password", username, password: await ask(question) };
      else if (this.left.includes("keyboard-interactive"))
        yield {
          type: "keyboard-interactive",
          username,
          prompt: (_name, _instructions, _language, prompts, finish) =>
            void Promise.all(prompts.map(({ prompt }) => ask(prompt))).then(finish),
        };
      else return;
      this.tried.push("a password");
    }
  }

  /** A key's file, with its passphrase if it has one. */
  private async open(path: string, parse: typeof import("ssh2").utils.parseKey): Promise<{ key: Buffer; passphrase?: string } | null> {
    let key: Buffer;
    try {
      key = readFileSync(path);
    } catch {
      return null;
    }
    const parsed = parse(key);
    if (!(parsed instanceof Error)) return { key };
    if (!/passphrase|encrypted/i.test(parsed.message)) return null;
    const passphrase = await this.options.ask?.(`passphrase of ${path}: `);
    if (passphrase === undefined || parse(key, passphrase) instanceof Error) {
      this.locked.push(path);
      return null;
    }
    return { key, passphrase };
  }
}

interface Proxy {
  stream: Duplex;
  said: () => string;
  end: () => void;
  /** Ends it, and waits until all that it said has come. */
  ended: () => Promise<void>;
}

/** The way over other hosts, by the system's own ssh or by what the person has written. */
function proxyOf({ hostname, port, host, user, proxyJump, proxyCommand }: SshConfig, configFile: string | undefined): Proxy | null {
  if (proxyJump === null && proxyCommand === null) return null;
  const jumps = proxyJump?.split(",") ?? [];
  const last = jumps.pop();
  const file = configFile === undefined ? [] : ["-F", configFile];
  const before = jumps.length > 0 ? ["-J", jumps.join(",")] : [];
  const tokens: Record<string, string> = { h: hostname, p: String(port), r: user, n: host, "%": "%" };
  const [program, args] =
    last === undefined
      ? ["sh", ["-c", `exec ${(proxyCommand as string).replace(/%([hprn%])/g, (_, token: string) => tokens[token] as string)}`]]
      : [
          "ssh",
          [...file, ...before, "-o", "BatchMode=yes", "-W", `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`, "--", last],
        ];
  const child = spawn(program as string, args as string[], { env: environment(), stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said = `${said}${chunk}`.slice(-2000)));
  child.stdin.on("error", () => {});
  child.on("error", () => {});
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  stream.on("error", () => {});
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()).on("error", () => resolve()));
  const end = (): void => void child.kill();
  const ended = (): Promise<void> => {
    child.stdin.destroy();
    // One that has failed is about to end; others have nothing to say.
    setTimeout(end, 500).unref();
    return closed;
  };
  return { stream, said: () => said, end, ended };
}

function failureOf(error: unknown, { target, config, said }: { target: Target; config: SshConfig; said: string }): Error {
  const { code = "", level = "", message } = error as { code?: string; level?: string; message: string };
  const where = `${config.hostname} (port ${config.port})`;
  if (level === "client-authentication") return texts.noLogin(target.half, config.user, { tried: [], locked: [] });
  if (/no matching|handshake failed/i.test(message)) return texts.noCommon(target.half, where, message);
  const reasons: Record<string, string> = {
    ENOTFOUND: "there is no such name",
    EAI_AGAIN: "there is no such name",
    ECONNREFUSED: "nothing listens there",
    EHOSTUNREACH: "there is no way to it",
    ENETUNREACH: "there is no way to it",
  };
  const last = said.trim().split("\n").at(-1) ?? "";
  return texts.unreachable(target.half, where, reasons[code] ?? (last === "" ? message.toLowerCase() : last));
}

/**
 * The keys of a server as another machine sees them.
 * @param connection to that machine
 * @param address of the server, as it is called there
 * @param port of its SSH server
 * @returns such as "ssh-ed25519 AAAA…"
 */
export async function hostKeysThrough(connection: Connection, address: string, port: number): Promise<string[]> {
  const { stdout } = await connection.run(["ssh-keyscan", "-T", "5", "-p", String(port), address]);
  return stdout.split("\n").flatMap((row) => {
    const [, key] = /^[^#\s]\S* (\S+ \S+)$/.exec(row) ?? [];
    return key === undefined ? [] : [key];
  });
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { trial as texts } from "../errors";
import type { Connection, Finished } from "./ssh/connection";
import { parseProgress, parseState, type Progress, type State } from "./inspect";

export type HalfName = "box" | "server";

/** Where each half keeps what is its own, and its trial. */
const homes = { box: "/var/lib/bondbox", server: "/etc/bondbox" };

/** One of the two machines, reached anew for each step: what was reachable before a change says nothing of after it. */
export class Half {
  readonly trial: string;

  /**
   * @param name which one
   * @param connect opens a new connection to it, logged in
   */
  constructor(
    readonly name: HalfName,
    private readonly connect: () => Promise<Connection>,
  ) {
    this.trial = `${homes[name]}/trial`;
  }

  /**
   * Runs something over a new connection.
   * @param act gets the connection, which is closed afterwards
   */
  async with<T>(act: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.connect();
    try {
      return await act(connection);
    } finally {
      connection.close();
    }
  }

  /**
   * What is there.
   * @param root of the repository
   */
  async inspect(root: string): Promise<State> {
    const script = readFileSync(join(root, "overlay/trial/inspect.sh"), "utf8");
    return this.with(async (connection) => {
      const { status, stdout, stderr } = await connection.run(["sh", "-c", script, "sh", homes[this.name]], { asRoot: true });
      if (status !== 0) throw texts.failed(this.name, "looking at it", stderr);
      return parseState(stdout);
    });
  }

  /**
   * Brings all that a trial needs, next to the last one.
   * @param payload a tar
   * @param id of this push: another one may be doing the same
   */
  async stage(payload: Buffer, id: string): Promise<void> {
    const script = 'umask 077; { mkdir -p "$1.$2" && tar -xf - -C "$1.$2" && sync; } || { rm -rf "$1.$2"; exit 1; }';
    const { status, stderr } = await this.run(script, { words: [id], input: payload });
    if (status === 0) return;
    if (/No space left/.test(stderr)) throw texts.noRoom(this.name, payload.length);
    throw texts.failed(this.name, "copying the files", stderr);
  }

  /**
   * Puts what was brought in the place of the last trial, and keeps what is there: from now on it comes back by itself.
   * @param seconds until then
   * @param id as it was staged
   * @throws UsageError while another push is on trial
   */
  async arm(seconds: number, id: string): Promise<void> {
    const script = `exec 9>/run/bondbox-push.lock && flock -n 9 || exit 75
      case "$(head -n 1 "$1/state" 2>/dev/null)" in armed | trying | tried) exit 75 ;; esac
      rm -rf "$1" && mv "$1.$3" "$1" && rm -rf "$1".* && sh "$1/trial.sh" arm "$2" 9>&-`;
    const { status, stderr } = await this.run(script, { words: [String(seconds), id] });
    if (status === 75) throw texts.pending(this.name);
    if (status !== 0) throw texts.failed(this.name, "arm", stderr);
  }

  /** Runs a script as root, with the trial's folder as its first argument. */
  private run(script: string, { words = [], input }: { words?: string[]; input?: Buffer }): Promise<Finished> {
    return this.with((connection) => connection.run(["sh", "-c", script, "sh", this.trial, ...words], { asRoot: true, input }));
  }

  /**
   * Runs one command of the trial.
   * @param words such as "arm" and "180"
   */
  async command(...words: string[]): Promise<void> {
    await this.with(async (connection) => {
      const { status, stderr } = await connection.run(["sh", `${this.trial}/trial.sh`, ...words], { asRoot: true });
      if (status !== 0) throw texts.failed(this.name, words[0] as string, stderr);
    });
  }

  /** How its trial goes on. */
  async progress(): Promise<Progress> {
    return this.with(async (connection) => {
      const { stdout } = await connection.run(["sh", `${this.trial}/trial.sh`, "state"], { asRoot: true });
      return parseProgress(stdout);
    });
  }

  /** The same; null while it cannot be reached. */
  async progressOrNull(): Promise<Progress | null> {
    return this.progress().catch(() => null);
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { built } from "./builds";
import type { FakeBox } from "../unit/runtime/fixture";

/** The box's program as it was built, with the socket that systemd would open for it, on the loopback. */
export class RunningSite {
  /** What it has printed, as the journal would have it. */
  journal = "";

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  /**
   * @param box the files that it looks at
   * @param profile whose build it is of
   * @param port of an earlier one, for one that has started again
   */
  static async start(box: FakeBox, profile = "home", port?: number): Promise<RunningSite> {
    const at = port ?? (await freePort());
    const program = join(built(profile).box, "usr/local/lib/bondbox/bondbox.cjs");
    const words = ["-l", `127.0.0.1:${at}`, "-E", `BONDBOX_ROOT=${box.root}`, process.execPath, program, "watch"];
    const child = spawn("systemd-socket-activate", words, { stdio: ["ignore", "pipe", "pipe"] });
    child.on("error", () => {});
    const site = new RunningSite(child, at);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (site.journal += text));
    for (let tries = 0; !(await site.answers()); tries++) {
      if (tries > 100) throw new Error("the status page does not answer (is the package systemd there?)");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return site;
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  async answers(): Promise<boolean> {
    return fetch(`${this.address}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** As systemd would stop it. @returns its exit status. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    this.child.kill("SIGTERM");
    const [code] = (await once(this.child, "exit")) as [number | null];
    return code;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

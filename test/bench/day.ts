import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { bundleRuntime } from "../../builder/pack/runtime";
import { type Cost, pagesOpen, type Simulated, sockets } from "./schedule";
import { SimulatedBox } from "./simulated-box";

export interface Day extends Cost {
  /** The box's program, with its page, bytes. */
  bundle: number;
  /** What comes over the wire for the page, headers included, bytes. */
  page: number;
}

/**
 * Runs the box's program, as a box gets it, for a simulated time: a look a second, in which counters rise, a line fails now and then, and
 * pages are open for a while.
 * @param root of the repository
 * @param seconds of simulated time; from half an hour on, pages are open
 */
export async function simulate(root: string, seconds: number): Promise<Day> {
  const folder = mkdtempSync(join(tmpdir(), "bondbox-day-"));
  using box = new SimulatedBox();
  try {
    const bundle = await bundleRuntime(root);
    const [program, clock, result] = [join(folder, "bondbox.cjs"), join(folder, "clock.cjs"), join(folder, "cost.json")];
    writeFileSync(program, bundle);
    buildSync({ entryPoints: [join(root, "test/bench/simulated-clock.ts")], bundle: true, platform: "node", outfile: clock });
    const page = await run([...optionsOfNode(root), "--require", clock, program, "watch"], box, { seconds, result });
    return { bundle: Buffer.byteLength(bundle), page, ...(JSON.parse(readFileSync(result, "utf8")) as Cost) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** With which the box runs it. */
function optionsOfNode(root: string): string[] {
  const [, options] = /^exec node (.+) \S+\.cjs "\$@"$/m.exec(readFileSync(join(root, "overlay/box/usr/local/bin/bondbox"), "utf8")) ?? [];
  if (options === undefined) throw new Error("overlay/box/usr/local/bin/bondbox starts node in another way than test/bench/day.ts knows");
  return options.split(" ");
}

/** Runs the program to its end. @returns bytes of the page; 0: it was too short for one. */
async function run(words: string[], box: SimulatedBox, simulated: Omit<Simulated, "root">): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const child = spawn(process.execPath, words, {
    env: { ...process.env, LISTEN_FDS: "1", BONDBOX_SIMULATED: JSON.stringify({ ...simulated, root: box.root } satisfies Simulated) },
    stdio: ["ignore", "ignore", "inherit", descriptorOf(server), "pipe"],
  });
  // It is the program's alone from now on.
  server.close();
  const seconds = child.stdio[sockets.second] as Socket;
  const browsers: Socket[] = [];
  let page = Promise.resolve(0);
  seconds.on("data", () => {
    const open = pagesOpen(box.pass());
    seconds.write(".");
    for (const browser of browsers.splice(open)) browser.destroy();
    // The program answers when it has looked.
    if (browsers.length < open) page = sizeOfPage(port);
    while (browsers.length < open) browsers.push(ask(port, "/api/v1/events").resume());
  });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`the box's program ended with ${code}`);
  return page;
}

function descriptorOf(server: Server): number {
  return (server as Server & { _handle: { fd: number } })._handle.fd;
}

async function sizeOfPage(port: number): Promise<number> {
  const socket = ask(port, "/", "Accept-Encoding: gzip\r\nConnection: close\r\n");
  let bytes = 0;
  socket.on("data", (data: Buffer) => (bytes += data.length));
  await once(socket, "end");
  return bytes;
}

/** @returns the answer, as it comes */
function ask(port: number, path: string, headers = ""): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`);
  return socket;
}

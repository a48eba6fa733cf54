import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Machine, prepareMachines } from "../../lab/guest/halves";
import { Network } from "../../lab/guest/network";
import { inside, progress, run, Running } from "../../lab/guest/shell";
import type { Answer, Question, WorldJob } from "./protocol";

/** The second serial port, on which the host asks. */
const port = "/dev/ttyS1";

/** The port of this machine that leads to the box: a cable from the LAN's switch. */
function plugBox(): void {
  run(["modprobe", "-a", "virtio_pci", "virtio_net"]);
  const found = run(["sh", "-c", "for _ in $(seq 100); do ls -d /sys/class/net/*/device 2>/dev/null && exit; sleep 0.1; done; exit 1"]);
  const device = found.split("/")[4] as string;
  run(["ip", "link", "set", device, "netns", "switch", "name", "to-box"]);
  run(["ip", "-n", "switch", "link", "set", "to-box", "master", "br0", "up"]);
}

async function answer({ id, where, command, seconds }: Question, server: Machine): Promise<Answer> {
  const running = where === "server" ? server.start(command) : new Running(where === null ? command : inside(where, command));
  if (running === null) return { id, code: -1, text: "there is no server" };
  const code = await running.within(seconds * 1000);
  return { id, code, text: running.text.slice(-20000) };
}

function main(): void {
  const { network } = JSON.parse(readFileSync("/lab/job.json", "utf8")) as WorldJob;
  run(["stty", "-F", port, "raw", "-echo", "115200"]);
  const out = createWriteStream(port);
  const say = (message: unknown): void => void out.write(`${JSON.stringify(message)}\n`);
  const net = new Network(network);
  plugBox();
  prepareMachines();
  net.plug("server");
  const server = new Machine("server", { network, install: true, laptop: false });
  server.boot();
  progress("the lines are set up, the server is starting");
  say({ id: 0, code: 0, text: "ready" });
  createInterface({ input: createReadStream(port) }).on("line", (row) => {
    const question = JSON.parse(row) as Question;
    void answer(question, server).then(say);
  });
}

main();

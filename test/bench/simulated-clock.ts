import { once } from "node:events";
import fs from "node:fs";
import { join } from "node:path";
import timers from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Cost, isDown, pagesOpen, sockets, type Simulated } from "./schedule";

/*
 * Loaded before the box's program, which runs as it is. Clocks stand still while it looks; where it would wait for a second, a second passes
 * at once, in which day.ts changes the box's files. At the end it leaves what that has cost.
 */

const { root, seconds, result } = JSON.parse(process.env.BONDBOX_SIMULATED ?? "") as Simulated;
const historyFolder = join(root, "/var/lib/bondbox/history");
/** What a file system writes at least, bytes. */
const pageSize = 4096;
const begun = Date.now();
const booted = process.hrtime.bigint();
/** s since it began */
let second = 0;
const answer = Buffer.alloc(1);
const cost: Cost = {
  atRest: { count: 0, us: 0 },
  withPages: { count: 0, us: 0 },
  resident: { minute: 0, end: 0, most: 0 },
  heap: { minute: 0, end: 0 },
  written: { calls: 0, bytes: 0, pages: 0 },
  history: 0,
};

simulateClocks();
countWrites();
process.env.BONDBOX_ROOT = root;
// What systemd says of the socket, which day.ts has opened.
process.env.LISTEN_PID = `${process.pid}`;
let before = process.cpuUsage();
timers.setTimeout = pause as typeof timers.setTimeout;
process.on("exit", () => fs.writeFileSync(result, JSON.stringify(cost)));

/** Takes the place of the program's wait for its next look. */
async function pause(): Promise<void> {
  const { user, system } = process.cpuUsage(before);
  // The first minute is the program's start.
  if (second >= 60 && !isDown(second)) {
    const looks = pagesOpen(second) > 0 ? cost.withPages : cost.atRest;
    looks.count++;
    looks.us += user + system;
  }
  if (second === 60) measureMemory("minute");
  if (second === seconds) return end();
  second++;
  changeBox();
  // What browsers ask is answered, and what they are sent goes out.
  await timers.setImmediate();
  before = process.cpuUsage();
}

/** Lets day.ts do it, since what it takes is not the program's. */
function changeBox(): void {
  fs.writeSync(sockets.second, ".");
  fs.readSync(sockets.second, answer);
}

/** Ends the program as systemd does. */
async function end(): Promise<void> {
  measureMemory("end");
  cost.history = fs.readdirSync(historyFolder).reduce((sum, name) => sum + fs.statSync(join(historyFolder, name)).size, 0);
  const signal = once(process, "SIGTERM");
  process.kill(process.pid, "SIGTERM");
  await signal;
}

function measureMemory(when: "minute" | "end"): void {
  cost.resident[when] = process.memoryUsage().rss;
  cost.resident.most = process.resourceUsage().maxRSS * 1024;
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  cost.heap[when] = process.memoryUsage().heapUsed;
}

function simulateClocks(): void {
  const now = (): number => begun + 1000 * second;
  globalThis.Date = class extends Date {
    constructor(given: string | number | Date = now()) {
      super(given);
    }

    static override now(): number {
      return now();
    }
  } as DateConstructor;
  Object.defineProperty(performance, "now", { value: () => 1000 * second });
  process.hrtime.bigint = () => booted + BigInt(second) * 1_000_000_000n;
}

/** Counts what is written to the history's folder. */
function countWrites(): void {
  let counting = false;
  for (const name of ["writeSync", "writeFileSync", "appendFileSync"] as const) {
    const call = fs[name] as (...words: unknown[]) => unknown;
    const counted = (file: unknown, ...words: unknown[]): unknown => {
      // One calls another.
      const first = !counting;
      counting = true;
      try {
        if (first && typeof file === "number" && file > sockets.second) countWrite(file, words);
        return call(file, ...words);
      } finally {
        if (first) counting = false;
      }
    };
    Object.assign(fs, { [name]: counted });
  }
}

/** @param words as for writeSync, after the file */
function countWrite(file: number, [data, , length, place]: unknown[]): void {
  if (!fs.readlinkSync(`/proc/self/fd/${file}`).startsWith(historyFolder)) return;
  const bytes = typeof length === "number" ? length : Buffer.byteLength(data as string | Uint8Array);
  const at = typeof place === "number" ? place : fs.fstatSync(file).size;
  cost.written.calls++;
  cost.written.bytes += bytes;
  cost.written.pages += Math.floor((at + bytes - 1) / pageSize) - Math.floor(at / pageSize) + 1;
}

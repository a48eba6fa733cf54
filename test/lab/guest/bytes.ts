import { connect, createServer, type Socket } from "node:net";

/**
 * What a browser, a stream of video or a remote desktop notices of a TCP connection. These run in the namespace of their machine, as
 * programs of their own: "agent.cjs bytes serve ADDRESS PORT | page ADDRESS PORT BYTES SECONDS-BETWEEN SECONDS |
 * age ADDRESS PORT down|up SECONDS". What they have measured they print, one a line: when, and how many ms; "lost" if it did not come.
 */
export async function bytes([what = "", address = "", port = "", ...more]: string[]): Promise<void> {
  const place = { host: address, port: Number(port) };
  const [first = "", second = "", third = ""] = more;
  switch (what) {
    case "serve":
      return serve(place);
    case "page":
      return pages(place, Number(first), Number(second) * 1000, Number(third) * 1000);
    case "age":
      return age(place, first === "up", Number(second) * 1000);
    default:
      throw new Error(`bytes knows no "${what}"`);
  }
}

interface Place {
  host: string;
  port: number;
}

/** Bytes that begin with the time at which they were given to the kernel. Small, since what waits here is older than it looks. */
const record = 2048;
/** Longest time for a page, ms. */
const patience = 20_000;
/** Between two ages that are told, ms. */
const pace = 10;

const say = (at: number, ms: number | null): void => void process.stdout.write(`${at} ${ms === null ? "lost" : ms.toFixed(3)}\n`);

/** µs of a clock that all namespaces share. */
const clock = (): number => Number(process.hrtime.bigint() / 1000n);

/** Until it is killed. Answers "page BYTES" with so many bytes and an end, "down" with records, "up" by reading them. */
function serve(place: Place): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (question) => {
      const [word = "", count = ""] = question.toString("latin1").trim().split(" ");
      if (word === "page") socket.end(Buffer.alloc(Number(count)));
      else if (word === "down") sendRecords(socket);
      else tellAges(socket);
    });
  });
  server.listen(place, () => process.stdout.write("ready\n"));
  return new Promise(() => {});
}

/** Fresh connections, each when its time has come and the one before has ended. */
async function pages(place: Place, size: number, every: number, ms: number): Promise<void> {
  const start = Date.now();
  for (let next = start; next < start + ms; next = Math.max(next + every, Date.now())) {
    await new Promise((resolve) => setTimeout(resolve, next - Date.now()));
    say(Date.now(), await page(place, size));
  }
}

/** @returns ms from the first packet of the connection to the last byte of the page; null: it did not come whole */
function page(place: Place, size: number): Promise<number | null> {
  return new Promise((resolve) => {
    const start = clock();
    let got = 0;
    const socket = connect(place, () => socket.write(`page ${size}\n`));
    socket.setTimeout(patience, () => socket.destroy());
    socket.on("error", () => {});
    socket.on("data", (chunk) => (got += chunk.length));
    socket.on("close", () => resolve(got === size ? (clock() - start) / 1000 : null));
  });
}

function age(place: Place, up: boolean, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(place, () => {
      socket.setNoDelay();
      socket.write(up ? "up\n" : "down\n", () => {
        if (up) setTimeout(() => sendRecords(socket), 500);
        else tellAges(socket);
      });
    });
    socket.on("error", reject);
    setTimeout(() => {
      socket.destroy();
      resolve();
    }, ms);
  });
}

/** One after the other, each when the kernel has taken the one before. */
function sendRecords(socket: Socket): void {
  const next = (): void => {
    const bytes = Buffer.alloc(record);
    bytes.writeDoubleBE(clock());
    socket.write(bytes, (error) => {
      if (!error) next();
    });
  };
  next();
}

/** How old each record is when it has come whole. */
function tellAges(socket: Socket): void {
  let rest = Buffer.alloc(0);
  let told = 0;
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= record; rest = rest.subarray(record)) {
      const now = Date.now();
      if (now - told < pace) continue;
      told = now;
      say(now, (clock() - rest.readDoubleBE()) / 1000);
    }
  });
}

import { config, FakeBox, tunnelStatus } from "../unit/runtime/fixture";
import { isDown } from "./schedule";

const lines = config.lines.map((line) => ({ ...line, monthly: 200e9 }));

/** A box of two lines that carry some hundred kbit/s; one fails now and then. */
export class SimulatedBox extends FakeBox {
  private readonly begun = Date.now();
  /** s since then */
  private second = 0;
  /** By each line, bytes. */
  private readonly carried = lines.map(() => 0);

  constructor() {
    // A box has almost all of it in memory.
    super({ ...config, lines }, "/dev/shm");
    // What a box has besides, so that a look reads all that it reads there.
    this.write("run/bondbox/lane", "on\n");
    this.write("run/bondbox/striper", "1000 0 0 65536 ".repeat(lines.length));
    this.write("proc/net/netstat", "MPTcpExt: MPCapableSYNRX MPCurrEstab\nMPTcpExt: 1 2\n");
    for (const { lane } of lines) this.device(lane ?? "");
    this.change();
  }

  /** A second passes. @returns s since the begin */
  pass(): number {
    this.second++;
    this.change();
    return this.second;
  }

  private change(): void {
    const [down, before] = [isDown(this.second), isDown(this.second - 1)];
    const works = (line: number): boolean => !down || line > 0;
    if (down !== before)
      this.bonding(lines.map(({ tap }, line) => ({ tap, status: works(line) ? "up" : "down", failures: Math.ceil(this.second / 3600) })));
    for (const line of lines.keys()) if (works(line)) this.carried[line] = (this.carried[line] ?? 0) + 30_000 + (this.second % 7) * 5000;
    this.countAll();
    // As often as OpenVPN writes its status; what the striper has measured stays valid for as long.
    if (this.second % 10 !== 0) return;
    for (const [line, { name }] of lines.entries()) {
      this.write(`run/bondbox/${name}.status`, tunnelStatus(this.carried[line]));
      this.age(`run/bondbox/${name}.status`, (Date.now() - this.begun) / 1000 - this.second);
    }
    const measured = { down: 15_000 + (this.second % 110) * 30, up: 16_000, lost: this.second % 50 };
    this.measure(
      lines.map((_, line) => ({ ...measured, known: works(line) })),
      -10 - this.second,
    );
  }

  private countAll(): void {
    const all = this.carried.reduce((sum, bytes) => sum + bytes, 0);
    const devices = lines.flatMap(({ tap, lane }, line) => [tap, lane].map((name) => [name, this.carried[line] ?? 0] as const));
    const counters = (bytes: number) => ({ rxBytes: bytes, txBytes: bytes / 10, rxPackets: bytes / 1000, txPackets: bytes / 1000 });
    this.count(Object.fromEntries([[config.bond.name, all] as const, ...devices].map(([name, bytes]) => [name, counters(bytes)])));
  }
}

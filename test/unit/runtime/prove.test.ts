import { once } from "node:events";
import { chmodSync, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { confirm } from "../../../overlay/runtime/confirm";
import { parsePing, type Ping } from "../../../overlay/runtime/parse/ping";
import { Pings, stretchOf } from "../../../overlay/runtime/prove/pings";
import { gaveWay, printProof } from "../../../overlay/runtime/prove/print";
import { type Proof, proveLine } from "../../../overlay/runtime/prove/prove";
import { takenOut, takeOut } from "../../../overlay/runtime/taken-out";
import { FakeBox, halfBroken, modernBonding } from "./fixture";
import { until, useProgram } from "./program";

const { run, start } = useProgram();
const short = { out: 1000, leaving: 5000, coming: 5000, around: 500 };
const never = new AbortController().signal;

afterEach(() => vi.unstubAllEnvs());

/** A box whose watchdog obeys, and whose ping prints what it would print of a server. */
class LivingBox extends FakeBox {
  readonly path = `${join(this.root, "bin")}${delimiter}${process.env.PATH}`;
  private readonly watchdog: NodeJS.Timeout;

  /**
   * @param obeys whether the watchdog takes a line out
   * @param missing how many pings are lost when a line goes out
   */
  constructor({ obeys = true, missing = 2 } = {}) {
    super();
    // Each packet has the time at which it is due, so that a busy machine makes no gaps.
    this.write(
      "bin/ping",
      `#!${process.execPath}
const { statSync } = require("node:fs");
const start = Date.now();
let [sent, lost] = [0, 0];
setInterval(() => {
  for (; start + 100 * sent <= Date.now(); ) {
    const due = start + 100 * sent;
    const out = ["ovh", "orange"].some((line) => statSync("${this.root}/run/bondbox/out/" + line, { throwIfNoEntry: false })?.mtimeMs <= due);
    lost = out ? lost + 1 : 0;
    const stamp = "[" + (due / 1000).toFixed(6) + "] ";
    sent++;
    const missing = lost >= 1 && lost <= ${missing};
    console.log(stamp + (missing ? "no answer yet for icmp_seq=" + sent : "64 bytes from 172.16.16.1: icmp_seq=" + sent + " ttl=64 time=31.2 ms"));
  }
}, 20);
`,
    );
    chmodSync(join(this.root, "bin/ping"), 0o755);
    let [carried, before] = [5_000_000, performance.now()];
    this.watchdog = setInterval(() => {
      const out = takenOut(this.root);
      if (obeys) this.lines(!out.has("ovh"), !out.has("orange"));
      const now = performance.now();
      // 8000 kbit/s over both lines, 4000 over one.
      carried += Math.round((now - before) * (out.size === 0 ? 1000 : 500));
      before = now;
      this.device("bond0", { rx: carried, tx: 700_000 });
    }, 50);
  }

  lines(ovh: boolean, orange: boolean): void {
    const slave = (tap: string, up: boolean) => ({ tap, status: up ? "up" : "down", failures: 0 });
    this.write("proc/net/bonding/bond0", modernBonding([slave("tap0", ovh), slave("tap1", orange)]));
  }

  override [Symbol.dispose](): void {
    clearInterval(this.watchdog);
    super[Symbol.dispose]();
  }
}

async function proven(box: LivingBox, line: string, times = short): Promise<Proof> {
  vi.stubEnv("PATH", box.path);
  return Pings.during("172.16.16.1", (pings) => proveLine(box.root, line, pings, { times, stop: never }));
}

describe("proving a line", () => {
  it("takes it out and in again, and counts what got lost and how the rate went on", async () => {
    using box = new LivingBox();
    const { pings, before, meanwhile, ...proof } = await proven(box, "orange");
    expect(proof).toEqual({ line: "orange", skipped: null, left: true, back: true });
    expect(pings.lost).toBe(2);
    expect(pings.sent).toBeGreaterThanOrEqual(5);
    // Two in a row are lost: three tenths of a second between two answers.
    expect(pings.gap).toBe(300);
    // Whether a look is before or after a step of the counter makes 50 ms.
    expect(before.down).toBeGreaterThan(5000);
    expect(before.down).toBeLessThan(11_000);
    expect(meanwhile.down).toBeGreaterThan(2500);
    expect(meanwhile.down).toBeLessThan(6000);
    expect(takenOut(box.root).size).toBe(0);
  });

  it("says where the watchdog does not obey", async () => {
    using box = new LivingBox({ obeys: false });
    expect(await proven(box, "ovh", { ...short, leaving: 500 })).toMatchObject({ skipped: null, left: false, back: true });
    expect(takenOut(box.root).size).toBe(0);
  });

  it("leaves in what is out or down, and the last one", async () => {
    using box = new LivingBox({ obeys: false });
    takeOut(box.root, "ovh", "box");
    expect(await proven(box, "ovh")).toMatchObject({ skipped: "it is out of the bond already" });
    expect(await proven(box, "orange")).toMatchObject({ skipped: "no other line carries" });
    expect([...takenOut(box.root)]).toEqual([["ovh", "box"]]);
    box.remove("run/bondbox/out");
    box.lines(false, true);
    expect(await proven(box, "ovh")).toMatchObject({ skipped: "it is down: the server does not answer over it" });
  });

  it("lets the line in again where something throws", async () => {
    using box = new LivingBox();
    const broken = proven(box, "ovh");
    await until(() => takenOut(box.root).has("ovh"));
    box.write("etc/bondbox/box.json", "{}");
    await expect(broken).rejects.toThrow("box.json is invalid");
    expect(takenOut(box.root).size).toBe(0);
  });

  it("ends in one line where the server does not answer, or there is no ping", async () => {
    using box = new LivingBox();
    box.write("bin/ping", "#!/bin/sh\nexec sleep 60\n");
    chmodSync(join(box.root, "bin/ping"), 0o755);
    await expect(proven(box, "ovh")).rejects.toThrow("the server does not answer pings through the bond (172.16.16.1)");
    box.remove("bin/ping");
    vi.stubEnv("PATH", join(box.root, "bin"));
    await expect(Pings.during("172.16.16.1", async () => 0)).rejects.toThrow("apt-get install iputils-ping");
  });
});

describe.concurrent("bondbox prove", () => {
  it("takes each line out, one after the other, and says how it went", async () => {
    using box = new LivingBox();
    const { code, stdout, stderr } = await run(["prove", "--yes", "--root", box.root], { PATH: box.path });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const figures = stdout.replace(/\d+/g, "N");
    const block = (name: string): string =>
      `Line ${name} ...\n${name}: ok\n  pings     N sent, N lost, longest gap N ms\n  download  N kbit/s before, N meanwhile\n  upload    N kbit/s before, N meanwhile\n` +
      "  The others took over within a moment: a call stutters, a download goes on.\n";
    expect(figures).toBe(block("ovh") + block("orange"));
    const [, sent] = /(\d+) sent, 2 lost/.exec(stdout) ?? [];
    expect(Number(sent)).toBeGreaterThan(35);
    expect(takenOut(box.root).size).toBe(0);
  }, 60_000);

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "lets the line in again on %s",
    async (signal) => {
      using box = new LivingBox();
      const { child, result } = start(["prove", "--yes", "--root", box.root], { PATH: box.path });
      await until(() => takenOut(box.root).has("ovh"));
      child.kill(signal);
      expect(await once(child, "close")).toEqual([130, null]);
      expect(result.stderr).toBe("bondbox: stopped; every line that it has taken out is let in again\n");
      expect(takenOut(box.root).size).toBe(0);
    },
    30_000,
  );

  it("lets the line in again where it breaks off", async () => {
    using box = new LivingBox();
    const out = join(box.root, "run/bondbox/out/ovh");
    box.write("crash.cjs", `setInterval(() => { if (require("fs").existsSync("${out}")) throw new Error("a bug"); }, 50).unref();`);
    const environment = { PATH: box.path, NODE_OPTIONS: `--require ${join(box.root, "crash.cjs")}` };
    const { code, stderr } = await run(["prove", "--yes", "--root", box.root], environment);
    expect(code).not.toBe(0);
    expect(stderr).toContain("a bug");
    expect(takenOut(box.root).size).toBe(0);
  }, 30_000);

  it("never starts without a person's word, without rights, or with one line", async () => {
    using box = new LivingBox({ obeys: false });
    const prove = (...words: string[]) => run(["prove", "--root", box.root, ...words], { PATH: box.path });
    expect(await prove()).toMatchObject({
      code: 64,
      stdout: "",
      stderr: expect.stringMatching(/^bondbox: "bondbox prove" asks [^\n]+ bondbox prove --yes; [^\n]+\n$/),
    });
    halfBroken(box);
    expect(await prove("--yes")).toMatchObject({
      code: 2,
      stdout: "",
      stderr:
        "bondbox: only line orange carries, and without it the LAN has no internet (ovh: the server does not answer over it): bring up another line, see bondbox doctor\n",
    });
    box.remove("run/bondbox");
    expect(await prove("--yes")).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("run it as root, sudo bondbox prove\n"),
    });
    expect(existsSync(join(box.root, "run/bondbox"))).toBe(false);
  });
});

describe("what a proof says", () => {
  const proof: Proof = {
    line: "ovh",
    skipped: null,
    left: true,
    back: true,
    pings: { sent: 79, lost: 0, gap: 120 },
    before: { down: 14_210, up: null },
    meanwhile: { down: 7010, up: 12 },
  };
  const print = (change: Partial<Proof>): string => printProof({ ...proof, ...change }, { colours: false, width: 200 });

  it("is the figures and a sentence", () => {
    expect(print({})).toBe(
      "ovh: ok\n  pings     79 sent, 0 lost, longest gap 120 ms\n  download  14210 kbit/s before, 7010 meanwhile\n  upload    - kbit/s before, 12 meanwhile\n  The others took over without losing anything.\n",
    );
    expect(print({ skipped: "no other line carries" })).toBe("ovh: left in, no other line carries\n");
  });

  it.each<[string, boolean, Partial<Proof>]>([
    ["within a moment", true, { pings: { sent: 79, lost: 2, gap: 1000 } }],
    ["stood still for 2.4 s", false, { pings: { sent: 79, lost: 22, gap: 2400 } }],
    ["has not come back since", false, { back: false }],
    ["did not take it out of the bond", false, { left: false }],
  ])("%s: %s", (words, fine, change) => {
    expect(print(change)).toContain(words);
    expect([gaveWay({ ...proof, ...change }), print(change).includes("ovh: ok")]).toEqual([fine, fine]);
  });
});

describe("pings", () => {
  it("are read as iputils prints them", () => {
    expect(parsePing("[1764000000.310290] 64 bytes from 172.16.16.1: icmp_seq=7 ttl=64 time=31.2 ms")).toEqual({
      time: 1_764_000_000_310.29,
      sequence: 7,
      answered: true,
    });
    expect(parsePing("[1764000000.310290] no answer yet for icmp_seq=8")).toMatchObject({ sequence: 8, answered: false });
    for (const row of ["PING 172.16.16.1 (172.16.16.1) 56(84) bytes of data.", "", "--- 172.16.16.1 ping statistics ---"])
      expect(parsePing(row)).toBeNull();
    expect(parsePing("[1764000000.310290] From 192.168.1.1 icmp_seq=7 Destination Host Unreachable")).toBeNull();
  });

  it("of a stretch are those that were sent in it; a late answer is none that is lost", () => {
    const ping = (time: number, sequence: number, answered = true): Ping => ({ time, sequence, answered });
    const pings = [ping(100, 1), ping(200, 2), ping(400, 3, false), ping(500, 4, false), ping(550, 3), ping(600, 5), ping(700, 6)];
    expect(stretchOf(pings, 250, 650)).toEqual({ sent: 3, lost: 1, gap: 350 });
    expect(stretchOf(pings, 0, 150)).toEqual({ sent: 1, lost: 0, gap: 100 });
    expect(stretchOf([], 0, 1000)).toEqual({ sent: 0, lost: 0, gap: 1000 });
  });

  it("are never more lost than sent", () => {
    const ping = fc.record({ time: fc.nat(1000), sequence: fc.integer({ min: 1, max: 50 }), answered: fc.boolean() });
    fc.assert(
      fc.property(fc.array(ping), fc.nat(1000), fc.nat(1000), (pings, from, length) => {
        const { sent, lost, gap } = stretchOf(pings, from, from + length);
        return lost >= 0 && lost <= sent && gap >= 0;
      }),
    );
  });
});

describe("confirm", () => {
  it.each<[string | null, boolean]>([
    ["y\n", true],
    [" YES \n", true],
    ["\n", false],
    ["yeah\n", false],
    ["n\n", false],
    [null, false],
  ])("takes %j for %s", async (answer, agreed) => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    if (answer === null) input.end();
    else input.write(answer);
    expect(await confirm("Continue?", input, output, never)).toBe(agreed);
    expect(String(output.read())).toBe("Continue? [y/N] ");
  });
});

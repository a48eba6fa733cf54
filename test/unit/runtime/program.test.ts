import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { version } from "../../../package.json";
import { OutageLog } from "../../../overlay/runtime/outage-log";
import { dead, FakeBox, halfBroken } from "./fixture";
import { until, useProgram } from "./program";

const { start, run } = useProgram();

describe("bondbox status", () => {
  it.each<[string, number, (box: FakeBox) => void]>([
    ["2 of 2 lines up - the LAN uses the bond", 0, () => {}],
    ["1 of 2 lines up - the LAN uses the bond", 1, halfBroken],
    ["0 of 2 lines up - the LAN uses line ovh directly, without the bond", 2, dead],
    ["0 of 2 lines up - the LAN has no internet", 2, (box) => box.remove("proc")],
  ])("%s: exit code %i", async (summary, code, breakIt) => {
    using box = new FakeBox();
    breakIt(box);
    const result = await run(["status", "--root", box.root]);
    expect(result.stdout.split("\n")[0]).toBe(summary);
    expect(result).toMatchObject({ code, stderr: "" });
    expect(result.stdout).not.toContain("\u001b");
  });

  it("gives the same as JSON, with rates, and takes its root from the environment", async () => {
    using box = new FakeBox();
    const { code, stdout } = await run(["status", "--json"], { BONDBOX_ROOT: box.root });
    const report = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(report).toMatchObject({ profile: "home", linesUp: 2, way: { by: "bond" }, bond: { up: true, mtu: 1401 } });
    expect(report.lines[1]).toMatchObject({ name: "orange", up: true, rate: { down: 0, up: 0 } });
    expect(report.lines[1].tunnel.counters.linkRead).toBe(3118416);
  });

  it.each<[string, (box: FakeBox) => void]>([
    ["is missing", (box) => box.remove("etc")],
    ["is invalid: profile must be a string, not 5", (box) => box.write("etc/bondbox/box.json", readConfig(box).replace('"home"', "5"))],
    ["is invalid: ", (box) => box.write("etc/bondbox/box.json", '{"version":\n')],
  ])("box.json %s: one line, exit code 2", async (message, breakIt) => {
    using box = new FakeBox();
    breakIt(box);
    for (const command of ["status", "watch"]) {
      const { code, stdout, stderr } = await run([command, "--root", box.root]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/^bondbox: .*box\.json [^\n]+\n$/);
      expect(stderr).toContain(message);
    }
  });
});

describe("bondbox report", () => {
  it.each<[number, (box: FakeBox) => void]>([
    [0, () => {}],
    [1, halfBroken],
    [2, dead],
  ])("ends with %i, and does not wait unless it is told to", async (code, breakIt) => {
    using box = new FakeBox();
    breakIt(box);
    const result = await run(["report", "--root", box.root]);
    expect(result).toMatchObject({ code, stderr: "" });
    expect(result.stdout).toMatch(/^bondbox is running: \d of 2 lines up - /);
  });

  it("waits for a line that comes up", async () => {
    using box = new FakeBox();
    halfBroken(box);
    const { child, result } = start(["report", "--wait", "60", "--root", box.root]);
    setTimeout(
      () =>
        box.bonding([
          { tap: "tap0", status: "up", failures: 12 },
          { tap: "tap1", status: "up", failures: 1 },
        ]),
      300,
    );
    expect(await once(child, "close")).toEqual([0, null]);
    expect(result.stdout).toMatch(/^bondbox is running: 2 of 2 lines up - /);
  }, 30_000);
});

describe("bondbox line", () => {
  const marker = (box: FakeBox, line: string) => join(box.root, "run/bondbox/out", line);
  const slaves = (box: FakeBox, ovh: string, orange = "up") =>
    box.bonding([
      { tap: "tap0", status: ovh, failures: 1 },
      { tap: "tap1", status: orange, failures: 0 },
    ]);
  /** What bondbox-watchdog and the kernel do about it. */
  function obey(box: FakeBox): NodeJS.Timeout {
    return setInterval(() => slaves(box, existsSync(marker(box, "ovh")) ? "down" : "up"), 100);
  }

  it("takes a line out, says why it is down, and lets it in again", async () => {
    using box = new FakeBox();
    const watchdog = obey(box);
    try {
      const out = await run(["line", "ovh", "out", "--root", box.root]);
      expect(out.stdout).toBe("Line ovh is out of the bond at both ends, until the box restarts or you run: sudo bondbox line ovh in\n");
      expect(out.code).toBe(0);
      const report = JSON.parse((await run(["status", "--json", "--root", box.root])).stdout);
      expect(report.lines[0]).toMatchObject({ up: false, takenOut: "person", why: { code: "taken-out", by: "person" } });
      expect(await run(["line", "ovh", "in", "--root", box.root])).toEqual({ code: 0, stdout: "Line ovh is in the bond.\n", stderr: "" });
      expect(existsSync(marker(box, "ovh"))).toBe(false);
    } finally {
      clearInterval(watchdog);
    }
  }, 30_000);

  it("leaves the last one in", async () => {
    using box = new FakeBox();
    slaves(box, "up", "down");
    const { code, stderr } = await run(["line", "ovh", "out", "--root", box.root]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "bondbox: line ovh stays in: no other line is up, so the LAN would have no internet\n",
    });
    expect(existsSync(marker(box, "ovh"))).toBe(false);
  });

  it.each<[string, string, (box: FakeBox) => void, RegExp]>([
    ["out", "the bond goes on using it", () => {}, /^Line ovh is to be out, but the bond still uses it after 10 s: systemctl status/],
    ["in", "it is down", (box) => slaves(box, "down"), /^Line ovh may be in the bond, but it is down\. The server does not answer/],
  ])(
    "%s: says so when %s",
    async (word, _, prepare, said) => {
      using box = new FakeBox();
      prepare(box);
      const { code, stdout } = await run(["line", "ovh", word, "--root", box.root]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(said) });
    },
    30_000,
  );

  it.each([
    [["line"], "something is missing: bondbox line NAME out|in"],
    [["line", "ovh"], "something is missing: bondbox line NAME out|in"],
    [["line", "ovh", "away"], 'unexpected argument "away"'],
    [["line", "adsl", "out"], 'there is no line "adsl"; there is ovh, orange'],
    [["line", "../../etc/passwd", "in"], 'there is no line "../../etc/passwd"; there is ovh, orange'],
  ])("%j is wrong usage", async (words, message) => {
    using box = new FakeBox();
    const { code, stderr } = await run([...words, "--root", box.root]);
    expect(code).toBe(64);
    expect(stderr).toContain(message);
  });
});

describe("bondbox", () => {
  it.each([
    [["frobnicate"], 'there is no command "frobnicate"'],
    [["constructor"], 'there is no command "constructor"'],
    [[], "no command given"],
    [["status", "now"], 'unexpected argument "now"'],
    [["status", "--loud"], "--loud"],
    [["watch", "--json"], '"bondbox watch" has no option --json'],
    [["status", "--wait", "5"], '"bondbox status" has no option --wait'],
    [["report", "--wait", "soon"], "--wait soon: write whole seconds, such as --wait 90"],
    [["storage", "open"], 'unexpected argument "open"'],
    [["storage", "unlock", "now"], 'unexpected argument "now"'],
  ])("%j is wrong usage: one line on stderr, exit code 64", async (words, message) => {
    const { code, stdout, stderr } = await run(words);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^bondbox: [^\n]+\n$/);
  });

  it("prints its help and its version", async () => {
    for (const words of [["help"], ["--help"], ["status", "--help"]]) {
      const { code, stdout } = await run(words);
      expect(code).toBe(0);
      expect(stdout).toContain("bondbox status [--json]");
      expect(Math.max(...stdout.split("\n").map((row) => row.length))).toBeLessThanOrEqual(80);
    }
    for (const command of ["lines", "doctor", "prove", "support"]) {
      const { code, stdout } = await run([command, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`^  bondbox ${command}\\b`));
      expect(stdout).not.toContain("bondbox status");
      expect(Math.max(...stdout.split("\n").map((row) => row.length))).toBeLessThanOrEqual(80);
    }
    expect(await run(["version"])).toEqual({ code: 0, stdout: `bondbox ${version}\n`, stderr: "" });
  });
});

describe("bondbox watch", () => {
  it("writes its report, prints a change once, survives missing files and ends on SIGTERM", async () => {
    using box = new FakeBox();
    const { child, result } = start(["watch"], { BONDBOX_ROOT: box.root });
    const report = () => JSON.parse(readFileSync(join(box.root, "run/bondbox/status.json"), "utf8"));
    try {
      await until(() => result.stdout.includes("LAN: 2 of 2 lines up - the LAN uses the bond\n"));
      expect(result.stdout).toContain("line ovh: up\n");
      expect(report()).toMatchObject({ linesUp: 2 });

      expect((await run(["history", "--root", box.root])).stdout).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}Z line ovh: up\n/);

      halfBroken(box);
      await until(() => result.stdout.includes("line ovh: down, the server does not answer over it\n"));
      expect(report()).toMatchObject({ linesUp: 1, lines: [{ up: false, why: { code: "no-answer" } }, { up: true }] });

      for (const gone of ["proc", "sys", "run"]) {
        box.remove(gone);
      }
      await until(() => result.stdout.includes("line orange: down, there is no eth0\n"));
      expect(report()).toMatchObject({ linesUp: 0 });
      expect(existsSync(join(box.root, "run/bondbox/status.json.new"))).toBe(false);
      expect(result.stdout.match(/line ovh: down, the server/g)).toHaveLength(1);
    } finally {
      child.kill("SIGTERM");
    }
    expect(await once(child, "close")).toEqual([0, null]);
    expect(result.stderr).toBe("");
    expect((await run(["history", "--root", box.root])).stdout).toContain("Z line ovh: down, the server does not answer over it\n");
    expect(new OutageLog(box.root).all.map(({ line, end, finding }) => [line, end, finding?.code])).toEqual([
      ["ovh", null, "no-answer"],
      ["orange", null, "lan-missing"],
      [null, null, undefined],
    ]);
  }, 30_000);

  it("takes out a line that loses two packets of five, and tries it again", async () => {
    using box = new FakeBox();
    const { child, result } = start(["watch"], { BONDBOX_ROOT: box.root });
    const marker = join(box.root, "run/bondbox/out/ovh");
    const lossy = setInterval(
      () =>
        box.measure([
          { down: 15_000, up: 16_000, lost: 400 },
          { down: 30_000, up: 30_000 },
        ]),
      100,
    );
    try {
      await until(() => existsSync(marker), 20_000);
      await until(() => result.stdout.includes("line ovh: taken out of the bond: it loses 40 % of its packets\n"));
      expect(readFileSync(marker, "utf8")).toBe("box\n");
      const report = () => JSON.parse(readFileSync(join(box.root, "run/bondbox/status.json"), "utf8"));
      await until(() => report().lines[0].health.state === "out");
      expect(Date.now() - Date.parse(report().lines[0].health.since)).toBeLessThan(10_000);
      expect(report().lines[1].health.state).toBe("healthy");
    } finally {
      clearInterval(lossy);
      child.kill("SIGTERM");
    }
    await once(child, "close");
    expect((await run(["history", "--root", box.root])).stdout).toContain("Z line ovh: taken out of the bond: it loses 40 %");
  }, 60_000);

  it("goes on, and says so once, when it cannot write", async () => {
    using box = new FakeBox();
    box.remove("run");
    box.write("run", "a file where a folder should be");
    const { child, result } = start(["watch", "--root", box.root]);
    try {
      await until(() => result.stderr !== "" && result.stdout.includes("LAN: "));
      box.device("tap0", { carrier: false });
      await until(() => result.stdout.includes("line ovh: down"));
    } finally {
      child.kill("SIGTERM");
    }
    expect(await once(child, "close")).toEqual([0, null]);
    expect(result.stderr.match(/cannot be written/g)).toHaveLength(1);
  }, 30_000);
});

function readConfig(box: FakeBox): string {
  return readFileSync(join(box.root, "etc/bondbox/box.json"), "utf8");
}

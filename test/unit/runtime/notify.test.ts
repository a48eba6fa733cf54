import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo, createServer as createSocket } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Alert, Alerts } from "../../../overlay/runtime/notify/alerts";
import { post, runCommand } from "../../../overlay/runtime/notify/deliver";
import { spool, waiting } from "../../../overlay/runtime/notify/spool";
import type { Report } from "../../../overlay/runtime/report";
import { config, FakeBox, halfBroken } from "./fixture";

const down = { code: "modem-silent", short: "its modem does not answer" };

/** What alerts read of a report. */
function reportOf(change: { time?: string; state?: string; why?: object | null } = {}): Report {
  const { time = "2026-11-23T02:00:00.000Z", state = "fine", why = null } = change;
  return { time, state, profile: "home", findings: [], lines: [{ name: "ovh", why }] } as unknown as Report;
}

const alert: Alert = {
  box: "bondbox",
  profile: "home",
  line: "ovh",
  state: "down",
  since: "2026-11-23T02:00:00.000Z",
  until: null,
  cause: "its modem does not answer",
  text: "bondbox home: line ovh has been down for 5 min: its modem does not answer",
};

describe("alerts", () => {
  it("come once when a line has been down for long enough, and once when it is back", () => {
    const alerts = new Alerts(300);
    expect(alerts.next(reportOf(), 0)).toEqual([]);
    expect(alerts.next(reportOf({ why: { code: "no-answer", short: "the server does not answer over it" } }), 10_000)).toEqual([]);
    expect(alerts.next(reportOf({ why: down }), 309_999)).toEqual([]);
    const now = alerts.next(reportOf({ why: down, time: "2026-11-23T02:05:00.000Z" }), 310_000);
    expect(now).toEqual([{ ...alert, box: hostname() }]);
    expect(alerts.next(reportOf({ why: down }), 900_000)).toEqual([]);
    const back = alerts.next(reportOf({ time: "2026-11-23T02:20:00.000Z" }), 1_210_000);
    expect(back).toEqual([
      {
        ...alert,
        box: hostname(),
        state: "up",
        until: "2026-11-23T02:20:00.000Z",
        text: "bondbox home: line ovh is back after 20 min",
      },
    ]);
    expect(alerts.next(reportOf(), 1_211_000)).toEqual([]);
  });

  it("do not come of what is back sooner, in reserve, or taken out by a person", () => {
    const alerts = new Alerts(300);
    for (let minute = 0; minute < 60; minute++)
      expect(alerts.next(reportOf({ why: minute % 4 === 0 ? null : down }), minute * 60_000)).toEqual([]);
    for (const why of [
      { code: "standby", short: "" },
      { code: "taken-out", by: "person", short: "" },
    ])
      for (let minute = 0; minute < 60; minute++) expect(alerts.next(reportOf({ why }), minute * 60_000)).toEqual([]);
  });

  it("do not say that a line is back which a person has taken out meanwhile, but when it is", () => {
    const alerts = new Alerts(300);
    alerts.next(reportOf({ why: down }), 0);
    expect(alerts.next(reportOf({ why: down }), 300_000)).toHaveLength(1);
    const out = { code: "taken-out", by: "person", short: "taken out by hand" };
    expect(alerts.next(reportOf({ why: out }), 400_000)).toEqual([]);
    expect(alerts.next(reportOf({ why: down }), 500_000)).toEqual([]);
    expect(alerts.next(reportOf(), 600_000)).toMatchObject([{ state: "up", text: "bondbox home: line ovh is back after 10 min" }]);
  });

  it("come of the internet as a whole", () => {
    const alerts = new Alerts(60);
    alerts.next(reportOf({ state: "down" }), 0);
    expect(alerts.next(reportOf({ state: "down" }), 60_000)).toMatchObject([
      { line: null, state: "down", cause: "no line is up", text: "bondbox home: the internet has been down for 1 min: no line is up" },
    ]);
    expect(alerts.next(reportOf({ state: "degraded" }), 90_000)).toMatchObject([{ line: null, state: "up" }]);
  });
});

describe("what waits", () => {
  it("is closed, in order, a file for each receiver, and no more than 50: the oldest go", () => {
    using box = new FakeBox();
    for (let count = 0; count < 60; count++) spool(box.root, [{ ...alert, cause: `${count}` }], { url: true, command: count < 2 });
    const all = waiting(box.root);
    const causes = (target: string): string[] =>
      all.filter((one) => one.target === target).map(({ text }) => (JSON.parse(text) as Alert).cause);
    expect(causes("url")).toEqual(Array.from({ length: 50 }, (_, index) => `${index + 10}`));
    expect(causes("command")).toEqual(["0", "1"]);
    for (const path of [join(box.root, "run/bondbox/notify"), ...all.map(({ path }) => path)]) expect(statSync(path).mode & 0o077).toBe(0);
  });

  it("is nothing where it cannot be written, and nobody stops for it", () => {
    using box = new FakeBox();
    box.write("run/bondbox/notify", "a file\n");
    const printed = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    spool(box.root, [alert], { url: true, command: true });
    expect(printed.mock.calls.map(([words]) => `${words as string}`).join("")).toMatch(
      /^bondbox: \S+ cannot be written, so nobody is notified: EEXIST/,
    );
    printed.mockRestore();
    expect(waiting(box.root)).toEqual([]);
  });
});

/** A receiver, and what it got. */
class Receiver implements AsyncDisposable {
  readonly got: { headers: IncomingHttpHeaders; url: string; method: string; body: string }[] = [];
  private constructor(private readonly server: Server) {}

  /** @param status what it answers, with where to go for a redirect */
  static async start(status: (count: number) => number = () => 204, port = 0): Promise<Receiver> {
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        const { headers, url = "", method = "" } = request;
        receiver.got.push({ headers, url, method, body });
        response.writeHead(status(receiver.got.length), { Location: "/elsewhere" }).end();
      });
    });
    const receiver = new Receiver(server);
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook?key=hush`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}

const text = JSON.stringify(alert);

describe("a URL", () => {
  it("gets the alert by POST, as JSON", async () => {
    await using receiver = await Receiver.start();
    expect(await post(receiver.url, text)).toEqual({ done: true });
    expect(receiver.got).toMatchObject([
      { method: "POST", url: "/hook?key=hush", headers: { "content-type": "application/json", "user-agent": "bondbox" } },
    ]);
    expect(JSON.parse(receiver.got[0]?.body ?? "")).toEqual(alert);
  });

  it.each([
    [302, false, "it redirects (302), which is not followed"],
    [404, false, "it answers with status 404"],
    [429, true, "it answers with status 429"],
    [503, true, "it answers with status 503"],
  ])("that answers %i: again %s", async (status, again, why) => {
    await using receiver = await Receiver.start(() => status);
    expect(await post(receiver.url, text)).toEqual({ done: false, again, why });
    expect(receiver.got.length).toBe(1);
  });

  it("that is not there, or has no certificate that counts, is tried again", async () => {
    await using receiver = await Receiver.start();
    expect(await post("http://127.0.0.1:1/hush", text)).toEqual({ done: false, again: true, why: "it cannot be reached (ECONNREFUSED)" });
    const secure = await post(receiver.url.replace("http:", "https:"), text);
    expect(secure).toMatchObject({ done: false, again: true });
    expect(JSON.stringify(secure)).not.toContain("hush");
    expect(receiver.got).toEqual([]);
  });

  it("that never answers has 10 s", async () => {
    const silent = createSocket(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const begun = performance.now();
    const outcome = await post(`http://127.0.0.1:${(silent.address() as AddressInfo).port}/`, text);
    expect(outcome).toEqual({ done: false, again: true, why: "it does not answer within 10 s" });
    expect(performance.now() - begun).toBeLessThan(12_000);
    silent.close();
  });
});

describe("a command", () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "bondbox-command-"))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function script(name: string, lines: string): string {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${lines}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  it("gets the alert as JSON and in variables, and no shell reads it", async () => {
    const odd: Alert = { ...alert, cause: '$(touch "$HOME/evil"); `id` \' "' };
    const path = script("ok", `cat > "${folder}/json"; env | grep ^BONDBOX_ | sort > "${folder}/env"; echo "$#" > "${folder}/count"`);
    expect(await runCommand(path, JSON.stringify(odd))).toEqual({ done: true });
    expect(JSON.parse(readFileSync(join(folder, "json"), "utf8"))).toEqual(odd);
    const variables = readFileSync(join(folder, "env"), "utf8").split("\n");
    expect(variables).toContain(`BONDBOX_CAUSE=${odd.cause}`);
    expect(variables).toContain("BONDBOX_LINE=ovh");
    expect(variables).toContain("BONDBOX_UNTIL=");
    expect(readFileSync(join(folder, "count"), "utf8")).toBe("0\n");
  });

  it("that fails, is not there, or does not read what it gets", async () => {
    expect(await runCommand(script("fails", "exit 3"), text)).toEqual({ done: false, again: true, why: "it ended with 3" });
    expect(await runCommand(join(folder, "none"), text)).toEqual({ done: false, again: true, why: "it cannot be run (ENOENT)" });
    const long = JSON.stringify({ ...alert, cause: "x".repeat(100_000) });
    expect((await runCommand(script("deaf", "exec <&-; exit 0"), long)).done).toBe(true);
  });
});

describe("bondbox notify", () => {
  let folder: string;
  let bundle: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "bondbox-bundle-"));
    bundle = join(folder, "bondbox.cjs");
    const entry = join(import.meta.dirname, "../../../overlay/runtime/main.ts");
    buildSync({
      entryPoints: [entry],
      bundle: true,
      platform: "node",
      target: "node18",
      format: "cjs",
      outfile: bundle,
      logLevel: "warning",
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function start(box: FakeBox, command: string): { child: ChildProcess; printed: () => string; code: Promise<number | null> } {
    const child = spawn(process.execPath, [bundle, command, "--root", box.root], { stdio: ["ignore", "pipe", "pipe"] });
    let all = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part: string) => (all += part));
    return { child, printed: () => all, code: once(child, "close").then(([code]) => code as number | null) };
  }

  const files = (box: FakeBox): string[] => readdirSync(join(box.root, "run/bondbox/notify"));

  it("delivers to both, each its own way, and ends", async () => {
    await using receiver = await Receiver.start();
    using box = new FakeBox();
    const command = join(box.root, "command");
    writeFileSync(command, `#!/bin/sh\necho "$BONDBOX_STATE $BONDBOX_LINE" >> "${box.root}/done"\n`);
    chmodSync(command, 0o755);
    box.write("etc/bondbox/notify.key", JSON.stringify({ url: receiver.url, command }));
    spool(box.root, [alert, { ...alert, state: "up" }], { url: true, command: true });
    const { code, printed } = start(box, "notify");
    expect([await code, printed()]).toEqual([0, ""]);
    expect(receiver.got.map(({ body }) => (JSON.parse(body) as Alert).state)).toEqual(["down", "up"]);
    expect(readFileSync(join(box.root, "done"), "utf8")).toBe("down ovh\nup ovh\n");
    expect(files(box)).toEqual([]);
  });

  it("tries again until there is a way out, in order, and says once what is wrong, without the URL", async () => {
    const lost = await Receiver.start();
    const { port, url } = lost;
    await lost[Symbol.asyncDispose]();
    using box = new FakeBox();
    box.write("etc/bondbox/notify.key", JSON.stringify({ url }));
    spool(box.root, [alert], { url: true, command: false });
    const { code, printed, child } = start(box, "notify");
    await new Promise((resolve) => setTimeout(resolve, 4000));
    expect([child.exitCode, files(box).length]).toEqual([null, 1]);
    await using receiver = await Receiver.start(() => 204, port);
    // News make it try at once.
    spool(box.root, [{ ...alert, state: "up" }], { url: true, command: false });
    expect(await code).toBe(0);
    expect(receiver.got.map(({ body }) => (JSON.parse(body) as Alert).state)).toEqual(["down", "up"]);
    expect(printed()).toBe("bondbox: notify.url: it cannot be reached (ECONNREFUSED)\n");
  });

  it("gives up where another try would end the same, or its file is missing", async () => {
    await using receiver = await Receiver.start(() => 410);
    using box = new FakeBox();
    box.write("etc/bondbox/notify.key", JSON.stringify({ url: receiver.url }));
    spool(box.root, [alert], { url: true, command: true });
    const { code, printed } = start(box, "notify");
    expect(await code).toBe(0);
    expect(files(box)).toEqual([]);
    expect(printed().split("\n").sort()).toEqual([
      "",
      "bondbox: notify.command: /etc/bondbox/notify.key is missing or damaged: build again and copy the card again",
      "bondbox: notify.url: it answers with status 410",
    ]);
  });

  it("is not waited for by the watch, which goes on beside a dead receiver", async () => {
    using box = new FakeBox({ ...config, notify: { after: 1, to: { url: true, command: false } } });
    box.write("etc/bondbox/notify.key", JSON.stringify({ url: "http://127.0.0.1:1/hush" }));
    halfBroken(box);
    const watch = start(box, "watch");
    await expect.poll(() => existsSync(join(box.root, "run/bondbox/notify")) && files(box).length, { timeout: 10_000 }).toBe(1);
    expect(JSON.parse(waiting(box.root)[0]?.text ?? "")).toMatchObject({
      line: "ovh",
      state: "down",
      cause: "the server does not answer over it",
    });
    const notify = start(box, "notify");
    const look = (): number => Date.parse((JSON.parse(readFileSync(join(box.root, "run/bondbox/status.json"), "utf8")) as Report).time);
    const before = look();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(look() - before).toBeGreaterThan(1000);
    expect(notify.child.exitCode).toBeNull();
    for (const { child } of [watch, notify]) child.kill("SIGTERM");
    expect(await watch.code).toBe(0);
    await notify.code;
  });
});

import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";
import Ajv, { type ValidateFunction } from "ajv/dist/2020";
import fc from "fast-check";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hashPassword } from "../../overlay/runtime/web/password";
import { openBrowser } from "../support/browser";
import { root } from "../support/builds";
import { RunningSite } from "../support/site";
import { config, dead, FakeBox, halfBroken } from "../unit/runtime/fixture";

const password = "correct horse battery";
const hash = `${hashPassword(password, Buffer.from("0123456789abcdef"))}\n`;
/** Where pictures of the page stay for people to look at. */
const pictures = join(root, "dist/page");

let box: FakeBox;
let site: RunningSite;

/** @param options.locked reading needs the password. */
async function start({ withPassword = true, locked = false } = {}): Promise<void> {
  box = new FakeBox({ ...config, page: { closed: locked } });
  if (withPassword) box.write("etc/bondbox/page.key", hash);
  site = await RunningSite.start(box);
}

async function stop(): Promise<void> {
  await site.stop();
  box[Symbol.dispose]();
}

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

async function ask(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  const answer = await fetch(`${site.address}${path}`, { method, headers, ...(body !== undefined && { body }) });
  const text = await answer.text();
  const isJson = answer.headers.get("content-type")?.startsWith("application/json") === true;
  return { status: answer.status, headers: answer.headers, body: isJson ? (JSON.parse(text) as Record<string, unknown>) : { text } };
}

const json = { "Content-Type": "application/json" };
const logIn = (words: string): Promise<Answer> => ask("POST", "/api/v1/session", json, JSON.stringify({ password: words }));

/** The headers of somebody who is logged in. */
async function loggedIn(): Promise<Record<string, string>> {
  const { headers, body } = await logIn(password);
  return { ...json, Cookie: headers.get("set-cookie")?.split(";")[0] ?? "", "X-Bondbox-Token": `${body.token as string}` };
}

const isOut = (line: string): boolean => existsSync(join(box.root, "run/bondbox/out", line));
/** When the watch last looked, ms. */
const lastLook = (): number =>
  Date.parse((JSON.parse(readFileSync(join(box.root, "run/bondbox/status.json"), "utf8")) as { time: string }).time);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("a session", () => {
  beforeEach(() => start());
  afterEach(stop);

  it("begins with the password, lets its holder take lines out and in, and ends", async () => {
    expect((await ask("GET", "/api/v1/session")).body).toEqual({ controls: true, closed: false, loggedIn: false, token: null });
    const begun = await logIn(password);
    expect(begun.status).toBe(200);
    expect(begun.headers.get("set-cookie")).toMatch(/^bondbox=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    const cookie = begun.headers.get("set-cookie")?.split(";")[0] ?? "";
    const known = (await ask("GET", "/api/v1/session", { Cookie: cookie })).body;
    expect(known).toEqual({ controls: true, closed: false, loggedIn: true, token: begun.body.token });
    const mine = { ...json, Cookie: cookie, "X-Bondbox-Token": known.token as string };

    for (let time = 0; time < 2; time++) {
      const { status, body } = await ask("POST", "/api/v1/lines/ovh/out", mine, "{}");
      expect([status, body]).toEqual([200, { line: "ovh", out: true }]);
    }
    expect(isOut("ovh")).toBe(true);
    const last = await ask("POST", "/api/v1/lines/orange/out", mine);
    expect([last.status, last.body.error, isOut("orange")]).toEqual([409, "last-line", false]);
    expect((await ask("POST", "/api/v1/lines/nobody/out", mine)).body.error).toBe("unknown-line");
    for (let time = 0; time < 2; time++)
      expect((await ask("POST", "/api/v1/lines/ovh/in", mine)).body).toEqual({ line: "ovh", out: false });
    expect(isOut("ovh")).toBe(false);
    await expect.poll(() => site.journal).toContain("line ovh: let in by a person on the page\n");
    expect(site.journal.match(/line ovh: taken out by a person on the page\n/g)?.length).toBe(1);

    const ended = await ask("DELETE", "/api/v1/session", mine);
    expect([ended.status, ended.body.loggedIn, ended.headers.get("set-cookie")]).toEqual([
      200,
      false,
      "bondbox=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
    ]);
    expect((await ask("POST", "/api/v1/lines/ovh/out", mine)).body.error).toBe("log-in");
    await site.stop();
    expect(readFileSync(join(box.root, "var/lib/bondbox/history/log"), "utf8")).toContain("line ovh: taken out by a person on the page\n");
    expect(site.journal).not.toContain(password);
  });

  it.each<[string, number, string, (mine: Record<string, string>) => [Record<string, string>, string?]]>([
    ["without a token", 403, "wrong-token", ({ "X-Bondbox-Token": _, ...rest }) => [rest]],
    ["with another token", 403, "wrong-token", (mine) => [{ ...mine, "X-Bondbox-Token": "A".repeat(43) }]],
    ["from another website", 403, "foreign-origin", (mine) => [{ ...mine, Origin: "http://evil.example" }]],
    ["from a page without an origin", 403, "foreign-origin", (mine) => [{ ...mine, Origin: "null" }]],
    ["from another website, as the browser says", 403, "foreign-origin", (mine) => [{ ...mine, "Sec-Fetch-Site": "cross-site" }]],
    ["as a form", 415, "not-json", (mine) => [{ ...mine, "Content-Type": "application/x-www-form-urlencoded" }, "a=b"]],
    ["as a text", 415, "not-json", (mine) => [{ ...mine, "Content-Type": "text/plain" }, "{}"]],
    ["with too long a body", 413, "too-long", (mine) => [mine, JSON.stringify({ a: "x".repeat(5000) })]],
    ["with what is no JSON", 400, "bad-json", (mine) => [mine, "{"]],
    ["with what is no object", 400, "bad-json", (mine) => [mine, "[1]"]],
    ["without a cookie", 401, "log-in", ({ Cookie: _, ...rest }) => [rest]],
    ["with an unknown cookie", 401, "log-in", (mine) => [{ ...mine, Cookie: `bondbox=${"A".repeat(43)}` }]],
  ])("does nothing when asked %s", async (_, status, error, change) => {
    const [headers, body] = change(await loggedIn());
    const answer = await ask("POST", "/api/v1/lines/ovh/out", headers, body);
    expect([answer.status, answer.body.error, isOut("ovh")]).toEqual([status, error, false]);
  });

  it.each([["{}"], ['{"password":5}'], [`{"password":"${password}","more":1}`], ["null"]])("does not begin with %s", async (body) => {
    const answer = await ask("POST", "/api/v1/session", json, body);
    expect([answer.status, answer.body.error, answer.headers.get("set-cookie")]).toEqual([400, "bad-json", null]);
  });

  it("does not begin for another website", async () => {
    const answer = await ask("POST", "/api/v1/session", { ...json, Origin: "http://evil.example" }, JSON.stringify({ password }));
    expect([answer.status, answer.headers.get("set-cookie")]).toEqual([403, null]);
  });

  it("cannot be guessed: the pauses grow, and they name their length", async () => {
    for (let count = 0; count < 5; count++) expect((await logIn("guess")).body.error).toBe("wrong-password");
    expect(site.journal.match(/^bondbox: wrong password on the status page, from 127\.0\.0\.1$/gm)?.length).toBe(5);
    await pause(1100);
    expect((await logIn("guess")).body.error).toBe("wrong-password");
    const refused = await logIn(password);
    const wait = refused.body.wait as number;
    expect([refused.status, refused.body.error]).toEqual([429, "too-many-attempts"]);
    expect([1, 2]).toContain(wait);
    expect(refused.headers.get("retry-after")).toBe(`${wait}`);
    await pause(1000 * wait + 100);
    expect((await logIn(password)).status).toBe(200);
  });

  it("of which a thousand are tried at once costs the watch nothing", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const statuses: number[] = [];
        for (let count = 0; count < 50; count++) statuses.push((await logIn(`guess ${count}`)).status);
        return statuses;
      }),
    );
    // It looks each second.
    expect(Date.now() - lastLook()).toBeLessThan(5000);
    const counts = answers.flat();
    expect(counts.length).toBe(1000);
    expect(counts.every((status) => status === 401 || status === 429)).toBe(true);
    // Five, and one after each pause.
    expect(counts.filter((status) => status === 401).length).toBeLessThan(12);
  });
});

describe("without a password", () => {
  beforeAll(() => start({ withPassword: false }));
  afterAll(stop);

  it("there are no controls", async () => {
    expect((await ask("GET", "/api/v1/session")).body).toMatchObject({ controls: false, loggedIn: false });
    for (const path of ["/api/v1/session", "/api/v1/lines/ovh/out"]) {
      const { status, body } = await ask("POST", path, json, JSON.stringify({ password: "" }));
      expect([status, body.error]).toEqual([404, "no-password"]);
    }
    expect(isOut("ovh")).toBe(false);
  });
});

describe("with reading closed", () => {
  beforeAll(() => start({ locked: true }));
  afterAll(stop);

  const paths = ["status", "samples", "history/minutes", "history/quarters", "outages", "events"].map((name) => `/api/v1/${name}`);

  it.each([...paths, "/metrics", "/outages.csv"])("%s needs a session", async (path) => {
    expect((await ask("GET", path)).status).toBe(401);
    const { Cookie = "" } = await loggedIn();
    const control = new AbortController();
    const answer = await fetch(`${site.address}${path}`, { headers: { Cookie }, signal: control.signal });
    expect(answer.status).toBe(200);
    control.abort();
  });

  it.each([
    ["/healthz", 200],
    ["/api/v1/schema", 200],
    ["/", 200],
  ])("%s needs none", async (path, status) => expect((await ask("GET", path)).status).toBe(status));

  it("events end with their session", async () => {
    const mine = await loggedIn();
    const answer = await fetch(`${site.address}/api/v1/events`, { headers: mine });
    await ask("DELETE", "/api/v1/session", mine);
    await expect(answer.text()).rejects.toThrow();
  });

  it("stays closed when the password's file is damaged", async () => {
    await site.stop();
    box.write("etc/bondbox/page.key", "scrypt:");
    site = await RunningSite.start(box);
    expect((await ask("GET", "/api/v1/status")).status).toBe(401);
    expect((await logIn(password)).status).toBe(404);
    await expect.poll(() => site.journal).toContain("page.key is damaged: nobody can log in");
    await site.stop();
    box.write("etc/bondbox/page.key", hash);
    site = await RunningSite.start(box);
  });
});

interface Schema {
  routes: Record<string, string>;
  events: Record<string, string>;
  $defs: Record<string, Record<string, unknown>>;
}

describe("the schema of the answers", () => {
  let schema: Schema;
  let valid: (name: string, value: unknown) => string;
  beforeAll(async () => {
    await start();
    schema = (await ask("GET", "/api/v1/schema")).body as unknown as Schema;
    const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
    for (const word of ["routes", "requests", "events", "refusals"]) ajv.addKeyword(word);
    ajv.addSchema(schema, "api");
    valid = (name, value) => {
      const check = ajv.getSchema(`api#/$defs/${name}`) as ValidateFunction;
      return check(value) ? "" : ajv.errorsText(check.errors);
    };
  });
  afterAll(stop);

  /** A box that has something to say on everything. */
  function full(): FakeBox {
    const busy = new FakeBox({ ...config, lines: config.lines.map((line) => ({ ...line, monthly: 1e9 })) });
    busy.write("run/bondbox/lane", "on\n");
    for (const name of ["lane0", "lane1"]) busy.device(name, { rx: 5000, tx: 4000 });
    busy.write("run/bondbox/out/orange", "person\n");
    busy.write("run/bondbox/gone/routes", "3\n");
    busy.write("var/lib/bondbox/history/log", "2026-11-23T02:00:00Z line ovh: down, its modem does not answer\n");
    busy.measure([
      { down: 15_000, up: 16_000, lost: 20 },
      { down: 30_000, up: 30_000 },
    ]);
    return busy;
  }

  const states: [string, () => FakeBox][] = [
    ["works", () => new FakeBox()],
    ["has something to say on everything", full],
    ["is half broken", () => broken(halfBroken)],
    ["is down", () => broken(dead)],
    ["has nothing", () => broken((one) => one.remove("proc"))],
  ];

  function broken(how: (one: FakeBox) => void): FakeBox {
    const one = new FakeBox();
    how(one);
    return one;
  }

  it.each(states)("is that of a box that %s", async (_, make) => {
    await stop();
    box = make();
    box.write("etc/bondbox/page.key", hash);
    site = await RunningSite.start(box);
    await pause(1200);
    const mine = await loggedIn();
    for (const [route, name] of Object.entries(schema.routes)) {
      const [method = "", path = ""] = route.split(" ");
      if (method === "DELETE") continue;
      const body = method === "GET" ? undefined : path.endsWith("session") ? JSON.stringify({ password }) : "{}";
      const answer = await ask(method, path.replace("NAME", "ovh"), mine, body);
      const fits = valid(answer.status === 200 ? name : "refusal", answer.body);
      expect([route, fits]).toEqual([route, ""]);
      if (method === "GET") expect([route, answer.status]).toEqual([route, 200]);
    }
    expect(valid("session", (await ask("DELETE", "/api/v1/session", mine)).body)).toBe("");
    for (const [name, text] of await events(3)) expect([name, valid(schema.events[name] ?? "", JSON.parse(text))]).toEqual([name, ""]);
  });

  /** The first so many events: their names and data. */
  async function events(count: number): Promise<[string, string][]> {
    const answer = await fetch(`${site.address}/api/v1/events`);
    let text = "";
    for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(part).toString();
      const found = [...text.matchAll(/^event: (.*)\ndata: (.*)\n\n/gm)];
      if (found.length < count) continue;
      return found.map(([, name = "", data = ""]) => [name, data]);
    }
    return [];
  }

  it("has every refusal and every route of the program, and no others", async () => {
    const source = (name: string): string => readFileSync(join(root, "overlay/runtime/web", name), "utf8");
    const codes = [...source("answers.ts").matchAll(/^ {2}"?([a-z-]+)"?: \[\d+,/gm)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(10);
    expect((schema.$defs.refusal?.properties as { error: { enum: string[] } }).error.enum).toEqual(codes);
    const paths = [...source("server.ts").matchAll(/^ {4}"(\/api\/v1\/[^"]+)"/gm)].map(([, path = ""]) => path);
    const described = new Set(Object.keys(schema.routes).map((route) => route.split(" ")[1]));
    const apart = ["/api/v1/events", "/api/v1/schema"];
    expect([...described].filter((path) => !path?.includes("/lines/")).sort()).toEqual(
      paths.filter((path) => !apart.includes(path)).sort(),
    );
    const page = readFileSync(join(root, "docs/status-page.md"), "utf8");
    for (const path of paths) expect([path, page.includes(`\`${path}\``)]).toEqual([path, true]);
  });

  it("allows no key that it does not know", async () => {
    const { body } = await ask("GET", "/api/v1/status");
    expect(valid("status", body)).toBe("");
    expect(valid("status", { ...body, more: 1 })).toContain("additional");
    expect(valid("status", { ...body, bond: { ...(body.bond as object), more: 1 } })).toContain("additional");
    const open: string[] = [];
    const walk = (value: unknown, at: string): void => {
      if (typeof value !== "object" || value === null) return;
      if ("properties" in value && !("additionalProperties" in value)) open.push(at);
      for (const [key, part] of Object.entries(value)) walk(part, `${at}/${key}`);
    };
    walk(schema.$defs, "");
    expect(open).toEqual([]);
  });
});

describe("whatever comes over HTTP", () => {
  beforeAll(() => start());
  afterAll(stop);

  /** The status of the answer to these bytes; null: the box has ended the connection without one. */
  function raw(request: string): Promise<number | null> {
    return new Promise((resolve) => {
      const socket = connect(site.port, "127.0.0.1");
      let text = "";
      const end = (): void => {
        const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(text) ?? [];
        socket.destroy();
        resolve(status === undefined ? null : Number(status));
      };
      socket.on("data", (data) => {
        text += data.toString("latin1");
        if (text.includes("\r\n\r\n")) end();
      });
      socket.on("close", end);
      socket.on("error", end);
      socket.setTimeout(300, end);
      socket.write(request, "latin1");
    });
  }

  const paths = ["/", "/healthz", "/metrics", "/outages.csv", "/api/v1/session", "/api/v1/lines/ovh/out", "/api/v1/lines/ovh/in"];
  const word = fc.string({ unit: "binary-ascii", maxLength: 30 }).map((text) => text.replace(/[\r\n\0]/g, ""));
  const request = fc.record({
    method: fc.constantFrom("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", ""),
    path: fc.oneof(fc.constantFrom(...paths, "/api/v1/status", "/api/v1/events", "/api/v1/schema"), word, fc.webPath(), fc.constant("*")),
    host: fc.oneof(fc.constantFrom("bondbox", "127.0.0.1", "evil.example", ""), word),
    type: fc.oneof(fc.constantFrom("application/json", "application/json; charset=utf-8", "text/plain"), word),
    cookie: fc.oneof(fc.constant(`bondbox=${"A".repeat(43)}`), word),
    header: fc.tuple(fc.constantFrom("Origin", "Expect", "Upgrade", "Transfer-Encoding", "If-None-Match", "X-Bondbox-Token"), word),
    body: fc.oneof(fc.json(), fc.string({ maxLength: 200 }), fc.constant("x".repeat(5000))),
    length: fc.option(fc.integer({ min: -1, max: 10_000 }), { nil: undefined }),
  });

  it("is answered without a fault of the box, and the watch goes on", async () => {
    const before = lastLook();
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, host, type, cookie, header, body, length }) => {
        const bytes = Buffer.from(body).toString("latin1");
        const head = [
          `${method} ${path} HTTP/1.1`,
          `Host: ${host}`,
          `Content-Type: ${type}`,
          `Cookie: ${cookie}`,
          header.join(": "),
          `Content-Length: ${length ?? bytes.length}`,
        ];
        const status = await raw(`${head.join("\r\n")}\r\n\r\n${bytes}`);
        expect(status ?? 0).toBeLessThan(500);
      }),
      { numRuns: 400 },
    );
    await pause(1200);
    expect(lastLook()).toBeGreaterThan(before);
    expect(await site.answers()).toBe(true);
    expect(site.journal).not.toMatch(/could not answer|Error/);
    expect([isOut("ovh"), isOut("orange")]).toEqual([false, false]);
  });
});

describe("whatever somebody who is logged in asks", () => {
  beforeAll(() => start());
  afterAll(stop);

  it("is answered without a fault of the box, and never takes out every line", async () => {
    const mine = await loggedIn();
    expect((await ask("POST", "/api/v1/lines/orange/out", mine)).status).toBe(200);
    const line = fc.oneof(fc.constantFrom("ovh", "orange", "nobody", "..", "%2e%2e", "constructor"), fc.webSegment());
    const act = fc.constantFrom("out", "in", "on", "");
    const body = fc.oneof({ arbitrary: fc.constantFrom("{}", ""), weight: 2 }, fc.json(), fc.string());
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("GET", "POST", "DELETE"), line, act, body, async (method, name, what, text) => {
        const { status } = await ask(method, `/api/v1/lines/${name}/${what}`, mine, method === "POST" ? text : undefined);
        expect(status).toBeLessThan(500);
        expect(isOut("ovh") && isOut("orange")).toBe(false);
      }),
      { numRuns: 300 },
    );
    expect(readdirSync(join(box.root, "run/bondbox/out")).filter((name) => !["ovh", "orange"].includes(name))).toEqual([]);
    expect(Date.now() - lastLook()).toBeLessThan(5000);
  });

  it("is not done when its request breaks off", async () => {
    const mine = await loggedIn();
    await ask("POST", "/api/v1/lines/ovh/in", mine);
    const head = Object.entries({ Host: "bondbox", "Content-Length": "50", ...mine }).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(site.port, "127.0.0.1");
    socket.write(`POST /api/v1/lines/ovh/out HTTP/1.1\r\n${head.join("")}\r\n{}`);
    await pause(300);
    socket.destroy();
    await pause(300);
    expect(isOut("ovh")).toBe(false);
    expect(await site.answers()).toBe(true);
  });
});

describe("the page in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true });
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  afterEach(stop);

  async function open(ready = "#lines .line"): Promise<Page> {
    const page = await (await browser.newContext({ viewport: { width: 1100, height: 900 } })).newPage();
    await page.goto(site.address);
    await page.waitForSelector(ready);
    return page;
  }

  async function enter(page: Page, words: string): Promise<void> {
    await page.getByLabel("Password of this page").fill(words);
    await page.keyboard.press("Enter");
  }

  async function fit(page: Page): Promise<void> {
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
    const { violations } = (await page.evaluate("axe.run()")) as { violations: { id: string; nodes: { html: string }[] }[] };
    expect(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])).toEqual([]);
  }

  it("logs in, takes a line out, refuses the last one, lets it in, logs out; all by keyboard", async () => {
    await start();
    const page = await open();
    expect(await page.getByRole("button", { name: "Take out" }).count()).toBe(0);
    await page.getByRole("button", { name: "Log in" }).focus();
    await page.keyboard.press("Enter");
    expect(await page.getByLabel("Password of this page").getAttribute("autocomplete")).toBe("current-password");
    expect(await page.evaluate("document.activeElement.id")).toBe("password");
    await fit(page);
    await page.screenshot({ path: join(pictures, "log-in.png") });
    await enter(page, "wrong horse");
    await expect.poll(() => page.textContent("#refusal")).toBe("The password is wrong.");
    await enter(page, password);
    await page.getByRole("button", { name: "Take out ovh" }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByRole("button", { name: "Let in ovh" }).count()).toBe(1);
    expect(isOut("ovh")).toBe(true);
    // The lines are drawn again each second, and the button keeps the focus.
    await page.waitForTimeout(1500);
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Let in");
    await page.getByRole("button", { name: "Take out orange" }).click();
    const orange = page.locator(".line", { hasText: "orange" }).first();
    await expect
      .poll(() => orange.getByRole("alert").textContent())
      .toBe("No other line is up: without this one, there would be no internet.");
    await fit(page);
    await page.screenshot({ path: join(pictures, "controls.png"), fullPage: true });
    await page.getByRole("button", { name: "Let in ovh" }).click();
    await expect.poll(() => page.getByRole("button", { name: "Take out ovh" }).count()).toBe(1);
    expect(isOut("ovh")).toBe(false);
    // Now there is another one.
    await expect.poll(() => orange.getByRole("alert").textContent()).toBe("");
    await page.getByRole("button", { name: "Log out" }).click();
    await expect.poll(() => page.getByRole("button", { name: "Take out" }).count()).toBe(0);
    await page.context().close();
  });

  it("says for how many seconds nobody can log in", async () => {
    await start();
    const page = await open();
    await page.getByRole("button", { name: "Log in" }).click();
    // A pause that is longer than a busy machine takes to fill in a form.
    for (let wait = 0; wait < 8;) {
      const { body } = await logIn("guess");
      if (body.error !== "too-many-attempts") continue;
      wait = body.wait as number;
      if (wait < 8) await pause(1000 * wait);
    }
    await enter(page, password);
    await expect.poll(() => page.textContent("#refusal")).toMatch(/^There were too many attempts: try again in \d+ s\.$/);
    await page.context().close();
  });

  it("says that a session is over, and goes on after a new one", async () => {
    await start();
    const page = await open();
    await page.getByRole("button", { name: "Log in" }).click();
    await enter(page, password);
    await page.getByRole("button", { name: "Take out ovh" }).waitFor();
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Take out ovh" }).click();
    await expect.poll(() => page.textContent("#refusal")).toBe("Your session is over: log in again.");
    expect(isOut("ovh")).toBe(false);
    await enter(page, password);
    await page.getByRole("button", { name: "Take out ovh" }).click();
    await expect.poll(() => isOut("ovh")).toBe(true);
    await page.context().close();
  });

  it("has no controls without a password", async () => {
    await start({ withPassword: false });
    const page = await open();
    await page.waitForTimeout(1200);
    expect(await page.getByRole("button", { name: /Log in|Take out/ }).count()).toBe(0);
    await page.context().close();
  });

  it("shows nothing but the log-in where reading is closed, and all of it afterwards", async () => {
    await start({ locked: true });
    const page = await open("#login[open]");
    expect(await page.locator("section:visible").count()).toBe(0);
    expect(await page.getByRole("button", { name: "Cancel" }).count()).toBe(0);
    await page.keyboard.press("Escape");
    expect(await page.locator("#login").isVisible()).toBe(true);
    await fit(page);
    await page.screenshot({ path: join(pictures, "closed.png") });
    await enter(page, password);
    await page.waitForSelector("#lines .line");
    expect(await page.textContent("#sentence")).toBe("All is well");
    await page.getByRole("button", { name: "Log out" }).click();
    await expect.poll(() => page.locator("section:visible").count()).toBe(0);
    await enter(page, password);
    await expect.poll(() => page.textContent("#contact"), { timeout: 10_000 }).toBe("live");
    await page.context().close();
  });

  it("asks for the password again where reading is closed and the session is over, and goes on after it", async () => {
    await start({ locked: true });
    const page = await open("#login[open]");
    await enter(page, password);
    await page.waitForSelector("#lines .line");
    // None outlives the program.
    await site.stop();
    site = await RunningSite.start(box, "home", site.port);
    await expect.poll(() => page.textContent("#refusal"), { timeout: 15_000 }).toBe("Your session is over: log in again.");
    expect(await page.locator("section:visible").count()).toBe(0);
    await enter(page, password);
    await expect.poll(() => page.textContent("#contact"), { timeout: 10_000 }).toBe("live");
    expect(await page.textContent("#sentence")).toBe("All is well");
    await page.context().close();
  });
});

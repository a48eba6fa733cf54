import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser } from "../support/browser";
import { root } from "../support/builds";
import { debFolder } from "../support/debs";
import { run } from "../support/programs";
import { RecordedSite } from "../support/recorded-site";
import { RunningSite } from "../support/site";
import { config, dead, FakeBox, halfBroken, routes } from "../unit/runtime/fixture";

const promtool = join(debFolder("prometheus"), "usr/bin/promtool");

/** Where pictures of the page stay for people to look at. */
const pictures = join(root, "dist/page");

/** What the box has recorded before. */
const outage = {
  line: "ovh",
  start: "2026-11-23T02:00:00Z",
  end: "2026-11-23T02:03:00Z",
  finding: { code: "modem-silent", modem: "192.168.1.240" },
};

let box: FakeBox;
let site: RunningSite;

beforeAll(async () => {
  box = new FakeBox();
  box.write("var/lib/bondbox/history/outages", `${JSON.stringify(outage)}\n`);
  site = await RunningSite.start(box);
});
afterAll(async () => {
  await site.stop();
  box[Symbol.dispose]();
});

/** What a line and the bond have carried since the box's start, as its counters say, bytes. */
function carry(line: string, down: number): void {
  box.device(line, { rx: down, tx: down / 10 });
  box.device("bond0", { rx: 2 * down, tx: down / 5 });
}

/** As at first, after it was broken. */
function heal(box: FakeBox): void {
  box.bonding(["tap0", "tap1"].map((tap) => ({ tap, status: "up", failures: 1 })));
  for (const device of ["tap0", "tap1", "bond0"]) box.device(device);
  box.write("proc/net/route", routes);
}

/** No line answers, and there is no other way out. */
function lost(box: FakeBox): void {
  dead(box);
  box.write("proc/net/route", `${routes.split("\n")[0]}\n`);
}

/** Everything that comes for these bytes, until the box ends it or some time has passed. */
function raw(request: string, wait = 500): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(site.port, "127.0.0.1");
    let text = "";
    socket.on("data", (data) => (text += data.toString("latin1")));
    socket.on("close", () => resolve(text));
    socket.on("error", () => resolve(text));
    socket.write(request);
    setTimeout(() => socket.destroy(), wait);
  });
}

describe("what the box answers over HTTP", () => {
  it("is its state, as a person's program reads it", async () => {
    const answer = await fetch(`${site.address}/api/v1/status`);
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await answer.json()).toMatchObject({
      profile: "home",
      state: "fine",
      linesUp: 2,
      summary: "2 of 2 lines up - the LAN uses the bond",
    });
  });

  it("is what was measured, and when something did not work", async () => {
    const outages = (await (await fetch(`${site.address}/api/v1/outages`)).json()) as object[];
    expect(outages).toEqual([{ ...outage, cause: "its modem 192.168.1.240 does not answer" }]);
    const csv = await fetch(`${site.address}/outages.csv`);
    expect(csv.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    const row = (cause: string): string => `line,start,end,seconds,cause\r\novh,${outage.start},${outage.end},180,${cause}\r\n`;
    expect(await csv.text()).toBe(row("its modem 192.168.1.240 does not answer"));
    for (const [query, cause] of [
      ["?lang=fr", "sa box 192.168.1.240 ne répond pas"],
      ["?lang=de", "its modem 192.168.1.240 does not answer"],
    ] as const)
      expect(await (await fetch(`${site.address}/outages.csv${query}`)).text()).toBe(row(cause));
    for (const ring of ["minutes", "quarters"]) {
      const rows = (await (await fetch(`${site.address}/api/v1/history/${ring}`)).json()) as { lines: object[] }[];
      expect(rows.length).toBe(1);
      expect(rows[0]?.lines.length).toBe(2);
    }
  });

  it("is what Prometheus reads", async () => {
    box.measure([
      { down: 15_000, up: 16_000, lost: 20 },
      { down: 30_000, up: 30_000 },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const text = await (await fetch(`${site.address}/metrics`)).text();
    expect(text).toContain('bondbox_line_up{line="ovh"} 1\n');
    expect(text).toContain('bondbox_line_round_trip_seconds{line="ovh"} 0.031\n');
    expect(text).toContain('bondbox_line_loss_ratio{line="ovh"} 0.02\n');
    expect(text).toContain('bondbox_line_planned_bytes_per_second{line="orange",direction="up"} 104000\n');
    const checked = run(promtool, ["check", "metrics"], { input: text });
    expect({ status: checked.status, output: checked.output }).toEqual({ status: 0, output: "" });
    expect(
      run(promtool, ["check", "metrics"], { input: text.replace("# TYPE bondbox_line_up gauge\n", "# TYPE bondbox_line_up gage\n") })
        .status,
    ).not.toBe(0);
  });

  it("is the page in one piece, small, that loads nothing and may run nothing else", async () => {
    const answer = await fetch(site.address, { headers: { "Accept-Encoding": "identity" } });
    const page = await answer.text();
    expect(page).not.toMatch(/\{\{|src="|<link[^>]*href="http/);
    expect(answer.headers.get("content-security-policy")).toMatch(/^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+';/);
    const packed = await raw("GET / HTTP/1.1\r\nHost: bondbox\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    const [head = "", body = ""] = packed.split("\r\n\r\n");
    expect(head).toContain("Content-Encoding: gzip");
    expect(packed.length).toBeLessThan(100_000);
    expect(gunzipSync(Buffer.from(packed.slice(head.length + 4), "latin1")).toString()).toBe(page);
    expect(body).not.toBe("");
    const again = await fetch(site.address, { headers: { "If-None-Match": answer.headers.get("etag") ?? "" } });
    expect(again.status).toBe(304);
  });

  it.each<[string, string, string]>([
    ["by another name, as after DNS rebinding", "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "421"],
    ["by no name", "GET / HTTP/1.0\r\n\r\n", "421"],
    ["by its name in the network", "GET / HTTP/1.1\r\nHost: bondbox.local\r\nConnection: close\r\n\r\n", "200"],
    ["with another method", "POST / HTTP/1.1\r\nHost: bondbox\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "405"],
    ["for what is not there", "GET /../../etc/passwd HTTP/1.1\r\nHost: bondbox\r\nConnection: close\r\n\r\n", "404"],
    ["for what every object has", "GET /constructor HTTP/1.1\r\nHost: bondbox\r\nConnection: close\r\n\r\n", "404"],
    ["with what is no address", "GET http://[ HTTP/1.1\r\nHost: bondbox\r\nConnection: close\r\n\r\n", "404"],
    ["with endless headers", `GET / HTTP/1.1\r\nHost: bondbox\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
    ["with no HTTP", "\0\r\n\r\n", "400"],
  ])("is asked %s", async (_, request, status) => {
    expect((await raw(request)).split(" ")[1]).toBe(status);
    expect(await site.answers()).toBe(true);
  });

  it("comes while a thousand others hold their connections open", async () => {
    const others = Array.from({ length: 1000 }, () => {
      const socket = connect(site.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write("GET / HTTP/1.1\r\nX");
      return socket;
    });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const before = JSON.parse(readFileSync(join(box.root, "run/bondbox/status.json"), "utf8")) as { time: string };
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const after = JSON.parse(readFileSync(join(box.root, "run/bondbox/status.json"), "utf8")) as { time: string };
    // The watch goes on as ever.
    expect(Date.parse(after.time) - Date.parse(before.time)).toBeGreaterThanOrEqual(1500);
    for (const socket of others) socket.destroy();
    await expect.poll(() => site.answers(), { timeout: 15_000 }).toBe(true);
  });
});

describe("the page in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true });
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  /** @param languages the browser's, if other than its locale's */
  async function open(
    options: BrowserContextOptions = {},
    languages?: string[],
  ): Promise<{ page: Page; faults: string[]; asked: string[] }> {
    const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
    if (languages !== undefined)
      await context.addInitScript(`Object.defineProperty(navigator, "languages", { value: ${JSON.stringify(languages)} })`);
    const page = await context.newPage();
    const faults: string[] = [];
    const asked: string[] = [];
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(site.address);
    await page.waitForSelector("#lines .line");
    return { page, faults, asked };
  }

  /** For those who hear it, and on its screen. */
  async function expectFit(page: Page): Promise<void> {
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
    const { violations } = (await page.evaluate("axe.run()")) as { violations: { id: string; nodes: { html: string }[] }[] };
    expect(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
  }

  it("says in one sentence how it is, and asks nobody but the box", async () => {
    const { page, faults, asked } = await open();
    expect(await page.textContent("#sentence")).toBe("All is well");
    expect(await page.title()).toBe("All is well – bondbox");
    expect(await page.textContent("#summary")).toBe("2 of 2 lines up - the LAN uses the bond");
    expect(await page.locator("#lines h3").allTextContents()).toEqual(["ovhup", "orangeup"]);
    expect(asked.filter((url) => !url.startsWith(site.address) && !url.startsWith("data:"))).toEqual([]);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("follows what the box sees, in words and in the graph", async () => {
    const { page } = await open();
    let bytes = 2_500_000;
    for (let second = 0; second < 4; second++) {
      bytes += 800_000;
      carry("tap0", bytes);
      carry("tap1", bytes);
      box.measure([
        { down: 15_000, up: 16_000 },
        { down: 30_000, up: 30_000 },
      ]);
      await page.waitForTimeout(1000);
    }
    expect(await page.getAttribute("#down", "aria-label")).toMatch(/^At the end, in Mbit\/s: bond \d+(\.\d+)?, ovh [\d.]+, orange [\d.]+$/);
    expect(await page.getAttribute("#rtt", "aria-label")).toBe("At the end, in ms: ovh 31, orange 60");
    expect(await page.locator(".line", { hasText: "ovh" }).first().locator("dl").textContent()).toContain("Round trip31 ms");
    halfBroken(box);
    await expect.poll(() => page.textContent("#sentence"), { timeout: 5000 }).toBe("It works, but not everything does");
    await expect.poll(() => page.locator("#outages td").allTextContents()).toContain("until now");
    const line = page.locator(".line", { hasText: "ovh" }).first();
    expect(await line.locator(".badge").textContent()).toBe("down");
    expect(await line.locator(".finding").textContent()).toContain("The server does not answer over this line");
    await page.screenshot({ path: join(pictures, "degraded.png"), fullPage: true });
    await page.context().close();
  });

  it("shows days, and what did not work, by mouse and by keyboard", async () => {
    const { page, faults } = await open();
    await page.getByRole("button", { name: "24 hours" }).click();
    await expect.poll(() => page.getAttribute("button[aria-pressed=true]", "aria-pressed")).toBe("true");
    expect(await page.textContent("button[aria-pressed=true]")).toBe("24 hours");
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("24 hours");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.textContent("button[aria-pressed=true]")).toBe("7 days");
    expect(await page.locator("#outages td").allTextContents()).toContain("its modem 192.168.1.240 does not answer");
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#outages a").click()]);
    expect(download.suggestedFilename()).toBe("bondbox-outages.csv");
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it.each([
    ["light", 1100],
    ["dark", 1100],
    ["light", 390],
    ["dark", 390],
  ] as const)("is fit for everybody, %s, %d points wide", async (colorScheme, width) => {
    const { page } = await open({ colorScheme, viewport: { width, height: 844 } });
    await expectFit(page);
    await page.screenshot({ path: join(pictures, `${colorScheme}-${width}.png`), fullPage: true });
    await page.context().close();
  });

  it.each<[string, (box: FakeBox) => void, string, string, string[]]>([
    ["fine", () => {}, "Tout va bien", "2 lignes actives sur 2 – le réseau local passe par l'agrégat", ["ovhactive", "orangeactive"]],
    [
      "degraded",
      halfBroken,
      "Ça marche, mais tout n'est pas en ordre",
      "1 ligne active sur 2 – le réseau local passe par l'agrégat",
      ["ovhcoupée", "orangeactive"],
    ],
    ["down", lost, "Pas d'Internet", "0 ligne active sur 2 – le réseau local n'a pas Internet", ["ovhcoupée", "orangecoupée"]],
  ])("is French for a French browser: %s", async (state, breakIt, sentence, summary, lines) => {
    heal(box);
    breakIt(box);
    const { page, faults } = await open({ locale: "fr-FR", timezoneId: "Europe/Paris" });
    await expect.poll(() => page.textContent("#sentence"), { timeout: 5000 }).toBe(sentence);
    await expect.poll(() => page.locator("#outages td").allTextContents()).toContain("sa box 192.168.1.240 ne répond pas");
    expect(await page.getAttribute("html", "lang")).toBe("fr");
    expect(await page.title()).toBe(`${sentence} – bondbox`);
    expect(await page.textContent("#summary")).toBe(summary);
    expect(await page.locator("#lines h3").allTextContents()).toEqual(lines);
    expect(await page.locator("#outages td").allTextContents()).toContain("23 nov. 2026, 03:00");
    expect(await page.getAttribute("#rtt", "aria-label")).toMatch(/^À la fin, en ms : ovh (\d+|inconnu) ; orange (\d+|inconnu)$/);
    const words = `${await page.innerText("body")} ${await page.getAttribute("#spans", "aria-label")}`;
    expect(words.match(/\b(the|is|are|it|its|not|does|of|with|no|up|down|line|lines|for|on|off|from|shown|box has)\b/gi)).toBe(null);
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#outages a").click()]);
    expect(readFileSync(await download.path(), "utf8")).toContain("sa box 192.168.1.240 ne répond pas");
    for (const width of [1100, 390]) {
      await page.setViewportSize({ width, height: 844 });
      await expectFit(page);
      await page.screenshot({ path: join(pictures, `fr-${state}-${width}.png`), fullPage: true });
    }
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("has French numbers, and words for all that a line and the box may have", async () => {
    heal(box);
    const lines = config.lines.map((line) => (line.name === "ovh" ? { ...line, monthly: 5e9 } : line));
    box.write("etc/bondbox/box.json", JSON.stringify({ ...config, lines }));
    box.write("var/lib/bondbox/history/usage.json", JSON.stringify({ [new Date().toISOString().slice(0, 7)]: { ovh: 4.12e9 } }));
    box.write("run/bondbox/lane", "on\n");
    const { page } = await open({ locale: "fr-FR" });
    box.measure([
      { down: 15_000, up: 16_000, lost: 20 },
      { down: 30_000, up: 30_000 },
    ]);
    const facts = page.locator(".line", { hasText: "ovh" }).first();
    await expect.poll(() => facts.locator("dd").allTextContents(), { timeout: 5000 }).toContain("31 ms");
    expect(await facts.locator("dt").allTextContents()).toEqual([
      "Descendant",
      "Montant",
      "Latence",
      "Pertes",
      "Coupures",
      "Ce mois-ci",
      "Box",
    ]);
    const values = await facts.locator("dd").allTextContents();
    expect(values.slice(2)).toEqual(["31 ms", "2,0\u00a0%", "1", "4,1 Go sur 5", "192.168.1.240"]);
    expect(values[0]).toMatch(/^(–|\d+,\d\d) sur 7,23 Mbit\/s$/);
    expect(await facts.locator(".finding p").textContent()).toBe(
      "Forfait du mois\u00a0: 4,1 Go sur 5 utilisés, d'après le compteur du tunnel.",
    );
    expect(await page.locator("#box").textContent()).toContain("Voie TCPen service");
    for (const file of ["run/bondbox/lane", "var/lib/bondbox/history/usage.json"]) box.remove(file);
    box.write("etc/bondbox/box.json", JSON.stringify(config));
    await page.context().close();
  });

  it.each([
    [["fr-CA", "en-CA"], "fr", "22 nov. 2026, 21 h 00"],
    [["de-CH", "fr-CH", "en"], "fr", "22 nov. 2026, 21:00"],
    [["de-DE", "en-US", "fr"], "en", "Nov 22, 2026, 9:00 PM"],
    [["de-DE"], "en", "22 Nov 2026, 21:00"],
    [[], "en", "22 Nov 2026, 21:00"],
  ])("speaks, to a browser with the languages %j, %s", async (languages, language, date) => {
    const { page } = await open({ locale: "it-IT", timezoneId: "America/New_York" }, languages);
    expect(await page.getAttribute("html", "lang")).toBe(language);
    expect(await page.textContent("#traffic-heading")).toBe(language === "fr" ? "Trafic" : "Traffic");
    // Some languages bind "9:00" and "PM" with a blank of their own.
    const cells = async (): Promise<string[]> =>
      (await page.locator("#outages td").allTextContents()).map((text) => text.replace(/\s/g, " "));
    await expect.poll(cells).toContain(date);
    await page.context().close();
  });

  it("has the same words without scripts as in English", async () => {
    const texts = (page: Page): Promise<string[]> => page.locator("h2:not(#sentence), figcaption").allInnerTexts();
    const { page } = await open();
    const plain = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await plain.goto(site.address);
    expect((await texts(page)).map((text) => text.replaceAll("\u00a0", " "))).toEqual(await texts(plain));
    for (const one of [page, plain])
      expect([await one.getAttribute("html", "lang"), await one.getAttribute("#spans", "aria-label")]).toEqual(["en", "Time shown"]);
    await page.context().close();
    await plain.context().close();
  });

  it("is as the README shows it, of what the lab's box said", async () => {
    const { site: lab, recorded } = await RecordedSite.start(
      await (await fetch(site.address)).text(),
      join(root, "docs/status-page.jsonl"),
    );
    try {
      const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, timezoneId: "UTC" });
      const page = await context.newPage();
      await page.goto(lab.address);
      await expect.poll(() => page.locator("#lines .line").count()).toBe(recorded.status.lines.length);
      await expect.poll(() => page.locator("#outages tr").count()).toBe(1 + recorded.outages.length);
      expect(await page.locator("#summary").textContent()).toBe("2 of 2 lines up - the LAN uses the bond");
      // Both lines are at work, and the bond carries their sum.
      const busy = Math.max(...recorded.samples.map(({ bond }) => bond.down ?? 0));
      expect(busy).toBeGreaterThan(1.5 * Math.max(...recorded.samples.map(({ lines }) => lines[0]?.rate.down ?? 0)));
      // docs/status-page.png is a copy of it.
      await page.screenshot({ path: join(pictures, "readme.png"), fullPage: true });
      await context.close();
    } finally {
      lab.stop();
    }
  });

  it("is dark on light on paper, whatever the screen is, and not wider", async () => {
    heal(box);
    const { page } = await open({ colorScheme: "dark" });
    const ink = 'getComputedStyle(document.querySelector(".swatch")).borderTopColor';
    expect(await page.evaluate(ink)).toBe("rgb(230, 235, 240)");
    await page.emulateMedia({ media: "print" });
    await expect.poll(() => page.evaluate(ink)).toBe("rgb(0, 0, 0)");
    expect(await page.evaluate('getComputedStyle(document.querySelector(".badge")).color')).toBe("rgb(11, 107, 79)");
    // The browser says nothing of the paper's width.
    const wide = "[...document.querySelectorAll('canvas')].filter((one) => one.clientWidth > one.closest('figure').clientWidth).length";
    await page.evaluate("addEventListener('resize', (event) => event.stopImmediatePropagation(), true)");
    await page.setViewportSize({ width: 700, height: 900 });
    expect(await page.evaluate(wide)).toBe(0);
    await page.context().close();
  });

  it("loads itself again where the box has another version", async () => {
    const { page } = await open();
    await page.evaluate("window.old = true");
    await page.waitForTimeout(1500);
    expect(await page.evaluate("window.old")).toBe(true);
    box.write("etc/bondbox/box.json", JSON.stringify({ ...config, version: "0.2.0" }));
    await expect.poll(() => page.evaluate("window.old").catch(() => true), { timeout: 5000 }).toBe(undefined);
    await expect.poll(() => page.locator("#box dd").allTextContents()).toContain("0.2.0");
    await page.context().close();
  });

  it("comes back by itself after the box has started again", async () => {
    const { page } = await open();
    await site.stop();
    await expect.poll(() => page.textContent("#contact"), { timeout: 5000 }).toContain("no contact");
    site = await RunningSite.start(box, "home", site.port);
    await expect.poll(() => page.textContent("#contact"), { timeout: 15_000 }).toBe("live");
    await page.context().close();
  });
});

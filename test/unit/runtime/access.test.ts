import { existsSync, readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BoxConfig, loadConfig } from "../../../overlay/runtime/config";
import { judge } from "../../../overlay/runtime/judge";
import { observe } from "../../../overlay/runtime/observe";
import { ratesBetween } from "../../../overlay/runtime/rates";
import { makeReport, type Report } from "../../../overlay/runtime/report";
import { takenOut, takeOut } from "../../../overlay/runtime/taken-out";
import { Attempts } from "../../../overlay/runtime/web/attempts";
import { control } from "../../../overlay/runtime/web/controls";
import { hashPassword, isPassword, type PasswordHash, readPasswordHash } from "../../../overlay/runtime/web/password";
import { isFromPage, isOwnName } from "../../../overlay/runtime/web/requests";
import { cookieOf, hasToken, Sessions } from "../../../overlay/runtime/web/sessions";
import { FakeBox, halfBroken } from "./fixture";

const salt = Buffer.from("0123456789abcdef");
const text = hashPassword("correct horse", salt);
const hash = readPasswordHash(text) as PasswordHash;

describe("a password", () => {
  it("is known by its hash, however a keyboard writes its letters", async () => {
    expect(text).toMatch(/^scrypt:32768:8:1:MDEyMzQ1Njc4OWFiY2RlZg:[\w-]{43}$/);
    expect(await isPassword("correct horse", hash)).toBe(true);
    expect(await isPassword("correct horsf", hash)).toBe(false);
    const accent = readPasswordHash(hashPassword("caf\u00e9 au lait", salt)) as PasswordHash;
    expect(await isPassword("cafe\u0301 au lait", accent)).toBe(true);
  });

  it("has another hash with another salt", () => {
    expect(hashPassword("correct horse", Buffer.from("0123456789abcdeg"))).not.toBe(text);
  });

  it.each(["", "correct horse", text.slice(0, -1), `${text}x`, text.replace("scrypt", "bcrypt"), text.replace("32768", "N")])(
    "is not there where its hash is damaged: %s",
    (damaged) => expect(readPasswordHash(damaged)).toBeNull(),
  );
});

describe("attempts", () => {
  it("cost growing pauses from the fifth wrong one on, never more than a minute, and none after the right one", async () => {
    let now = 0;
    const attempts = new Attempts(hash, () => now);
    for (let count = 0; count < 5; count++) expect(await attempts.check("wrong")).toBe("wrong");
    const pauses: number[] = [];
    for (let count = 0; count < 8; count++) {
      // Also the right one has to wait.
      const outcome = await attempts.check("correct horse");
      const { wait } = outcome as { wait: number };
      pauses.push(wait);
      now += 1000 * wait - 1;
      expect(await attempts.check("wrong")).toEqual({ wait: 1 });
      now += 1;
      expect(await attempts.check("wrong")).toBe("wrong");
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    now += 60_000;
    expect(await attempts.check("correct horse")).toBe("right");
    expect(await attempts.check("wrong")).toBe("wrong");
    expect(await attempts.check("correct horse")).toBe("right");
  });

  it("that are long past are forgotten", async () => {
    let now = 0;
    const attempts = new Attempts(hash, () => now);
    for (let count = 0; count < 5; count++) await attempts.check("wrong");
    now += 900_001;
    for (let count = 0; count < 4; count++) expect(await attempts.check("wrong")).toBe("wrong");
    expect(await attempts.check("correct horse")).toBe("right");
  });

  it("are looked at one after another, and of many at once only a few wait", async () => {
    const attempts = new Attempts(hash, () => 0);
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => attempts.check("wrong")));
    expect(outcomes.filter((outcome) => outcome === "wrong").length).toBe(5);
    expect(outcomes.filter((outcome) => outcome !== "wrong")).toEqual(Array.from({ length: 95 }, () => ({ wait: 1 })));
  });
});

describe("a session", () => {
  const hour = 3_600_000;

  it("is found by its cookie among others, and by nothing else", () => {
    const sessions = new Sessions(() => 0);
    const session = sessions.begin();
    const other = sessions.begin();
    const [cookie = ""] = cookieOf(session).split(";");
    expect(cookieOf(session)).toMatch(/^bondbox=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(sessions.find(`a=b; ${cookie}; c=d`)).toBe(session);
    expect(other.id === session.id || other.token === session.token || session.id === session.token).toBe(false);
    for (const wrong of [undefined, "", "bondbox=", `x${cookie}`, `${cookie}x`, cookie.slice(0, -1), "bondbox=__proto__"])
      expect(sessions.find(wrong)).toBeNull();
    expect([hasToken(session, session.token), hasToken(session, other.token), hasToken(session, undefined)]).toEqual([true, false, false]);
    sessions.end(session);
    expect(sessions.find(cookie)).toBeNull();
  });

  it("ends an hour after it was used, and 12 hours after it began, with what it still reads", () => {
    let now = 0;
    const sessions = new Sessions(() => now);
    const session = sessions.begin();
    const [cookie = ""] = cookieOf(session).split(";");
    let ended = 0;
    session.streams.add({ destroy: () => ended++ } as never);
    for (let hours = 1; hours < 12; hours++) {
      now = hours * (hour - 1);
      expect(sessions.find(cookie)).toBe(session);
      sessions.use(session);
    }
    now = 12 * hour - 1000;
    sessions.use(session);
    now = 12 * hour;
    expect(sessions.find(cookie)).toBeNull();
    expect(ended).toBe(1);
    const [idle = ""] = cookieOf(sessions.begin()).split(";");
    now += hour - 1;
    expect(sessions.find(idle)).not.toBeNull();
    now += 1;
    expect(sessions.find(idle)).toBeNull();
  });

  it("is one of 16 at most: the one that was not used for longest goes", () => {
    let now = 0;
    const sessions = new Sessions(() => now++);
    const all = Array.from({ length: 16 }, () => sessions.begin());
    sessions.use(all[0] as never);
    sessions.begin();
    const there = all.map((session) => sessions.find(cookieOf(session).split(";")[0]) !== null);
    expect(there).toEqual([true, false, ...Array.from({ length: 14 }, () => true)]);
  });
});

describe("a request calls the box by a name of its own", () => {
  const calls = (host?: string): boolean =>
    isOwnName({ headers: { host }, socket: { localAddress: "::ffff:192.168.1.252" } } as unknown as IncomingMessage);

  it.each(["192.168.1.252", "192.168.1.252:80", "bondbox", "Bondbox.Local", "bondbox.fritz.box", "bondbox.lan", "a.b.home.arpa"])(
    "%s",
    (host) => expect(calls(host)).toBe(true),
  );

  // Anybody can buy a name that ends in .box, and let it lead here.
  it.each(["evil.box", "notfritz.box", "fritz.box.evil.example", "evil.example", "203.0.113.10", "", undefined])("not %s", (host) =>
    expect(calls(host)).toBe(false),
  );
});

describe("a request comes from the page", () => {
  const from = (headers: Record<string, string>): boolean => isFromPage({ headers } as unknown as IncomingMessage);

  it.each<[boolean, Record<string, string>]>([
    [true, { host: "bondbox" }],
    [true, { host: "bondbox", origin: "http://bondbox" }],
    [true, { host: "192.168.1.252", origin: "http://192.168.1.252", "sec-fetch-site": "same-origin" }],
    [false, { host: "bondbox", origin: "http://evil.example" }],
    [false, { host: "bondbox", origin: "http://bondbox.evil.example" }],
    [false, { host: "bondbox", origin: "http://bondbox:8080" }],
    [false, { host: "bondbox", origin: "null" }],
    [false, { host: "bondbox", "sec-fetch-site": "cross-site" }],
    [false, { host: "bondbox", origin: "http://bondbox", "sec-fetch-site": "same-site" }],
    [false, { host: "bondbox", "sec-fetch-site": "none" }],
  ])("%s: %j", (expected, headers) => expect(from(headers)).toBe(expected));

  it("only with its own origin", () => {
    fc.assert(fc.property(fc.webUrl(), (origin) => !from({ host: "bondbox", origin })));
  });
});

function reportOf(box: FakeBox): Report {
  const config = loadConfig(box.root);
  const state = observe(box.root, config);
  return makeReport(config, { state, verdict: judge(config, state), rates: ratesBetween(state, state) });
}

describe("the control of a line", () => {
  const act = (box: FakeBox, line: string, what: "out" | "in", rows: string[] = []) =>
    control(line, what, { root: box.root, report: reportOf(box), record: (row) => rows.push(row) });

  it("takes it out and lets it in, and says so once", () => {
    using box = new FakeBox();
    const rows: string[] = [];
    for (const what of ["in", "out", "out", "in", "in"] as const) expect(act(box, "ovh", what, rows)).toBeNull();
    expect(rows).toEqual(["line ovh: taken out by a person on the page", "line ovh: let in by a person on the page"]);
    expect(act(box, "ovh", "out")).toBeNull();
    expect(readFileSync(join(box.root, "run/bondbox/out/ovh"), "utf8")).toBe("person\n");
    expect(reportOf(box).lines.map(({ takenOut }) => takenOut)).toEqual(["person", null]);
  });

  it("makes what the box has taken out a person's", () => {
    using box = new FakeBox();
    takeOut(box.root, "ovh", "box");
    expect(act(box, "ovh", "out")).toBeNull();
    expect(takenOut(box.root)).toEqual(new Map([["ovh", "person"]]));
  });

  it("leaves the last line that is up, also where another was taken out in the same second", () => {
    using box = new FakeBox();
    const report = reportOf(box);
    const ask = (line: string) => control(line, "out", { root: box.root, report, record: () => {} });
    expect([ask("ovh"), ask("orange")]).toEqual([null, "last-line"]);
    expect(existsSync(join(box.root, "run/bondbox/out/orange"))).toBe(false);
    using broken = new FakeBox();
    halfBroken(broken);
    expect(act(broken, "orange", "out")).toBe("last-line");
    expect(act(broken, "ovh", "out")).toBeNull();
  });

  it("leaves the line in use where others wait in reserve: bondbox-watchdog would keep it in, since nobody knows whether they work", () => {
    using box = new FakeBox({ ...loadFixture(), bond: { ...loadFixture().bond, mode: "active-backup" } });
    box.bonding([
      { tap: "tap0", status: "up", failures: 0 },
      { tap: "tap1", status: "down", failures: 0 },
    ]);
    expect(act(box, "ovh", "out")).toBe("last-line");
    expect(takenOut(box.root)).toEqual(new Map());
  });

  it.each(["", "nobody", "../../etc", "__proto__", "OVH"])("knows no line %j", (line) => {
    using box = new FakeBox();
    expect([act(box, line, "out"), act(box, line, "in")]).toEqual(["unknown-line", "unknown-line"]);
  });

  it("waits until something is known", () => {
    expect(control("ovh", "out", { root: "/nonexistent", report: null, record: () => {} })).toBe("starting");
  });
});

function loadFixture(): BoxConfig {
  using box = new FakeBox();
  return loadConfig(box.root);
}

describe("a line that was taken out", () => {
  it("is down for that reason, unless it is also broken", () => {
    using box = new FakeBox();
    takeOut(box.root, "ovh", "person");
    expect(reportOf(box).lines[0]).toMatchObject({ up: true, why: null });
    box.bonding([
      { tap: "tap0", status: "down", failures: 1 },
      { tap: "tap1", status: "up", failures: 0 },
    ]);
    expect(reportOf(box).lines[0]?.why).toMatchObject({ code: "taken-out", by: "person", short: "taken out by hand" });
    box.bonding([{ tap: "tap1", status: "up", failures: 0 }]);
    expect(reportOf(box).lines[0]?.why).toMatchObject({ code: "tap-outside" });
  });
});

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { languageOf } from "../messages";
import { causeOf, type Outage, outagesCsv } from "../outages";
import type { Report } from "../report";
import type { Rings } from "../rings";
import type { Samples } from "../samples";
import { answer, answerJson, common, json, refuse } from "./answers";
import schema from "./api.schema.json";
import type { Attempts } from "./attempts";
import { control } from "./controls";
import type { Events } from "./events";
import { metricsText } from "./metrics";
import { isFromPage, isOwnName, readBody } from "./requests";
import { cookieOf, hasToken, noCookie, type Session, type Sessions } from "./sessions";

export interface Site {
  /** The status page, whole; "": this program was built without one. */
  page: string;
  /** Where /run is looked for. */
  root: string;
  /** null: nothing is known yet. */
  report: () => Report | null;
  samples: Samples;
  events: Events;
  rings: Rings;
  outages: () => readonly Outage[];
  /** Puts a sentence into the journal and the history. */
  record: (row: string) => void;
  sessions: Sessions;
  /** Checks passwords; null: there is none, and so there are no controls. */
  attempts: Attempts | null;
  /** Only those who are logged in may read. */
  closed: boolean;
}

/** Connections at once: a household has fewer, and more would only take memory. */
const mostConnections = 256;
/** Time for a request to come, ms. */
const patience = 10_000;
const longestHeaders = 8192;

/** A request that is let through to its route. */
interface Asked {
  request: IncomingMessage;
  response: ServerResponse;
  session: Session | null;
}

interface Changing extends Asked {
  body: Record<string, unknown>;
}

type Show = (asked: Asked) => void;
type Change = (asked: Changing) => void | Promise<void>;

interface Route {
  GET?: Show;
  POST?: Change;
  DELETE?: Change;
  /** What everybody may ask, also where reading is closed and before logging in. */
  open?: true;
}

/**
 * The box's web server: the status page, what it reads, and its controls. It opens no socket of its own.
 * A browser that was led here under another name than the box's gets nothing (DNS rebinding). docs/status-page.md#security
 */
export function siteServer(site: Site): Server {
  const routes = routesOf(site);
  const server = createServer({
    maxHeaderSize: longestHeaders,
    headersTimeout: patience,
    requestTimeout: patience,
    connectionsCheckingInterval: 2000,
  });
  server.maxConnections = mostConnections;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    handle(site, routes, request, response).catch((error: Error) => {
      process.stderr.write(`bondbox: the status page could not answer: ${error.message}\n`);
      if (response.headersSent) response.destroy();
      else refuse(response, "failed");
    });
  });
  return server;
}

async function handle(site: Site, routes: Record<string, Route>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = ""] = (request.url ?? "").split("?");
  if (!isOwnName(request)) return refuse(response, "wrong-name");
  const route = Object.hasOwn(routes, path) ? routes[path] : lineRoute(site, path);
  if (route === undefined) return refuse(response, "unknown-path");
  const session = site.sessions.find(request.headers.cookie);
  const asked = { request, response, session };
  const method = request.method === "HEAD" ? "GET" : request.method;
  if (method === "GET" && route.GET !== undefined)
    return site.closed && session === null && route.open !== true ? refuse(response, "log-in") : route.GET(asked);
  const change = method === "POST" ? route.POST : method === "DELETE" ? route.DELETE : undefined;
  if (change === undefined) {
    response.setHeader("Allow", [...(route.GET ? ["GET", "HEAD"] : []), ...(["POST", "DELETE"] as const).filter((name) => route[name])]);
    return refuse(response, "method");
  }
  if (!isFromPage(request)) return refuse(response, "foreign-origin");
  if (site.attempts === null) return refuse(response, "no-password");
  if (route.open !== true || method === "DELETE") {
    if (session === null) return refuse(response, "log-in");
    if (!hasToken(session, request.headers["x-bondbox-token"])) return refuse(response, "wrong-token");
    site.sessions.use(session);
  }
  const body = method === "POST" ? await readBody(request) : {};
  if (typeof body !== "string") return change({ ...asked, body });
  // What is left of the body is not read.
  response.setHeader("Connection", "close");
  refuse(response, body);
}

function routesOf(site: Site): Record<string, Route> {
  const withReport = (show: (report: Report, response: ServerResponse) => void): Show => {
    return ({ response }) => {
      const report = site.report();
      if (report === null) refuse(response, "starting");
      else show(report, response);
    };
  };
  const value = (get: () => unknown): Show => {
    return ({ response }) => answerJson(response, 200, get());
  };
  const now = (): number => Date.now() / 1000;
  return {
    "/": { GET: pageOf(site.page), open: true },
    "/healthz": {
      GET: ({ response }) =>
        answer(response, site.report() === null ? 503 : 200, "text/plain", site.report() === null ? "starting\n" : "ok\n"),
      open: true,
    },
    "/metrics": { GET: withReport((report, response) => answer(response, 200, "text/plain; version=0.0.4", metricsText(report))) },
    "/outages.csv": {
      GET: ({ request, response }) => {
        const language = languageOf(new URLSearchParams(request.url?.split("?")[1]).get("lang") ?? "") ?? "en";
        response.setHeader("Content-Disposition", 'attachment; filename="bondbox-outages.csv"');
        answer(response, 200, "text/csv", outagesCsv(site.outages(), language));
      },
    },
    "/api/v1/status": {
      GET: withReport((report, response) => answer(response, 200, json, `${JSON.stringify(report, null, 2)}\n`)),
    },
    "/api/v1/samples": { GET: value(() => site.samples.all) },
    "/api/v1/history/minutes": { GET: value(() => site.rings.rows(60, now())) },
    "/api/v1/history/quarters": { GET: value(() => site.rings.rows(900, now())) },
    "/api/v1/outages": { GET: value(() => site.outages().map((outage) => ({ ...outage, cause: causeOf(outage, "en") }))) },
    "/api/v1/events": { GET: (asked) => listen(site, asked) },
    "/api/v1/schema": { GET: value(() => schema), open: true },
    "/api/v1/session": {
      GET: ({ response, session }) => {
        if (session !== null) site.sessions.use(session);
        answerJson(response, 200, sessionOf(site, session));
      },
      POST: (asked) => logIn(site, asked),
      DELETE: ({ response, session }) => {
        if (session !== null) site.sessions.end(session);
        response.setHeader("Set-Cookie", noCookie);
        answerJson(response, 200, sessionOf(site, null));
      },
      open: true,
    },
  };
}

/** The control of a line: /api/v1/lines/ovh/out */
function lineRoute(site: Site, path: string): Route | undefined {
  const [, name, act] = /^\/api\/v1\/lines\/([^/]+)\/(out|in)$/.exec(path) ?? [];
  if (name === undefined) return undefined;
  const { root, report, record } = site;
  return {
    POST: ({ response }) => {
      const refusal = control(name, act === "out" ? "out" : "in", { root, report: report(), record });
      if (refusal === null) answerJson(response, 200, { line: name, out: act === "out" });
      else refuse(response, refusal);
    },
  };
}

function sessionOf({ attempts, closed }: Site, session: Session | null): object {
  return { controls: attempts !== null, closed, loggedIn: session !== null, token: session?.token ?? null };
}

async function logIn(site: Site, { request, response, body: { password, ...rest } }: Changing): Promise<void> {
  if (typeof password !== "string" || Object.keys(rest).length > 0) return refuse(response, "bad-json");
  const outcome = (await site.attempts?.check(password)) ?? "wrong";
  if (outcome === "wrong") {
    // Pauses keep these few.
    process.stderr.write(`bondbox: wrong password on the status page, from ${request.socket.remoteAddress ?? "a machine that has gone"}\n`);
    return refuse(response, "wrong-password");
  }
  if (outcome !== "right") return refuse(response, "too-many-attempts", outcome.wait);
  const session = site.sessions.begin();
  response.setHeader("Set-Cookie", cookieOf(session));
  answerJson(response, 200, sessionOf(site, session));
}

function listen({ events, samples, report, closed }: Site, { request, response, session }: Asked): void {
  // It would never end, and has no content to wait for.
  if (request.method === "HEAD") return answer(response, 200, "text/event-stream", "");
  const status = report();
  const first: [string, unknown][] = [["samples", samples.all], ...(status === null ? [] : [["status", status] as [string, unknown]])];
  if (!events.listen(response, first)) return refuse(response, "too-many-pages");
  if (!closed || session === null) return;
  session.streams.add(response);
  response.on("close", () => session.streams.delete(response));
}

/** The page, packed once. Its scripts and styles are its own and are named by their hashes; nothing else runs or is loaded. */
function pageOf(page: string): Show {
  const body = Buffer.from(page);
  const packed = gzipSync(body, { level: 9 });
  const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 16)}"`;
  const hashes = (element: string): string =>
    [...page.matchAll(new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, "g"))]
      .map(([, text = ""]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`)
      .join(" ");
  const policy = [
    "default-src 'none'",
    `script-src ${hashes("script")}`,
    `style-src ${hashes("style")}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return ({ request, response }) => {
    if (page === "") return answer(response, 404, "text/plain", "This program was built without its page.\n");
    const headers = { ...common, "Content-Security-Policy": policy, "Cache-Control": "no-cache", ETag: tag, Vary: "Accept-Encoding" };
    if (request.headers["if-none-match"] === tag) return void response.writeHead(304, headers).end();
    const packs = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
    const content = packs ? packed : body;
    response.writeHead(200, {
      ...headers,
      "Content-Type": "text/html; charset=utf-8",
      "Content-Length": content.length,
      ...(packs && { "Content-Encoding": "gzip" }),
    });
    response.end(request.method === "HEAD" ? undefined : content);
  };
}

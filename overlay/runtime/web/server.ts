import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import type { Report } from "../report";
import { languageOf } from "../messages";
import { causeOf, type Outage, outagesCsv } from "../outages";
import type { Rings } from "../rings";
import type { Samples } from "../samples";
import type { Events } from "./events";
import { metricsText } from "./metrics";

export interface Site {
  /** The status page, whole; "": this program was built without one. */
  page: string;
  /** null: nothing is known yet. */
  report: () => Report | null;
  samples: Samples;
  events: Events;
  rings: Rings;
  outages: () => readonly Outage[];
}

/** Connections at once: a household has fewer, and more would only take memory. */
const mostConnections = 256;
/** Time for a request to come, ms. */
const patience = 10_000;
const longestHeaders = 8192;

/**
 * The box's web server: the status page and what it reads. It changes nothing, and it opens no socket of its own.
 * Every path answers GET and HEAD; a browser that was led here under another name than the box's gets nothing (DNS rebinding).
 */
export function siteServer(site: Site): Server {
  const page = pageOf(site.page);
  const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
    "/": page,
    "/healthz": (_, response) =>
      answer(response, site.report() === null ? 503 : 200, "text/plain", site.report() === null ? "starting\n" : "ok\n"),
    "/metrics": withReport(site, (report, response) => answer(response, 200, "text/plain; version=0.0.4", metricsText(report))),
    "/api/v1/status": withReport(site, (report, response) => answer(response, 200, json, `${JSON.stringify(report, null, 2)}\n`)),
    "/api/v1/samples": (_, response) => answer(response, 200, json, `${JSON.stringify(site.samples.all)}\n`),
    "/api/v1/history/minutes": (_, response) => answer(response, 200, json, `${JSON.stringify(site.rings.rows(60, Date.now() / 1000))}\n`),
    "/api/v1/history/quarters": (_, response) =>
      answer(response, 200, json, `${JSON.stringify(site.rings.rows(900, Date.now() / 1000))}\n`),
    "/api/v1/outages": (_, response) =>
      answer(response, 200, json, `${JSON.stringify(site.outages().map((outage) => ({ ...outage, cause: causeOf(outage, "en") })))}\n`),
    "/outages.csv": ({ url = "" }, response) => {
      const language = languageOf(new URLSearchParams(url.split("?")[1]).get("lang") ?? "") ?? "en";
      response.setHeader("Content-Disposition", 'attachment; filename="bondbox-outages.csv"');
      answer(response, 200, "text/csv", outagesCsv(site.outages(), language));
    },
    "/api/v1/events": (_, response) => {
      const first: [string, unknown][] = [
        ["samples", site.samples.all],
        ...(site.report() === null ? [] : [["status", site.report()] as [string, unknown]]),
      ];
      if (!site.events.listen(response, first)) answer(response, 503, "text/plain", "Too many pages are open.\n");
    },
  };
  const server = createServer({
    maxHeaderSize: longestHeaders,
    headersTimeout: patience,
    requestTimeout: patience,
    connectionsCheckingInterval: 2000,
  });
  server.maxConnections = mostConnections;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const [path = ""] = (request.url ?? "").split("?");
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (!isOwnName(request.headers.host, request.socket.localAddress))
      return answer(
        response,
        421,
        "text/plain",
        "Call this box by its address or by a name of this network, such as http://bondbox.local/\n",
      );
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return answer(response, 405, "text/plain", "Only GET and HEAD are possible here.\n");
    }
    if (route === undefined) return answer(response, 404, "text/plain", "There is no such page. The status page is /\n");
    route(request, response);
  });
  return server;
}

/** Endings of names that no public name server has. Sources: RFC 6762, RFC 8375, and what routers at home give. */
const homeEndings = /(^|\.)(local|lan|home|internal|home\.arpa|box)$/;

/** Whether a browser that calls this name means the box itself. */
function isOwnName(host = "", address = ""): boolean {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  return name === address.replace("::ffff:", "") || (/^[a-z0-9.-]+$/.test(name) && (!name.includes(".") || homeEndings.test(name)));
}

const json = "application/json";
const common = { "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin" };

function answer(response: ServerResponse, status: number, type: string, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    ...common,
    "Content-Type": type.includes(";") ? type : `${type}; charset=utf-8`,
    "Content-Length": body.length,
    "Cache-Control": "no-store",
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

function withReport(site: Site, show: (report: Report, response: ServerResponse) => void) {
  return (_: IncomingMessage, response: ServerResponse): void => {
    const report = site.report();
    if (report === null) answer(response, 503, "text/plain", "The box has just started: nothing is known yet.\n");
    else show(report, response);
  };
}

/** The page, packed once. Its scripts and styles are its own and are named by their hashes; nothing else runs or is loaded. */
function pageOf(page: string): (request: IncomingMessage, response: ServerResponse) => void {
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
  return (request, response) => {
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

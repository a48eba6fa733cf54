import type { IncomingMessage } from "node:http";
import type { Refusal } from "./answers";

/**
 * Endings of names that no stranger can have, of those that routers at home give. Of .box, which anybody can buy, that is fritz.box alone.
 * Sources: RFC 6762, RFC 8375, https://www.iana.org/domains/root/db/box.html
 */
const homeEndings = /(^|\.)(local|lan|home|internal|home\.arpa|fritz\.box)$/;

/** Whether a browser that calls this name means the box itself: it does not after DNS rebinding. */
export function isOwnName({ headers: { host = "" }, socket: { localAddress = "" } }: IncomingMessage): boolean {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  return name === localAddress.replace("::ffff:", "") || (/^[a-z0-9.-]+$/.test(name) && (!name.includes(".") || homeEndings.test(name)));
}

/**
 * Whether a request that changes something comes from the page itself, as far as the browser says. A program that is no browser says nothing.
 * Sources: RFC 6454; https://www.w3.org/TR/fetch-metadata/
 */
export function isFromPage({ headers: { host = "", origin, "sec-fetch-site": site } }: IncomingMessage): boolean {
  return (site === undefined || site === "same-origin") && (origin === undefined || origin.replace(/^https?:\/\//, "") === host);
}

/** bytes */
const longestBody = 4096;

/**
 * Reads a body that is a JSON object; an empty one is as {}.
 * @returns why it is refused, or the object.
 */
export async function readBody(request: IncomingMessage): Promise<Refusal | Record<string, unknown>> {
  // A form of another website cannot send this type without asking first, which nobody here answers.
  if (!/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "")) return "not-json";
  const body = await bytesOf(request);
  if (typeof body === "string") return body;
  try {
    const value: unknown = JSON.parse(body.toString() || "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : "bad-json";
  } catch {
    return "bad-json";
  }
}

/** @returns why it is refused: it is too long, and the rest of it stays unread, or the browser has gone in the midst of it. */
function bytesOf(request: IncomingMessage): Promise<Refusal | Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let length = 0;
    request.on("data", (part: Buffer) => {
      length += part.length;
      if (length > longestBody) resolve("too-long");
      else parts.push(part);
    });
    request.on("end", () => resolve(Buffer.concat(parts)));
    request.on("error", () => resolve("bad-json"));
    request.on("close", () => resolve("bad-json"));
  });
}

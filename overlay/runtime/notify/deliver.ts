import { spawn } from "node:child_process";
import { request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import type { Alert } from "./alerts";

/** How a delivery ended; again: it is worth another try. The reason names neither URL nor host, which are secrets. */
export type Outcome = { done: true } | { done: false; again: boolean; why: string };

/** ms */
const patience = { url: 10_000, command: 30_000 };

/**
 * Posts an alert. A redirect is not followed, and what the receiver writes back is not read.
 * @param url https, or http in the LAN
 * @param text JSON
 */
export function post(url: string, text: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const failed = (why: string): void => resolve({ done: false, again: true, why });
    try {
      const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text), "User-Agent": "bondbox" };
      const request = (url.startsWith("http:") ? overHttp : overHttps)(url, {
        method: "POST",
        headers,
        signal: AbortSignal.timeout(patience.url),
      });
      request.on("response", (response) => {
        resolve(outcomeOf(response.statusCode ?? 0));
        response.destroy();
      });
      request.on("error", ({ code, name }: NodeJS.ErrnoException) =>
        failed(name === "AbortError" ? "it does not answer within 10 s" : `it cannot be reached (${code ?? name})`),
      );
      request.end(text);
    } catch (error) {
      // Such as a URL that is none: every try would end so.
      resolve({ done: false, again: false, why: `it is no URL that can be used (${(error as NodeJS.ErrnoException).code ?? "unknown"})` });
    }
  });
}

function outcomeOf(status: number): Outcome {
  if (status >= 200 && status < 300) return { done: true };
  if (status >= 300 && status < 400) return { done: false, again: false, why: `it redirects (${status}), which is not followed` };
  // A receiver that is busy or broken may be better later; one that does not know the address will not.
  return { done: false, again: status >= 500 || [408, 425, 429].includes(status), why: `it answers with status ${status}` };
}

/**
 * Hands an alert to a program: as JSON on its standard input, and in variables such as BONDBOX_LINE. No shell reads any of it.
 * @param path absolute
 * @param text JSON
 */
export function runCommand(path: string, text: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const variables = Object.entries(JSON.parse(text) as Alert).map(([key, value]) => [`BONDBOX_${key.toUpperCase()}`, value ?? ""]);
    const env = { PATH: process.env.PATH, ...Object.fromEntries(variables) };
    // A group of its own, so that what it has started ends with it.
    const child = spawn(path, [], { env, stdio: ["pipe", "inherit", "inherit"], detached: true });
    const timer = setTimeout(() => {
      resolve({ done: false, again: true, why: "it has not ended within 30 s" });
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, patience.command);
    const ended = (outcome: Outcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    child.on("error", ({ code }: NodeJS.ErrnoException) =>
      ended({ done: false, again: true, why: `it cannot be run (${code ?? "unknown"})` }),
    );
    child.on("exit", (code) =>
      ended(code === 0 ? { done: true } : { done: false, again: true, why: `it ended with ${code === null ? "a signal" : code}` }),
    );
    // It need not read it.
    child.stdin.on("error", () => {});
    child.stdin.end(text);
  });
}

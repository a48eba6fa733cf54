import type { ServerResponse } from "node:http";

/** What every answer says to browsers. */
export const common = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
};
export const json = "application/json";

/**
 * Answers with a text, or to HEAD with its length alone.
 * @param type such as text/plain; the text is UTF-8
 */
export function answer(response: ServerResponse, status: number, type: string, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    ...common,
    "Content-Type": type.includes(";") ? type : `${type}; charset=utf-8`,
    "Content-Length": body.length,
    "Cache-Control": "no-store",
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

/** Answers with a value. */
export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  answer(response, status, json, `${JSON.stringify(value)}\n`);
}

/** Why a request is refused: HTTP's status, and a sentence. */
const refusals = {
  "wrong-name": [421, "Call this box by its address or by a name of this network, such as http://bondbox.local/"],
  "unknown-path": [404, "There is no such page. The status page is /"],
  "unknown-line": [404, "This box has no such line: /api/v1/status has the names."],
  "no-password": [404, "There are no controls: write page.password in the profile, and build again."],
  method: [405, "This path does not have this method."],
  "log-in": [401, "Log in first: POST /api/v1/session with the password."],
  "wrong-password": [401, "The password is wrong."],
  "too-many-attempts": [429, "There were too many attempts: try again later."],
  "foreign-origin": [403, "This request comes from another website."],
  "wrong-token": [403, "The header X-Bondbox-Token is missing or wrong: GET /api/v1/session has its value."],
  "not-json": [415, "The body must be JSON: send it with Content-Type: application/json."],
  "bad-json": [400, "The body is not what this path takes: /api/v1/schema describes it."],
  "too-long": [413, "The body is longer than 4096 bytes."],
  "last-line": [409, "No other line is up: without this one, there would be no internet."],
  starting: [503, "The box has just started: nothing is known yet."],
  "too-many-pages": [503, "Too many pages are open."],
  failed: [500, "The box could not do it: journalctl -u bondbox-watch"],
} as const;
export type Refusal = keyof typeof refusals;

/**
 * Refuses a request: as JSON below /api/, else as a text.
 * @param wait after how long it may come again, s
 */
export function refuse(response: ServerResponse, error: Refusal, wait?: number): void {
  const [status, text] = refusals[error];
  if (wait !== undefined) response.setHeader("Retry-After", wait);
  if (response.req.url?.startsWith("/api/") === true)
    answerJson(response, status, { error, text, ...(wait === undefined ? {} : { wait }) });
  else answer(response, status, "text/plain", `${text}\n`);
}

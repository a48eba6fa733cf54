import type { LineReport } from "../runtime/report";
import { unbroken, words } from "./words";

/** What the box says of who is in front of the page. */
interface Session {
  controls: boolean;
  closed: boolean;
  loggedIn: boolean;
  token: string | null;
}

interface Refused {
  error: string;
  text: string;
  wait?: number;
}

const refusals: Record<string, (refused: Refused) => string> = {
  "wrong-password": () => words.wrongPassword,
  "too-many-attempts": ({ wait = 1 }) => words.tooManyAttempts(wait),
  "last-line": () => words.lastLine,
};

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const dialog = find<HTMLDialogElement>("login");
const password = find<HTMLInputElement>("password");

let session: Session = { controls: false, closed: false, loggedIn: false, token: null };
/** Those who wait until the page may be read. */
let waiting: (() => void)[] = [];
/** The lines' buttons, as they are now. */
const shown = new Map<HTMLElement, LineReport>();

/** Asks the box to do something. @returns why it does not, or null. */
async function ask(method: "POST" | "DELETE", path: string, body: object = {}): Promise<Refused | null> {
  const headers = { "Content-Type": "application/json", "X-Bondbox-Token": session.token ?? "" };
  const answer = await fetch(path, { method, headers, ...(method === "POST" && { body: JSON.stringify(body) }) }).catch(() => null);
  if (answer === null) return { error: "unreachable", text: words.unreachable };
  const value = (await answer.json()) as unknown;
  if (!answer.ok) return value as Refused;
  if (path === "/api/v1/session") show(value as Session);
  return null;
}

const textOf = (refused: Refused): string => unbroken(refusals[refused.error]?.(refused) ?? refused.text);

/** Comes back when the page may be read: at once, or when somebody has logged in. */
export async function enter(): Promise<void> {
  const answer = await fetch("/api/v1/session").catch(() => null);
  // Without contact there is nothing to log in to; the page says so.
  if (answer?.ok !== true) return;
  const before = session.loggedIn;
  show((await answer.json()) as Session);
  if (!session.closed || session.loggedIn) return;
  if (before) open(unbroken(words.sessionOver));
  await new Promise<void>((resolve) => waiting.push(resolve));
}

function show(now: Session): void {
  session = now;
  const locked = session.closed && !session.loggedIn;
  document.body.classList.toggle("locked", locked);
  find("log").hidden = !session.controls || locked;
  find("log").textContent = session.loggedIn ? words.logOut : words.logIn;
  for (const [parent, line] of shown) showControl(parent, line);
  if (locked) return open("");
  dialog.close();
  for (const resolve of waiting) resolve();
  waiting = [];
}

/** @param why it has to be, in words */
function open(why: string): void {
  find("refusal").textContent = why;
  find("cancel").hidden = session.closed;
  password.value = "";
  if (dialog.open) return;
  // Where there is nothing to read behind it, nothing closes it.
  if (session.closed) dialog.show();
  else dialog.showModal();
  password.focus();
}

async function logIn(): Promise<void> {
  find<HTMLButtonElement>("enter").disabled = true;
  const refused = await ask("POST", "/api/v1/session", { password: password.value });
  find<HTMLButtonElement>("enter").disabled = false;
  if (refused === null) return;
  open(textOf(refused));
  password.focus();
}

async function logOut(): Promise<void> {
  // One that is over already is what was wanted.
  if ((await ask("DELETE", "/api/v1/session")) !== null) await enter();
}

/**
 * Shows a line's button, if whoever is in front of the page may use it.
 * @param parent the same element for the same line each time, so that a button keeps the focus
 */
export function showControl(parent: HTMLElement, line: LineReport): void {
  shown.set(parent, line);
  if (parent.childElementCount === 0) {
    const button = document.createElement("button");
    const refusal = document.createElement("p");
    refusal.setAttribute("role", "alert");
    button.addEventListener("click", () => void press(parent, button, refusal));
    parent.append(button, refusal);
  }
  parent.hidden = !session.loggedIn;
  const [label, name] = (line.takenOut === null ? words.takeOut : words.letIn)(line.name);
  const button = parent.firstElementChild as HTMLElement;
  if (button.textContent === label) return;
  button.textContent = label;
  button.setAttribute("aria-label", name);
}

/** Takes back why something was refused: the lines are not as they were. */
export function forgetRefusals(): void {
  for (const parent of shown.keys()) parent.querySelector("[role=alert]")?.replaceChildren();
}

async function press(parent: HTMLElement, button: HTMLButtonElement, refusal: HTMLElement): Promise<void> {
  const line = shown.get(parent);
  if (line === undefined) return;
  refusal.textContent = "";
  const refused = await ask("POST", `/api/v1/lines/${line.name}/${line.takenOut === null ? "out" : "in"}`);
  if (refused === null) return;
  if (refused.error !== "log-in" && refused.error !== "wrong-token") {
    refusal.textContent = textOf(refused);
    return button.focus();
  }
  show({ ...session, loggedIn: false, token: null });
  open(unbroken(words.sessionOver));
}

find("cancel").addEventListener("click", () => dialog.close());
find("log").addEventListener("click", () => (session.loggedIn ? void logOut() : open("")));
dialog.addEventListener("submit", (event) => {
  event.preventDefault();
  void logIn();
});

import { randomBytes, timingSafeEqual } from "node:crypto";
import type { ServerResponse } from "node:http";

/** Somebody who has given the password. */
export interface Session {
  /** In the browser's cookie. */
  id: string;
  /** What every request that changes something brings along: a foreign page cannot read it. */
  token: string;
  /** When it began and was last used, ms. */
  begun: number;
  used: number;
  /** Answers that last, and end with it. */
  streams: Set<ServerResponse>;
}

const cookieName = "bondbox";
/** A session ends after so long, and sooner if nobody has loaded the page or used a control for a while. ms */
const longest = 12 * 3_600_000;
const idle = 3_600_000;
/** A household has fewer: beyond them, the one that was not used for longest ends. */
const most = 16;

/** All who are logged in, in memory: none outlives the program. */
export class Sessions {
  private readonly all = new Map<string, Session>();

  /** @param clock ms, never jumps */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  begin(): Session {
    this.sweep();
    const [oldest] = [...this.all.values()].sort((a, b) => a.used - b.used);
    if (this.all.size >= most && oldest !== undefined) this.end(oldest);
    const now = this.clock();
    const session = { id: random(), token: random(), begun: now, used: now, streams: new Set<ServerResponse>() };
    this.all.set(session.id, session);
    return session;
  }

  /**
   * The session of a browser's cookies.
   * @param cookies the header
   */
  find(cookies = ""): Session | null {
    this.sweep();
    const [, id = ""] = new RegExp(`(?:^|;\\s*)${cookieName}=([\\w-]{43})(?:;|$)`).exec(cookies) ?? [];
    return this.all.get(id) ?? null;
  }

  /** A person does something: what the page asks for by itself does not count. */
  use(session: Session): void {
    session.used = this.clock();
  }

  end(session: Session): void {
    this.all.delete(session.id);
    for (const stream of session.streams) stream.destroy();
  }

  /** Ends those whose time is over. */
  sweep(): void {
    const now = this.clock();
    for (const session of this.all.values()) if (now - session.begun >= longest || now - session.used >= idle) this.end(session);
  }
}

/** The header that gives a browser its cookie. It is not "Secure": the page is on plain HTTP. */
export const cookieOf = ({ id }: Session): string => `${cookieName}=${id}; Path=/; HttpOnly; SameSite=Strict`;
/** The header that takes it away. */
export const noCookie = `${cookieName}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`;

/** Whether a request brings its session's token. @param token the header */
export function hasToken({ token }: Session, brought: string | string[] | undefined): boolean {
  const [a, b] = [Buffer.from(token), Buffer.from(`${brought ?? ""}`)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** 256 bits. */
const random = (): string => randomBytes(32).toString("base64url");

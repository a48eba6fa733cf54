import type { ServerResponse } from "node:http";

/** Browsers that may listen at once. */
const most = 32;
/** What may wait for a browser that reads slowly, bytes: beyond it the browser is let go, and comes back by itself. */
const backlog = 256 * 1024;
/** So that a way that has gone is noticed, ms. */
const beat = 15_000;

/** Server-sent events, the same for all who listen. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class Events {
  private readonly listeners = new Set<ServerResponse>();

  constructor() {
    setInterval(() => this.write(":\n\n"), beat).unref();
  }

  /**
   * Begins to send to a browser.
   * @param first events that it gets at once: name and data
   * @returns false: there are too many already.
   */
  listen(response: ServerResponse, first: [string, unknown][]): boolean {
    if (this.listeners.size >= most) return false;
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    // When to come back after a break, ms.
    response.write(`retry: 2000\n\n${first.map(([name, data]) => eventText(name, data)).join("")}`);
    this.listeners.add(response);
    response.on("close", () => this.listeners.delete(response));
    return true;
  }

  /** Sends an event to all. */
  send(name: string, data: unknown): void {
    if (this.listeners.size > 0) this.write(eventText(name, data));
  }

  /** Lets all go. */
  end(): void {
    for (const response of this.listeners) response.destroy();
  }

  private write(text: string): void {
    for (const response of this.listeners) {
      if (response.writableLength > backlog) response.destroy();
      else response.write(text);
    }
  }
}

function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

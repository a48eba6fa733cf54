import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { Sample } from "../../overlay/runtime/samples";
import type { Report } from "../../overlay/runtime/report";

/** What a box said at one moment: what "/api/v1/status", "/api/v1/outages" and "/api/v1/samples" answered. */
export interface Recorded {
  status: Report;
  outages: object[];
  samples: Sample[];
}

/** The status page over what a box has said, on the loopback. */
export class RecordedSite {
  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {}

  /**
   * @param page the page, whole
   * @param path of a file of three lines of JSON, as the lab's scenario status-page prints them at its end
   */
  static async start(page: string, path: string): Promise<{ site: RecordedSite; recorded: Recorded }> {
    const [status, outages, samples] = readFileSync(path, "utf8").trim().split("\n").map((row): unknown => JSON.parse(row)); // prettier-ignore
    const recorded = { status, outages, samples } as Recorded;
    const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    const server = createServer(({ url }, response) => {
      if (url === "/") return void response.setHeader("Content-Type", "text/html; charset=utf-8").end(page);
      if (url === "/api/v1/events") {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        return void response.write(event("samples", samples) + event("status", status));
      }
      const session = { controls: false, closed: false, loggedIn: false, token: null };
      response.setHeader("Content-Type", "application/json").end(JSON.stringify(url === "/api/v1/session" ? session : outages));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    return { site: new RecordedSite(server, `http://127.0.0.1:${port}/`), recorded };
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

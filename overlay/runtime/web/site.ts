import type { Server } from "node:http";
import type { Rates } from "../rates";
import type { Report } from "../report";
import { Samples } from "../samples";
import { Events } from "./events";
import { siteServer } from "./server";

/** The page, which the builder puts into the bundle. */
declare const BONDBOX_PAGE: string | undefined;

/** The first socket that systemd hands over. Source: sd_listen_fds(3) */
const firstSocket = 3;

/** What the watch shows over HTTP, on the socket that systemd has opened for it: without one it shows nothing. */
export class Site {
  private readonly samples = new Samples();
  private readonly events = new Events();
  private readonly server: Server | null;
  private report: Report | null = null;

  constructor() {
    const page = typeof BONDBOX_PAGE === "undefined" ? "" : BONDBOX_PAGE;
    this.server = hasSocket() ? siteServer({ page, report: () => this.report, samples: this.samples, events: this.events }) : null;
    this.server?.on("error", ({ message }) => process.stderr.write(`bondbox: the status page cannot be shown: ${message}\n`));
    this.server?.listen({ fd: firstSocket });
  }

  /** Shows what the box is like now. */
  show(report: Report, rates: Rates): void {
    if (this.server === null) return;
    const before = this.report;
    this.report = report;
    this.events.send("sample", this.samples.add(Date.parse(report.time), rates));
    if (before === null || !sameBut(before, report)) this.events.send("status", report);
  }

  /** Lets all browsers go; the socket stays systemd's. */
  end(): void {
    this.events.end();
    this.server?.close();
    this.server?.closeAllConnections();
  }
}

const hasSocket = (): boolean => process.env.LISTEN_PID === `${process.pid}` && Number(process.env.LISTEN_FDS) > 0;

/** Whether only its time differs, so that nobody needs it. */
const sameBut = (before: Report, after: Report): boolean =>
  JSON.stringify({ ...before, time: "" }) === JSON.stringify({ ...after, time: "" });

import type { Server } from "node:http";
import type { OutageLog } from "../outage-log";
import type { Report } from "../report";
import { type Rings } from "../rings";
import { type Sample, Samples } from "../samples";
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

  /**
   * @param outages when something did not work
   * @param rings what was measured over days
   */
  constructor(outages: OutageLog, rings: Rings) {
    const page = typeof BONDBOX_PAGE === "undefined" ? "" : BONDBOX_PAGE;
    const { samples, events } = this;
    this.server = hasSocket() ? siteServer({ page, report: () => this.report, samples, events, rings, outages: () => outages.all }) : null;
    this.server?.on("error", ({ message }) => process.stderr.write(`bondbox: the status page cannot be shown: ${message}\n`));
    this.server?.listen({ fd: firstSocket });
  }

  /** Shows what the box is like now. */
  show(report: Report, sample: Sample): void {
    if (this.server === null) return;
    const before = this.report;
    this.report = report;
    this.samples.add(sample);
    this.events.send("sample", sample);
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

/** Whether they differ but in what each sample has. */
const sameBut = (before: Report, after: Report): boolean => still(before) === still(after);

function still(report: Report): string {
  const { bond, lines } = report;
  const quiet = { rate: null, measured: null, tunnel: null, lane: null };
  return JSON.stringify({
    ...report,
    time: "",
    bond: { ...bond, rate: null },
    lines: lines.map((line) => ({ ...line, ...quiet, health: line.health?.state })),
  });
}

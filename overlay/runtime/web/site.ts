import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import type { OutageLog } from "../outage-log";
import type { Report } from "../report";
import { type Rings } from "../rings";
import { type Sample, Samples } from "../samples";
import { Attempts } from "./attempts";
import { Events } from "./events";
import { readPasswordHash } from "./password";
import { siteServer } from "./server";
import { Sessions } from "./sessions";

/** The page, which the builder puts into the bundle. */
declare const BONDBOX_PAGE: string | undefined;

/** The first socket that systemd hands over. Source: sd_listen_fds(3) */
const firstSocket = 3;

/** The password as hashPassword has made it. A box without it has no controls. */
const passwordPath = "/etc/bondbox/page.key";

export interface SiteOptions {
  /** Where /etc and /run are looked for. */
  root: string;
  /** When something did not work. */
  outages: OutageLog;
  /** What was measured over days. */
  rings: Rings;
  /** Only those who are logged in may read. */
  closed: boolean;
  /** Puts a sentence into the journal and the history. */
  record: (row: string) => void;
}

/** What the watch shows over HTTP, on the socket that systemd has opened for it: without one it shows nothing. */
export class Site {
  private readonly samples = new Samples();
  private readonly events = new Events();
  private readonly sessions = new Sessions();
  private readonly server: Server | null;
  private report: Report | null = null;
  /** What of it browsers have. */
  private sent = "";

  constructor({ root, outages, rings, closed, record }: SiteOptions) {
    const page = typeof BONDBOX_PAGE === "undefined" ? "" : BONDBOX_PAGE;
    const { samples, events, sessions } = this;
    const report = (): Report | null => this.report;
    const attempts = attemptsOf(root);
    const options = { page, root, report, samples, events, rings, outages: () => outages.all, record, sessions, attempts, closed };
    this.server = hasSocket() ? siteServer(options) : null;
    this.server?.on("error", ({ message }) => process.stderr.write(`bondbox: the status page cannot be shown: ${message}\n`));
    this.server?.listen({ fd: firstSocket });
  }

  /** Shows what the box is like now. */
  show(report: Report, sample: Sample): void {
    if (this.server === null) return;
    this.report = report;
    this.samples.add(sample);
    this.sessions.sweep();
    this.events.send("sample", sample);
    const now = still(report);
    if (now !== this.sent) this.events.send("status", report);
    this.sent = now;
  }

  /** Lets all browsers go; the socket stays systemd's. */
  end(): void {
    this.events.end();
    this.server?.close();
    this.server?.closeAllConnections();
  }
}

const hasSocket = (): boolean => process.env.LISTEN_PID === `${process.pid}` && Number(process.env.LISTEN_FDS) > 0;

function attemptsOf(root: string): Attempts | null {
  let text: string;
  try {
    text = readFileSync(join(root, passwordPath), "utf8");
  } catch {
    return null;
  }
  const hash = readPasswordHash(text);
  if (hash === null) process.stderr.write(`bondbox: ${passwordPath} is damaged: nobody can log in; build again and copy the card again\n`);
  return hash === null ? null : new Attempts(hash);
}

/** What of a report is not in each sample. */
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

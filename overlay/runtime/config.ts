import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errors } from "./errors";

/** /etc/bondbox/box.json: what the program on the box must know about the plan. The builder writes it. */
export interface BoxConfig {
  /** Version of the builder that made the box. */
  version: string;
  profile: string;
  /** Names the set of keys: that of the server must be the same. */
  keySet: string;
  bond: BondConfig;
  server: {
    /** Public address. */
    address: string;
    /** Its address inside the tunnel, the target of the bond's ARP probes. */
    inner: string;
  };
  lan: { interface: string };
  /** The box has the TCP lane, which may be off. */
  lane: boolean;
  /** From when on a line is taken out; null: none is. */
  sick: Limits | null;
  /** The status page; closed: only those who are logged in may read it. */
  page: { closed: boolean };
  /** null: nobody is notified. */
  notify: NotifyConfig | null;
  lines: LineConfig[];
}

export interface Limits {
  /** Part of the packets that are lost, 0 to 1. */
  loss: number;
  /** Round trip without queues, ms. */
  delay: number;
}

/** What of the profile's "notify" is no secret; the rest is in notify.key. */
export interface NotifyConfig {
  /** How long something is down before anybody is notified, s. */
  after: number;
  to: Record<NotifyTarget, boolean>;
}

/** Ways to notify a person. */
export type NotifyTarget = "url" | "command";

export interface BondConfig {
  name: string;
  /** The kernel's name for it, such as balance-rr. */
  mode: string;
  /** Each packet goes to the line on which it arrives first. */
  striper: boolean;
  /** MTU of bond and taps, bytes. */
  mtu: number;
}

export interface Planned {
  down: number | null;
  up: number | null;
}

export interface LineConfig {
  name: string;
  /** Address of the modem in the LAN. */
  modem: string;
  tap: string;
  /** UDP port on the server. */
  port: number;
  mark: number;
  /** As in the profile, kbit/s; null: it is found. */
  rate: Planned;
  /** The rate is one figure in the profile. */
  steady: { down: boolean; up: boolean };
  /** Bytes a month that the contract includes; null: not counted. */
  monthly: number | null;
  /** What the tunnel adds to what its tap counts, bytes per packet. */
  overhead: number;
  /** The device of the TCP lane's path over it; null: it has none. */
  lane: string | null;
}

const configPath = "/etc/bondbox/box.json";

/** Reads box.json below `root`. Throws a UserError that names the file and the place in it. */
export function loadConfig(root: string): BoxConfig {
  const path = join(root, configPath);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw code === "ENOENT" ? errors.configMissing(path) : errors.configUnreadable(path, code);
  }
  try {
    const config = parseConfig(text);
    return { ...config, server: { ...config.server, address: chosenServer(root) ?? config.server.address } };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) {
      throw errors.configBroken(path, oneLine(error.message));
    }
    throw error;
  }
}

/** The server that bondbox-failover has switched to, if it ever did. */
function chosenServer(root: string): string | null {
  try {
    return readFileSync(join(root, "/run/bondbox/server"), "utf8").trim() || null;
  } catch {
    return null;
  }
}

/** Parses the text of box.json. Throws a SyntaxError (no JSON) or a TypeError that names the key. Unknown keys are ignored. */
export function parseConfig(text: string): BoxConfig {
  const top = new Reader(JSON.parse(text), "");
  const bond = top.object("bond");
  const server = top.object("server");
  const lan = top.object("lan");
  const config: BoxConfig = {
    version: top.string("version"),
    profile: top.string("profile"),
    keySet: top.string("keySet"),
    bond: {
      name: bond.name("name"),
      mode: bond.string("mode"),
      striper: bond.boolean("striper"),
      mtu: bond.number("mtu"),
    },
    server: { address: server.string("address"), inner: server.string("inner") },
    lan: { interface: lan.name("interface") },
    lane: top.boolean("lane"),
    sick: limits(top.objectOrNull("sick")),
    page: { closed: top.object("page").boolean("closed") },
    notify: notifyConfig(top.objectOrNull("notify")),
    lines: top.list("lines").map((line) => {
      const rate = line.object("rate");
      const steady = line.object("steady");
      return {
        name: line.name("name"),
        modem: line.string("modem"),
        tap: line.name("tap"),
        port: line.number("port"),
        mark: line.number("mark"),
        rate: { down: rate.numberOrNull("down"), up: rate.numberOrNull("up") },
        steady: { down: steady.boolean("down"), up: steady.boolean("up") },
        monthly: line.numberOrNull("monthly"),
        overhead: line.number("overhead"),
        lane: line.nameOrNull("lane"),
      };
    }),
  };
  if (config.lines.length === 0) {
    throw new TypeError("lines is empty");
  }
  return config;
}

function limits(sick: Reader | null): Limits | null {
  return sick === null ? null : { loss: sick.number("loss"), delay: sick.number("delay") };
}

function notifyConfig(notify: Reader | null): NotifyConfig | null {
  if (notify === null) return null;
  const to = notify.object("to");
  return { after: notify.number("after"), to: { url: to.boolean("url"), command: to.boolean("command") } };
}

/** Takes typed values out of parsed JSON and knows their place in it. */
class Reader {
  private readonly record: Record<string, unknown>;

  constructor(
    value: unknown,
    private readonly place: string,
  ) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new TypeError(`${place || "the file"} must be an object, not ${show(value)}`);
    }
    this.record = value as Record<string, unknown>;
  }

  string(key: string): string {
    const value = this.record[key];
    return typeof value === "string" ? value : this.fail(key, "a string");
  }

  number(key: string): number {
    const value = this.record[key];
    return typeof value === "number" && Number.isFinite(value) ? value : this.fail(key, "a number");
  }

  numberOrNull(key: string): number | null {
    return this.record[key] === null ? null : this.number(key);
  }

  boolean(key: string): boolean {
    const value = this.record[key];
    return typeof value === "boolean" ? value : this.fail(key, "true or false");
  }

  /** A name that becomes part of a path. */
  name(key: string): string {
    const value = this.string(key);
    return /^[^\s/.][^\s/]*$/.test(value) ? value : this.fail(key, "a name");
  }

  nameOrNull(key: string): string | null {
    return this.record[key] === null ? null : this.name(key);
  }

  object(key: string): Reader {
    return new Reader(this.record[key], this.at(key));
  }

  objectOrNull(key: string): Reader | null {
    return this.record[key] === null ? null : this.object(key);
  }

  list(key: string): Reader[] {
    const value = this.record[key];
    const list = Array.isArray(value) ? value : this.fail(key, "a list");
    return list.map((entry: unknown, index) => new Reader(entry, `${this.at(key)}[${index}]`));
  }

  private at(key: string): string {
    return this.place ? `${this.place}.${key}` : key;
  }

  private fail(key: string, wanted: string): never {
    throw new TypeError(`${this.at(key)} must be ${wanted}, not ${show(this.record[key])}`);
  }
}

function show(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}

import type { Entry } from "../render/tree";

/** A file of a half as it is there: of a link, where it leads. */
export interface Found {
  path: string;
  sum: string;
  mode: number;
}

export interface Changes {
  added: string[];
  changed: string[];
  removed: string[];
}

/** What a unit is started with, and what brings a change of it into effect. */
interface Unit {
  name: string;
  files: RegExp;
  verb: "restart" | "reload" | "reload-or-restart";
}

const restarts = (name: string, files: RegExp): Unit => ({ name, files, verb: "restart" });

/** In the order in which they start. The server's own order is in its install.sh. */
const units: Unit[] = [
  { name: "bondbox-firewall.service", files: /bondbox-firewall|\/rules\.v[46]$/, verb: "reload-or-restart" },
  restarts("bondbox-network.service", /\/network\.conf$|bondbox-network/),
  { name: "bondbox-bond.service", files: /bondbox-bond/, verb: "reload-or-restart" },
  restarts("bondbox-striper.service", /striper|\/lines\.conf$/),
  restarts("bondbox-qos.service", /wondershaper|\/lines\.conf$|bondbox-qos/),
  restarts("bondbox-lane.service", /bondbox-lane(\.|$)|\/lane\.cfg$/),
  restarts("bondbox-lane-watch.service", /bondbox-lane-watch/),
  restarts("bondbox-watchdog.service", /watchdog|bonding\.sh$|taken-out\.sh$/),
  restarts("bondbox-guard.service", /bondbox-guard/),
  restarts("bondbox-failover.service", /bondbox-failover|\/network\.conf$/),
  restarts("bondbox-fallback.service", /bondbox-fallback|\/network\.conf$/),
  restarts("bondbox-reconnect.service", /bondbox-re(connect|ach)|\/network\.conf$/),
  restarts("bondbox-ipv6.service", /bondbox-ipv6|\/ipv6\.conf$/),
  restarts("bondbox-watch.socket", /bondbox-watch\.socket$/),
  restarts("bondbox-watch.service", /bondbox-watch|\/bondbox\.cjs$|bin\/bondbox$|\/box\.json$|\/(page|notify)\.key$/),
  restarts("bondbox-notify.path", /bondbox-notify\.path$/),
  restarts("systemd-journald.service", /journald\.conf\.d/),
  { name: "ssh.service", files: /\/sshd_config\.d\/|\/ssh_host_/, verb: "reload" },
];

/** Sandbox and pauses of all units. */
const ofAll = /bondbox-\.service\.d\//;

/**
 * What differs between a half and what the build made for it.
 * @param found its files now
 * @param wanted what the build made
 * @param sumOf the SHA-256 of a file's content
 */
export function changesOf(found: Found[], wanted: Entry[], sumOf: (content: Buffer) => string): Changes {
  const files = wanted.filter((entry) => entry.kind !== "directory");
  const there = new Map(found.map((file) => [file.path, file]));
  const isSame = (entry: Entry): boolean => {
    const file = there.get(entry.path);
    if (entry.kind === "link") return file?.sum === entry.target;
    return entry.kind === "file" && file?.sum === sumOf(entry.content) && file.mode === entry.mode;
  };
  const paths = new Set(files.map(({ path }) => path));
  return {
    added: files.filter(({ path }) => !there.has(path)).map(({ path }) => path),
    changed: files.filter((entry) => there.has(entry.path) && !isSame(entry)).map(({ path }) => path),
    removed: found.filter(({ path }) => !paths.has(path)).map(({ path }) => path),
  };
}

export interface Action {
  verb: Unit["verb"];
  unit: string;
}

/**
 * What has to be restarted for the changes to take effect, in order.
 * @param changes of one half
 * @param lines names of its lines, after the change
 */
export function actionsOf({ added, changed, removed }: Changes, lines: string[]): Action[] {
  const paths = [...added, ...changed, ...removed];
  const touches = (files: RegExp): boolean => paths.some((path) => ofAll.test(path) || files.test(path));
  const tunnels = lines
    .filter((line) => touches(new RegExp(`/openvpn/(bondbox/)?${line}\\.|bondbox-tunnel(@\\.service|@${line}\\.service)?$`)))
    .map((line): Action => ({ verb: "restart", unit: `bondbox-tunnel@${line}.service` }));
  const others = units.filter(({ files }) => touches(files)).map(({ name, verb }): Action => ({ verb, unit: name }));
  const [first, later] = [others.filter(isBefore), others.filter((one) => !isBefore(one))];
  return [...first, ...tunnels, ...later];
}

/** What the tunnels need. */
const isBefore = ({ unit }: Action): boolean => /bondbox-(firewall|network|bond)\./.test(unit);

/**
 * Units that stop before the files are changed: what they have set up is taken back by what is installed now, and nobody brings back
 * what is on its way out.
 */
export function stopsOf(actions: Action[]): string[] {
  const names = actions.map(({ unit }) => unit);
  const quiet = ["bondbox-guard.service"].filter(() => names.some((unit) => !/watch|notify|journald|ssh/.test(unit)));
  return [...quiet, ...names.filter((unit) => unit === "bondbox-network.service")];
}

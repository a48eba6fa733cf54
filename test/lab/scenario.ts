import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import Ajv from "ajv/dist/2020";
import { didYouMean, type ErrorText, profile as texts, UsageError } from "../../builder/errors";
import { type Draftable, readerOf, type Report } from "../../builder/yaml/read";
import { suggest } from "../../builder/base/suggest";
import type { Direction, End, Half } from "./job";
import schema from "./scenario.schema.json";

/** A scenario as its file says, defaults filled in. The schema is the reference. */
export interface Scenario {
  title: string;
  about?: string;
  profile: string;
  also: string[];
  set: Record<string, unknown>;
  push: Record<string, Record<string, unknown>>;
  rotate: string[];
  lines: Record<string, LineChange>;
  internetRtt: number;
  seconds: number;
  short: boolean;
  newestKernel: boolean;
  ipv6: boolean;
  resolvers: boolean;
  install: boolean;
  alone: boolean;
  events: ScenarioEvent[];
  traffic: ScenarioTraffic[];
  figures: ScenarioFigure[];
}

export interface LineChange {
  down?: number;
  up?: number;
  rtt?: number;
  jitter?: number;
  loss?: number;
  queueDown?: number;
  queueUp?: number;
}

export interface ScenarioEvent {
  at: number;
  do: "cut" | "restore" | "change" | "flap" | "reconnect" | "halt" | "boot" | "reboot" | "rebuild" | "run";
  line?: string;
  direction?: Direction;
  to?: LineChange;
  until?: number;
  every?: number;
  half?: Half;
  after: number;
  command?: string[];
}

export interface ScenarioTraffic {
  name: string;
  kind: "flow" | "ping" | "page" | "age" | "program" | "ask" | "connect6" | "scan" | "intrude";
  start: number;
  end?: number;
  direction?: Direction;
  flows: number;
  machine: number;
  rate?: number;
  congestion?: string;
  strict: boolean;
  via?: string;
  every: number;
  bytes?: number;
  serve?: string;
  run?: string;
  from: "client" | "host";
  to?: string;
  port?: number;
  protocol: "tcp" | "udp" | "quic";
  ports: string;
  how?: "wrong-key" | "replay" | "stranger";
  line?: string;
}

/** What a throughput can be a part of, besides a line by its name. */
export const references = ["ceiling", "shaped", "sum", "best", "direct", "bestLine"] as const;

export type FigureKind =
  | "goodput"
  | "latency"
  | "lost"
  | "took"
  | "datagrams"
  | "recovery"
  | "stall"
  | "connections"
  | "carrying"
  | "outages"
  | "worked"
  | "fragments"
  | "answers"
  | "reached"
  | "open"
  | "passed"
  | "processor"
  | "noticed"
  | "connected"
  | "ipv6-leaked"
  | "up";

export interface ScenarioFigure {
  name: string;
  kind: FigureKind;
  traffic?: string;
  from?: number;
  to?: number;
  of?: string;
  statistic: "median" | "p95" | "max" | "jitter";
  unit: "percent" | "packets";
  expect?: string;
  half?: End;
  atLeast?: number;
  atMost?: number;
}

type Draft = Draftable<Scenario>;

/** Keys without which an event, traffic or figure of a kind means nothing. */
const needed = {
  event: {
    cut: ["line"],
    restore: ["line"],
    change: ["line", "to"],
    flap: ["line", "until", "every"],
    reconnect: ["line"],
    halt: ["half"],
    boot: ["half"],
    reboot: ["half"],
    rebuild: ["half"],
    run: ["half", "command"],
  },
  traffic: {
    flow: ["direction"],
    ping: [],
    page: ["bytes"],
    age: ["direction"],
    program: ["serve", "run"],
    ask: ["to", "port"],
    connect6: [],
    scan: [],
    intrude: ["how", "line"],
  },
  figure: {
    goodput: ["traffic"],
    latency: ["traffic"],
    lost: ["traffic"],
    recovery: ["traffic", "from", "of"],
    stall: ["traffic"],
    connections: ["traffic"],
    carrying: ["from"],
    outages: [],
    worked: ["traffic"],
    fragments: [],
    took: ["traffic"],
    datagrams: ["traffic"],
    answers: ["traffic", "expect"],
    reached: ["traffic", "from", "expect"],
    open: ["traffic"],
    passed: ["traffic"],
    processor: ["traffic", "half"],
    noticed: ["traffic"],
    connected: ["traffic"],
    "ipv6-leaked": [],
    up: [],
  },
} as const;

/** Further keys that a kind of traffic or figure heeds. Another one would do nothing, and its writer would not know. */
const heeded: { traffic: Record<ScenarioTraffic["kind"], string[]>; figure: Record<FigureKind, string[]> } = {
  traffic: {
    flow: ["direction", "flows", "rate", "congestion", "strict", "via", "protocol", "machine"],
    ping: ["every", "via", "machine"],
    page: ["bytes", "every", "via", "machine"],
    age: ["direction", "via", "machine"],
    program: ["serve", "run", "machine"],
    ask: ["every", "from", "to", "port", "protocol"],
    connect6: ["every"],
    scan: ["ports"],
    intrude: ["how", "line"],
  },
  figure: {
    goodput: ["traffic", "from", "to", "of"],
    latency: ["traffic", "from", "to", "statistic"],
    lost: ["traffic", "from", "to", "unit"],
    took: ["traffic", "from", "to", "of", "statistic"],
    datagrams: ["traffic", "from", "to", "statistic"],
    recovery: ["traffic", "from", "of"],
    stall: ["traffic", "from", "to"],
    connections: ["traffic"],
    carrying: ["from"],
    outages: ["from", "to"],
    worked: ["traffic"],
    fragments: [],
    answers: ["traffic", "from", "to", "expect"],
    reached: ["traffic", "from", "expect"],
    open: ["traffic"],
    passed: ["traffic"],
    processor: ["traffic", "half"],
    noticed: ["traffic", "from", "to", "statistic"],
    connected: ["traffic", "from", "to"],
    "ipv6-leaked": [],
    up: [],
  },
};
const always = { traffic: ["name", "kind", "start", "end"], figure: ["name", "kind", "atLeast", "atMost"] };

/** Keys of a traffic or figure that its kind does not heed. A default is no key that somebody wrote. */
function unheeded(what: "traffic" | "figure", given: object, kind: string): string[] {
  const known = [...always[what], ...((heeded[what] as Record<string, string[]>)[kind] ?? [])];
  const properties: Record<string, object> = schema.$defs[what].properties;
  const isDefault = (key: string, value: unknown): boolean => (properties[key] as { default?: unknown } | undefined)?.default === value;
  return Object.entries(given).flatMap(([key, value]) => (known.includes(key) || isDefault(key, value) ? [] : [key]));
}

/** What kind of traffic a figure is taken from. */
const source: Partial<Record<FigureKind, ScenarioTraffic["kind"][]>> = {
  goodput: ["flow"],
  recovery: ["flow"],
  stall: ["flow"],
  connections: ["flow"],
  latency: ["ping"],
  lost: ["ping"],
  took: ["page", "age"],
  worked: ["program"],
  datagrams: ["flow"],
  answers: ["ask"],
  reached: ["ask"],
  open: ["scan"],
  passed: ["intrude"],
  processor: ["flow"],
  noticed: ["connect6"],
  connected: ["connect6"],
};

const complaint = {
  missing: (key: string, what: string): ErrorText => ({ message: `"${key}" is missing: ${what} needs it`, hint: `Add "${key}: ...".` }),
  unheeded: (key: string, what: string): ErrorText => ({ message: `${what} does nothing with it`, hint: `Remove "${key}".` }),
  noRate: (): ErrorText => ({
    message: '"rate" is missing: UDP sends as fast as it is told to',
    hint: 'Add "rate: ...", kbit/s of each flow.',
  }),
  onlyDown: (): ErrorText => ({ message: "the QUIC program of the lab only downloads", hint: "Write direction: down." }),
  askQuic: (): ErrorText => ({ message: "a question is asked over TCP or UDP", hint: "Write protocol: tcp, or udp." }),
  late: (value: number, end: number): ErrorText => ({
    message: `${value} is after the end of the time line, ${end}`,
    hint: "Choose an earlier time, or raise seconds.",
  }),
  order: (start: number, end: number): ErrorText => ({
    message: `it would end at ${end}, before it starts at ${start}`,
    hint: "Write a later end.",
  }),
  sameName: (name: string): ErrorText => ({ message: `"${name}" is the name of two`, hint: "Choose another name." }),
  noTraffic: (name: string, near: string | null, names: string[]): ErrorText => ({
    message: `there is no traffic "${name}"`,
    hint: didYouMean(near, `Known traffic: ${names.join(", ")}.`),
  }),
  otherKind: (figure: string, kinds: string[], kind: string): ErrorText => ({
    message: `${figure} is taken from traffic of kind ${kinds.join(" or ")}, and this one is of kind ${kind}`,
    hint: `Name a traffic of kind ${kinds.join(" or ")}, or take another figure.`,
  }),
  noIpv6: (kind: string): ErrorText => ({ message: `${kind} sees nothing where no modem is an IPv6 router`, hint: 'Add "ipv6: true".' }),
  noMachines: (): ErrorText => ({ message: "the network is alone, without box and server", hint: 'Remove "alone: true", or the event.' }),
  noBar: (): ErrorText => ({ message: "atLeast is above atMost", hint: "No figure can meet both: correct one." }),
};

/** What flows of a protocol do not heed. */
const unheededBy: Record<ScenarioTraffic["protocol"], (keyof ScenarioTraffic)[]> = {
  tcp: [],
  udp: ["congestion", "strict"],
  quic: ["congestion", "rate", "strict", "via"],
};

/** What the schema cannot say. Names of lines are checked when the profile is known. */
function checkTogether(draft: Draft, report: Report): void {
  const seconds = draft.seconds ?? Infinity;
  for (const [index, event] of (draft.events ?? []).entries()) {
    if (event?.do === undefined) continue;
    if (draft.alone === true && event.half !== undefined) report(["events", index, "half"], complaint.noMachines());
    for (const key of needed.event[event.do]) if (event[key] === undefined) report(["events", index], complaint.missing(key, event.do));
    for (const key of ["at", "until"] as const)
      if ((event[key] ?? 0) > seconds) report(["events", index, key], complaint.late(event[key] as number, seconds));
  }
  const kinds = new Map<string, ScenarioTraffic["kind"] | undefined>();
  for (const [index, traffic] of (draft.traffic ?? []).entries()) {
    if (traffic === undefined) continue;
    if (traffic.kind === "connect6" && draft.ipv6 !== true) report(["traffic", index, "kind"], complaint.noIpv6(traffic.kind));
    for (const key of traffic.kind === undefined ? [] : needed.traffic[traffic.kind])
      if (traffic[key] === undefined) report(["traffic", index], complaint.missing(key, traffic.kind as string));
    const protocol = traffic.kind === "flow" ? (traffic.protocol ?? "tcp") : "tcp";
    if (protocol === "udp" && traffic.rate === undefined) report(["traffic", index], complaint.noRate());
    for (const key of unheededBy[protocol])
      if (traffic[key] !== undefined && traffic[key] !== false)
        report(["traffic", index, key], complaint.unheeded(key, `a flow of ${protocol.toUpperCase()}`));
    if (protocol === "quic" && traffic.direction === "up") report(["traffic", index, "direction"], complaint.onlyDown());
    if (traffic.kind === "ask" && traffic.protocol === "quic") report(["traffic", index, "protocol"], complaint.askQuic());
    for (const key of traffic.kind === undefined ? [] : unheeded("traffic", traffic, traffic.kind))
      report(["traffic", index, key], complaint.unheeded(key, `traffic of kind ${traffic.kind}`));
    if (traffic.name !== undefined && kinds.has(traffic.name)) report(["traffic", index, "name"], complaint.sameName(traffic.name));
    kinds.set(traffic.name ?? "", traffic.kind);
    const start = traffic.start ?? 0;
    for (const key of ["start", "end"] as const)
      if ((traffic[key] ?? 0) > seconds) report(["traffic", index, key], complaint.late(traffic[key] as number, seconds));
    if (traffic.end !== undefined && traffic.end <= start) report(["traffic", index, "end"], complaint.order(start, traffic.end));
  }
  for (const [index, figure] of (draft.figures ?? []).entries()) {
    if (figure?.kind === undefined) continue;
    if (figure.kind === "ipv6-leaked" && draft.ipv6 !== true) report(["figures", index, "kind"], complaint.noIpv6(figure.kind));
    for (const key of needed.figure[figure.kind])
      if (figure[key] === undefined) report(["figures", index], complaint.missing(key, figure.kind));
    for (const key of unheeded("figure", figure, figure.kind))
      report(["figures", index, key], complaint.unheeded(key, `the figure ${figure.kind}`));
    if ((figure.atLeast ?? -Infinity) > (figure.atMost ?? Infinity)) report(["figures", index, "atLeast"], complaint.noBar());
    const wanted = source[figure.kind];
    if (figure.traffic === undefined || wanted === undefined) continue;
    const names = [...kinds.keys()];
    const check = (key: "traffic" | "of", name: string): void => {
      const kind = kinds.get(name);
      if (!kinds.has(name)) report(["figures", index, key], complaint.noTraffic(name, suggest(name, names), names));
      else if (kind !== undefined && !wanted.includes(kind))
        report(["figures", index, key], complaint.otherKind(figure.kind as string, wanted, kind));
    };
    check("traffic", figure.traffic);
    if (figure.kind === "took" && figure.of !== undefined) check("of", figure.of);
  }
}

/** Reads a scenario's text. @throws DocumentError with every problem of the file at once. */
export const loadScenario: (text: string, file: string) => Scenario = readerOf<Scenario>({
  ajv: new Ajv({ allErrors: true, useDefaults: true, verbose: true, strict: false, strictNumbers: true }),
  schema,
  formats: { name: { text: texts.name } },
  checkTogether,
  example: "test/lab/scenarios/guide.yaml",
});

export interface NamedScenario extends Scenario {
  name: string;
  file: string;
  /** In place of the release's own. */
  kernel?: "newest";
}

/**
 * A scenario for each of its profiles and kernels: "guide", "guide@debian-12", ..., "guide@newest-kernel".
 * @param short without other kernels, which take as long again
 */
export function variantsOf(scenarios: NamedScenario[], short: boolean): NamedScenario[] {
  return scenarios.flatMap((scenario) => {
    const named = (variant: string): string => `${scenario.name}@${variant}`;
    return [
      scenario,
      ...scenario.also.map((profile) => ({ ...scenario, name: named(profile), profile })),
      ...(scenario.newestKernel && !short ? [{ ...scenario, name: named("newest-kernel"), kernel: "newest" as const }] : []),
    ];
  });
}

/**
 * Scenarios of the repository by name; "guide@debian-12" is that one alone, without its other profiles and kernels.
 * @param wanted names, or paths of files elsewhere; none: all.
 */
export function findScenarios(folder: string, wanted: string[], shown: (path: string) => string): NamedScenario[] {
  const known = readdirSync(folder)
    .flatMap((file) => /^(.*)\.yaml$/.exec(file)?.[1] ?? [])
    .sort();
  const names = wanted.length === 0 ? known : wanted;
  const read = (path: string): NamedScenario => ({
    ...loadScenario(readFileSync(path, "utf8"), shown(path)),
    name: basename(path).replace(/\.ya?ml$/, ""),
    file: shown(path),
  });
  return names.map((name) => {
    if (/[/\\]|\.ya?ml$/.test(name)) return read(name);
    const [base = ""] = name.split("@");
    const variants = known.includes(base) ? variantsOf([read(join(folder, `${base}.yaml`))], false) : [];
    const found = variants.find((variant) => variant.name === name);
    if (found !== undefined) return name === base ? found : { ...found, also: [], newestKernel: false };
    const names = variants.length > 1 ? variants.map((variant) => variant.name) : known;
    throw new UsageError(`there is no scenario "${name}"`, didYouMean(suggest(name, names), `Known scenarios: ${names.join(", ")}.`));
  });
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DocumentError } from "../../../builder/errors";
import { planProfile } from "../../../builder/build/build";
import { formatDocumentError } from "../../../builder/yaml/report";
import { host6, machineOf, netem, serversOf } from "../../lab/job";
import { calibrationOf, emulation, jobOf, resolvers, systemOf } from "../../lab/plan-job";
import { findScenarios, loadScenario, type NamedScenario, variantsOf } from "../../lab/scenario";
import { root } from "../../support/builds";

const folder = join(root, "test/lab/scenarios");
const good = readFileSync(join(folder, "cut.yaml"), "utf8");

/** What a person sees when the scenario is wrong. */
function complaint(text: string): string {
  try {
    loadScenario(text, "my.yaml");
  } catch (error) {
    if (error instanceof DocumentError) return formatDocumentError(error);
    throw error;
  }
  return "";
}

describe("the scenarios that are shipped", () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith(".yaml")))("%s is right", (file) => {
    expect(complaint(readFileSync(join(folder, file), "utf8"))).toBe("");
  });

  it("the short set is what scripts/test promises", () => {
    const short = findScenarios(folder, [], (path) => path).filter((scenario) => scenario.short);
    expect(short.map(({ name }) => name)).toEqual([
      "backup",
      "bypass",
      "cut",
      "exposure",
      "forward",
      "guide",
      "install-remove",
      "ipv6-block",
      "no-fallback",
      "one-way-down",
      "one-way-up",
      "reboot-both",
      "reboot-box",
      "reboot-server",
      "reconnect",
      "server-dead",
    ]);
  });
});

describe("variants of a scenario", () => {
  const variants = (short: boolean) => variantsOf(findScenarios(folder, ["guide", "cut", "forward"], String), short);

  it("are its profiles and, in the whole set, the newest kernel", () => {
    const short = ["guide", "guide@debian-12", "guide@ubuntu-22-04", "guide@guide-2017", "cut", "forward"];
    expect(variants(true).map(({ name }) => name)).toEqual(short);
    const more = variants(false).filter(({ name }) => !short.includes(name));
    expect(more.map(({ name }) => name)).toEqual(["guide@newest-kernel", "cut@newest-kernel"]);
  });

  it("may be named, each alone", () => {
    const all = variantsOf(findScenarios(folder, [], String), false);
    const found = findScenarios(
      folder,
      all.map(({ name }) => name),
      String,
    );
    const alone = found.filter(({ name }) => name.includes("@"));
    expect(alone.length).toBeGreaterThan(6);
    expect(variantsOf(alone, false)).toEqual(alone);
    const same = ({ also, newestKernel, ...rest }: NamedScenario): object => rest;
    expect(alone.map(same)).toEqual(all.filter(({ name }) => name.includes("@")).map(same));
  });

  it("start from the kernel that they are for", () => {
    const { plan } = planProfile(root, "home");
    const systems = variants(false).map((scenario) => [scenario.name, systemOf(scenario, plan).newestKernel]);
    expect(systems.filter(([, newest]) => newest).map(([name]) => name)).toEqual(["guide@newest-kernel", "cut@newest-kernel"]);
  });
});

describe("a mistake in a scenario", () => {
  it.each([
    ["do: cut, line: orange", "do: cut", 'my.yaml:8:5: events[0]: "line" is missing: cut needs it'],
    ["do: cut, line", "do: cutt, line", 'my.yaml:8:19: events[0].do: "cutt" is not one of cut, restore,'],
    ["at: 10", "at: 150", "my.yaml:8:11: events[0].at: 150 is after the end of the time line, 40"],
    ["kind: recovery, traffic: download", "kind: recovery, traffic: downlod", 'there is no traffic "downlod"\n'],
    [
      "kind: recovery, traffic: download",
      "kind: recovery, traffic: ping",
      "recovery is taken from traffic of kind flow, and this one is of kind ping",
    ],
    ["kind: recovery, traffic: download", "kind: took, traffic: ping", "took is taken from traffic of kind page or age, and this one"],
    ["kind: ping, start: 0", "kind: page, start: 0", 'traffic[2]: "bytes" is missing: page needs it'],
    ["atMost: 1.5", "atMost: 1.5, atLeast: 2", "atLeast is above atMost"],
    ["title:", "titel:", 'my.yaml:2:1: unknown key "titel"'],
    ["seconds: 40", "seconds: [40", "[yaml.open-bracket]"],
    [
      "seconds: 40\nevents:\n  - { at: 10, do: cut, line: orange }",
      "seconds: 40\nalone: true\nevents:\n  - { at: 10, do: halt, half: box }",
      "the network is alone",
    ],
    ["do: cut, line: orange", "do: rebuild", '"half" is missing: rebuild needs it'],
    ["kind: stall, traffic", "kind: processor, traffic", '"half" is missing: processor needs it'],
    ["kind: ping, start: 0", "kind: connect6, start: 0", "connect6 sees nothing where no modem is an IPv6 router"],
    ["kind: lost, traffic: ping, from: 10, to: 15,", "kind: ipv6-leaked,", "ipv6-leaked sees nothing where no modem is an IPv6 router"],
    ["kind: ping, start: 0", "kind: ping, start: 0, rate: 8", "my.yaml:13:47: traffic[2].rate: traffic of kind ping does nothing with it"],
    ["kind: lost, traffic: ping", "kind: lost, of: ovh, traffic: ping", "figures[2].of: the figure lost does nothing with it"],
    ["direction: down, start: 1, end: 39", "direction: down, protocol: udp, start: 1, end: 39", '"rate" is missing: UDP sends as fast'],
    [
      "direction: down, start: 1, end: 39",
      "direction: down, protocol: udp, rate: 5, congestion: bbr, start: 1, end: 39",
      "a flow of UDP does nothing",
    ],
    [
      "direction: down, start: 1",
      "direction: down, protocol: quic, rate: 5, start: 1",
      "traffic[0].rate: a flow of QUIC does nothing with it",
    ],
    ["direction: down, start: 1", "direction: up, protocol: quic, start: 1", "the QUIC program of the lab only downloads"],
    [
      "kind: ping, start: 0",
      "kind: ask, to: host, port: 80, protocol: quic, start: 0",
      "traffic[2].protocol: a question is asked over TCP or UDP",
    ],
  ])("%s -> %s", (from, to, expected) => {
    expect(good).toContain(from);
    expect(complaint(good.replace(from, to))).toContain(expected);
  });

  it("an empty file says where to begin", () => {
    expect(complaint("")).toContain("Start from test/lab/scenarios/guide.yaml.");
  });

  it("a line that the profile does not have is named", () => {
    const scenario = { ...loadScenario(good.replaceAll("orange", "oragne"), "my.yaml"), name: "my", file: "my.yaml" };
    expect(() => jobOf(scenario, planProfile(root, "home").plan, false)).toThrow('events[0].line: profile home has no line "oragne"');
  });

  it("an event of a backup server that the profile does not have is named", () => {
    const scenario = {
      ...loadScenario(good.replace("do: cut, line: orange", "do: halt, half: backup"), "my.yaml"),
      name: "my",
      file: "my.yaml",
    };
    expect(() => jobOf(scenario, planProfile(root, "home").plan, false)).toThrow("profile home has no backup server");
  });

  it("a scenario that is not there is named, with the nearest", () => {
    expect(() => findScenarios(folder, ["guid"], (path) => path)).toThrow('there is no scenario "guid"');
    expect(() => findScenarios(folder, ["guide@debian-1"], (path) => path)).toThrow('there is no scenario "guide@debian-1"');
  });
});

describe("a line, as netem plays it", () => {
  const { plan } = planProfile(root, "home");
  const values = { rate: { down: 7072, up: 832 }, rtt: 25, jitter: 0, loss: 0, queue: { down: 220, up: 1100 } };

  it("counts ATM cells from the Ethernet frame: 40 bytes of PPPoE less 14", () => {
    const line = plan.lines[1];
    if (line === undefined) throw new Error("no line");
    const down = emulation(line, values, "down");
    // 521 full packets a second; 232.5 ms of them. Source: docs/lab.md#lines-at-cell-level.
    expect(down).toMatchObject({ rate: 7072, overhead: 26, cell: { payload: 48, header: 5 }, delay: 12500, limit: 121 });
    expect(netem(down).join(" ")).toBe("netem delay 12500us loss 0% rate 7072kbit 26 48 5 limit 121");
  });

  it("is first asked for what it must give alone, by a little more UDP than it carries, in full packets", () => {
    const scenario = { ...loadScenario(good, "my.yaml"), name: "my", file: "my.yaml" };
    const { expected, job } = calibrationOf(scenario, plan);
    for (const { traffic: name, direction, value } of expected.filter((one) => one.direction !== "ping")) {
      const flow = job.traffic.find((one) => one.name === name);
      if (flow?.kind !== "flow") throw new Error("no flow");
      expect(flow).toMatchObject({ direction, datagram: 1464 });
      expect((flow.rate ?? 0) / value).toBeCloseTo(1.05, 2);
    }
    const of = (name: string): number => {
      const found = expected.find(({ traffic }) => traffic === name);
      return Math.round((found?.value ?? 0) * (found?.tcp ?? 0));
    };
    // TCP in the same packets. Source: docs/mtu.md#the-example-lines, row "none".
    expect([of("ovh down"), of("orange down")]).toEqual([6140, 6005]);
    expect(expected.find(({ traffic }) => traffic === "orange ping")?.value).toBeCloseTo(36.7, 1);
  });

  it("a flow of UDP sends packets that fit the bond, or past the box the line", () => {
    const udp = good.replace("direction: down, start: 1, end: 39", "direction: up, protocol: udp, rate: 5000, start: 1, end: 39");
    const flow = (text: string) => jobOf({ ...loadScenario(text, "my.yaml"), name: "my", file: "my.yaml" }, plan, false).traffic[0];
    expect(flow(good)).toMatchObject({ datagram: null, quic: false, strict: false });
    expect(flow(good.replace("direction: down", "direction: down, strict: true"))).toMatchObject({ strict: true });
    expect(flow(good.replace("direction: down", "direction: down, protocol: quic"))).toMatchObject({ datagram: null, quic: true });
    expect(flow(udp)).toMatchObject({ rate: 5000, datagram: plan.tunnel.mtu - 28 });
    expect(flow(udp.replace("direction: up", "via: ovh, direction: up"))).toMatchObject({ datagram: 1464 });
  });

  it("a cut and its return are two changes in both directions", () => {
    const scenario = { ...loadScenario(good, "my.yaml"), name: "my", file: "my.yaml" };
    const { events } = jobOf(scenario, plan, false);
    const seen = events.map((event) => (event.kind === "emulate" ? [event.at, event.direction, event.emulation.loss] : []));
    expect(seen).toEqual([
      [10, "down", 100],
      [10, "up", 100],
      [25, "down", 0],
      [25, "up", 0],
    ]);
  });
});

describe("the machines of a scenario", () => {
  const { plan } = planProfile(root, "home");
  const named = (text: string): NamedScenario => ({ ...loadScenario(text, "my.yaml"), name: "my", file: "my.yaml" });

  it("are the server's kind and release by its target, with the provider's router beside it", () => {
    const job = (target: string) => jobOf(named(good), { ...plan, server: { ...plan.server, target: target as never } }, false);
    expect(job("ubuntu-14.04").network.server).toEqual({
      address: "203.0.113.10",
      router: "203.0.113.1",
      machine: "server-ifupdown",
      artefacts: "server",
    });
    expect(job("debian-13").network.server.machine).toBe("server-networkd");
    expect(job("debian-13").network.backup).toBeNull();
  });

  it("have a backup where the profile does, with files of its own", () => {
    const server = { ...plan.server, backups: ["198.51.100.1", "198.51.100.2"] };
    const { network } = jobOf(named(good), { ...plan, server }, false);
    expect(network.backup).toMatchObject({ address: "198.51.100.1", router: "198.51.100.2", artefacts: "backup-1" });
    expect(serversOf(network).map(([half]) => half)).toEqual(["server", "backup"]);
  });

  it("a rebuilt one loses power first, and comes after its time", () => {
    const text = good.replace("do: cut, line: orange", "do: rebuild, half: server, after: 5");
    const { events } = jobOf(named(text), plan, false);
    expect(events.filter(({ kind }) => kind !== "emulate")).toEqual([
      { at: 10, kind: "halt", half: "server" },
      { at: 15, kind: "rebuild", half: "server" },
    ]);
  });

  it("are shared by scenarios after which both halves have power, too", () => {
    const of = (name: string) => {
      const [scenario] = findScenarios(folder, [name], (path) => path);
      return machineOf(jobOf(scenario as NamedScenario, plan, false));
    };
    const [first, ...more] = ["reboot-both", "reboot-box", "reboot-server", "server-dead"].map(of);
    expect(more).toEqual([first, first, first]);
    const text = good.replace("do: cut, line: orange", "do: halt, half: server");
    const halted = (name: string) => machineOf({ ...jobOf(named(text), plan, false), name });
    expect(halted("one")).not.toBe(halted("two"));
  });

  it("meet on the internet the resolvers that the fallback pings, where a scenario says so", () => {
    const fallback = readFileSync(join(root, "overlay/box/usr/local/sbin/bondbox-fallback"), "utf8");
    expect(/^well_known="(.*)"$/m.exec(fallback)?.[1]?.split(" ")).toEqual(resolvers);
    const hosts = (text: string) => jobOf(named(text), plan, false).network.host.addresses;
    expect(hosts(`${good}resolvers: true\n`)).toEqual([...hosts(good), ...resolvers]);
  });

  it("are shared by scenarios that only change lines, and by no other", () => {
    const one = machineOf({ ...jobOf(named(good), plan, false), name: "one" });
    expect(machineOf({ ...jobOf(named(good), plan, false), name: "two" })).toBe(one);
    const others = [
      good.replace("do: cut, line: orange", "do: rebuild, half: server, after: 5"),
      `${good}install: false\n`,
      `${good}alone: true\n`,
      `${good}internetRtt: 30\n`,
    ].map((text) => machineOf(jobOf(named(text), plan, false)));
    expect(new Set([one, ...others]).size).toBe(5);
  });

  it("are none where the network is alone", () => {
    expect(jobOf(named(`${good}alone: true\n`), plan, false).bond).toBeNull();
    expect(jobOf(named(good), plan, false)).toMatchObject({ install: true, network: { ipv6: false } });
  });

  it("a listener on the host answers IPv6 where a client asks for it", () => {
    const text = good.replace("kind: ping, start: 0", "kind: connect6, start: 0");
    const ipv6 = text.replaceAll(/ {2}- \{ name: pings.*\n/g, "").concat("ipv6: true\n");
    expect(jobOf(named(ipv6), plan, false).listeners).toContainEqual({ where: "host", address: host6, port: 80, protocol: "tcp" });
  });
});

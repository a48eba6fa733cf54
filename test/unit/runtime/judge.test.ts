import { describe, expect, it } from "vitest";
import { changes } from "../../../overlay/runtime/commands/watch";
import type { LineConfig } from "../../../overlay/runtime/config";
import { judge, type Verdict } from "../../../overlay/runtime/judge";
import { headlines, summary } from "../../../overlay/runtime/messages";
import { observe } from "../../../overlay/runtime/observe";
import { printReport, wrap } from "../../../overlay/runtime/print";
import { ratesBetween } from "../../../overlay/runtime/rates";
import { exitCode, makeReport, type Report } from "../../../overlay/runtime/report";
import { config, dead, FakeBox, halfBroken, routes, tunnelStatus } from "./fixture";

function look(breakIt: (box: FakeBox) => void, plan = config): { verdict: Verdict; report: Report } {
  const box = new FakeBox(plan);
  try {
    breakIt(box);
    const state = observe(box.root, plan);
    const verdict = judge(plan, state);
    return { verdict, report: makeReport(plan, { state, verdict, rates: ratesBetween(state, state) }) };
  } finally {
    box[Symbol.dispose]();
  }
}

const tap0Down = (box: FakeBox) =>
  box.bonding([
    { tap: "tap0", status: "down", failures: 1 },
    { tap: "tap1", status: "up", failures: 0 },
  ]);

describe("judge", () => {
  it("finds nothing on a healthy box", () => {
    const { verdict, report } = look(() => {});
    expect(verdict).toEqual({
      linesUp: 2,
      lines: ["ovh", "orange"].map((name) => ({ name, up: true, why: null, notes: [] })),
      way: { by: "bond" },
      findings: [],
    });
    expect(summary(verdict)).toBe("2 of 2 lines up - the LAN uses the bond");
    expect(exitCode(report)).toBe(0);
  });

  it("tells what another program takes away, for a day, in words that stay the same", () => {
    const { verdict, report } = look((box) => {
      box.write("run/bondbox/gone/firewall", "1\n");
      box.write("run/bondbox/gone/routes", "17\n");
      box.write("run/bondbox/gone/shaper", "3\n");
      box.age("run/bondbox/gone/shaper", 90_000);
    });
    expect(verdict.findings).toEqual([
      {
        code: "gone",
        parts: [
          { part: "firewall", times: 1 },
          { part: "routes", times: 17 },
        ],
      },
    ]);
    expect(printReport(report, { colours: false, width: 200 })).toContain("brings it back: firewall once, routes again and again.");
    expect(exitCode(report)).toBe(0);
  });

  const striped = (box: FakeBox, ...lines: number[][]) => box.write("run/bondbox/striper", `${lines.flat().join(" ")}\n`);
  const said = 62 * 65_536;
  const well = [0, 0, 0, said];

  it.each<[string, number[], string[]]>([
    ["is well", well, []],
    ["loses packets up", [0, 0, 256 + 21, said], ["Up: it loses 2.1 % of the packets"]],
    ["has a delay that jumps down", [0, 900, 0, said + 2 * 256 + 20], ["Down: its delay jumps by 10 ms"]],
    ["is spared", [0, 0, 3 * 256, said], ["Up: in reserve"]],
    ["carries half of what the profile says", [5_120_000, 0, 0, said], ["It carries 400 kbit/s up, where the profile says 896"]],
    ["carries little of what the profile says down", [0, 0, 0, 70 * 65_536], ["It carries 3429 kbit/s down, where the profile says 7232"]],
    ["carries a little less than the profile says", [2_560_000, 0, 0, said], []],
  ])("says so where a line %s, and leaves it up", (_, numbers, sentences) => {
    const { verdict, report } = look((box) => striped(box, numbers, well));
    expect(verdict.lines.map(({ up, notes }) => [up, notes.length])).toEqual([
      [true, sentences.length],
      [true, 0],
    ]);
    const printed = printReport(report, { colours: false, width: 500 });
    for (const sentence of sentences) expect(printed).toContain(`ovh: ${sentence}`);
    expect(printed).toContain("bond0: earliest delivery over 2 lines");
    // The journal and the card get a line when a text changes, so there are no figures in it.
    expect(headlines(config, verdict).get("line ovh")).toMatch(sentences.length > 0 ? /^up, but \D+$/ : /^up$/);
    expect(exitCode(report)).toBe(0);
  });

  it.each([
    [39e9, 0, "data this month: ovh 39 of 50 GB"],
    [41.2e9, 1, "ovh: 41 of 50 GB of this month are used, as its tunnel counts."],
    [50.1e9, 1, "> in the profile: use: reserve"],
  ])("tells of a month's data: %d bytes of 50 GB", (used, notes, sentence) => {
    const month = new Date().toISOString().slice(0, 7);
    const [first, second] = config.lines as [LineConfig, LineConfig];
    const { verdict, report } = look((box) => box.write("var/lib/bondbox/history/usage.json", JSON.stringify({ [month]: { ovh: used } })), {
      ...config,
      lines: [{ ...first, monthly: 50e9 }, second],
    });
    expect(verdict.lines[0]?.notes.length).toBe(notes);
    expect(printReport(report, { colours: false, width: 500 })).toContain(sentence);
    expect(headlines(config, verdict).get("line ovh")).toMatch(/^up\D*$/);
  });

  it("says so where the server does not measure, as where its striper does not run", () => {
    const { verdict, report } = look((box) => striped(box, [0, 0, 0, 0], [0, 0, 0, 0]));
    expect(verdict.findings).toEqual([{ code: "server-unmeasured", keySet: config.keySet }]);
    expect(printReport(report, { colours: false, width: 80 })).toContain("> on the server: sudo bondbox-striper show");
    expect(look((box) => striped(box, [0, 0, 0, 0], well)).verdict.findings).toEqual([]);
  });

  it("says so where the striper is to run and does not", () => {
    const turn = look((box) => striped(box));
    expect(turn.verdict.findings).toEqual([{ code: "dealt-in-turn" }]);
    expect(printReport(turn.report, { colours: false, width: 80 })).toContain("bond0: balance-rr over 2 lines");
    expect(look((box) => striped(box), { ...config, bond: { ...config.bond, striper: false } }).verdict.findings).toEqual([]);
  });

  it.each<[string, ("box" | "server")[], string]>([
    ["on", [], "TCP lane: on"],
    ["off steady", [], "TCP lane: off, the lines are steady"],
    ["off box", ["box"], "TCP lane: off, it does not answer on the box"],
    ["off server", ["server"], "TCP lane: off, it does not answer on the server"],
  ])("says what the TCP lane does: %s", (words, ends, sentence) => {
    const { verdict, report } = look((box) => box.write("run/bondbox/lane", `${words}\n`));
    expect(verdict.findings).toEqual(ends.map((end) => ({ code: "lane-silent", end, keySet: config.keySet })));
    expect(report.lane?.on).toBe(words === "on");
    const printed = printReport(report, { colours: false, width: 200 });
    expect(printed).toContain(`rates in kbit/s\n${sentence}\n`);
    for (const end of ends) expect(printed).toContain(`! The TCP lane does not answer on the ${end}: `);
    expect(exitCode(report)).toBe(0);
  });

  it("says how many connections the TCP lane has, and what part of it each line carried", () => {
    const { report } = look((box) => {
      box.write("run/bondbox/lane", "on\n");
      box.write("proc/net/netstat", "TcpExt: A MPCurrEstab\nTcpExt: 1 2\nMPTcpExt: MPFallback MPCurrEstab\nMPTcpExt: 0 12\n");
      box.device("lane0", { rx: 390, tx: 0 });
      box.device("lane1", { rx: 610, tx: 0 });
    });
    const printed = printReport(report, { colours: false, width: 200 });
    expect(printed).toContain("TCP lane: on, 12 connections, down by ovh 39 %, orange 61 %\n");
    expect(report.lines.map(({ lane }) => lane)).toEqual([{ down: 390, up: 0 }, { down: 610, up: 0 }]); // prettier-ignore
  });

  it.each([
    ["off steady", "so it carries nothing beside the others, or everything alone"],
    ["on", "so it carries nothing beside the others but its part of the TCP lane, or everything alone"],
  ])("says what a line that is set aside carries while the TCP lane is %s", (words, sentence) => {
    const { report } = look((box) => {
      box.write("run/bondbox/lane", `${words}\n`);
      striped(box, [0, 0, 256 + 21, said], well);
    });
    expect(printReport(report, { colours: false, width: 500 })).toContain(`ovh: Up: it loses 2.1 % of the packets, ${sentence}.`);
  });

  it("says nothing of a TCP lane where there is none, and does not blame its far end while no line is up", () => {
    const lane = (box: FakeBox) => box.write("run/bondbox/lane", "off server\n");
    const without = look(lane, { ...config, lane: false });
    expect([without.verdict.findings, without.report.lane]).toEqual([[], null]);
    expect(printReport(without.report, { colours: false, width: 80 })).not.toContain("TCP lane");
    const alone = look((box) => {
      lane(box);
      dead(box);
    });
    expect(alone.verdict.findings.map(({ code }) => code)).not.toContain("lane-silent");
  });

  it("takes a line that active-backup holds in reserve for no fault", () => {
    const reserve: typeof config = { ...config, lines: [...config.lines].reverse(), bond: { ...config.bond, mode: "active-backup" } };
    const { verdict, report } = look(tap0Down, reserve);
    expect(verdict.lines.find(({ name }) => name === config.lines[0]?.name)).toMatchObject({ up: false, why: { code: "standby" } });
    expect(exitCode(report)).toBe(0);
    expect(printReport(report, { colours: false, width: 80 })).toContain("reserve");
  });

  it("takes the first line of active-backup for down when it does not carry", () => {
    const { verdict, report } = look(tap0Down, { ...config, bond: { ...config.bond, mode: "active-backup" } });
    expect(verdict.lines[0]).toMatchObject({ up: false, why: { code: "no-answer" } });
    expect(exitCode(report)).toBe(1);
  });

  it.each<[string, (box: FakeBox) => void]>([
    ["tap-missing", (box) => box.remove("sys/class/net/tap0")],
    ["tap-outside", (box) => box.bonding([{ tap: "tap1", status: "up", failures: 0 }])],
    ["tap-off", (box) => box.device("tap0", { on: false })],
    ["tunnel-stopped", (box) => box.device("tap0", { carrier: false })],
    ["no-answer", tap0Down],
    [
      "modem-silent",
      (box) => {
        tap0Down(box);
        box.arp([["192.168.1.240", false]]);
      },
    ],
    [
      "no-answer",
      (box) => {
        tap0Down(box);
        box.remove("proc/net/arp");
      },
    ],
  ])("%s: the line is down, the other is up", (code, breakIt) => {
    const { verdict, report } = look(breakIt);
    expect(verdict.lines.map((line) => line.why?.code)).toEqual([code, undefined]);
    expect(verdict.findings).toEqual([]);
    expect(exitCode(report)).toBe(1);
  });

  it.each<[string, (box: FakeBox) => void]>([
    ["status-missing", (box) => box.remove("run/bondbox/ovh.status")],
    ["status-stale", (box) => box.age("run/bondbox/ovh.status", 31)],
    ["mtu-differs", (box) => box.device("tap0", { mtu: 1500 })],
  ])("%s: the line stays up, with a note", (code, breakIt) => {
    const { verdict, report } = look(breakIt);
    expect(verdict.lines[0]).toMatchObject({ up: true, notes: [{ code }] });
    expect(exitCode(report)).toBe(0);
  });

  it("forgives a status that is late by less than three writes, or half written", () => {
    const { verdict } = look((box) => {
      box.write("run/bondbox/ovh.status", tunnelStatus().slice(0, 40));
      box.age("run/bondbox/ovh.status", 25);
    });
    expect(verdict.lines[0]).toMatchObject({ up: true, notes: [] });
  });

  it.each<[string, string, [string, string], string[], string[], string]>([
    // What has been found beyond the two modems, the lines' causes, what concerns the box, what the LAN uses: by ovh's modem.
    ["two lines without internet", "", ["none", "none"], ["line-dead", "line-dead"], [], "the LAN has no internet"],
    ["two causes", "", ["none", "captive"], ["line-dead", "line-captive"], [], "the LAN has no internet"],
    ["a page of the modem's", "", ["captive", "none"], ["line-captive", "line-dead"], [], "the LAN has no internet"],
    ["a modem that is off", "192.168.1.240", ["none", "none"], ["modem-silent", "line-dead"], [], "the LAN has no internet"],
    [
      "a dead line and a dead server",
      "",
      ["none", "internet"],
      ["line-dead", "tunnel-unheard"],
      ["server-silent"],
      "the LAN has no internet",
    ],
    [
      "a modem that is off and a dead server",
      "192.168.1.254",
      ["internet", "none"],
      ["tunnel-unheard", "modem-silent"],
      ["server-silent"],
      "the LAN uses line ovh directly, without the bond",
    ],
    [
      "a server without its tunnels",
      "",
      ["server", "internet"],
      ["tunnel-unheard", "tunnel-unheard"],
      ["server-closed"],
      "the LAN uses line ovh directly, without the bond",
    ],
    [
      "words that it does not know",
      "",
      ["?", ""],
      ["no-answer", "no-answer"],
      ["server-silent"],
      "the LAN uses line ovh directly, without the bond",
    ],
  ])("names the true cause: %s", (_, silent, [ovh, orange], causes, findings, lan) => {
    const { verdict } = look((box) => {
      dead(box);
      box.reach("ovh", ovh);
      box.reach("orange", orange);
      if (silent !== "") box.arp(["192.168.1.240", "192.168.1.254"].map((modem) => [modem, modem !== silent]));
    });
    expect(verdict.lines.map(({ why }) => why?.code)).toEqual(causes);
    expect(verdict.findings.map(({ code }) => code)).toEqual(findings);
    expect(summary(verdict)).toBe(`0 of 2 lines up - ${lan}`);
  });

  it("does not blame the server for a line that is down alone, and forgets what was found long ago", () => {
    const alone = (age: number) =>
      look((box) => {
        tap0Down(box);
        box.reach("ovh", "internet");
        box.age("run/bondbox/ovh.reach", age);
      }).verdict;
    expect(alone(80)).toMatchObject({ lines: [{ why: { code: "tunnel-unheard" } }, { up: true }], findings: [] });
    expect(alone(100)).toMatchObject({ lines: [{ why: { code: "no-answer" } }, { up: true }] });
  });

  it("says which ports there are when the profile's is missing, before all else", () => {
    const { verdict, report } = look((box) => {
      box.remove("proc/net/bonding");
      box.remove("sys/class/net/eth0");
      box.port("wlan0", "device", "wireless");
      box.port("end0", "device");
      box.port("docker0");
    });
    expect(verdict.findings[0]).toEqual({ code: "lan-missing", interface: "eth0", ports: ["end0"] });
    expect(verdict.lines.map(({ why }) => why?.code)).toEqual(["lan-missing", "lan-missing"]);
    const text = printReport(report, { colours: false, width: 80 });
    expect(text).toContain('! There is no port eth0; there is end0.\n  > write "interface: end0" below "lan:" in the profile, build again');
    const none = look((box) => box.remove("sys/class/net/eth0"));
    expect(printReport(none.report, { colours: false, width: 80 })).toContain("! There is no port eth0, nor any other wired one.\n");
  });

  it("blames the server when every line is silent, and sees the kernel go over to the fallback", () => {
    const { verdict, report } = look(dead);
    expect(verdict.findings).toEqual([{ code: "server-silent", server: "203.0.113.10", keySet: "1a2b-3c4d-5e6f", line: null }]);
    expect(summary(verdict)).toBe("0 of 2 lines up - the LAN uses line ovh directly, without the bond");
    expect(exitCode(report)).toBe(2);
  });

  it("knows that all is lost when the kernel does not pass over a dead bond, or has nothing else", () => {
    const stuck = look((box) => {
      dead(box);
      box.write("proc/sys/net/ipv4/conf/bond0/ignore_routes_with_linkdown", "0\n");
    });
    expect(stuck.verdict.way).toEqual({ by: "bond" });
    const alone = look((box) => {
      dead(box);
      box.write("proc/net/route", routes.split("\n").slice(0, 2).join("\n"));
    });
    expect(alone.verdict.way).toEqual({ by: "none" });
    for (const { verdict } of [stuck, alone]) {
      expect(verdict.findings).toContainEqual({ code: "route-dead", bond: "bond0" });
      expect(summary(verdict)).toBe("0 of 2 lines up - the LAN has no internet");
    }
  });

  it("blames the cable before the lines", () => {
    const { verdict } = look((box) => {
      dead(box);
      box.device("eth0", { carrier: false });
    });
    expect(verdict.findings.map((finding) => finding.code)).toContain("lan-unplugged");
    expect(verdict.lines.map((line) => line.why?.code)).toEqual(["lan-unplugged", "lan-unplugged"]);
  });

  it("names a missing bond, a wrong MTU of the bond and a default route beside it", () => {
    expect(look((box) => box.remove("proc/net/bonding")).verdict.findings[0]).toEqual({ code: "bond-missing", bond: "bond0" });
    expect(look((box) => box.device("bond0", { mtu: 1500 })).verdict.findings[0]?.code).toBe("mtu-differs");
    const beside = look((box) => box.write("proc/net/route", routes.replace("\t10\t", "\t1000\t"))).verdict;
    expect(beside.findings).toEqual([{ code: "route-elsewhere", bond: "bond0" }]);
  });

  it("survives an empty file system", () => {
    const { verdict, report } = look((box) => ["proc", "sys", "run"].map((folder) => box.remove(folder)));
    expect(verdict).toMatchObject({ linesUp: 0, way: { by: "none" } });
    expect(exitCode(report)).toBe(2);
  });
});

describe("ratesBetween", () => {
  it("gives kbit/s, and nothing for a counter that went back", () => {
    using box = new FakeBox();
    const before = observe(box.root, config);
    box.device("tap0", { rx: 2_500_000 + 125_000, tx: 350_000 + 12_500 });
    box.device("tap1", { rx: 0, tx: 400_000 });
    const after = { ...observe(box.root, config), clock: before.clock + 1000 };
    expect(ratesBetween(before, after).lines).toEqual([
      { down: 1000, up: 100 },
      { down: null, up: 400 },
    ]);
    expect(ratesBetween(after, after).bond).toEqual({ down: null, up: null });
  });
});

describe("printReport", () => {
  const options = { colours: false, width: 80 };

  it("prints a healthy box", () => {
    expect(printReport(withRates(look(() => {}).report), options)).toBe(`2 of 2 lines up - the LAN uses the bond

LINE    STATE     DOWNLOAD    UPLOAD  FAILED  MODEM          TAP   PORT
ovh     up       5321/7232    95/896      0x  192.168.1.240  tap0  1194
orange  up       5321/7072    95/832      0x  192.168.1.254  tap1  1196
bond0   up     10642/14304  190/1728

bond0: balance-rr over 2 lines, MTU 1401, server 203.0.113.10, key set
1a2b-3c4d-5e6f, rates in kbit/s
`);
  });

  it("prints what is broken and why", () => {
    expect(printReport(look(halfBroken).report, options)).toBe(`1 of 2 lines up - the LAN uses the bond

LINE    STATE  DOWNLOAD  UPLOAD  FAILED  MODEM          TAP   PORT
ovh     DOWN     -/7232   -/896     12x  192.168.1.240  tap0  1194
orange  up       -/7072   -/832      1x  192.168.1.254  tap1  1196
bond0   up      -/14304  -/1728

! ovh: The server does not answer over this line (ARP): the modem, the line, its
  provider, or the server's tunnel, port or key.
  > sudo ping -m 101 203.0.113.10 (by this line alone)
  > journalctl -u bondbox-tunnel@ovh
! orange: tap1 has MTU 1500, but the plan has 1401: large packets may get lost.
  > sudo ip link set tap1 mtu 1401

bond0: balance-rr over 2 lines, MTU 1401, server 203.0.113.10, key set
1a2b-3c4d-5e6f, rates in kbit/s
`);
  });

  it("says once what several lines share", () => {
    const text = printReport(look(dead).report, options);
    expect(text.match(/does not answer over this line/g)).toHaveLength(1);
    expect(text).toContain("! ovh, orange: The server");
    expect(text).toContain("ping -m 102 203.0.113.10");
  });

  it("stays within 80 columns with long names and fast lines, and gives up columns for it", () => {
    const lines = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => ({
      ...config.lines[0]!,
      name: `line-with-name${index}`,
      modem: `192.168.100.24${index}`,
      tap: `tap${index}`,
      rate: { down: 10_000_000, up: 10_000_000 },
    }));
    const { report } = look((box) => dead(box), { ...config, lines });
    for (const width of [80, 60]) {
      const rows = printReport(report, { colours: false, width }).split("\n");
      expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(width);
    }
  });

  it("colours without changing a letter", () => {
    const { report } = look(halfBroken);
    const coloured = printReport(report, { ...options, colours: true });
    expect(coloured).toContain("\u001b[31mDOWN\u001b[0m");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is taken out
    expect(coloured.replace(/\u001b\[\d+m/g, "")).toBe(printReport(report, options));
  });

  it("breaks at blanks only", () => {
    expect(wrap("one two three", 9, "  ")).toBe("  one two\n  three");
    expect(wrap("averylongword", 5, "")).toBe("averylongword");
  });
});

describe("changes", () => {
  it("reports everything at first, then only what is new", () => {
    const healthy = headlines(config, look(() => {}).verdict);
    const broken = headlines(config, look(halfBroken).verdict);
    expect(changes(new Map(), healthy)).toEqual([
      "line ovh: up",
      "line orange: up",
      "bond0: in order",
      "LAN: 2 of 2 lines up - the LAN uses the bond",
    ]);
    expect(changes(healthy, broken)).toEqual([
      "line ovh: down, the server does not answer over it",
      "line orange: up, but MTU of tap1 is 1500, not 1401",
      "LAN: 1 of 2 lines up - the LAN uses the bond",
    ]);
    expect(changes(broken, broken)).toEqual([]);
  });
});

function withRates(report: Report): Report {
  const rate = { down: 5321, up: 95 };
  return {
    ...report,
    bond: { ...report.bond, rate: { down: 10642, up: 190 } },
    lines: report.lines.map((line) => ({ ...line, rate })),
  };
}

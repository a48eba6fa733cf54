import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { runEmulated } from "../kernel/emulated";
import { overlayDir, stepsOf } from "../kernel/guest";
import { built, root } from "../support/builds";
import { debFolder } from "../support/debs";
import { run } from "../support/programs";
import { boxText, planned } from "../support/trees";

const folder = join(root, "test/conformance");
const radvd = join(debFolder("radvd"), "usr/sbin/radvd");

/** What each step of ipv6.sh said. A step that failed, or is not there, is an error. */
type Steps = (name: string) => string;

function stepsIn(output: string): Steps {
  const step = stepsOf(output);
  return (name) => {
    const { exitCode, output: text } = step(name);
    if (exitCode !== 0) throw new Error(`${name}: status ${exitCode}\n${text}`);
    return text.trim();
  };
}

/** A SYN that nothing answers is sent again after this. */
const RETRY_MS = 1000;

/** "OUTCOME MS" per line. @returns what came of them, and the slowest but for one in twenty: the machine is busy. */
function attempts(text: string): { outcomes: string[]; usualMs: number; slowestMs: number } {
  const lines = text.split("\n").map((line) => line.split(" "));
  const times = lines.map(([, ms]) => Number(ms)).sort((a, b) => a - b);
  const usualMs = times[Math.ceil(times.length * 0.95) - 1] as number;
  return { outcomes: [...new Set(lines.map(([outcome = ""]) => outcome))], usualMs, slowestMs: times.at(-1) as number };
}

/** Link-local and Ethernet address of a namespace. */
function addressesOf(steps: Steps, namespace: string): { linkLocal: string; mac: string } {
  const [, linkLocal = "", mac = ""] = new RegExp(`^${namespace} (\\S+) (\\S+)$`, "m").exec(steps("addresses")) ?? [];
  return { linkLocal, mac };
}

it.each(["bondbox-ipv6", "bondbox-reach"])("%s is valid Perl, and needs only what every Debian has", (name) => {
  const program = join(built("home").box, "usr/local/sbin", name);
  expect(run("perl", ["-wc", program]).output).toBe(`${program} syntax OK\n`);
  const used = [...readFileSync(program, "utf8").matchAll(/^use ([A-Za-z:]+)/gm)].map(
    ([, module = ""]) => `/${module.replaceAll("::", "/")}.pm\n`,
  );
  expect(used).toContain("/Socket.pm\n");
  const base = run("dpkg", ["-L", "perl-base"]).stdout;
  expect(used.filter((file) => !base.includes(file))).toEqual([]);
});

it("bondbox-ipv6 has the powers that it has below", () => {
  expect(boxText(built("home"), "etc/systemd/system/bondbox-ipv6.service")).toContain("\nCapabilityBoundingSet=CAP_NET_RAW\n");
});

describe("ipv6: block", () => {
  let steps: Steps;
  beforeAll(() => {
    const script = `mount -t tmpfs tmpfs /mnt; mount -t tmpfs tmpfs /run
      cp -a /etc /mnt/etc; mount --bind /mnt/etc /etc
      exec bash "$@"`;
    const args = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-euc", script, "sh"];
    const halves = [built("home").box, built("home").box, radvd];
    const lent = process.getuid?.() === 0 ? [] : ["--map-root-user"];
    const { output } = run("unshare", [...lent, ...args, join(folder, "ipv6.sh"), "block", ...halves], { timeout: 170_000 });
    steps = stepsIn(output);
  }, 180_000);

  it("is needed: without it a client goes around the bond", () => {
    expect(attempts(steps("reach the host without it")).outcomes).toEqual(["connected"]);
    expect(Number(steps("packets past the bond in a second without it"))).toBeGreaterThan(10);
  });

  it("makes the box the client's only router within a second", () => {
    expect(steps("default routes after a second").split("\n")).toEqual([
      expect.stringMatching(new RegExp(`^default via ${addressesOf(steps, "box").linkLocal} .* pref high$`)),
    ]);
    expect(steps("client's addresses")).toMatch(/2001:db8:a:\S+ scope global .*\s+valid_lft \d+sec preferred_lft 0sec/);
  });

  it("refuses what the client tries, at once", () => {
    for (const name of ["connections", "connections of a client that boots"]) {
      const { outcomes, usualMs, slowestMs } = attempts(steps(name));
      expect(outcomes).toEqual(["ECONNREFUSED"]);
      expect(usualMs).toBeLessThan(100);
      expect(slowestMs).toBeLessThan(RETRY_MS);
    }
    const datagram = attempts(steps("datagram"));
    expect(datagram.outcomes).toEqual(["EACCES"]);
    expect(datagram.slowestMs).toBeLessThan(RETRY_MS);
  });

  it("lets no packet past the bond, nor of a client that boots", () => {
    expect(steps("connections").split("\n").length).toBeGreaterThan(50);
    expect(Number(steps("packets of the client in 20 s"))).toBeGreaterThan(500);
    expect(steps("packets past the bond in 20 s")).toBe("0");
    expect(Number(steps("packets of a client that boots"))).toBeGreaterThan(50);
    expect(steps("packets past the bond of a client that boots")).toBe("0");
    expect(steps("default routes of a client that boots")).toContain(addressesOf(steps, "box").linkLocal);
  });

  it("cancels every lifetime in the modem's name, from the box's own Ethernet address", () => {
    const [box, modem] = [addressesOf(steps, "box"), addressesOf(steps, "modem")];
    const heard = steps("advertisements").split(/\n(?=\S)/);
    const announced = heard.filter((text) => text.includes(`${modem.linkLocal} > ff02::1`) && text.includes(` ${modem.mac} > `));
    const back = heard.filter((text) => text.includes(`${modem.linkLocal} > ff02::1`) && text.includes(` ${box.mac} > `));
    expect(announced.length).toBeGreaterThan(5);
    expect(back.length).toBeGreaterThan(announced.length);
    for (const text of [...announced, ...back]) expect(text).toContain("[icmp6 sum ok]");
    for (const text of announced) expect(lifetimes(text)).toEqual([1800, 86400, 14400, 1800, 1800, 1800]);
    for (const text of back) expect(lifetimes(text)).toEqual([0, 0, 0, 0, 0, 0]);
    for (const text of back) expect(text).toMatch(/Flags \[none\], pref medium(?![\s\S]*(source link-address|mtu option))/);
  });

  it("leaves the modem where it is on the switch", () => {
    const ports = steps("switch")
      .split("\n")
      .filter((line) => line.startsWith(addressesOf(steps, "modem").mac));
    expect(ports).toEqual([expect.stringContaining("dev to-modem ")]);
  });

  it("leaves a Thread border router alone: its mesh and its network stay", () => {
    for (const name of ["the client has the mesh's route", "the client has the border router's network"]) steps(name);
    for (const name of ["the mesh's route stays", "the border router's network stays"]) steps(name);
    expect(steps("default routes beside a border router").split("\n")).toEqual([
      expect.stringContaining(addressesOf(steps, "box").linkLocal),
    ]);
  });

  it("cancels only the way out of one that announces it", () => {
    steps("the border router's way out is heard");
    for (const name of ["the mesh's route", "the border router's network"]) steps(`${name} stays with a way out`);
    expect(steps("routes beside a way out").split("\n")).toEqual([expect.stringContaining(addressesOf(steps, "box").linkLocal)]);
    // The kernel marks it as deprecated a moment later.
    expect(steps("addresses beside a way out")).toMatch(/2001:db8:c:\S+ scope global .*\s+valid_lft \d+sec preferred_lft 0sec/);
    steps("nothing of a border router's way out stays");
  });

  it("gives the box itself no way out, and forwards nothing", () => {
    const [forwarding, ...rest] = steps("box").split("\n");
    expect(forwarding).toBe("0");
    expect(rest.join("\n")).not.toMatch(/scope global|^default/m);
  });

  it("ends with its program: the box's route is gone, and the modem's comes back", () => {
    expect(steps("default routes after its stop")).not.toContain(addressesOf(steps, "box").linkLocal);
    expect(attempts(steps("reach the host again")).outcomes).toEqual(["connected"]);
  });
});

/** All lifetimes in tcpdump's words for one advertisement: of the router, then of its options. */
function lifetimes(text: string): number[] {
  return [...text.matchAll(/(?:lifetime|time) ?=?(\d+)s/g)].filter(([all]) => !/ms$/.test(all)).map(([, seconds]) => Number(seconds));
}

describe("ipv6: tunnel", () => {
  const { tunnel } = planned("ipv6-tunnel").ipv6;
  let steps: Steps;
  beforeAll(async () => {
    const build = built("ipv6-tunnel");
    const noKey = ([path]: [string, unknown]): boolean => !path.endsWith(".key");
    const files = {
      ...Object.fromEntries(Object.entries(await overlayDir(build.box, "/t/box")).filter(noKey)),
      ...Object.fromEntries(
        [...build.server]
          .filter(noKey)
          .map(([path, { mode, content }]) => [`/t/server${path}`, { content, mode: Number.parseInt(mode, 8) }]),
      ),
      ...Object.fromEntries(
        ["steps.sh", "ipv6.sh", "ipv6-tunnel.sh"].map((name) => [`/t/${name}`, { content: readFileSync(join(folder, name)) }]),
      ),
      "/t/radvd": { content: readFileSync(radvd), mode: 0o755 },
    };
    const script = "bash /t/ipv6.sh tunnel /t/box /t/server /t/radvd";
    const modules = ["tun", "bonding max_bonds=0", "ipv6", "veth", "bridge", "ip_tables", "ip6_tables", "sch_netem"];
    const { output } = await runEmulated(script, { modules, files });
    if (process.env.IPV6_LOG) process.stdout.write(output);
    steps = stepsIn(output);
  }, 1_520_000);

  it("is set up by both halves' scripts, also when they run again", () => {
    for (const half of ["box", "server"]) for (const what of ["firewall", "bond"]) expect(steps(`${what} of the ${half}`)).toBe("");
    for (const half of ["box", "server"]) expect(steps(`bond of the ${half} again`)).toBe("");
    steps("bond carries");
  });

  it("gives the client an address of the LAN's network, and the box as its only router", () => {
    steps("the client has an address of the LAN");
    expect(steps("default routes").split("\n")).toEqual([expect.stringContaining(addressesOf(steps, "box").linkLocal)]);
  });

  it("carries the client's connections, none of them past the bond", () => {
    const { outcomes } = attempts(steps("connections"));
    expect(outcomes).toEqual(["connected"]);
    expect(steps("packets past the bond")).toBe("0");
    expect(Number(steps("segments"))).toBeLessThanOrEqual(tunnel?.mss ?? 0);
  });

  it("refuses what still has an address of the modem's network", () => {
    const { outcomes, slowestMs } = attempts(steps("connection from the modem's network"));
    expect(outcomes).toEqual(["ECONNREFUSED"]);
    expect(slowestMs).toBeLessThan(RETRY_MS);
  });

  it("does not lead into the server's private network, which the server reaches; only where that rule is away", () => {
    expect(attempts(steps("the server reaches its private network")).outcomes).toEqual(["connected"]);
    expect(attempts(steps("private network")).outcomes).toEqual(["ECONNREFUSED"]);
    expect(attempts(steps("private network without the rule")).outcomes).toEqual(["connected"]);
  });

  it("leads into one that firewall.reach names, also to the server's own address there", () => {
    for (const address of ["fd00:88::2", "fd00:88::1"]) expect(attempts(steps(`reach: ${address}`)).outcomes).toEqual(["connected"]);
  });

  it("nor to the server's own address there", () => {
    expect(attempts(steps("private address")).outcomes).toEqual(["ECONNREFUSED"]);
    expect(attempts(steps("private address without the rule")).outcomes).toEqual(["connected"]);
  });

  it("lets nothing in from outside", () => {
    steps("the box reaches the client");
    expect(attempts(steps("the host beyond the server reaches the client")).outcomes).not.toContain("connected");
  });

  it("leaves the server its own way out, and leads the LAN's network into the bond", () => {
    expect(steps("default route of the server")).toContain("proto ra");
    expect(steps("default route of the server later")).toContain("proto ra");
    expect(steps("way to the LAN")).toContain("via fe80::2 dev bond0");
  });

  it("tells clients at once while no tunnel is up, and lets nothing past the bond", () => {
    steps("the box knows");
    const { outcomes, slowestMs } = attempts(steps("connections without a tunnel"));
    expect(outcomes).toEqual(["ENETUNREACH"]);
    expect(slowestMs).toBeLessThan(RETRY_MS);
    expect(steps("packets past the bond without a tunnel")).toBe("0");
  });

  it("ends with its program", () => {
    expect(steps("default routes after its stop")).not.toContain(addressesOf(steps, "box").linkLocal);
  });
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildRepeatably } from "../support/trees";
import { runEmulated } from "./emulated";
import { stepsOf } from "./guest";

/** What a step of pair.sh said and how it ended. */
let step: ReturnType<typeof stepsOf>;

const MODULES = [
  "tun",
  "bonding max_bonds=0",
  "veth",
  "bridge",
  "overlay",
  "sch_netem",
  "sch_cake",
  "sch_htb",
  "ip_tables",
  "ip6_tables",
  "nf_conntrack_netlink",
];
const SERVER = "203.0.113.10";
const LINE = { ovh: "100.64.1.2", orange: "100.64.2.2" };

beforeAll(async () => {
  const work = mkdtempSync(join(tmpdir(), "bondbox-pair-"));
  const folder = await buildRepeatably("pair", work);
  const files = {
    "/t/overlay.tar": { content: readFileSync(join(folder, "box/overlay.tar")) },
    "/t/install.sh": { content: readFileSync(join(folder, "server/install.sh")) },
  };
  rmSync(work, { recursive: true });
  const script = readFileSync(join(import.meta.dirname, "pair.sh"), "utf8");
  const { output } = await runEmulated(script, { modules: MODULES, files });
  if (process.env.PAIR_LOG) process.stdout.write(output);
  step = stepsOf(output);
}, 1_520_000);

describe("the two halves come up by themselves", () => {
  it.each(["install", "boot"])("%s", (name) => {
    expect(step(name)).toMatchObject({ exitCode: 0 });
  });

  it("systemd starts every unit of the box in its sandbox, and none fails", () => {
    const units = step("units").output;
    for (const unit of ["bond", "fallback", "firewall", "network", "qos", "tunnel@orange", "tunnel@ovh", "watch", "watchdog"]) {
      expect(units).toMatch(new RegExp(`^bondbox-${unit}\\.service +loaded +active +(running|exited) `, "m"));
    }
    expect(step("failed units").output).not.toContain("bondbox");
  });

  it.each(["user box", "user srv"])("%s: is there, with a key and without a password", (name) => {
    const { output } = step(name);
    expect(output).toMatch(/^admin\b.*\n/);
    expect(output).toContain("admin ALL=(ALL:ALL) NOPASSWD: ALL");
    expect(output).toContain("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8mYk1mPpZ8tq3bqTQe8f3m1s7QvT4xW0uG5rN2bLkd me@laptop");
  });

  it("all slaves are up on both ends", () => {
    expect(step("up").exitCode).toBe(0);
    expect(step("slaves").output.match(/MII Status: up/g)).toHaveLength(4);
  });

  it("bondbox status says so", () => {
    expect(step("bondbox status").exitCode).toBe(0);
    expect(step("bondbox status").output).toContain("2 of 2 lines up");
  });
});

describe("traffic", () => {
  it("the box itself reaches the internet, the LAN the server", () => {
    expect(step("box out").output).toContain(" 0% packet loss");
    expect(step("server from the LAN").output).toContain(" 0% packet loss");
  });

  it("a full packet passes in one piece, one byte more does not enter", () => {
    expect(step("mtu").output.trim()).toBe("1401 1401 1401 1401");
    expect(step("full packet").output).toContain(" 0% packet loss");
    expect(step("too big").output).toMatch(/message too long/i);
    expect(step("fragments").output.trim()).toBe("0");
  });

  it("bypass of the box: leaves by orange, with its address", () => {
    expect(step("bypass of the box").output.trim()).toBe(LINE.orange);
  });

  it("bypass of a LAN machine: the same, also where another program has the box forward nothing", () => {
    expect(step("bypass where nothing is forwarded").output.trim()).toBe(LINE.orange);
  });

  it("forward from the LAN: the public address works at home, too", () => {
    expect(step("forward from the LAN").output.trim()).toBe("172.16.16.1");
  });

  it("a stranger at a tunnel's port gets no answer", () => {
    expect(step("stranger").output).toContain("timed out");
  });
});

describe("what is the server's own", () => {
  it.each(["metadata", "private network"])("%s: the LAN does not reach it, the server does", (name) => {
    expect(step(name).output).toMatch(/^nothing: /);
    expect(step(`${name} by the server`).exitCode).toBe(0);
  });

  it("a neighbour is not routed into the server's private network, only where that rule is away", () => {
    expect(step("neighbour").output).toMatch(/^nothing: /);
    expect(step("neighbour without the rule")).toMatchObject({ output: "203.0.113.1\n", exitCode: 0 });
  });

  it("a source rule of the cloud's image does not lead the LAN's answers away", () => {
    expect(step("server from the LAN").exitCode).toBe(0);
  });
});

it("a new forward lets in a sender that does not pause", () => {
  expect(step("forward to a steady sender")).toEqual({ output: "steady\n", exitCode: 0 });
});

it("a watcher that is killed comes back with all others", () => {
  expect(step("watcher killed").exitCode).toBe(0);
});

describe("shaping", () => {
  it("the box: CAKE on each tap at its line's rate", () => {
    expect(step("qos box").output).toMatch(/qdisc cake \S+ dev tap0 root .*bandwidth 851Kbit .*atm overhead 134/);
    expect(step("qos box").output).toMatch(/qdisc cake \S+ dev tap1 root .*bandwidth 790Kbit .*atm overhead 134/);
  });

  it("the server: CAKE on the bond, the faster line held back", () => {
    expect(step("qos server").output).toMatch(/qdisc cake \S+ dev bond0 root .*bandwidth 13436Kbit .*atm overhead 134/);
    expect(step("qos server").output).toMatch(/qdisc netem \S+ dev tap1 root .*delay 12.5ms/);
    expect(step("qos server").output).not.toMatch(/netem \S+ dev tap0/);
  });

  it("status shows both figures", () => {
    expect(step("qos status").output).toContain("up, 1641 kbit/s, here; down, 13436 kbit/s, by the server");
  });
});

describe("what other programs take away", () => {
  it.each([
    ...["rules of the box", "shaper of box", "forwarding of box", "a line's rule", "a line's route", "the bond's route", "a service"],
    ...["the watchdog's marks", "a tap of the box", "up at the box"],
    ...["rules of the server", "shaper of srv", "forwarding of srv", "openvpn/ovh of the server", "bondbox-watchdog of the server"],
    ...["a watchdog each", "a tap of the server", "up at the server"],
  ])("comes back: %s", (name) => {
    expect(step(`taken: ${name}`).exitCode).toBe(0);
  });

  it("comes back however often it ends", () => {
    expect(step("ended: eight times")).toEqual({ output: "8\n", exitCode: 0 });
  });

  it("stays out where a person has disabled it, and the rest works", () => {
    expect(step("disabled: stays out")).toEqual({ output: "inactive\n", exitCode: 0 });
    expect(step("disabled: the rest").exitCode).toBe(0);
  });

  it("is brought back on 14.04 by a guard that cron brings back", () => {
    expect(step("guard of the server: left alone").exitCode).toBe(0);
    expect(step("guard of the server: back").exitCode).toBe(0);
  });

  it("is told by both halves", () => {
    // The marks on a tap go with it, so they may be missed twice.
    expect(step("taken: status").output.replace(/\s+/g, " ")).toMatch(
      /bondbox-guard brings it back: bond once, bondbox-watchdog once, firewall once, forwarding once, lines again and again, routes once, shaper once, watchdog (once|again and again)\./,
    );
    const counts = step("taken: on the server").output.trim().split("\n");
    expect(counts).toEqual(expect.arrayContaining(["firewall:1", "forwarding:1", "ovh:1", "shaper:1", "watchdog:1"]));
  });
});

describe("a line that dies in silence", () => {
  it("is left by both ends, and status says so", () => {
    expect(step("cut").exitCode).toBe(0);
    expect(step("cut: status").exitCode).toBe(1);
    expect(step("cut: status").output).toContain("1 of 2 lines up");
  });

  it("the server's shaper lets through what the other line carries", () => {
    expect(step("cut: shaped").exitCode).toBe(0);
  });

  it("is taken back when it works again", () => {
    expect(step("back: shaped").exitCode).toBe(0);
    expect(step("back").exitCode).toBe(0);
  });
});

describe("a server that is gone", () => {
  it("the LAN goes straight out over the first line", () => {
    expect(step("server gone").exitCode).toBe(0);
    expect(step("direct").exitCode).toBe(0);
    expect(step("direct: address").output.trim()).toBe(LINE.ovh);
  });

  it("or over the next one that works", () => {
    expect(step("direct by the second line").exitCode).toBe(0);
  });

  it("the tunnels keep to their lines meanwhile", () => {
    expect(step("tunnels do not loop").output).toMatch(/via 192\.168\.1\.240 dev eth0/);
  });

  it("and back through the bond when it returns", () => {
    expect(step("server back").exitCode).toBe(0);
    expect(step("server back: address").output.trim()).toBe(SERVER);
  });
});

describe("a full table of connections, as after a flood", () => {
  it("lets no new connection through", () => {
    expect(step("table full: connections held").exitCode).toBe(0);
    expect(step("table full: a new connection").output).toMatch(/^nothing: /);
  });

  it("does not stop the tunnels", () => {
    expect(step("table full: new tunnels").exitCode).toBe(0);
    expect(step("table full: down").exitCode).toBe(0);
    expect(step("table full: up").exitCode).toBe(0);
  });
});

describe("run again, and taken away", () => {
  it("install.sh changes nothing the second time", () => {
    expect(step("install again").exitCode).toBe(0);
    expect(step("install again: same")).toEqual({ output: "", exitCode: 0 });
  });

  it("install.sh takes away what the profile no longer has", () => {
    expect(step("install changed").exitCode).toBe(0);
    expect(step("install changed: up").exitCode).toBe(0);
    const rest = step("install changed: rest").output;
    expect(rest).toMatch(/^tap0 tap1$/m);
    expect(rest).not.toMatch(/old\.conf|pending/);
    expect(rest).toMatch(/"tap2" does not exist/);
  });

  it("a reload of firewall and network leaves the tunnels alone", () => {
    expect(step("reload")).toEqual({ output: "", exitCode: 0 });
    const pids = step("reload: tunnels").output.trim().split(/\s+/);
    expect(pids).toHaveLength(4);
    expect(pids.slice(0, 2)).toEqual(pids.slice(2));
    expect(Number(pids[0])).toBeGreaterThan(1);
  });

  it("the watcher has reported each change and left a status", () => {
    expect(step("log of watch").output).toMatch(/line ovh: down/);
    expect(JSON.parse(step("status.json").output)).toMatchObject({ lines: [{ name: "ovh" }, { name: "orange" }] });
  });

  it("stops", () => {
    expect(step("stop")).toEqual({ output: "", exitCode: 0 });
  });

  it("leaves no interface, rule or chain", () => {
    expect(step("left behind").output).toBe("");
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { wellServer, wellServerFiles } from "../support/preflight";
import { planned } from "../support/trees";
import { runEmulated } from "./emulated";
import { type GuestFiles, stepsOf } from "./guest";

/** What a step of preflight.sh said and how it ended. */
let step: ReturnType<typeof stepsOf>;

/** The findings of a step on one subject. */
function findings(name: string, subject: string): string[] {
  return step(name)
    .output.split("\n")
    .filter((line) => line.includes(` ${subject}: `));
}

beforeAll(async () => {
  const entries = Object.entries(wellServerFiles(planned("home"))).map(([name, content]) => [`/t/${name}`, { content, mode: 0o755 }]);
  const script = `set -- /t\n${wellServer}${readFileSync(join(import.meta.dirname, "preflight.sh"), "utf8")}`;
  const files: GuestFiles = Object.fromEntries(entries);
  const { output } = await runEmulated(script, { modules: [], files });
  if (process.env.PREFLIGHT_LOG) process.stdout.write(output);
  step = stepsOf(output);
}, 1_520_000);

describe("a server that is well", () => {
  it.each(["well", "well, again"])("%s: every finding is good", (name) => {
    expect(step(name).exitCode, step(name).output).toBe(0);
    expect(step(name).output.trimEnd().split("\n")).toEqual([
      "ok    machine: no container",
      expect.stringMatching(/^ok {4}kernel: \S+ can bond taps \(tried\)$/),
      "ok    shaper: CAKE",
      "ok    striper: earliest delivery",
      "ok    lane: listens",
      "ok    keys: set 1a2b-3c4d-5e6f, as the box must have",
      "ok    line ovh: packets that arrived on UDP 1194: 1",
      "ok    line orange: packets that arrived on UDP 1196: 1",
      "ok    firewall: our rules come first",
      "ok    address: 203.0.113.10 on eth0",
      "ok    routing: on",
      "ok    bond: all lines are up",
      // For PREFLIGHT_LOG=1; a busy machine makes this kernel slow.
      expect.stringMatching(/^took \d+ ms$/),
    ]);
  });

  it("quick: the same without the trial", () => {
    expect(step("quick").exitCode).toBe(0);
    expect(findings("quick", "kernel")).toEqual([]);
    expect(step("quick").output).toContain("ok    bond: all lines are up");
  });

  it("a line that is down is no fault of the server, a tap that is missing is", () => {
    expect(step("down").exitCode).toBe(0);
    expect(findings("down", "bond")).toEqual(["note  bond: down: orange. Fix: start the box; if it is running, see the line above"]);
    expect(step("gone").exitCode).toBe(1);
    expect(findings("gone", "bond")).toEqual(["FAIL  bond: no tap for orange. Fix: systemctl restart bondbox-bond"]);
  });

  it("without CAKE there is a note", () => {
    expect(findings("no CAKE", "shaper")).toEqual([
      expect.stringMatching(/^note {2}shaper: no CAKE, HTB is used\. Fix: apt-get install linux-modules-extra-6\.\S+, reboot$/),
    ]);
  });
});

describe("the striper", () => {
  it("without it there is a note", () => {
    const note = "note  striper: packets are dealt in turn. Fix: update the kernel; journalctl -u bondbox-striper";
    expect(findings("no striper", "striper")).toEqual([note]);
  });
});

describe("the TCP lane", () => {
  it("without its program there is a note", () => {
    const note = "note  lane: does not listen, TCP goes through the bond. Fix: journalctl -u bondbox-lane";
    expect(findings("no lane", "lane")).toEqual([note]);
  });
});

describe("the trial of the kernel", () => {
  it.each<[string, RegExp]>([
    ["no bonding", /^FAIL {2}kernel: no module bonding or veth\. Fix: apt-get install linux-image-\w+, reboot$/],
    ["no bonding, Ubuntu", /^FAIL {2}kernel: no module bonding or veth\. Fix: apt-get install linux-modules-extra-6\.\S+, reboot$/],
    ["held for down", /^FAIL {2}kernel: \S+ takes working taps for down\. Fix: update the kernel, reboot$/],
    ["cut", /^FAIL {2}kernel: a trial tunnel carries nothing \(.*\)\. Fix: apt-get install --reinstall openvpn, reboot$/],
    ["no tunnel", /^FAIL {2}kernel: a trial tunnel carries nothing \(Options error: no such luck\)\. Fix: /],
    ["unsteady", /^note {2}kernel: a bond over taps goes up and down\. Fix: run this again when idle, /],
    ["ARP only", /^FAIL {2}kernel: a trial tunnel carries nothing \(.*\)\. Fix: /],
  ])("%s", (name, finding) => {
    expect(findings(name, "kernel")).toEqual([expect.stringMatching(finding)]);
    if (/FAIL/.test(finding.source)) expect(step(name).exitCode).toBe(1);
  });

  it.each(["no bonding", "well", "well, again", "held for down", "cut", "no tunnel", "unsteady", "ARP only", "ended"])(
    "%s: leaves nothing behind",
    (name) => {
      expect(step(`${name}: left`)).toEqual({ output: "", exitCode: 0 });
    },
  );

  it("there was something to leave when it was ended", () => {
    expect(step("ended: while it ran").output).toMatch(/^> bondbox-try-\d+-1$/m);
    expect(step("ended: while it ran").output).toMatch(/^> \d+ openvpn/m);
  });
});

import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { built, profileNames } from "../support/builds";
import { inNamespace, run } from "../support/programs";
import { planned, temporaryFolder } from "../support/trees";

const UNITS = "etc/systemd/system";

/** Exposure that each unit meets, as "systemd-analyze security" of systemd 252 counts it: 0 safe, 10 open. */
const exposure: Record<string, number> = {
  "bondbox-bond.service": 2.6,
  "bondbox-fallback.service": 2.3,
  "bondbox-firewall.service": 2.3,
  "bondbox-ipv6.service": 2.0,
  "bondbox-network.service": 2.4,
  "bondbox-qos.service": 2.2,
  "bondbox-tunnel@.service": 2.4,
  "bondbox-watch.service": 1.6,
  "bondbox-watchdog.service": 2.3,
};

/** Runs systemd-analyze where the box's units and programs stand in for the host's own. */
function analyze(box: string, args: string[]): string {
  // Programs that the box has from its distribution; verify only looks whether they are there.
  const script = `
    cp -a "$1/usr/local" "$1/${UNITS}" /mnt/
    mount --bind /mnt/local /usr/local
    mount --bind /mnt/system /etc/systemd/system
    shift
    systemd-analyze "$@" 2>&1 || echo "status $?"`;
  return inNamespace(script, [box, ...args]).output;
}

function unitsOf(box: string): string[] {
  return readdirSync(join(box, UNITS)).filter((name) => name.endsWith(".service"));
}

/** Template units stand for one instance per line. */
function instances(unit: string, lines: string[]): string[] {
  return unit.includes("@.") ? lines.map((line) => unit.replace("@.", `@${line}.`)) : [unit];
}

function lineNames(name: string): string[] {
  return planned(name).lines.map((line) => line.name);
}

/** Values of a setting in a unit, also where it is written more than once. */
function values(box: string, unit: string, key: string): string[] {
  const text = readFileSync(join(box, UNITS, unit), "utf8");
  return [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].flatMap(([, list = ""]) => list.split(" "));
}

describe.each(profileNames)("units of %s", (name) => {
  it("are without fault, all together", () => {
    const { box } = built(name);
    const units = unitsOf(box).flatMap((unit) => instances(unit, lineNames(name)));
    expect(units.length).toBeGreaterThan(4);
    expect(analyze(box, ["verify", ...units])).toBe("");
  });

  it("are enabled by links to units that are there", () => {
    const { box } = built(name);
    const enabled = join(box, UNITS, "multi-user.target.wants");
    const wanted = unitsOf(box).flatMap((unit) => instances(unit, lineNames(name)));
    expect(readdirSync(enabled).sort()).toEqual(wanted.sort());
    for (const link of readdirSync(enabled)) {
      expect(readlinkSync(join(enabled, link))).toBe(`/${UNITS}/${link.replace(/@.*\./, "@.")}`);
      expect(existsSync(join(box, readlinkSync(join(enabled, link))))).toBe(true);
    }
  });

  it("come in the right order, and wait for nothing by the clock", () => {
    const { box } = built(name);
    expect(values(box, "bondbox-bond.service", "After")).toContain("bondbox-firewall.service");
    expect(values(box, "bondbox-bond.service", "Requires")).toContain("bondbox-firewall.service");
    expect(values(box, "bondbox-tunnel@.service", "After")).toContain("bondbox-bond.service");
    expect(values(box, "bondbox-tunnel@.service", "Requires")).toContain("bondbox-bond.service");
    expect(values(box, "bondbox-firewall.service", "Before")).toContain("network-pre.target");
    for (const unit of unitsOf(box)) {
      const starts = ["ExecStartPre", "ExecStart", "ExecStartPost"].flatMap((key) => values(box, unit, key));
      expect(starts.join(" ")).not.toMatch(/\bsleep\b/);
      const script = join(box, starts[0] ?? "");
      // A oneshot holds up what comes after it; a program that stays may wait.
      if (values(box, unit, "Type").includes("oneshot")) expect(readFileSync(script, "utf8")).not.toMatch(/^\s*sleep\b/m);
    }
  });
});

/** A unit's exposure by systemd-analyze's offline count. */
function exposureOf(box: string, unit: string): number {
  const output = analyze(box, ["security", "--offline=yes", "--no-pager", unit]);
  return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(output)?.[1] ?? Number.NaN);
}

describe("sandboxes", () => {
  it.each(Object.entries(exposure))("%s is exposed by at most %d", (unit, most) => {
    const [instance = ""] = instances(unit, ["ovh"]);
    expect(exposureOf(built("home").box, instance)).toBeLessThanOrEqual(most);
    expect(most).toBeLessThanOrEqual(5);
  });

  it("are there for every unit of every profile", () => {
    const units = new Set(profileNames.flatMap((name) => unitsOf(built(name).box)));
    expect([...units].sort()).toEqual(Object.keys(exposure));
  });

  it("come from the drop-in by prefix", () => {
    const folder = copyOf(built("home").box);
    const with_ = exposureOf(folder, "bondbox-bond.service");
    writeFileSync(join(folder, UNITS, "bondbox-.service.d/sandbox.conf"), "");
    expect(exposureOf(folder, "bondbox-bond.service")).toBeGreaterThan(with_ + 2);
  });
});

function copyOf(box: string): string {
  const folder = temporaryFolder();
  run("cp", ["-a", `${box}/.`, folder]);
  return folder;
}

test.each([
  [
    "a program that is not there",
    "ExecStart=/usr/local/sbin/bondbox-bond start",
    "ExecStart=/usr/local/sbin/bondbox-band start",
    "bondbox-band",
  ],
  ["an unknown setting", "RemainAfterExit=yes", "RemainAfterExits=yes", "RemainAfterExits"],
  ["a circle", "Requires=bondbox-firewall.service", "Requires=bondbox-firewall.service\nBefore=bondbox-firewall.service", "cycle"],
])("%s is found", (_, right, wrong, complaint) => {
  const folder = copyOf(built("home").box);
  const unit = join(folder, UNITS, "bondbox-bond.service");
  const text = readFileSync(unit, "utf8");
  expect(text).toContain(right);
  writeFileSync(unit, text.replace(right, wrong));
  expect(analyze(folder, ["verify", "bondbox-bond.service"])).toContain(complaint);
});
